"""Checkpoints go in and out whole, with the relevance head or without."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import VOCABULARY, tiny_config, tiny_model
from transformers import (
    AutoModelForQuestionAnswering,
    BertForQuestionAnswering,
    BertModel,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    RobertaConfig,
    RobertaForQuestionAnswering,
    XLNetConfig,
    XLNetForQuestionAnswering,
)

from rag.errors import ModelError
from rag.network import ReaderModel

IDS = torch.tensor([[2, 4, 5, 3, 6, 7, 3]])
MASK = torch.ones_like(IDS)
TYPES = torch.tensor([[0, 0, 0, 0, 1, 1, 1]])

SIZES: dict[str, Any] = {"vocab_size": len(VOCABULARY), "pad_token_id": 0}


def with_relevance(seed: int = 0) -> ReaderModel:
    """A tiny model whose relevance head is not the one that a new one has."""
    model = tiny_model(seed).eval()
    torch.nn.init.normal_(model.relevance.weight)
    torch.nn.init.constant_(model.relevance.bias, 0.5)
    return model


def logits(model: ReaderModel, types: torch.Tensor = TYPES) -> list[torch.Tensor]:
    with torch.inference_mode():
        return list(model.eval()(IDS, MASK, types))


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    """But for the rounding of one attention implementation or another."""
    return all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, other, strict=True))


# --- saved and loaded


def test_a_saved_reader_is_loaded_with_its_relevance(tmp_path: Path) -> None:
    model = with_relevance()
    model.save(tmp_path)
    start, end, relevance = logits(ReaderModel.load(tmp_path))
    assert start.shape == end.shape == (1, 7)
    assert relevance.shape == (1,)
    assert same([start, end, relevance], logits(model))


def test_a_plain_loader_takes_the_spans_of_a_saved_reader(tmp_path: Path) -> None:
    model = with_relevance()
    model.save(tmp_path)
    plain = AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        found = plain(input_ids=IDS, attention_mask=MASK, token_type_ids=TYPES)
    start, end, _ = logits(model)
    assert same([found.start_logits, found.end_logits], [start, end])


def test_a_question_answering_checkpoint_starts_without_relevance(tmp_path: Path) -> None:
    spans = BertForQuestionAnswering(tiny_config())
    spans.save_pretrained(tmp_path)
    model = ReaderModel.load(tmp_path)
    assert same(logits(model)[:2], logits(ReaderModel(spans))[:2])
    assert logits(model)[2].tolist() == [0.0]


def test_an_encoder_starts_with_spans_at_random_and_without_relevance(tmp_path: Path) -> None:
    encoder = BertModel(tiny_config(), add_pooling_layer=False)
    encoder.save_pretrained(tmp_path)
    model = ReaderModel.load(tmp_path, new_heads=True)
    loaded = model.tensors()
    assert all(torch.equal(loaded[f"bert.{n}"], t) for n, t in encoder.state_dict().items())
    assert loaded["qa_outputs.weight"].any()
    assert logits(model)[2].tolist() == [0.0]


def test_an_encoder_that_nobody_trained_is_no_reader(tmp_path: Path) -> None:
    BertModel(tiny_config(), add_pooling_layer=False).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"lacks qa_outputs.bias: .*'dateline train --base"):
        ReaderModel.load(tmp_path)


def test_a_checkpoint_in_half_precision_is_loaded_in_full(tmp_path: Path) -> None:
    BertForQuestionAnswering(tiny_config()).half().save_pretrained(tmp_path)
    dtypes = {tensor.dtype for tensor in ReaderModel.load(tmp_path).tensors().values()}
    assert dtypes == {torch.float32}


def test_tensors_taken_over_from_another_reader_make_it_the_same() -> None:
    model, other = with_relevance(seed=0), with_relevance(seed=1)
    assert not same(logits(model), logits(other))
    assert model.load_tensors(other.tensors()) == []
    assert same(logits(model), logits(other))


def test_what_is_missing_is_told_by_name() -> None:
    model = tiny_model()
    tensors = model.tensors()
    del tensors["qa_outputs.bias"], tensors["relevance.bias"]
    assert model.load_tensors(tensors) == ["qa_outputs.bias", "relevance.bias"]


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_folder_that_holds_no_model_is_told(tmp_path: Path, content: bytes | None) -> None:
    tiny_config().save_pretrained(tmp_path)
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match="does not load as a question answering model"):
        ReaderModel.load(tmp_path)


# --- families


def roberta() -> ReaderModel:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    config = RobertaConfig(**SIZES, **sizes, num_attention_heads=2, type_vocab_size=1)
    return ReaderModel(RobertaForQuestionAnswering(config))


def distilbert() -> ReaderModel:
    config = DistilBertConfig(**SIZES, dim=16, hidden_dim=32, n_layers=2, n_heads=2)
    return ReaderModel(DistilBertForQuestionAnswering(config))


@pytest.mark.parametrize("make", [roberta, distilbert])
def test_a_model_without_token_types_is_not_given_any(make: Any) -> None:
    model = make()
    assert same(logits(model, TYPES), logits(model, 5 * TYPES))
    assert logits(model)[0].shape == (1, 7)


def test_a_model_with_token_types_is_given_them() -> None:
    model = tiny_model()
    assert not same(logits(model, TYPES), logits(model, torch.zeros_like(TYPES)))


@pytest.mark.parametrize("make", [roberta, distilbert])
def test_other_families_are_saved_and_loaded(tmp_path: Path, make: Any) -> None:
    model = make()
    torch.nn.init.normal_(model.relevance.weight)
    model.save(tmp_path)
    assert same(logits(ReaderModel.load(tmp_path)), logits(model))


def test_a_model_that_marks_spans_in_its_own_way_is_refused() -> None:
    config = XLNetConfig(vocab_size=len(VOCABULARY), d_model=16, n_layer=2, n_head=2, d_inner=32)
    with pytest.raises(ModelError, match="xlnet model marks spans in a way of its own"):
        ReaderModel(XLNetForQuestionAnswering(config))


# --- relevance


def test_relevance_is_read_from_the_first_token() -> None:
    model = with_relevance()
    with torch.inference_mode():
        hidden = model.spans.base_model(IDS, attention_mask=MASK, token_type_ids=TYPES)[0]
        expected = hidden[:, 0] @ model.relevance.weight[0] + 0.5
    assert torch.allclose(logits(model)[2], expected, atol=1e-6)


def test_padding_changes_no_logit() -> None:
    model = with_relevance()
    padded, mask, types = (torch.nn.functional.pad(t, (0, 3)) for t in (IDS, MASK, TYPES))
    with torch.inference_mode():
        start, end, relevance = model(padded, mask, types)
    for found, expected in zip((start[:, :7], end[:, :7], relevance), logits(model), strict=True):
        assert torch.allclose(found, expected, atol=1e-5)
