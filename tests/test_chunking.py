"""Passages are exact slices that lose nothing."""

from itertools import pairwise

import pytest
from conftest import FakeEncoder, article
from hypothesis import example, given
from hypothesis import strategies as st

from rag.chunking import left_out, sentence_around, sentences, split

BULLETS = set("•‣▪●◦*–—-")
count_words = FakeEncoder().count_tokens

# What news is made of, and what breaks offsets: emoji outside the basic plane, combining marks,
# right-to-left script, odd spaces, bullets, abbreviations, text without any space.
PIECES = [
    "The storm passed.",
    "Dr. Smith, of the U.S. team, left at 5 p.m. on Tuesday!",
    "“Is it over?”",
    "🏳️‍🌈 👩‍🚀 landed.",
    "Le cafe\u0301 e\u0301tait plein.",
    "أعلن الوزير ذلك أمس.",
    "该协议于周二签署。",
    "\u00a0\u2003",
    "\n",
    "\n\n",
    " - ",
    "• ",
    "No full stop here",
    "one.two.three",
    "...",
    "\t",
]
texts = st.one_of(
    st.text(max_size=80),
    st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
)


def uncovered(text: str, stretches: list[tuple[int, int]]) -> str:
    """What of the text lies in none of the stretches, without space."""
    inside = {i for start, end in stretches for i in range(start, end)}
    return "".join("".join(c for i, c in enumerate(text) if i not in inside).split())


def cut(text: str, budget: int, overlap: int = 1) -> list[str]:
    return [p.text for p in split(article(text), count_words, budget, overlap)]


# --- sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \n", []),
        ("Rain fell. Wind rose.", ["Rain fell.", "Wind rose."]),
        ("A headline without a stop", ["A headline without a stop"]),
        ("First line\nSecond line", ["First line", "Second line"]),
        ("Dr. Smith of the U.S. team left. It rained.", None),
        ("• Rain fell.\n- Wind rose.\n— Snow came.", ["Rain fell.", "Wind rose.", "Snow came."]),
        ("-5 degrees were measured.", ["-5 degrees were measured."]),
        ("  Rain fell.  ", ["Rain fell."]),
        ("😀 Rain fell. 😀 Wind rose.", ["😀 Rain fell.", "😀 Wind rose."]),
        ("•\n- \n*", ["•", "*"]),
    ],
)
def test_sentences_of(text: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = ["Dr. Smith of the U.S. team left.", "It rained."]
    assert [text[start:end] for start, end in sentences(text)] == expected


@given(texts)
@example("- 😀.\n- 😀.")
def test_sentences_cover_everything_but_space_and_bullets(text: str) -> None:
    found = sentences(text)
    assert set(uncovered(text, found)) <= BULLETS
    for start, end in found:
        assert 0 <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        assert "\n" not in text[start:end]
    assert all(before[1] <= after[0] for before, after in pairwise(found))


# --- passages

FOUR = "Anna sang well. Bert danced well. Carl slept well. Dora left early."


@pytest.mark.parametrize(
    ("text", "budget", "overlap", "expected"),
    [
        ("", 6, 1, []),
        ("\n\n", 6, 1, []),
        ("Anna", 6, 1, ["Anna"]),
        (FOUR, 12, 1, [FOUR]),
        (FOUR, 6, 0, [FOUR[:33], FOUR[34:]]),
        (FOUR, 6, 1, [FOUR[:33], FOUR[16:50], FOUR[34:]]),
        (FOUR, 9, 2, [FOUR[:50], FOUR[16:]]),
        # The repeated sentence would not fit beside the next one, so it is not repeated.
        (FOUR, 5, 1, [FOUR[:15], FOUR[16:33], FOUR[34:50], FOUR[51:]]),
        (FOUR, 4, 9, [FOUR[:15], FOUR[16:33], FOUR[34:50], FOUR[51:]]),
        # Across lines, a passage keeps what stands between its sentences.
        ("Anna sang.\n\n• Bert danced.", 6, 1, ["Anna sang.\n\n• Bert danced."]),
        ("• Anna sang.", 6, 1, ["Anna sang."]),
        # Only a sentence over the budget is cut, and between words.
        ("one two three four five six seven", 3, 0, ["one two three", "four five six", "seven"]),
        ("Anna sang. one two six ten. Bert.", 3, 0, ["Anna sang.", "one two six", "ten. Bert."]),
    ],
)  # fmt: skip
def test_passages_of(text: str, budget: int, overlap: int, expected: list[str]) -> None:
    assert cut(text, budget, overlap) == expected


def test_a_word_over_the_budget_is_a_passage_of_its_own() -> None:
    def count_letters(texts: object) -> list[int]:
        return [len(text) for text in texts]

    passages = split(article("tiny incomprehensibility ends"), count_letters, budget=6)
    assert [p.text for p in passages] == ["tiny", "incomprehensibility", "ends"]


@given(texts, st.integers(1, 12), st.integers(0, 3))
@example("Rain fell. 😀 Wind rose.\n• Snow e\u0301 came.", 3, 1)
def test_passages_are_ordered_slices_within_budget_that_lose_nothing(
    text: str, budget: int, overlap: int
) -> None:
    passages = split(article(text), count_words, budget, overlap)
    assert set(uncovered(text, [(p.start, p.end) for p in passages])) <= BULLETS
    for passage in passages:
        assert 0 <= passage.start < passage.end <= len(text)
        assert passage.text == text[passage.start : passage.end] == passage.text.strip()
        words = [word for word in passage.text.split() if word not in BULLETS]
        assert len(words) <= budget
    for before, after in pairwise(passages):
        assert before.start < after.start
        assert before.end < after.end


@given(texts, st.integers(1, 12))
def test_without_overlap_no_passage_repeats_anything(text: str, budget: int) -> None:
    passages = split(article(text), count_words, budget, overlap=0)
    pairs = pairwise(passages)
    assert all(before.end <= after.start for before, after in pairs)


@given(texts, st.integers(1, 30))
def test_what_is_in_no_passage_is_told(text: str, budget: int) -> None:
    bounds = [(p.start, p.end) for p in split(article(text), count_words, budget, overlap=0)]
    assert left_out(text, bounds) == ""
    for lost in bounds:
        told = left_out(text, [bound for bound in bounds if bound != lost])
        assert bool(told) == bool(set("".join(text[slice(*lost)].split())) - BULLETS)


# --- the sentence around a quote


@pytest.mark.parametrize(
    ("text", "quote", "expected"),
    [
        ("Rain fell. Wind rose. Snow came.", "rose", "Wind rose."),
        ("Rain fell. Wind rose. Snow came.", "Rain", "Rain fell."),
        ("Rain fell. Wind rose. Snow came.", "came.", "Snow came."),
        ("Rain fell. Wind rose. Snow came.", "fell. Wind", "Rain fell. Wind rose."),
        ("Rain", "Rain", "Rain"),
        ("Rain fell.\nWind rose.", "rose", "Wind rose."),
        ("Rain fell.\nWind rose.", "fell.\nWind", "Rain fell.\nWind rose."),
        ("Dry.\nRain fell.\n\nWind rose.\nSun.", "fell.\n\nWind", "Rain fell.\n\nWind rose."),
        ("• Rain fell.", "fell", "Rain fell."),
        ("• Rain fell.", "• Rain", "• Rain fell."),
        ("Rain fell.  Wind rose.", "  ", "  "),
        ("😀 Rain fell. 😀 Wind rose.", "Wind", "😀 Wind rose."),
    ],
)
def test_sentence_around(text: str, quote: str, expected: str) -> None:
    start = text.index(quote)
    context_start, context_end = sentence_around(text, start, start + len(quote))
    assert text[context_start:context_end] == expected


@given(texts.filter(bool), st.data())
def test_the_sentence_around_is_made_of_the_texts_own_sentences(
    text: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    touched = [(s, e) for s, e in sentences(text) if s < end and start < e]
    expected = (min([start, *(s for s, _ in touched)]), max([end, *(e for _, e in touched)]))
    assert sentence_around(text, start, end) == expected
