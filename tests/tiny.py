"""A reader small enough to be trained in a test: pieces of one character, two layers of 16."""

import string
from collections.abc import Sequence
from typing import Any

import torch
from conftest import article
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForQuestionAnswering

from rag.network import ReaderModel
from rag.training.examples import Example, find_spans

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
CHARACTERS = string.ascii_lowercase + string.digits + "$%-.,?!'’“”中国שלום😀"
WORDS = ["rain", "fell", "snow", "wind", "sea", "who", "what", "won", "lost"]
VOCABULARY = [*SPECIAL, *WORDS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS)]


def tiny_tokenizer() -> Tokenizer:
    """WordPiece as BERT has it. The WORDS are one token each, others one for each character."""
    ids = {token: id for id, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    return tokenizer


def tiny_config(**values: Any) -> BertConfig:
    sizes = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
    }
    return BertConfig(**{**sizes, **values})


def tiny_model(seed: int = 0, **values: Any) -> ReaderModel:
    """The same weights for the same seed."""
    torch.manual_seed(seed)
    return ReaderModel(BertForQuestionAnswering(tiny_config(**values)))


def example(
    question: str, text: str, answers: Sequence[str] = (), id: str = "e", **fields: Any
) -> Example:
    """A question on the article "a-0" that has this text; its answers stand there."""
    given = article(text, id=fields.pop("article_id", "a-0"))
    return Example(id, question, given, find_spans(text, answers), **fields)
