"""Stories that say the same without being read so are counted; look-alikes are not."""

from dataclasses import replace
from datetime import date

from conftest import article

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


def test_who_else_tells_the_best_answer_is_looked_for_by_its_sentence() -> None:
    searched: list[str] = []

    def elsewhere(sentence: str) -> tuple[list[Hit], Stories]:
        searched.append(sentence)
        return hits(READ, OTHER, MARKET), STORIES

    found = make_answers(
        "",
        [told(READ, "500 willows"), told(READ, "no fee", 4.0)],
        hits(READ),
        {"read": (READ,)},
        Calibration(retrieval_weight=0.0, scale=1.0),
        lambda one, other: of_the_judge(one, other) + 0.1,
        elsewhere=elsewhere,
    )
    assert searched == ["The judge asked for 500 willows."]
    assert [(a.text, a.independent_sources) for a in found] == [("500 willows", 2), ("no fee", 1)]
    assert found[0].citations[1].article == OTHER
    assert [a.id for a in found[0].citations[1].reprints] == ["copy"]
