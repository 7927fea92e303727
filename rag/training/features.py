"""From examples to what goes through the model: windows of token ids with their targets."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from embeddings.runtime import pad
from rag.chunking import CountTokens, split
from rag.reader import shorten
from rag.training.examples import Example, Offsets
from rag.types import Passage

_POOL = 1024
# The reader is asked of passages, and measured on paragraphs and whole articles: it sees both.
_PASSAGE_SHARE = 0.35
# Most windows of a long article do not answer; all of them would drown the one that does.
_NEAR_SHARE = 0.5


@dataclass(frozen=True)
class Window:
    """`[CLS] question [SEP] passage [SEP]` as token ids, and the answer's tokens in it.

    `passage` says which tokens are of the passage; `starts` and `ends` are the first and last
    tokens of every place of the answer, none where the window does not hold it.
    """

    ids: list[int]
    types: list[int]
    passage: tuple[int, int]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """Windows of some questions, padded: tensors (windows, length) unless they say otherwise."""

    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor
    passage: torch.Tensor  # bool: tokens of the passage, where a span may begin and end
    starts: torch.Tensor  # bool: first tokens of the answer
    ends: torch.Tensor  # bool
    question: torch.Tensor  # (windows,) int64: which question of the batch, 0..

    @property
    def questions(self) -> int:
        """How many questions the windows belong to."""
        return int(self.question.max()) + 1

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


class Windows:
    """Cuts examples into the windows of one question.

    A question comes with the window that holds its answer, now a whole paragraph and now one of
    the passages that the retriever would give; with half of its other windows, if its article
    has some; and with its negatives.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, stride: int) -> None:
        """`tokenizer` must neither pad nor truncate; both lengths in tokens."""
        self._plain = Tokenizer.from_str(tokenizer.to_str())
        self._cut = Tokenizer.from_str(tokenizer.to_str())
        self._cut.enable_truncation(max_length, stride=stride, strategy="only_second")
        self._pad_id = tokenizer.token_to_id("[PAD]") or tokenizer.token_to_id("<pad>") or 0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encodings = self._plain.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def of(self, example: Example, rng: random.Random) -> list[Window]:
        """The windows of one question; at least one."""
        text = example.article.text
        start, end = 0, len(text)
        if example.spans and rng.random() < _PASSAGE_SHARE:
            start, end = _passage_with(example, self.count_tokens, rng)
        spans = [(s - start, e - start) for s, e in example.spans if start <= s and e <= end]
        question = shorten(example.question, self._plain)
        encoded = self._cut.encode(question, text[start:end])
        windows = [_window(e, spans) for e in (encoded, *encoded.overflowing)]
        holding = [window for window in windows if window.starts]
        others = [window for window in windows if not window.starts]
        chosen = [rng.choice(holding)] if holding else []
        if others and (not chosen or rng.random() < _NEAR_SHARE):
            chosen.append(rng.choice(others))
        for passage in example.negatives:
            chosen.append(_window(self._cut.encode(question, passage.text), []))
        return chosen

    def batches(
        self, examples: Sequence[Example], seed: int, epoch: int, tokens: int
    ) -> Iterator[tuple[int, Batch]]:
        """(examples seen in this epoch up to this batch, the batch), in an order of its own.

        Questions of similar length go together, up to `tokens` tokens with padding. The same
        seed and epoch give the same batches.
        """
        order = list(range(len(examples)))
        random.Random(f"{seed} {epoch}").shuffle(order)
        seen = 0
        for first in range(0, len(order), _POOL):
            pool = order[first : first + _POOL]
            rng = random.Random(f"{seed} {epoch} {first}")
            groups = [self.of(examples[i], rng) for i in pool]
            # A question counts with its longest window, as often as it has windows.
            sizes = [max(len(w.ids) for w in group) for group in groups]
            weighed = [size * len(group) for size, group in zip(sizes, groups, strict=True)]
            parts = list(_question_batches(sizes, weighed, tokens))
            rng.shuffle(parts)
            for part in parts:
                seen += len(part)
                yield seen, self._batch([groups[i] for i in part])

    def _batch(self, groups: Sequence[Sequence[Window]]) -> Batch:
        windows = [window for group in groups for window in group]
        ids, mask, types = pad([(window.ids, window.types) for window in windows], self._pad_id)
        passage, starts, ends = (np.zeros(ids.shape, dtype=bool) for _ in range(3))
        for row, window in enumerate(windows):
            passage[row, slice(*window.passage)] = True
            starts[row, list(window.starts)] = True
            ends[row, list(window.ends)] = True
        question = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        arrays = (ids, mask, types, passage, starts, ends, question)
        return Batch(*map(torch.from_numpy, arrays))


def _question_batches(
    sizes: Sequence[int], weighed: Sequence[int], tokens: int
) -> Iterator[list[int]]:
    """Indices of questions of similar length; at most `tokens` tokens, but one at the least."""
    order = sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))
    batch: list[int] = []
    rows = 0
    for index in order:
        more = weighed[index] // sizes[index]
        if batch and (rows + more) * sizes[batch[0]] > tokens:
            yield batch
            batch, rows = [], 0
        batch.append(index)
        rows += more
    if batch:
        yield batch


def _window(encoding: Any, spans: Sequence[Offsets]) -> Window:
    """The window with the token positions of those `spans` (of the passage) it holds whole."""
    sequence = encoding.sequence_ids
    first = sequence.index(1) if 1 in sequence else len(sequence)
    last = len(sequence) - sequence[::-1].index(1) if 1 in sequence else first
    starts, ends = [], []
    offsets = encoding.offsets
    for start, end in spans:
        begin = next((i for i in range(first, last) if offsets[i][1] > start), None)
        finish = next((i for i in range(last - 1, first - 1, -1) if offsets[i][0] < end), None)
        if begin is None or finish is None or begin > finish:
            continue
        # Where the window begins or ends inside the answer, it holds but a part of it.
        if (begin > first or offsets[begin][0] <= start) and (
            finish < last - 1 or offsets[finish][1] >= end
        ):
            starts.append(begin)
            ends.append(finish)
    return Window(encoding.ids, encoding.type_ids, (first, last), tuple(starts), tuple(ends))


def _passage_with(example: Example, count_tokens: CountTokens, rng: random.Random) -> Offsets:
    """(start, end) of one of the article's passages that hold an answer whole, else its whole."""
    passages: list[Passage] = split(example.article, count_tokens)
    holding = [
        (p.start, p.end)
        for p in passages
        if any(p.start <= start and end <= p.end for start, end in example.spans)
    ]
    return rng.choice(holding) if holding else (0, len(example.article.text))
