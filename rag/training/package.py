"""Runs into the reader that ships: averaged, fp16, only what differs from the encoder."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from embeddings.encoder import packaged_model_folder
from rag.network import ReaderModel


def average(models: Sequence[ReaderModel], weights: Sequence[float]) -> ReaderModel:
    """The weighted mean of all their tensors, in the first of the models.

    A "model soup" (Wortsman et al., 2022): runs from the same base, in other orders and on other
    shares of the data, are better together and cost nothing more to run.
    """
    total = sum(weights)
    tensors = [model.tensors() for model in models]
    mean = {
        name: sum(w / total * t[name].double() for w, t in zip(weights, tensors, strict=True))
        for name in tensors[0]
    }
    models[0].load_tensors({name: torch.as_tensor(t).float() for name, t in mean.items()})
    return models[0]


def package(model: ReaderModel, folder: Path) -> int:
    """Write `config.json` and the tensors that differ from the encoder's, fp16; their number."""
    base = load_file(packaged_model_folder() / "model.safetensors")
    prefix = f"{model.spans.base_model_prefix}."
    own = {
        name: tensor.half().contiguous()
        for name, tensor in model.tensors().items()
        if not _same(tensor, base.get(name.removeprefix(prefix)))
    }
    folder.mkdir(parents=True, exist_ok=True)
    model.spans.config.save_pretrained(folder)
    save_file(own, folder / "model.safetensors", {"format": "pt"})
    return len(own)


def _same(tensor: torch.Tensor, base: torch.Tensor | None) -> bool:
    """Equal to what the encoder has, as far as fp16 can tell."""
    return base is not None and torch.equal(tensor.half(), base.half())
