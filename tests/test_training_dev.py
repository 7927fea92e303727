"""A model in training reads as it will when it is trained."""

from concurrent.futures import ThreadPoolExecutor

import torch
from tiny import tiny_model, tiny_tokenizer

from rag.training.dev import TorchRunner

CPU = torch.device("cpu")
ENCODINGS = [
    tiny_tokenizer().encode("Who won?", text) for text in ("snow won", "rain " * 20 + "lost")
]


def test_logits_do_not_depend_on_the_other_windows() -> None:
    runner = TorchRunner(tiny_model(), CPU, bf16=False)
    start, end, relevance = runner.run(ENCODINGS)
    assert start.shape == end.shape == (2, len(ENCODINGS[1].ids))
    assert relevance.shape == (2,)
    size = len(ENCODINGS[0].ids)
    for together, alone in zip(
        (start[0, :size], end[0, :size]), runner.run(ENCODINGS[:1]), strict=False
    ):
        assert abs(together - alone[0]).max() < 1e-6


def test_dropout_is_for_training_only() -> None:
    model = tiny_model(hidden_dropout_prob=0.5).train()
    runner = TorchRunner(model, CPU, bf16=False)
    for once, again in zip(runner.run(ENCODINGS), runner.run(ENCODINGS), strict=True):
        assert (once == again).all()
    assert all(module.training for module in model.modules())


def test_windows_read_at_once_are_read_without_dropout_and_training_goes_on() -> None:
    model = tiny_model(hidden_dropout_prob=0.5).train()
    runner = TorchRunner(model, CPU, bf16=False)
    (alone, _, _) = runner.run(ENCODINGS)
    with ThreadPoolExecutor(4) as threads:
        for start, _, _ in threads.map(runner.run, [ENCODINGS] * 40):
            assert (start == alone).all()
    assert all(module.training for module in model.modules())
