"""What ships: the mean of some runs, and only the tensors that the encoder does not have."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForQuestionAnswering
from typer import BadParameter

from api.package import main
from rag.checkpoint import packaged_model
from rag.network import ReaderModel
from rag.training.package import average, package


def tiny(seed: int) -> ReaderModel:
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    return ReaderModel(BertForQuestionAnswering(config))


@pytest.mark.parametrize("weights", [[1.0, 1.0], [3.0, 1.0]])
def test_every_tensor_becomes_the_weighted_mean(weights: list[float]) -> None:
    one, two = tiny(1).tensors(), tiny(2).tensors()
    share = weights[0] / sum(weights)
    for name, tensor in average([tiny(1), tiny(2)], weights).tensors().items():
        expected = share * one[name] + (1 - share) * two[name]
        assert torch.allclose(tensor, expected, atol=1e-6), name


def test_one_run_is_its_own_mean() -> None:
    before = tiny(1).tensors()
    after = average([tiny(1)], [1.0]).tensors()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_weight_is_given_for_each_reader_or_for_none(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="1 for 2 readers"):
        main([tmp_path, tmp_path], tmp_path / "out", [1.0])


@pytest.mark.real
def test_what_the_encoder_has_is_not_packaged_again(tmp_path: Path) -> None:
    model = packaged_model()
    torch.nn.init.constant_(model.relevance.weight, 0.25)
    count = package(model, tmp_path / "reader")
    stored = load_file(tmp_path / "reader" / "model.safetensors")
    assert len(stored) == count
    assert "bert.embeddings.word_embeddings.weight" not in stored
    assert {t.dtype for t in stored.values()} == {torch.float16}
    assert stored["relevance.weight"].unique().tolist() == [0.25]
    assert (tmp_path / "reader" / "config.json").exists()
