"""Reading: the spans of some passages that answer a question.

`[CLS] question [SEP] passage [SEP]`, in windows with a stride where a passage is long; all
windows of a question go through the model together. The decoding is pure functions.
"""

import hashlib
import json
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from embeddings.memo import Memo
from embeddings.runtime import BATCH_TOKENS, in_parallel, length_batches
from rag.confidence import Calibration
from rag.errors import ModelError
from rag.types import Passage, Span

_MAX_QUESTION_TOKENS = 64
_SPANS_PER_WINDOW = 5
_REMEMBERED = 2000
"""Readings, about a kilobyte each (tens of an article read whole): those of the last 200 questions
or more."""

_QUOTES = {"“": "”", "‘": "’", "«": "»"}
_CLOSING = {closing: opening for opening, closing in _QUOTES.items()}
# A word may end in an apostrophe ("the diplomats’"), so a lone ’ is no stray mark.
del _CLOSING["’"]

_STRAY = {*",;:", *_QUOTES}
# The end of a sentence, not of an abbreviation ("U.S.", "Inc.", "Jr.").
_FULL_STOP = re.compile(r"(?:[a-z]{5}|\b[a-z]+|\d|[%)”])\.$")

Logits = NDArray[np.float32]


class _SoFar(threading.local):
    """Of each thread its own."""

    passages = 0


read_so_far = _SoFar()
"""How many passages models have read for this thread; what readers remembered does not count."""


class Reader(Protocol):
    """Finds answers in passages."""

    @property
    def name(self) -> str: ...

    @property
    def calibration(self) -> Calibration: ...

    def read(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        """Candidate spans of all passages, best first; scores comparable across passages."""


class SpanModel(Protocol):
    """What runs the model: ONNX Runtime, or torch while it is trained."""

    def run(self, encodings: Sequence[Any], pad_id: int) -> list[Logits]:
        """Start and end logits, (len(encodings), length), and relevance, (len(encodings),)."""


@dataclass(frozen=True)
class ReaderConfig:
    """How a reader wants its input (tokens) and what its scores mean.

    The defaults are the usual ones of SQuAD checkpoints.
    """

    max_length: int = 384
    stride: int = 128
    max_answer_tokens: int = 30
    calibration: Calibration = field(default_factory=Calibration)

    @classmethod
    def load(cls, path: Path) -> "ReaderConfig":
        """From a reader's `dateline.json`, or the defaults if it has none."""
        if not path.exists():
            return cls()
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            calibration = Calibration(**values["calibration"])
            config = cls(**{**values, "calibration": calibration})
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{path} is not a reader's configuration ({error}): remove it and run 'dateline "
                "calibrate'"
            ) from error
        room = config.max_length - _MAX_QUESTION_TOKENS - 4
        if config.stride >= room:
            raise ModelError(
                f"{path}: stride {config.stride} with max_length {config.max_length} leaves no "
                f"room for the passage: at most {room - 1} beside a question of "
                f"{_MAX_QUESTION_TOKENS} tokens"
            )
        return config

    def save(self, path: Path) -> None:
        """Write what `load` reads: all of it, or what was there stays."""
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(partial, path)


def shorten(question: str, tokenizer: Tokenizer) -> str:
    """The question's first 64 tokens, so that every window keeps room for its passage.

    `tokenizer` must not truncate.
    """
    offsets = tokenizer.encode(question, add_special_tokens=False).offsets
    if len(offsets) <= _MAX_QUESTION_TOKENS:
        return question
    return question[: offsets[_MAX_QUESTION_TOKENS - 1][1]]


def best_spans(
    start: Logits, end: Logits, allowed: NDArray[np.bool_], max_tokens: int, limit: int
) -> list[tuple[int, int, float]]:
    """(first token, last token, start logit + end logit) of one window's best spans.

    `start` and `end` are (length,); a span begins and ends on `allowed` tokens (length,), is 1
    to `max_tokens` long, and all its pairs are scored jointly. Best first, none overlapping a
    better one.
    """
    blocked = np.float32(-np.inf)
    starts = np.where(allowed, start, blocked)  # (length,)
    ends = np.where(allowed, end, blocked)
    padded = np.concatenate([ends, np.full(max_tokens - 1, blocked, dtype=np.float32)])
    # scores[i, n] is the score of the span from token i with n more tokens.
    scores = starts[:, None] + np.lib.stride_tricks.sliding_window_view(padded, max_tokens)
    flat = scores.ravel()
    # Overlaps are dropped below, so look at more than are wanted.
    size = min(flat.size, limit * max_tokens)
    top = np.argpartition(-flat, size - 1)[:size]
    chosen: list[tuple[int, int, float]] = []
    for position in top[np.argsort(-flat[top], kind="stable")]:
        score = float(flat[position])
        first, extra = divmod(int(position), max_tokens)
        last = first + extra
        if not np.isfinite(score) or len(chosen) == limit:
            break
        if all(last < a or b < first for a, b, _ in chosen):
            chosen.append((first, last, score))
    return chosen


class Mark(NamedTuple):
    """A span of a text, by its offsets there, before anybody knows of which article the text is."""

    start: int
    end: int
    score: float
    relevance: float

    def on(self, passage: Passage) -> Span:
        """The span that it is in a passage of that text."""
        start, end = passage.start + self.start, passage.start + self.end
        return Span(passage, start, end, self.score, self.relevance)


def window_marks(
    encoding: Any, start: Logits, end: Logits, relevance: float, text: str, max_tokens: int
) -> list[Mark]:
    """The best spans of one window of a passage's `text`, scored against its null answer.

    `encoding` is a `tokenizers.Encoding` of (question, text); `start` and `end` may be longer than
    it (padding). The null answer is the first token, as in SQuAD 2.0 (Devlin et al., 2019).
    """
    size = len(encoding.ids)
    sequence = np.array([-1 if s is None else s for s in encoding.sequence_ids])
    null = float(start[0] + end[0])
    marks = []
    for first, last, score in best_spans(
        start[:size], end[:size], sequence == 1, max_tokens, _SPANS_PER_WINDOW
    ):
        # Whole words: a span may begin or end inside one, an answer may not.
        begin, _ = encoding.word_to_chars(encoding.word_ids[first], 1)
        _, finish = encoding.word_to_chars(encoding.word_ids[last], 1)
        begin, finish = trim(text, begin, finish)
        # No answer runs over the end of a paragraph.
        if begin < finish and "\n" not in text[begin:finish]:
            marks.append(Mark(begin, finish, score - null, relevance))
    return marks


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """text[start:end] without space, stray punctuation and quotation marks around it.

    Marks at one end only, or around the whole, go; marks that quote a part of it stay.
    """
    while start < end:
        words = text[start:end]
        first, last = words[0], words[-1]
        closes = _QUOTES.get(first)
        unopened = _CLOSING.get(last, last) not in words
        if closes is not None and closes == last and first not in words[1:]:
            start, end = start + 1, end - 1
        elif first.isspace() or first in _CLOSING or (closes is not None and closes not in words):
            start += 1
        elif last.isspace() or last in _STRAY or unopened or _FULL_STOP.search(words):
            end -= 1
        else:
            break
    return start, end


class ExtractiveReader:
    """A BERT-like question answering model with its tokenizer."""

    def __init__(
        self, model: SpanModel, tokenizer: Tokenizer, config: ReaderConfig, name: str
    ) -> None:
        self._model = model
        self._config = config
        self._plain = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._windows = Tokenizer.from_str(tokenizer.to_str())
        self._windows.enable_truncation(
            config.max_length, stride=config.stride, strategy="only_second"
        )
        self._pad_id = tokenizer.token_to_id("[PAD]") or tokenizer.token_to_id("<pad>") or 0
        self._memo: Memo[bytes, list[Mark]] = Memo(_REMEMBERED)
        self.name = name
        self.calibration = config.calibration

    def read(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        question = shorten(question, self._plain)
        keys = [_content_key(question, passage) for passage in passages]
        found = self._memo.get(
            keys, lambda places: self._read(question, [passages[place] for place in places])
        )
        spans: dict[tuple[str, int, int], Span] = {}
        for passage, marks in zip(passages, found, strict=True):
            for span in (mark.on(passage) for mark in marks):
                key = (passage.article.id, span.start, span.end)
                if key not in spans or spans[key].score < span.score:
                    spans[key] = span
        return sorted(spans.values(), key=lambda span: -span.score)

    def _read(self, question: str, passages: Sequence[Passage]) -> list[list[Mark]]:
        """What is marked in each of the passages."""
        read_so_far.passages += len(passages)
        encoded = self._windows.encode_batch([(question, p.text) for p in passages])
        windows = [
            (place, window)
            for place, encoding in enumerate(encoded)
            for window in (encoding, *encoding.overflowing)
        ]
        marks: list[list[Mark]] = [[] for _ in passages]
        batches = list(length_batches([len(window.ids) for _, window in windows], BATCH_TOKENS))
        found = in_parallel(
            lambda batch: self._model.run([windows[i][1] for i in batch], self._pad_id), batches
        )
        for batch, (start, end, relevance) in zip(batches, found, strict=True):
            for row, index in enumerate(batch):
                place, window = windows[index]
                marks[place] += window_marks(
                    window,
                    start[row],
                    end[row],
                    float(relevance[row]),
                    passages[place].text,
                    self._config.max_answer_tokens,
                )
        return marks


def _content_key(question: str, passage: Passage) -> bytes:
    """All that the reading of a passage depends on: its text and the question."""
    return hashlib.sha256(f"{question}\0{passage.text}".encode()).digest()
