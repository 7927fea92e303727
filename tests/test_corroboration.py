"""Stories that say the same without being read so are counted; look-alikes are not."""

from dataclasses import replace
from datetime import date

import pytest
from conftest import article

from rag.abilities import ALL_ABILITIES, Abilities
from rag.answers import make_answers
from rag.candidates import Candidate
from rag.confidence import Calibration
from rag.corroboration import corroborated
from rag.temporal import when_of
from rag.types import Article, Hit, Passage, Span, Stories

READ = article("The judge asked for 500 willows. She wants no fee.", "read")
OTHER = article("Nobody pays her. She had 500 willows planted by the judge.", "other")
COPY = article("She had 500 willows planted by the judge.", "copy")
MARKET = article("The market sold 500 willows on Friday.", "market")
STORIES = {"read": (READ,), "other": (OTHER, COPY), "copy": (OTHER, COPY), "market": (MARKET,)}


def told(given: Article, quote: str, score: float = 5.0) -> Span:
    start = given.text.index(quote)
    return Span(Passage(given, 0, len(given.text)), start, start + len(quote), score, 1.0)


def hits(*articles: Article) -> list[Hit]:
    return [Hit(Passage(a, 0, len(a.text)), 0.5) for a in articles]


def of_the_judge(one: str, other: str) -> float:
    return 0.5 if "judge" in one and "judge" in other else 0.49


def candidate(given: Article, quote: str) -> Candidate:
    span = told(given, quote)
    when = when_of(given.text, span.start, span.end, given.published)
    return Candidate(quote, span.score, ((span,),), when)


def texts(found: Candidate) -> list[tuple[str, str]]:
    return [(spans[0].passage.article.id, spans[0].text) for spans in found.told]


def test_a_story_with_the_words_in_a_like_sentence_counts_once_and_scores_nothing() -> None:
    before = candidate(READ, "500 willows")
    after = corroborated(before, hits(READ, OTHER, COPY, MARKET), STORIES, of_the_judge)
    assert texts(after) == [("read", "500 willows"), ("other", "500 willows")]
    assert after.score == before.score


def test_words_in_another_case_or_as_part_of_a_word() -> None:
    shouted = article("500 WILLOWS, the judge said.", "shouted")
    longer = article("The judge counted 1500 willows, or 500 willowsful.", "longer")
    stories = STORIES | {"shouted": (shouted,), "longer": (longer,)}
    after = corroborated(candidate(READ, "500 willows"), hits(shouted, longer), stories, _alike)
    assert texts(after) == [("read", "500 willows"), ("shouted", "500 WILLOWS")]


def test_one_tuesday_is_not_another() -> None:
    days = {"first": date(2024, 5, 8), "same": date(2024, 5, 9), "later": date(2024, 5, 16)}
    first, same, later = (
        replace(article("They met on Tuesday.", name), published=day) for name, day in days.items()
    )
    stories = {a.id: (a,) for a in (first, same, later)}
    after = corroborated(candidate(first, "Tuesday"), hits(same, later), stories, _alike)
    assert texts(after) == [("first", "Tuesday"), ("same", "Tuesday")]


def _alike(one: str, other: str) -> float:
    return 1.0


def test_only_answers_near_the_best_are_looked_for_in_other_stories() -> None:
    named = article("The judge asked for 500 willows. The judge asked for 9 oaks.", "named")
    also = article("The judge had 500 willows planted. The judge had 9 oaks felled.", "also")
    given = hits(named, also)
    stories = {"named": (named,), "also": (also,)}
    calibration = Calibration(retrieval_weight=0.0, scale=1.0)

    def sources(score: float) -> list[tuple[str, int]]:
        spans = [told(named, "500 willows", 9.0), told(named, "9 oaks", score)]
        found = make_answers("", spans, given, stories, calibration, of_the_judge)
        return [(answer.text, answer.independent_sources) for answer in found]

    assert sources(5.5) == [("500 willows", 2), ("9 oaks", 2)]
    assert sources(5.4) == [("500 willows", 2), ("9 oaks", 1)]


def found_elsewhere(
    *spans: Span, abilities: Abilities = ALL_ABILITIES
) -> tuple[list[str], list[tuple[str, int]]]:
    """(what is searched for, each answer's text and count of sources) where the collection has
    READ, OTHER and MARKET too."""
    searched: list[str] = []

    def elsewhere(sentence: str) -> tuple[list[Hit], Stories]:
        searched.append(sentence)
        return hits(READ, OTHER, MARKET), STORIES

    passages = dict.fromkeys(span.passage for span in spans)
    found = make_answers(
        "",
        spans,
        [Hit(passage, 0.5) for passage in passages],
        {passage.article.id: (passage.article,) for passage in passages},
        Calibration(retrieval_weight=0.0, scale=1.0),
        lambda one, other: of_the_judge(one, other) + 0.1,
        abilities=abilities,
        elsewhere=elsewhere,
    )
    return searched, [(answer.text, answer.independent_sources) for answer in found]


PLANTED = article("The judge asked for 500 willows on the bank. She wants no fee.", "planted")


def test_who_else_tells_the_best_answer_is_looked_for_by_its_sentence() -> None:
    searched, found = found_elsewhere(told(PLANTED, "500 willows"), told(PLANTED, "no fee", 4.0))
    assert searched == ["The judge asked for 500 willows on the bank."]
    assert found == [("500 willows", 3), ("no fee", 1)]


def test_a_sentence_that_says_hardly_more_than_the_answer_finds_nobody_else() -> None:
    short = article("The judge took 500 willows.", "short")
    assert found_elsewhere(told(short, "500 willows")) == ([], [("500 willows", 1)])


def test_a_page_without_a_full_stop_is_searched_around_the_answer() -> None:
    page = article("judge " * 100 + "500 willows" + " judge" * 100, "page")
    ((searched,), found) = found_elsewhere(told(page, "500 willows"))
    assert "500 willows" in searched
    assert len(searched) <= 511
    assert found == [("500 willows", 3)]


def test_for_neither_side_of_a_dispute_others_are_looked_for() -> None:
    nine = article("The judge asked for 9 willows on the bank of the river.", "nine")
    sides = [told(PLANTED, "500 willows", 5.0), told(nine, "9 willows", 4.9)]
    assert found_elsewhere(*sides) == ([], [("500 willows", 1), ("9 willows", 1)])


@pytest.mark.parametrize("off", ["merging", "stories"])
def test_without_merging_or_stories_nobody_else_is_looked_for(off: str) -> None:
    abilities = replace(ALL_ABILITIES, **{off: False})
    searched, _ = found_elsewhere(told(PLANTED, "500 willows"), abilities=abilities)
    assert searched == []
