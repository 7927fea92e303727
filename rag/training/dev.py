"""How good a model is while it is trained: the product's own reading, on torch."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from embeddings.runtime import pad
from rag.network import ReaderModel


class TorchRunner:
    """A model in training where the reader expects an ONNX session.

    Several threads may run it, one at a time: training is switched off meanwhile.
    """

    def __init__(self, model: ReaderModel, device: torch.device, bf16: bool) -> None:
        self._model = model
        self._device = device
        self._bf16 = bf16
        self._running = threading.Lock()

    def run(self, encodings: Sequence[Any], pad_id: int = 0) -> list[NDArray[np.float32]]:
        """Start, end (len(encodings), length) and relevance (len(encodings),) logits."""
        arrays = pad([(encoding.ids, encoding.type_ids) for encoding in encodings], pad_id)
        with (
            self._running,
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16),
        ):
            training = self._model.training
            self._model.eval()
            outputs = self._model(*(torch.from_numpy(a).to(self._device) for a in arrays))
            self._model.train(training)
        return [output.float().cpu().numpy() for output in outputs]
