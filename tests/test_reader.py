"""Joint decoding, honest scores and exact offsets, with a model that can be seen through."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import article
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from embeddings.encoder import packaged_model_folder
from rag.confidence import Calibration
from rag.reader import (
    ExtractiveReader,
    Logits,
    ReaderConfig,
    best_spans,
    read_so_far,
    trim,
    window_marks,
)
from rag.types import Passage, Span

PADDING = 99.0
"""Logit of every padded position: were padding read, it would win."""


Rule = float | tuple[float, float]
"""Start and end logit of a token; one number for both."""


class FakeModel:
    """A token in the rules has the logits they give, any other -5, [CLS] 0.5.

    A window's relevance is the number of its tokens that have a rule, [CLS] among them.
    """

    def __init__(self, **rules: Rule) -> None:
        self.rules = {"[CLS]": 0.5} | rules
        self.batches: list[tuple[int, int]] = []

    def run(self, encodings: Sequence[Any], pad_id: int = 0) -> list[Logits]:
        length = max(len(encoding.ids) for encoding in encodings)
        self.batches.append((len(encodings), length))
        logits = np.full((2, len(encodings), length + 2), PADDING, dtype=np.float32)
        relevance = np.zeros(len(encodings), dtype=np.float32)
        for row, encoding in enumerate(encodings):
            relevance[row] = sum(token in self.rules for token in encoding.tokens)
            for column, token in enumerate(encoding.tokens):
                logits[:, row, column] = self.rules.get(token, -5.0)
        return [*logits, relevance]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The packaged WordPiece tokenizer."""
    loaded = Tokenizer.from_file(str(packaged_model_folder() / "tokenizer.json"))
    loaded.no_padding()
    loaded.no_truncation()
    return loaded


def make_reader(tokenizer: Tokenizer, model: FakeModel, **config: Any) -> ExtractiveReader:
    return ExtractiveReader(model, tokenizer, ReaderConfig(**config), "fake")


def passage(text: str, before: str = "", after: str = "", id: str = "a") -> Passage:
    return Passage(article(before + text + after, id), len(before), len(before + text))


def texts(spans: Sequence[Span]) -> list[str]:
    return [span.text for span in spans]


# --- best_spans


def decode(
    start: Sequence[float],
    end: Sequence[float],
    allowed: Sequence[int] | None = None,
    max_tokens: int = 30,
    limit: int = 5,
) -> list[tuple[int, int, float]]:
    mask = np.ones(len(start), bool) if allowed is None else np.isin(range(len(start)), allowed)
    return best_spans(
        np.array(start, np.float32), np.array(end, np.float32), mask, max_tokens, limit
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        # Apart, the best start is 3 and the best end 1: no span. Together, [3, 4] wins.
        (((0, 2, 0, 6, 0), (0, 5, 0, 0, 2), None, 30, 1), [(3, 4, 8)]),
        (((0, 4, 0, 6, 0), (0, 5, 0, 0, 2), None, 30, 1), [(1, 1, 9)]),
        # At most so many tokens long.
        (((9, 0, 0, 0), (0, 0, 1, 9), None, 4, 1), [(0, 3, 18)]),
        (((9, 0, 0, 0), (0, 0, 1, 9), None, 3, 1), [(0, 2, 10)]),
        (((9, 0, 0, 0), (0, 0, 1, 9), None, 1, 2), [(0, 0, 9), (3, 3, 9)]),
        # Longer than the window may be asked for.
        (((9, 0), (0, 9), None, 500, 1), [(0, 1, 18)]),
        # Neither end stands on a token that is not allowed.
        (((9, 1, 2, 9), (9, 1, 3, 9), (1, 2), 30, 1), [(2, 2, 5)]),
        (((9, 9), (9, 9), (), 30, 5), []),
        # None overlaps a better one, and no more than the limit.
        (((5, 0, 3, 0, 1), (0, 5, 0, 3, 1), None, 2, 5), [(0, 1, 10), (2, 3, 6), (4, 4, 2)]),
        (((5, 0, 3, 0, 1), (0, 5, 0, 3, 1), None, 2, 2), [(0, 1, 10), (2, 3, 6)]),
        (((-7,), (-8,), None, 30, 5), [(0, 0, -15)]),
    ],
)
def test_best_spans(arguments: Any, expected: list[tuple[int, int, float]]) -> None:
    assert decode(*arguments) == expected


def by_comparing_all(
    start: Sequence[float], end: Sequence[float], allowed: Sequence[int], max_tokens: int
) -> list[tuple[int, int, float]]:
    """Every span that may be, the best first; those that overlap a better one dropped."""
    spans = [(i, j, start[i] + end[j]) for i in allowed for j in allowed if i <= j < i + max_tokens]
    kept: list[tuple[int, int, float]] = []
    for i, j, score in sorted(spans, key=lambda span: -span[2]):
        if all(j < a or b < i for a, b, _ in kept):
            kept.append((i, j, score))
    return kept


@given(st.data(), st.integers(1, 14), st.integers(1, 16), st.integers(1, 16))
def test_decoding_agrees_with_comparing_all_spans(
    data: st.DataObject, length: int, max_tokens: int, limit: int
) -> None:
    # Starts are multiples of 64, ends are below 64: all sums differ, and exactly.
    start = [64.0 * n for n in data.draw(st.permutations(range(-length, length)))][:length]
    end = [float(n) for n in data.draw(st.permutations(range(length)))]
    allowed = sorted(data.draw(st.sets(st.integers(0, length - 1))))
    expected = by_comparing_all(start, end, allowed, max_tokens)[:limit]
    found = decode(start, end, allowed, max_tokens, limit)
    assert found == expected[: len(found)]
    # What overlaps better spans may use up the places looked at, but never the best span's.
    assert bool(found) == bool(expected)
    if limit >= length:
        assert found == expected


logits = st.floats(-50, 50, width=32)


@given(st.lists(st.tuples(logits, logits, st.booleans()), min_size=1, max_size=40), st.data())
def test_spans_keep_the_rules(rows: list[tuple[float, float, bool]], data: st.DataObject) -> None:
    max_tokens, limit = data.draw(st.integers(1, 45)), data.draw(st.integers(1, 8))
    start, end, mask = zip(*rows, strict=True)
    allowed = [i for i, ok in enumerate(mask) if ok]
    spans = decode(start, end, allowed, max_tokens, limit)
    assert len(spans) <= limit
    taken: set[int] = set()
    for first, last, score in spans:
        assert first <= last < first + max_tokens
        assert mask[first]
        assert mask[last]
        assert score == pytest.approx(start[first] + end[last], abs=1e-4)
        assert not taken & set(range(first, last + 1))
        taken |= set(range(first, last + 1))
    assert [s for *_, s in spans] == sorted((s for *_, s in spans), reverse=True)


# --- one window


def read_window(
    tokenizer: Tokenizer, question: str, given: Passage, max_tokens: int = 30, **rules: Rule
) -> list[Span]:
    encoding = tokenizer.encode(question, given.text)
    start, end, relevance = FakeModel(**rules).run([encoding])
    return window_spans(encoding, start[0], end[0], float(relevance[0]), given, max_tokens)


def window_spans(
    encoding: Any, start: Logits, end: Logits, relevance: float, given: Passage, max_tokens: int
) -> list[Span]:
    marks = window_marks(encoding, start, end, relevance, given.text, max_tokens)
    return [mark.on(given) for mark in marks]


def test_a_span_is_cut_from_the_article_exactly(tokenizer: Tokenizer) -> None:
    given = passage("About seven boats sank.", before="😀 Cafe\u0301 שלום. ", after=" More.")
    best, *_ = read_window(tokenizer, "How many?", given, seven=5.0)
    assert best == Span(given, given.start + 6, given.start + 11, score=9.0, relevance=2.0)
    assert best.text == "seven"
    assert given.article.text[best.start : best.end] == "seven"


def test_the_score_is_relative_to_the_null_of_its_window(tokenizer: Tokenizer) -> None:
    given = passage("About seven boats sank.")
    for null, expected in [(0.5, 9.0), (-2.0, 14.0), (5.0, 0.0), (8.0, -6.0)]:
        best, *_ = read_window(tokenizer, "How many?", given, seven=5.0, **{"[CLS]": null})
        assert (best.text, best.score) == ("seven", expected)


def test_neither_question_nor_special_tokens_nor_padding_answer(tokenizer: Tokenizer) -> None:
    given = passage("About six boats sank.")
    spans = read_window(
        tokenizer, "Was it seven?", given, seven=50.0, six=1.0, **{"[SEP]": 60.0, "[CLS]": 70.0}
    )
    assert texts(spans)[0] == "six"
    assert spans[0].score == 2.0 - 140.0
    assert all(given.start <= span.start < span.end <= given.end for span in spans)


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("Ms Büchner won.", {"##chner": 5.0}, "Büchner"),
        ("Ms Büchner won.", {"bu": 5.0}, "Büchner"),
        ("It was unbelievably hot.", {"##ie": 5.0}, "unbelievably"),
        ("It was unbelievably hot.", {"##bly": 5.0, "hot": 4.0}, "unbelievably"),
        ("Cafe\u0301s closed.", {"cafes": 5.0}, "Cafe\u0301s"),
    ],
)
def test_an_answer_is_whole_words(
    tokenizer: Tokenizer, text: str, rules: dict[str, float], expected: str
) -> None:
    best, *_ = read_window(tokenizer, "Who?", passage(text), max_tokens=1, **rules)
    assert best.text == expected


def test_space_that_a_tokenizer_counts_to_a_word_is_no_part_of_an_answer() -> None:
    # As byte-level tokenizers do: "Ġseven" covers the space before it.
    words = Tokenizer(
        models.WordLevel({"[CLS]": 0, "[SEP]": 1, "Ġseven": 2, "?": 3}, unk_token="?")
    )
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=False)
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 0), ("[SEP]", 1)],
    )
    best, *_ = read_window(words, "How many?", passage("About seven boats."), Ġseven=5.0)
    assert (best.start, best.end, best.text) == (6, 11, "seven")


def test_an_answer_is_no_longer_than_allowed(tokenizer: Tokenizer) -> None:
    given = passage("one two three four five six")
    rules = {"one": (9.0, 0.0), "six": (0.0, 9.0)}
    for max_tokens in (1, 3, 5):
        spans = read_window(tokenizer, "Which?", given, max_tokens, **rules)
        assert all(len(text.split()) <= max_tokens for text in texts(spans))
    assert texts(read_window(tokenizer, "Which?", given, 6, **rules))[0] == given.text


WORDS = [
    "seven",
    "Büchner",
    "unbelievably",
    "U.S.",
    "e\u0301",
    "😀",
    "שלום",
    "中",
    "\n",
    "“",
    "10%",
]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), st.data())
def test_spans_are_words_of_the_passage(
    tokenizer: Tokenizer, words: list[str], data: st.DataObject
) -> None:
    given = passage(" ".join(words), before="😀 before ", after=" after")
    encoding = tokenizer.encode("Which?", given.text)
    values = data.draw(st.lists(logits, min_size=len(encoding), max_size=len(encoding)))
    start = np.array([*values, PADDING, PADDING], np.float32)
    end = np.array([*reversed(values), PADDING, PADDING], np.float32)
    for span in window_spans(encoding, start, end, 0.0, given, 5):
        assert given.start <= span.start < span.end <= given.end
        assert span.text == given.article.text[span.start : span.end] == span.text.strip()
        assert "\n" not in span.text
        assert np.isfinite(span.score)


def test_an_answer_does_not_run_over_the_end_of_a_paragraph(tokenizer: Tokenizer) -> None:
    given = passage("Rain fell\nfor seven days")
    rules: dict[str, Rule] = {"fell": (9.0, -5.0), "seven": (-5.0, 9.0), "days": 1.0}
    spans = read_window(tokenizer, "How long?", given, **rules)
    assert texts(spans)[0] == "days"
    assert not any("\n" in text for text in texts(spans))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \n", ""),
        (" Tuesday, ", "Tuesday"),
        ("on Tuesday:;", "on Tuesday"),
        ("the U.S.", "the U.S."),
        ("“Rain”", "Rain"),
        ("“Rain", "Rain"),
        ("Rain”", "Rain"),
        ("“Rain”,", "Rain"),
        ("« Rain »", "Rain"),
        ("“Rain” and “wind”", "“Rain” and “wind”"),
        ("the “Rain” man", "the “Rain” man"),
        ("a “storm”", "a “storm”"),
        ("‘Rain’", "Rain"),
        ("‘Rain", "Rain"),
        ("the diplomats’", "the diplomats’"),
        ("“‘Rain’”", "Rain"),
        ("“”", ""),
        ("10%", "10%"),
        ("-5", "-5"),
        ("😀", "😀"),
    ],
)
def test_trim(text: str, expected: str) -> None:
    around = f"a “b” {text} ”c,"
    start, end = trim(around, 6, 6 + len(text))
    assert around[start:end] == expected
    assert 6 <= start <= end <= 6 + len(text)


@given(st.text(alphabet="a “”‘’«»,;:.\n", max_size=12))
def test_trimming_twice_is_trimming_once(text: str) -> None:
    start, end = trim(text, 0, len(text))
    assert trim(text, start, end) == (start, end)
    assert text[start:end] == text[start:end].strip()
    assert text[start:end].count("a") == text.count("a")


# --- several passages


def test_all_passages_are_read_in_one_batch(tokenizer: Tokenizer) -> None:
    model = FakeModel(seven=5.0, six=4.0)
    given = [passage(f"About {n} boats sank.", id=n) for n in ("six", "no", "seven")]
    spans = make_reader(tokenizer, model).read("How many?", given)
    assert len(model.batches) == 1
    assert model.batches[0][0] == 3
    assert texts(spans)[:2] == ["seven", "six"]
    assert spans[0].passage is given[2]
    scores = [span.score for span in spans]
    assert scores == sorted(scores, reverse=True)
    assert {span.passage.article.id for span in spans} == {"six", "no", "seven"}


def test_a_text_is_read_once_for_a_question_wherever_it_stands(tokenizer: Tokenizer) -> None:
    model = FakeModel(seven=5.0)
    reader = make_reader(tokenizer, model)
    before = read_so_far.passages
    first = reader.read("How many?", [passage("About seven boats sank.")])
    elsewhere = passage("About seven boats sank.", before="It is said. ", id="b")
    again = reader.read("How many?", [elsewhere, passage("No more boats.", id="c")])
    assert [rows for rows, _ in model.batches] == [1, 1]
    assert (again[0].passage, again[0].text) == (elsewhere, "seven")
    assert (again[0].start, again[0].score) == (first[0].start + 12, first[0].score)
    reader.read("How few?", [elsewhere])
    reader.read("How many?", [passage("About seven boats sank!")])
    assert len(model.batches) == read_so_far.passages - before == 4


def test_scores_do_not_depend_on_the_other_passages(tokenizer: Tokenizer) -> None:
    reader = make_reader(tokenizer, FakeModel(seven=5.0))
    alone = reader.read("How many?", [passage("About seven boats sank.")])
    rivals = [passage("seven " * n, id=str(n)) for n in range(1, 5)]
    together = reader.read("How many?", [*rivals, passage("About seven boats sank.")])
    assert [s for s in together if s.passage.article.id == "a"] == alone


def test_a_long_passage_is_read_to_its_end(tokenizer: Tokenizer) -> None:
    model = FakeModel(seven=5.0)
    given = passage("Büchner waited. " * 400 + "About seven boats sank.", before="😀 Intro. ")
    best, *others = make_reader(tokenizer, model, max_length=128, stride=32).read("How?", [given])
    assert sum(rows for rows, _ in model.batches) > 10
    assert all(length <= 128 for _, length in model.batches)
    assert best.text == given.article.text[best.start : best.end] == "seven"
    assert best.start == given.article.text.index("seven")
    assert "seven" not in texts(others)


def test_windows_overlap_so_that_no_answer_is_cut(tokenizer: Tokenizer) -> None:
    text = " ".join(["rain"] * 80)
    for place in range(20, 46):
        words = text.split()
        words[place : place + 3] = ["about", "seven", "boats"]
        given = passage(" ".join(words))
        model = FakeModel(about=(5.0, -5.0), boats=(-5.0, 5.0))
        best, *_ = make_reader(tokenizer, model, max_length=40, stride=10).read("How?", [given])
        assert best.text == "about seven boats"


def test_an_answer_in_two_windows_is_one_span(tokenizer: Tokenizer) -> None:
    given = passage(" ".join(["rain"] * 30 + ["seven"] + ["rain"] * 30))
    for stride in (5, 20):
        reader = make_reader(tokenizer, FakeModel(seven=5.0), max_length=40, stride=stride)
        assert texts(reader.read("How?", [given])).count("seven") == 1


def test_what_is_read_at_once_is_bounded(tokenizer: Tokenizer) -> None:
    model = FakeModel(seven=5.0)
    given = passage("rain " * 6000 + "seven")
    best, *_ = make_reader(tokenizer, model).read("How?", [given, passage("short", id="b")])
    assert best.text == "seven"
    assert len(model.batches) > 1
    assert all(rows * length <= 8192 for rows, length in model.batches)


@pytest.mark.parametrize(
    "question",
    ["How many? " * 400, "x" * 2000, "😀" * 500, "שלום " * 300, "?" * 1000],
    ids=["words", "one word", "emoji", "right-to-left", "punctuation"],
)
def test_an_over_long_question_leaves_room_for_the_passage(
    tokenizer: Tokenizer, question: str
) -> None:
    given = [passage("rain " * 900 + "seven"), passage("About seven boats.", id="b")]
    spans = make_reader(tokenizer, FakeModel(seven=5.0)).read(question, given)
    assert texts(spans)[:2] == ["seven", "seven"]


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "x", "😀"])
def test_a_passage_of_next_to_nothing(tokenizer: Tokenizer, text: str) -> None:
    spans = make_reader(tokenizer, FakeModel()).read("Why?", [passage(text)])
    assert texts(spans) in ([], [text])


def test_no_passages_no_spans(tokenizer: Tokenizer) -> None:
    model = FakeModel()
    assert make_reader(tokenizer, model).read("Why?", []) == []
    assert model.batches == []


# --- configuration


def test_a_reader_without_configuration_has_the_usual_one(tmp_path: Path) -> None:
    assert ReaderConfig.load(tmp_path / "dateline.json") == ReaderConfig(384, 128, 30)


def test_a_readers_configuration_is_read(tmp_path: Path) -> None:
    fitted = {"scale": 0.7, "bias": -1.5, "threshold": 0.4}
    values = {"max_length": 256, "calibration": fitted}
    (tmp_path / "dateline.json").write_text(json.dumps(values))
    assert ReaderConfig.load(tmp_path / "dateline.json") == ReaderConfig(
        max_length=256, calibration=Calibration(scale=0.7, bias=-1.5, threshold=0.4)
    )
