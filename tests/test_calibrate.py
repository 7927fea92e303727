"""Fitting the confidence: the weights, the probability and the threshold, on made-up readings."""

import itertools
import random
from dataclasses import replace

import pytest
from conftest import article

from eval.calibrate import Case, fit, read_cases
from eval.gold import Gold, Question
from rag.confidence import Calibration, lead, sigmoid
from rag.engine import Dateline
from rag.errors import InputError
from rag.types import Hit, Passage, Span

NUMBERS = itertools.count()
START = Calibration(retrieval_weight=0.0, scale=0.5)


def case(*candidates: tuple[str, float, float], right: str | None) -> Case:
    """One article for each candidate (its word, the span's score, the passage's relevance)."""
    hits, spans = [], []
    for number, (word, score, relevance) in enumerate(candidates):
        # Words of its own, lest the articles be taken for reprints of one another.
        text = f"{word} " + " ".join(f"{word}{number}x{n}" for n in range(9))
        passage = Passage(article(text, f"a{number}"), 0, len(text))
        hits.append(Hit(passage, 0.0))
        spans.append(Span(passage, 0, len(word), score, relevance))
    return Case(
        f"q{next(NUMBERS)}", "Who?", () if right is None else (right,), tuple(hits), tuple(spans)
    )


def confidence(given: Case, calibration: Calibration) -> float:
    best, *others = given.ranked(calibration)
    return calibration.confidence(best.score, lead(best.score, [o.score for o in others]), 0)


@pytest.fixture(scope="module")
def readings() -> list[Case]:
    """Right as often as the sigmoid of the score says; a quarter has no answer at all."""
    rng = random.Random(0)
    cases = []
    for number in range(400):
        if number % 4 == 0:
            cases.append(case(("Ann", rng.uniform(-4, 0), 0.0), right=None))
        else:
            score = rng.uniform(-2, 4)
            right = "Ann" if rng.random() < sigmoid(score) else "Bob"
            cases.append(case(("Ann", score, 0.0), right=right))
    return cases


def test_the_probability_follows_how_often_such_answers_are_right(readings: list[Case]) -> None:
    fitted = fit(readings, START)
    low, high = (
        confidence(case(("Ann", score, 0.0), right="Ann"), fitted.calibration)
        for score in (-2.0, 3.0)
    )
    assert low < 0.2
    assert high > 0.85
    assert fitted.readings == 400
    assert fitted.ece < 0.12
    assert fitted.auroc is not None
    assert fitted.auroc > 0.85


def test_the_threshold_parts_what_pays_from_what_does_not(readings: list[Case]) -> None:
    calibration = fit(readings, START).calibration
    hopeless, sure = (case(("Ann", score, 0.0), right=None) for score in (-3.5, 3.5))
    assert confidence(hopeless, calibration) < calibration.threshold
    assert calibration.threshold < confidence(sure, calibration)


def test_relevance_counts_where_it_finds_the_right_passage() -> None:
    # The span that scores a little higher is wrong whenever its passage is beside the point.
    cases = [
        case(("Bob", 2.0 + n % 3, -4.0), ("Ann", 1.5 + n % 3, 3.0), right="Ann") for n in range(60)
    ] + [case(("Ann", -1.0, -4.0), right=None) for _ in range(20)]
    fitted = fit(cases, START)
    assert fitted.calibration.relevance_weight > 0
    assert fitted.forced_f1 == 1.0


def test_a_question_of_few_words_may_be_less_sure() -> None:
    vague = [replace(case(("Ann", 1.0, 0.0), right="Bob"), question="Who?") for _ in range(40)]
    clear = [
        replace(case(("Ann", 1.0, 0.0), right="Ann"), question="Who signed the river treaty?")
        for _ in range(40)
    ]
    silent = [case(("Ann", -3.0 + n % 3, 0.0), right=None) for n in range(20)]
    fitted = fit(vague + clear + silent, START).calibration
    assert fitted.length_weight > 0
    assert fitted.confidence(1.0, 0.0, 0) < 0.5 < fitted.confidence(1.0, 0.0, 3)


def test_the_best_of_equals_may_be_less_sure() -> None:
    alone = [case(("Ann", 1.0, 0.0), ("Bob", -7.0, 0.0), right="Ann") for _ in range(40)]
    beside = [case(("Ann", 1.0, 0.0), ("Bob", 0.9, 0.0), right="Bob") for _ in range(40)]
    silent = [case(("Ann", -3.0 + n % 3, 0.0), right=None) for n in range(20)]
    fitted = fit(alone + beside + silent, START).calibration
    assert fitted.lead_weight > 0
    assert confidence(beside[0], fitted) < 0.5 < confidence(alone[0], fitted)


@pytest.mark.parametrize("answerable", [0, 20, 60])
def test_too_few_readings_are_refused(answerable: int) -> None:
    cases = [case(("Ann", 1.0, 0.0), right="Ann")] * answerable
    with pytest.raises(
        InputError, match=f"{answerable} readings that should find an answer and 0 "
    ):
        fit(cases, START)


def test_readings_that_are_all_right_or_all_wrong_are_refused() -> None:
    cases = [case(("Ann", 1.0, 0.0), right="Bob") for _ in range(60)]
    cases += [case(("Ann", 1.0, 0.0), right=None)]
    with pytest.raises(InputError, match="0 were answered right"):
        fit(cases, START)


# --- reading


@pytest.fixture
def engine(dateline: Dateline) -> Dateline:
    articles = [
        article("The storm came. answer: Tuesday 2.0", "storm"),
        article("The vote was held. answer: Friday 1.0", "vote"),
    ]
    assert len(list(dateline.ingest(articles))) == 2
    return dateline


def test_a_question_is_read_alone_in_the_collection_and_without_its_articles(
    engine: Dateline,
) -> None:
    told: list[int] = []
    question = Question("q", "When did the storm come?", ("Tuesday",), ("storm",))
    cases = read_cases(engine, Gold((question,)), told.append)
    assert [sorted(h.passage.article.id for h in c.hits) for c in cases] == [
        ["storm"],
        ["storm", "vote"],
        ["vote"],
    ]
    assert [c.answers for c in cases] == [("Tuesday",), ("Tuesday",), ()]
    assert [s.text for s in cases[1].spans] == ["Tuesday", "Friday"]
    assert told == [1]


def test_a_question_without_articles_is_asked_of_the_collection_alone(engine: Dateline) -> None:
    question = Question("q", "Who won the match?", (), ())
    (only,) = read_cases(engine, Gold((question,)), lambda _: None)
    assert only.answers == ()
    assert {h.passage.article.id for h in only.hits} == {"storm", "vote"}


def test_what_else_holds_the_answer_is_no_reading_without_one(engine: Dateline) -> None:
    other = article("Nobody saw the storm before Tuesday. answer: Tuesday 1.0", "other")
    assert len(list(engine.ingest([other]))) == 1
    question = Question("q", "When did the storm come?", ("Tuesday",), ("storm",))
    *_, without = read_cases(engine, Gold((question,)), lambda _: None)
    assert [h.passage.article.id for h in without.hits] == ["vote"]


def test_a_question_that_cannot_be_asked_is_passed_over(engine: Dateline) -> None:
    question = Question("q", "storm " * 1000, ("Tuesday",), ("storm",))
    assert read_cases(engine, Gold((question,)), lambda _: None) == []
