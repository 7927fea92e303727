"""Stories that contradict one another stand side by side."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from conftest import article

from rag.abilities import Abilities
from rag.answers import make_answers, surest, timeline
from rag.confidence import Calibration
from rag.stories import group_stories
from rag.types import Answer, Article, Hit, Passage, Span

PLAIN = Calibration(retrieval_weight=0.0, scale=1.0)
WIRE = replace(
    article("The slide killed 11 people in Mirefell.", "wire"), published=date(2024, 5, 1)
)
PAPER = replace(
    article("In Mirefell nine people lost their lives, rescuers said.", "paper"),
    published=date(2024, 5, 3),
)


def span(given: Article, quote: str, score: float) -> Span:
    start = given.text.index(quote)
    return Span(Passage(given, 0, len(given.text)), start, start + len(quote), score, 0.0)


def answers(
    *spans: Span,
    cosine: float = 1.0,
    abilities: Abilities | None = None,
    calibration: Calibration = PLAIN,
) -> Sequence[Answer]:
    hits = [Hit(passage, 1.0) for passage in dict.fromkeys(s.passage for s in spans)]
    stories = group_stories(hit.passage.article for hit in hits)
    return make_answers(
        "",
        spans,
        hits,
        stories,
        calibration,
        lambda a, b: cosine,
        abilities=abilities or Abilities(),
    )


def told(found: Sequence[Answer]) -> list[tuple[str, bool]]:
    return [(answer.text, answer.disputed) for answer in found]


def test_figures_of_two_stories_are_disputed_and_the_newest_comes_first() -> None:
    found = answers(span(WIRE, "11", 3.0), span(PAPER, "nine", 2.0))
    assert told(found) == [("nine", True), ("11", True)]
    assert surest(found) == found[1].confidence > found[0].confidence


def test_that_sources_disagree_is_no_doubt_of_what_each_says() -> None:
    led = replace(PLAIN, lead_weight=0.1)
    alone = answers(span(WIRE, "11", 3.0), calibration=led)
    disputed = answers(span(WIRE, "11", 3.0), span(PAPER, "nine", 2.0), calibration=led)
    apart = answers(span(WIRE, "11", 3.0), span(PAPER, "nine", 2.0), cosine=0.2, calibration=led)
    assert surest(disputed) == alone[0].confidence > apart[0].confidence


def test_what_is_not_comparable_is_no_conflict() -> None:
    rank = [("11", False), ("nine", False)]
    assert told(answers(span(WIRE, "11", 9.0), span(PAPER, "nine", 2.0))) == rank
    assert told(answers(span(WIRE, "11", 3.0), span(PAPER, "nine", 2.0), cosine=0.2)) == rank


def test_one_article_does_not_contradict_itself() -> None:
    both = article("Nine people died and 40 were hurt in Mirefell.", "both")
    found = answers(span(both, "Nine", 3.0), span(both, "40", 2.5))
    assert told(found) == [("Nine", False), ("40", False)]


@pytest.mark.parametrize(
    ("first", "second"),
    [("34 metres", "34 pages"), ("Klara Wendt", "Emil Brandeck"), ("at least 11", "11 people")],
)
def test_only_figures_of_one_unit_that_differ_contradict(first: str, second: str) -> None:
    one, other = (
        article(f"It was {first} there.", "one"),
        article(f"Some say {second} here.", "two"),
    )
    assert not any(
        answer.disputed for answer in answers(span(one, first, 3.0), span(other, second, 2.5))
    )


def test_days_apart_contradict_and_a_day_in_its_week_does_not() -> None:
    one = replace(article("It sank on Tuesday off Holm.", "one"), published=date(2024, 5, 2))
    other = replace(article("The ship went down on Wednesday.", "two"), published=date(2024, 5, 3))
    found = answers(span(one, "Tuesday", 3.0), span(other, "Wednesday", 2.5))
    assert told(found) == [("Wednesday", True), ("Tuesday", True)]
    wide = replace(article("The ship went down this week.", "three"), published=date(2024, 5, 3))
    found = answers(span(one, "Tuesday", 3.0), span(wide, "this week", -0.4))
    assert told(found) == [("Tuesday", False), ("this week", False)]


def test_conflict_can_be_switched_off() -> None:
    found = answers(
        span(WIRE, "11", 3.0), span(PAPER, "nine", 2.0), abilities=Abilities(conflict=False)
    )
    assert told(found) == [("11", False), ("nine", False)]


def test_figures_told_on_different_days_are_a_timeline() -> None:
    found = answers(span(WIRE, "11", 3.0), span(PAPER, "nine", 2.0))
    assert [(day.day, answer.text) for day, answer in timeline(found)] == [(1, "11"), (3, "nine")]
    same_day = replace(PAPER, published=WIRE.published)
    assert timeline(answers(span(WIRE, "11", 3.0), span(same_day, "nine", 2.0))) == []
    assert timeline(answers(span(WIRE, "11", 3.0))) == []
