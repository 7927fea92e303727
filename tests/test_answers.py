"""Spans become distinct answers, each with citations that hold and a confidence that means odds."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from conftest import article
from hypothesis import given
from hypothesis import strategies as st

from rag.abilities import ALL_ABILITIES, Abilities
from rag.answers import make_answers
from rag.candidates import favour_first, merge_spans, weigh_spans
from rag.confidence import Calibration
from rag.equality import normalize_answer, same_answer
from rag.stories import group_stories
from rag.types import Answer, Article, Hit, Interval, Passage, Span

PLAIN = Calibration(retrieval_weight=0.0, scale=1.0)


def whole(given: Article) -> Passage:
    return Passage(given, 0, len(given.text))


def span(given: Article, quote: str, score: float, nth: int = 0) -> Span:
    """Where the article says the quote for the nth time."""
    start = -1
    for _ in range(nth + 1):
        start = given.text.index(quote, start + 1)
    return Span(whole(given), start, start + len(quote), score, 0.0)


def unlike(one: str, other: str) -> float:
    return 0.0


def answers(
    *spans: Span,
    calibration: Calibration = PLAIN,
    limit: int = 5,
    abilities: Abilities = ALL_ABILITIES,
) -> tuple[Answer, ...]:
    hits = [Hit(passage, 1.0) for passage in dict.fromkeys(s.passage for s in spans)]
    stories = group_stories(hit.passage.article for hit in hits)
    return make_answers("", spans, hits, stories, calibration, unlike, limit, abilities)


# Three stories, and a copy of the first that was cut short.
TALKS = article(
    "Envoys met in Port Ellan. They signed the accord on Tuesday. "
    "Nobody would say more about what it holds for the railway.",
    "talks",
)
CUT = article(TALKS.text[:61], "cut")
RIVAL = article("A pact was reached on tuesday, witnesses of the ceremony told us.", "rival")
DOUBT = article("Our reporters learned that nothing was signed before Friday noon.", "doubt")


# --- weighing by retrieval


def test_a_span_loses_what_its_hit_falls_short_of_the_best() -> None:
    hits = [Hit(whole(TALKS), 0.030), Hit(whole(RIVAL), 0.028), Hit(whole(DOUBT), 0.010)]
    spans = [span(RIVAL, "tuesday", 5), span(TALKS, "Tuesday", 4), span(DOUBT, "Friday", 9)]
    weighed = weigh_spans(spans, hits, Calibration(retrieval_weight=500.0))
    assert [s.score for s in weighed] == pytest.approx([4.0, 4.0, -1.0])
    assert [s.text for s in weighed] == [s.text for s in spans]
    assert [s.score for s in spans] == [5, 4, 9]
    assert weigh_spans(spans, hits, PLAIN) == spans
    assert weigh_spans([], [], PLAIN) == []


def test_retrieval_may_decide_between_answers() -> None:
    hits = [Hit(whole(TALKS), 0.03), Hit(whole(DOUBT), 0.01)]
    spans = [span(DOUBT, "Friday", 6), span(TALKS, "Tuesday", 5)]
    stories = group_stories([TALKS, DOUBT])
    for weight, expected in [(0.0, "Friday"), (100.0, "Tuesday")]:
        calibration = Calibration(retrieval_weight=weight, scale=1.0)
        best, *_ = make_answers("", spans, hits, stories, calibration, unlike)
        assert best.text == expected


# --- merging


def merged(*spans: Span) -> list[list[tuple[str, str]]]:
    return [[(s.passage.article.id, s.text) for s in group] for group in merge_spans(spans)]


def test_spans_that_read_the_same_are_one_answer() -> None:
    spans = [span(RIVAL, "tuesday,", 4), span(TALKS, "Tuesday", 5), span(DOUBT, "Friday", 3)]
    expected = [[("talks", "Tuesday"), ("rival", "tuesday,")], [("doubt", "Friday")]]
    assert merged(*spans) == expected
    assert merged(*reversed(spans)) == expected


def test_spans_that_say_the_same_in_other_words_are_one_answer() -> None:
    told = [article("It cost five million.", "a"), article("It cost 5m.", "b")]
    named = [article("Chancellor Ada Holt spoke.", "c"), article("Then Holt’s turn came.", "d")]
    spans = [
        span(told[0], "five million", 4),
        span(told[1], "5m", 5),
        span(named[0], "Chancellor Ada Holt", 3),
        span(named[1], "Holt’s", 2),
    ]
    assert merged(*spans) == [
        [("b", "5m"), ("a", "five million")],
        [("c", "Chancellor Ada Holt"), ("d", "Holt’s")],
    ]


def test_of_overlapping_spans_of_one_article_the_best_stays() -> None:
    spans = [
        span(TALKS, "on Tuesday", 4),
        span(TALKS, "Tuesday", 5),
        span(TALKS, "signed the accord on", 3),
    ]
    assert merged(*spans) == [[("talks", "Tuesday")], [("talks", "signed the accord on")]]


def test_passages_that_overlap_give_one_answer() -> None:
    one, two = Passage(TALKS, 0, 70), Passage(TALKS, 26, 80)
    start = TALKS.text.index("Tuesday")
    spans = [Span(p, start, start + 7, score, 0.0) for p, score in ((one, 5.0), (two, 6.0))]
    (group,) = merge_spans(spans)
    assert group == [spans[1]]


def test_the_same_offsets_in_another_article_are_no_overlap() -> None:
    other = article(TALKS.text.replace("Tuesday", "Fridays"), "other")
    assert len(merge_spans([span(TALKS, "Tuesday", 5), span(other, "Fridays", 4)])) == 2


def test_spans_of_nothing_but_articles_and_punctuation_are_no_answers() -> None:
    assert merged(span(TALKS, "the", 9), span(TALKS, ".", 8)) == []


# --- answers


def test_no_spans_no_answers() -> None:
    assert answers() == ()
    assert (
        make_answers("", [], [Hit(whole(TALKS), 1.0)], group_stories([TALKS]), PLAIN, unlike) == ()
    )


def test_an_answer_cites_its_words_in_their_sentence() -> None:
    (answer,) = answers(span(TALKS, "Tuesday", 0.0))
    assert (answer.text, answer.confidence, answer.independent_sources) == ("Tuesday", 0.5, 1)
    (citation,) = answer.citations
    assert citation.article is TALKS
    assert citation.quote == "Tuesday"
    assert citation.context == "They signed the accord on Tuesday."
    assert citation.reprints == ()


def test_the_odds_of_independent_stories_add_up() -> None:
    # Odds of 2 and of 3 come to 5, a confidence of 5/6.
    (answer,) = answers(span(TALKS, "Tuesday", math.log(2)), span(RIVAL, "tuesday", math.log(3)))
    assert answer.confidence == pytest.approx(5 / 6)
    assert answer.independent_sources == 2
    assert answer.text == "tuesday"
    assert [c.article.id for c in answer.citations] == ["rival", "talks"]


@pytest.mark.parametrize("scores", [(2.0, 3.0), (3.0, 2.0)])
def test_a_truncated_copy_is_a_reprint_and_no_second_source(scores: tuple[float, float]) -> None:
    (answer,) = answers(span(TALKS, "Tuesday", scores[0]), span(CUT, "Tuesday", scores[1]))
    (citation,) = answer.citations
    assert citation.article is TALKS
    assert citation.reprints == (CUT,)
    assert answer.independent_sources == 1
    assert answer.confidence == PLAIN.confidence(3.0, 0.0, 0)


def test_one_article_saying_it_twice_is_one_source() -> None:
    given = article("It was Tuesday. Yes, Tuesday.")
    (answer,) = answers(span(given, "Tuesday", 1.0), span(given, "Tuesday", 2.0, nth=1))
    assert answer.independent_sources == 1
    assert [c.context for c in answer.citations] == ["Yes, Tuesday."]
    assert answer.confidence == PLAIN.confidence(2.0, 0.0, 0)


def test_two_stories_outweigh_one_that_is_a_little_surer() -> None:
    spans = [span(DOUBT, "Friday", 1.2), span(TALKS, "Tuesday", 1.0), span(RIVAL, "tuesday", 1.0)]
    assert [normalize_answer(a.text) for a in answers(*spans)] == ["tuesday", "friday"]


def test_copies_do_not_outweigh_anything() -> None:
    copies = [article(TALKS.text, f"copy{n}") for n in range(9)]
    spans = [span(copy, "Tuesday", 1.0) for copy in copies] + [span(DOUBT, "Friday", 1.2)]
    best, other = answers(*spans)
    assert best.text == "Friday"
    assert other.independent_sources == 1
    assert len(other.citations[0].reprints) == 8


def test_a_story_is_one_source_though_only_its_shorter_tellings_were_read() -> None:
    hits = [Hit(whole(CUT), 1.0), Hit(whole(RIVAL), 1.0)]
    story = (TALKS, CUT)
    (answer,) = make_answers(
        "",
        [span(CUT, "Tuesday", 3.0), span(RIVAL, "tuesday", 2.0)],
        hits,
        {"cut": story, "rival": (RIVAL,)},
        PLAIN,
        unlike,
    )
    assert answer.independent_sources == 2
    assert [(c.article.id, [a.id for a in c.reprints]) for c in answer.citations] == [
        ("talks", ["cut"]),
        ("rival", []),
    ]


def test_without_stories_every_copy_is_a_source() -> None:
    spans = [span(TALKS, "Tuesday", 1.0), span(CUT, "Tuesday", 1.0)]
    (answer,) = answers(*spans, abilities=Abilities(stories=False))
    assert answer.independent_sources == 2
    assert [c.reprints for c in answer.citations] == [(), ()]


def test_without_merging_each_story_has_an_answer_of_its_own() -> None:
    spans = [span(RIVAL, "tuesday", 2.0), span(TALKS, "Tuesday", 1.0), span(CUT, "Tuesday", 0.0)]
    found = answers(*spans, abilities=Abilities(merging=False))
    assert [(a.text, a.independent_sources) for a in found] == [("tuesday", 1), ("Tuesday", 1)]
    assert [c.reprints for a in found for c in a.citations] == [(), (CUT,)]
    assert found[0].confidence == PLAIN.confidence(2.0, 0.0, 0)


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (5, 3)])
def test_no_more_than_the_limit_best_first(limit: int, expected: int) -> None:
    spans = [span(DOUBT, "Friday", 1), span(TALKS, "Tuesday", 3), span(TALKS, "Port Ellan", 2)]
    found = answers(*spans, limit=limit)
    assert [a.text for a in found] == ["Tuesday", "Port Ellan", "Friday"][:expected]


@pytest.mark.parametrize("score", [1e6, -1e6])
def test_extreme_scores_overflow_nowhere(score: float) -> None:
    spans = [span(TALKS, "Tuesday", score), span(RIVAL, "tuesday", -score)]
    (answer,) = answers(*spans)
    assert answer.confidence == pytest.approx(1.0)


WORDS = [
    "Tuesday",
    "tuesday.",
    "the",
    "U.S.",
    "—",
    "😀",
    "cafe\u0301",
    "שלום",
    "Dr.",
    "Friday!",
    "\n",
]
article_texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=20).map(" ".join)


@st.composite
def some_spans(draw: st.DrawFn) -> list[Span]:
    spans = []
    for n, text in enumerate(draw(st.lists(article_texts, min_size=1, max_size=4))):
        given = article(text, f"a{n}")
        for _ in range(draw(st.integers(0, 5))):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            spans.append(Span(whole(given), start, end, draw(st.floats(-20, 20)), 0.0))
    return spans


@given(some_spans())
def test_every_answer_holds_what_it_says(spans: Sequence[Span]) -> None:
    found = answers(*spans, limit=99)
    assert len({normalize_answer(a.text) for a in found}) == len(found)
    assert [a.confidence for a in found] == sorted((a.confidence for a in found), reverse=True)
    for answer in found:
        assert 0.0 <= answer.confidence <= 1.0
        assert answer.independent_sources == len(answer.citations) >= 1
        cited = [c.article.id for c in answer.citations]
        folded = [a.id for c in answer.citations for a in c.reprints]
        assert len({*cited, *folded}) == len(cited) + len(folded)
        for citation in answer.citations:
            text = citation.article.text
            assert citation.quote == text[citation.start : citation.end]
            assert same_answer(citation.quote, answer.text)
            assert citation.context_start <= citation.start < citation.end <= citation.context_end
            assert citation.context == text[citation.context_start : citation.context_end]


# --- days


def test_an_answer_carries_the_days_it_means_where_its_best_citation_stands() -> None:
    told = replace(TALKS, published=date(2023, 12, 6))
    (answer,) = answers(span(told, "Tuesday", 3.0), span(RIVAL, "tuesday", 2.0))
    assert answer.when == Interval(date(2023, 12, 5), date(2023, 12, 5))


def test_one_tuesday_is_not_another() -> None:
    told = replace(TALKS, published=date(2023, 12, 6))
    later = replace(RIVAL, published=date(2024, 3, 6))
    found = answers(span(told, "Tuesday", 3.0), span(later, "tuesday", 2.0))
    assert [(a.text, a.when and a.when.start) for a in found] == [
        ("Tuesday", date(2023, 12, 5)),
        ("tuesday", date(2024, 3, 5)),
    ]


def test_days_told_more_closely_by_another_story_come_first_and_count_with_it() -> None:
    told = replace(TALKS, published=date(2023, 12, 6))
    later = article("They met earlier this year.", "b", published=date(2023, 12, 8))
    (answer,) = answers(span(later, "earlier this year", 3.0), span(told, "Tuesday", 2.0))
    assert answer.text == "Tuesday"
    assert answer.when == Interval(date(2023, 12, 5), date(2023, 12, 5))
    assert answer.independent_sources == 2


@pytest.mark.parametrize(("wide", "score"), [("2023", 3.0), ("earlier this year", 5.1)])
def test_a_bare_year_and_what_is_much_less_likely_stay_apart(wide: str, score: float) -> None:
    told = replace(TALKS, published=date(2023, 12, 6))
    later = article(f"They met in {wide}.", "b", published=date(2023, 12, 8))
    found = answers(span(later, wide, score), span(told, "Tuesday", 2.0))
    assert [a.text for a in found] == [wide, "Tuesday"]


def test_days_that_the_best_citation_leaves_open_are_the_next_one_s() -> None:
    later = replace(RIVAL, published=date(2024, 3, 6))
    (answer,) = answers(span(TALKS, "Tuesday", 3.0), span(later, "tuesday", 2.0))
    assert answer.when == Interval(date(2024, 3, 5), date(2024, 3, 5))


def test_an_answer_that_names_no_time_has_no_days() -> None:
    told = replace(TALKS, published=date(2023, 12, 6))
    (answer,) = answers(span(told, "the accord", 3.0))
    assert answer.when is None


# --- articles read whole


def test_what_an_article_tells_first_gains() -> None:
    told = article("Headline.\n\nFirst Kelmara won.\n  \nThen Ostrevia did.\nLast Brenn.", "told")
    first, second, third = (span(told, name, 5.0) for name in ("Kelmara", "Ostrevia", "Brenn"))
    found = favour_first([third, second, first], weight=2.0)
    assert [s.text for s in found] == ["Kelmara", "Ostrevia", "Brenn"]
    # Before them stand one, two and three paragraphs; an empty line is none.
    assert [s.score for s in found] == pytest.approx([5 - 2 * math.log(n) for n in (2, 3, 4)])
    assert favour_first([third, first], weight=0.0) == [third, first]


def test_one_paragraph_tells_nothing_first() -> None:
    told = article("First Kelmara won. Then Ostrevia did.", "told")
    found = favour_first([span(told, "Kelmara", 1.0), span(told, "Ostrevia", 2.0)], weight=9.0)
    assert [(s.text, s.score) for s in found] == [("Ostrevia", 2.0), ("Kelmara", 1.0)]
