"""Readers from files: the packaged one, or any question answering checkpoint."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from embeddings.encoder import packaged_model_folder
from embeddings.runtime import OnnxModel, cache_folder, files_hash, install
from rag.errors import ModelError
from rag.reader import ExtractiveReader, ReaderConfig

if TYPE_CHECKING:
    from rag.network import ReaderModel

DEFAULT_READER = "dateline-reader"
PACKAGED_READER = Path(__file__).parent / "models" / "reader"

_OUTPUTS = ["start", "end", "relevance"]


def load_reader(name: str, quantize: bool | None = None) -> ExtractiveReader:
    """The packaged reader for its own name, else a checkpoint by folder or hub name.

    Anything that `AutoModelForQuestionAnswering` loads will do. Only the packaged reader is
    quantised to int8 unless told otherwise: its accuracy was measured, others' was not. Raises
    ModelError.
    """
    if name == DEFAULT_READER:
        return _load_packaged(quantize=True if quantize is None else quantize)
    folder = checkpoint_folder(name)
    weights = [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
    if not weights or not (folder / "config.json").exists():
        raise ModelError(
            f"no reader in {folder}: expected config.json and *.safetensors, as "
            "save_pretrained() writes them"
        )
    files = [folder / "config.json", *weights]
    path = install(name, files, _OUTPUTS, lambda: _load_model(folder), bool(quantize))
    config = ReaderConfig.load(folder / "dateline.json")
    tokenizer = checkpoint_tokenizer(folder)
    return ExtractiveReader(
        OnnxModel(path), tokenizer, config, f"{folder.name}@{path.name.split('-')[0][:8]}"
    )


def _load_packaged(quantize: bool) -> ExtractiveReader:
    base = packaged_model_folder()
    files = [
        PACKAGED_READER / "config.json",
        PACKAGED_READER / "model.safetensors",
        base / "model.safetensors",
    ]
    path = install(DEFAULT_READER, files, _OUTPUTS, packaged_model, quantize)
    return ExtractiveReader(
        OnnxModel(path),
        Tokenizer.from_file(str(base / "tokenizer.json")),
        ReaderConfig.load(PACKAGED_READER / "dateline.json"),
        f"{DEFAULT_READER}@{path.name.split('-')[0][:8]}",
    )


def config_path(name: str) -> Path:
    """The `dateline.json` of the reader that `load_reader` loads; it need not exist."""
    folder = PACKAGED_READER if name == DEFAULT_READER else checkpoint_folder(name)
    return folder / "dateline.json"


def packaged_model() -> "ReaderModel":
    """The packaged reader as a torch module: the base encoder's tensors under its own."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForQuestionAnswering

    from rag.network import ReaderModel

    config = AutoConfig.from_pretrained(PACKAGED_READER)
    spans = AutoModelForQuestionAnswering.from_config(  # type: ignore[no-untyped-call]
        config, attn_implementation="eager", dtype=torch.float32
    )
    model = ReaderModel(spans)
    base = load_file(packaged_model_folder() / "model.safetensors")
    own = load_file(PACKAGED_READER / "model.safetensors")
    missing = model.load_tensors(
        {f"{spans.base_model_prefix}.{name}": tensor for name, tensor in base.items()} | own
    )
    if missing:
        raise ModelError(f"the packaged reader lacks {missing[0]}: install Dateline again")
    return model


def _load_model(folder: Path) -> "ReaderModel":
    from rag.network import ReaderModel

    return ReaderModel.load(folder)


def checkpoint_folder(name: str) -> Path:
    """The folder itself, or where the hub's cache keeps the model of that name."""
    if Path(name).is_dir():
        return Path(name).resolve()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.txt"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"no reader '{name}': neither a folder here nor a model the hub would give "
            f"({type(error).__name__}): name a folder, or '{DEFAULT_READER}'"
        ) from error


def checkpoint_tokenizer(folder: Path) -> Tokenizer:
    """The checkpoint's tokenizer; converted once if it has only the old vocabulary files."""
    if (folder / "tokenizer.json").exists():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    files = [path for path in folder.iterdir() if path.is_file()]
    cached = cache_folder() / "models" / f"{files_hash(files)[:20]}-tokenizer.json"
    if not cached.exists():
        from transformers import AutoTokenizer

        cached.parent.mkdir(parents=True, exist_ok=True)
        temporary = cached.with_suffix(f".{os.getpid()}.tmp")
        AutoTokenizer.from_pretrained(folder).backend_tokenizer.save(str(temporary))
        os.replace(temporary, cached)
    return Tokenizer.from_file(str(cached))
