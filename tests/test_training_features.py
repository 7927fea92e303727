"""Windows hold whole answers or none; batches keep their budget and leave nothing out."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from conftest import article
from hypothesis import given
from hypothesis import strategies as st
from tiny import VOCABULARY, example, tiny_tokenizer
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from rag.training.examples import Example
from rag.training.features import Batch, Window, Windows
from rag.types import Passage

TOKENIZER = tiny_tokenizer()
CLS, SEP, PAD = (VOCABULARY.index(token) for token in ("[CLS]", "[SEP]", "[PAD]"))


def make_windows(max_length: int = 32, stride: int = 8) -> Windows:
    return Windows(TOKENIZER, max_length, stride)


def ids(text: str) -> list[int]:
    encoded: list[int] = TOKENIZER.encode(text, add_special_tokens=False).ids
    return encoded


def passage_ids(window: Window) -> list[int]:
    return window.ids[slice(*window.passage)]


def answers(window: Window) -> list[list[int]]:
    """The token ids of each place of the answer."""
    places = zip(window.starts, window.ends, strict=True)
    return [window.ids[start : end + 1] for start, end in places]


def drawn(windows: Windows, given: Example, seeds: int = 100) -> list[list[Window]]:
    return [windows.of(given, random.Random(seed)) for seed in range(seeds)]


# --- one window


def test_a_window_by_hand() -> None:
    given = example("Who won?", "Rain fell, rain won.", ["rain", "Rain fell"])
    (window,) = make_windows().of(given, random.Random(0))
    tokens = [VOCABULARY[id] for id in window.ids]
    assert " ".join(tokens) == "[CLS] who won ? [SEP] rain fell , rain won . [SEP]"
    assert window.types == [0] * 5 + [1] * 7
    assert window.passage == (5, 11)
    assert (window.starts, window.ends) == ((5, 8), (6, 8))


ODD = ["rain", "Büchner", "unbelievably", "U.S.", "é", "😀", "שלום", "中国", "中", "$5", "10%", "“"]
GAPS = [" ", "  ", "\n", ". ", ", "]


@given(
    st.lists(st.tuples(st.sampled_from(ODD), st.sampled_from(GAPS)), min_size=1, max_size=40),
    st.data(),
)
def test_a_window_holds_the_answer_exactly_or_not_at_all(
    words: list[tuple[str, str]], data: st.DataObject
) -> None:
    text = "".join(word + gap for word, gap in words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, min(len(words) - 1, first + 2)))
    answer = "".join(word + gap for word, gap in words[first : last + 1]).strip()
    answer = answer.removesuffix(",") if last > first else words[first][0]
    question = example("Who?", text, [answer])
    assert question.spans
    windows = make_windows(48, 40).of(question, random.Random(data.draw(st.integers(0, 9))))
    # The answer is at most 39 tokens, and windows repeat 40: one of them holds it whole.
    assert windows[0].starts
    for window in windows:
        assert all(found == ids(answer) for found in answers(window))


def test_an_answer_cut_by_the_end_of_a_window_is_not_in_it() -> None:
    for answer in ("$5", "中国", "5%"):
        for before in range(30):
            text = f"{'rain ' * before}{answer} {'snow ' * 30}"
            for windows in drawn(make_windows(16, 4), example("Who?", text, [answer]), seeds=6):
                assert [found for w in windows for found in answers(w)] == [ids(answer)]


def test_a_space_that_a_tokenizer_counts_to_a_word_does_not_hide_the_answer() -> None:
    words = Tokenizer(models.WordLevel({"<s>": 0, "?": 1, "Ġseven": 2, "Ġsea": 3}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, trim_offsets=False)
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B:1", special_tokens=[("<s>", 0)]
    )
    given = example("Which?", "seven sea seven", ["seven"])
    (window,) = Windows(words, 32, 8).of(given, random.Random(0))
    assert (window.ids[-3:], window.starts, window.ends) == ([2, 3, 2], (4, 6), (4, 6))


# --- the windows of one question

LONG = "rain " * 100 + "seven won " + "snow " * 100


def test_a_long_article_comes_with_the_window_of_the_answer_and_half_the_time_another() -> None:
    given = example("Who?", LONG, ["seven"])
    groups = drawn(make_windows(), given, seeds=200)
    assert {len(group) for group in groups} == {1, 2}
    assert 20 < sum(len(group) == 2 for group in groups) < 120
    for first, *others in groups:
        assert answers(first) == [ids("seven")]
        assert not any(window.starts for window in others)
    assert all(len(window.ids) <= 32 for group in groups for window in group)


def test_an_answer_comes_now_in_the_whole_article_and_now_in_a_passage() -> None:
    text = " ".join(["Rain fell on the sea."] * 20 + ["Seven won."] + ["Snow fell."] * 30)
    given = example("Who?", text, ["Seven"])
    lengths = Counter(len(group[0].ids) for group in drawn(make_windows(512, 64), given))
    whole = len(TOKENIZER.encode("Who?", text).ids)
    assert lengths[whole] > 50
    assert sum(count for length, count in lengths.items() if length < whole) > 20


@pytest.mark.parametrize("text", ["Rain fell.", "rain " * 300, ""])
def test_a_question_without_answer_has_one_window_without_answer(text: str) -> None:
    for group in drawn(make_windows(), example("Who?", text), seeds=20):
        assert [(window.starts, window.ends) for window in group] == [((), ())]


def test_negatives_come_as_windows_without_the_answer() -> None:
    elsewhere = article("Snow fell. Seven won. Snow fell.", id="b-0")
    negative = Passage(elsewhere, 11, 21)
    given = example("Who won?", "Seven won.", ["Seven"], negatives=(negative,))
    for right, wrong in drawn(make_windows(), given, seeds=10):
        assert answers(right) == [ids("seven")]
        assert passage_ids(wrong) == ids("Seven won.")
        assert (wrong.starts, wrong.ends) == ((), ())
        assert wrong.ids[: wrong.passage[0]] == [CLS, *ids("Who won?"), SEP]


@pytest.mark.parametrize("question", ["who " * 20, "who " * 27, "who " * 300, "x" * 90])
def test_an_over_long_question_leaves_room_for_the_passage(question: str) -> None:
    given = example(question, LONG, ["seven"])
    for group in drawn(make_windows(96, 24), given, seeds=5):
        assert answers(group[0]) == [ids("seven")]
        assert all(len(window.ids) <= 96 for window in group)


# --- batches


def numbered(count: int) -> list[Example]:
    """Questions "1", "2", ... on texts of many lengths; a third without answer, some negatives."""
    rng = random.Random(0)
    snow = article("snow " * 20, id="b-0")
    return [
        example(
            str(number),
            "rain " * rng.randint(0, 60) + "seven",
            [] if number % 3 == 0 else ["seven"],
            id=str(number),
            negatives=(Passage(snow, 0, len(snow.text)),) if number % 3 == 1 else (),
        )
        for number in range(count)
    ]


def questions(batch: Batch) -> list[str]:
    """What is asked in each window."""
    rows = [[VOCABULARY[id] for id in row] for row in batch.ids.tolist()]
    return ["".join(row[1 : row.index("[SEP]")]).replace("##", "") for row in rows]


def batches(
    examples: Sequence[Example], epoch: int = 0, tokens: int = 256, seed: int = 0
) -> list[tuple[int, Batch]]:
    return list(make_windows().batches(examples, seed, epoch, tokens))


def test_every_question_comes_exactly_once_in_an_epoch() -> None:
    for count in (1, 30, 1100):
        given = numbered(count)
        for epoch in (0, 1):
            asked = [name for _, batch in batches(given, epoch) for name in {*questions(batch)}]
            assert sorted(asked) == sorted(e.question for e in given)


def test_seen_counts_the_questions_up_to_the_batch() -> None:
    total = 0
    for seen, batch in batches(numbered(1100)):
        total += batch.questions
        assert seen == total
    assert total == 1100


def test_a_batch_keeps_its_budget_with_padding() -> None:
    for tokens in (1, 64, 256, 1000):
        made = [batch for _, batch in batches(numbered(100), tokens=tokens)]
        assert all(batch.ids.numel() <= tokens or batch.questions == 1 for batch in made)
    used = sum(batch.ids.numel() for batch in made)
    assert used / len(made) > 700  # of 1000
    assert sum(int(batch.mask.sum()) for batch in made) / used > 0.8


def test_the_windows_of_a_question_stay_together() -> None:
    for _, batch in batches(numbered(100)):
        by_number: dict[int, set[str]] = {}
        for number, name in zip(batch.question.tolist(), questions(batch), strict=True):
            by_number.setdefault(number, set()).add(name)
        assert sorted(by_number) == list(range(batch.questions))
        assert all(len(names) == 1 for names in by_number.values())


def test_padding_is_neither_read_nor_answered() -> None:
    for _, batch in batches(numbered(100)):
        padding = batch.mask == 0
        assert (batch.ids[padding] == PAD).all()
        assert (batch.ids[~padding] != PAD).all()
        assert not batch.types[padding].any()
        assert not batch.passage[padding].any()
        assert not ((batch.starts | batch.ends) & ~batch.passage).any()
        assert (batch.starts.any(dim=1) == batch.ends.any(dim=1)).all()


def order(made: Sequence[tuple[int, Batch]]) -> list[list[int]]:
    return [batch.ids.flatten().tolist() for _, batch in made]


def test_the_same_seed_gives_the_same_batches_and_every_epoch_others() -> None:
    given = numbered(60)
    assert order(batches(given)) == order(batches(given))
    others = [batches(given, epoch=1), batches(given, seed=1)]
    assert all(order(batches(given)) != order(other) for other in others)
