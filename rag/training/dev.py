"""How good a model is while it is trained: the product's own reading, on torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rag.network import ReaderModel


class TorchRunner:
    """A model in training where the reader expects an ONNX session."""

    def __init__(self, model: ReaderModel, device: torch.device, bf16: bool) -> None:
        self._model = model
        self._device = device
        self._bf16 = bf16

    def run(self, encodings: Sequence[Any], pad_id: int = 0) -> list[NDArray[np.float32]]:
        """Start, end (len(encodings), length) and relevance (len(encodings),) logits."""
        length = max(len(encoding.ids) for encoding in encodings)
        ids = torch.full((len(encodings), length), pad_id)
        mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            size = len(encoding.ids)
            ids[row, :size] = torch.tensor(encoding.ids)
            mask[row, :size] = 1
            types[row, :size] = torch.tensor(encoding.type_ids)
        training = self._model.training
        self._model.eval()
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16),
        ):
            outputs = self._model(*(t.to(self._device) for t in (ids, mask, types)))
        self._model.train(training)
        return [output.float().cpu().numpy() for output in outputs]
