"""The whole way of a question, with fakes for the two models."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from conftest import FakeEncoder, FakeReader, article
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from news import NEWS, STORM, VOTE, answered, ids, ingest, open_again

from rag.abilities import Abilities
from rag.engine import MAX_QUESTION_CHARACTERS, MAX_SOURCES, Dateline
from rag.errors import CollectionError, InputError, ModelError
from rag.index import EmbeddedIndex
from rag.passage_store import EVERYTHING, Filter
from rag.settings import Settings
from rag.store import Store
from rag.types import Passage, Span, text_hash

# --- questions


def test_of_what_no_article_mentions_an_answer_is_less_sure(dateline: Dateline) -> None:
    ingest(dateline, *NEWS)
    told = dateline.ask("When did the storm come?")
    asked = dateline.ask("When did the storm come to Norway?")
    assert (told.unmentioned, asked.unmentioned) == ((), ("Norway",))
    assert asked.answers[0].confidence < told.answers[0].confidence
    assert dateline.read("When did the storm come to Norway?", NEWS).unmentioned == ()


def test_an_answer_can_be_checked_in_its_article(dateline: Dateline) -> None:
    ingest(dateline, *NEWS)
    reply = dateline.ask("  When did the storm come?\n")
    assert reply.question == "When did the storm come?"
    assert (reply.encoder, reply.reader) == ("fake-encoder", "fake-reader")
    assert reply.answered
    best = reply.answers[0]
    assert best.confidence == FakeReader.calibration.confidence(2.0, 0.0, 1)
    (citation,) = best.citations
    assert citation.article == STORM
    assert STORM.text[citation.start : citation.end] == citation.quote == best.text == "Tuesday"
    assert citation.context in STORM.text
    assert [hit.passage.article for hit in reply.hits] == [STORM, VOTE]


def test_other_stories_that_tell_the_answer_count_though_they_were_not_found_for_the_question(
    dateline: Dateline,
) -> None:
    day = date(2024, 3, 7)
    told = "A storm came. answer: Tuesday 2 was when roofs, trees and a bridge fell."
    said = "There was a match. Ann saw the storm on Tuesday."
    witness = article(said, "witness", published=day)
    ingest(dateline, article(told, "storm", published=day), witness)
    asked = partial(dateline.ask, "When did the storm come?", top_k=1)
    reply = asked()
    assert [hit.passage.article.id for hit in reply.hits] == ["storm"]
    assert reply.answers[0].independent_sources == 2
    assert [c.article.id for c in reply.answers[0].citations] == ["storm", "witness"]

    ingest(dateline, replace(witness, published=day + timedelta(days=1)))
    assert asked(until=day).answers[0].independent_sources == 1


def test_timings_add_up(dateline: Dateline) -> None:
    ingest(dateline, *NEWS)
    timings = dateline.ask("When?").timings
    assert timings.retrieve > 0
    assert timings.read >= 0
    assert timings.retrieve + timings.read <= timings.total < 60_000


@pytest.mark.parametrize(
    ("threshold", "score", "given"),
    [
        (None, "0.1", True),
        (None, "0", True),  # a confidence of just the reader's threshold, 0.5
        (None, "-0.1", False),
        (0.0, "-30", True),
        (0.3, "-0.5", True),
        (0.9, "1", False),
        (0.9, "3", True),
        (1.0, "20", False),
    ],
)
def test_the_threshold_decides_whether_an_answer_is_given(
    dateline: Dateline, tmp_path: Path, threshold: float | None, score: str, given: bool
) -> None:
    ingest(dateline, article(f"The storm came. answer: Tuesday {score} it was."))
    asked = open_again(tmp_path / "data", threshold=threshold)
    reply = asked.ask("When did the storm come?")
    assert reply.answered is given
    # Candidates are shown in any case.
    assert [a.text for a in reply.answers] == ["Tuesday"]
    asked.close()


def test_an_empty_collection_has_no_answers(dateline: Dateline) -> None:
    reply = dateline.ask("When did the storm come?")
    assert (reply.answered, reply.answers, reply.hits) == (False, (), ())
    assert dateline.search("storm") == []
    assert dateline.articles() == []
    assert dateline.counts() == (0, 0)


def test_passages_without_an_answer_give_none(dateline: Dateline) -> None:
    ingest(dateline, article("The storm came."))
    reply = dateline.ask("When?")
    assert (reply.answered, reply.answers, len(reply.hits)) == (False, (), 1)


DATED = [
    # None so sure that the others go unread.
    article(f"The storm came. answer: {id} {n - 9} it was.", id, published=day, source=source)
    for n, (id, day, source) in enumerate(
        [
            ("undated", None, "Post"),
            ("january", date(2024, 1, 10), "Post"),
            ("february", date(2024, 2, 10), "Tidings"),
            ("march", date(2024, 3, 10), None),
        ]
    )
]


class Listening(FakeReader):
    """Keeps the questions it is read."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def read(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        self.heard.append(question)
        return super().read(question, passages)


class Spelling(FakeEncoder):
    """Knows English, in which every word has an "e", as whole tokens, and no names."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1 if "e" in text else 2 for text in texts]


def test_a_mistyped_question_is_read_as_the_passages_write_it(
    store: Store, index: EmbeddedIndex
) -> None:
    reader = Listening()
    dateline = Dateline(store, index, Spelling(), lambda: reader)
    ingest(dateline, STORM, replace(STORM, id="far", text="The vote in Oslo. answer: May 1"))
    asked = "When did the strom come to Olso?"
    reply = dateline.ask(asked)
    assert reader.heard == ["When did the storm come to Oslo?"]
    assert reply.question == asked
    # A word that the encoder knows is no error, however near another is.
    dateline.ask("Was there a vete?")
    assert reader.heard[-1] == "Was there a vete?"
    dateline.read("When did the strom come?", [STORM])
    assert reader.heard[-1] == "When did the storm come?"


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, ["march", "february", "january", "undated"]),
        ({"as_of": date(2024, 2, 10)}, ["february", "january"]),
        ({"as_of": date(2024, 2, 9)}, ["january"]),
        ({"as_of": date(2023, 1, 1)}, []),
        ({"until": date(2024, 2, 10)}, ["february", "january"]),
        ({"until": date(2024, 2, 10), "as_of": date(2024, 1, 31)}, ["january"]),
        ({"until": date(2024, 1, 31), "as_of": date(2024, 2, 10)}, ["january"]),
        ({"since": date(2024, 2, 10)}, ["march", "february"]),
        ({"since": date(2024, 2, 1), "until": date(2024, 2, 29)}, ["february"]),
        ({"sources": ["post"]}, ["january", "undated"]),
        ({"sources": ["Post", "Tidings"], "since": date(2024, 2, 1)}, ["february"]),
        ({"sources": ["Herald"]}, []),
    ],
    ids=str,
)
def test_only_the_evidence_asked_for(
    dateline: Dateline, how: dict[str, object], expected: list[str]
) -> None:
    ingest(dateline, *DATED)
    assert answered(dateline, **how) == expected


@pytest.mark.parametrize(
    ("question", "how", "expected", "as_of"),
    [
        ("When did the storm come?", {}, ["march", "february", "january", "undated"], None),
        (
            "When did the storm come?",
            {"as_of": date(2024, 1, 31)},
            ["january"],
            None,
        ),
        (
            "As of 10 February 2024, when did the storm come?",
            {},
            ["february", "january"],
            date(2024, 2, 10),
        ),
        (
            "When did the storm come as of February 2024?",
            {"as_of": date(2024, 1, 31)},
            ["january"],
            date(2024, 1, 31),
        ),
        (
            "When did the storm come as of January 2024?",
            {"as_of": date(2024, 3, 31)},
            ["january"],
            date(2024, 1, 31),
        ),
    ],
)
def test_the_question_may_say_up_to_when_evidence_counts(
    dateline: Dateline,
    question: str,
    how: dict[str, date],
    expected: list[str],
    as_of: date | None,
) -> None:
    ingest(dateline, *DATED)
    reply = dateline.ask(question, **how)
    assert [answer.text for answer in reply.answers] == expected
    assert (reply.question, reply.as_of) == (question, as_of)


def test_the_words_that_restrict_the_evidence_are_not_searched_or_read(
    dateline: Dateline, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(dateline, *DATED)
    read: list[str] = []
    monkeypatch.setattr(
        FakeReader, "read", lambda self, question, passages: read.append(question) or []
    )
    dateline.ask("As of May 2024, when did the storm come?")
    assert read == ["When did the storm come?"]


@pytest.mark.parametrize(("top_k", "expected"), [(None, 2), (0, 0), (1, 1), (3, 3), (99, 4)])
def test_so_many_passages_are_read(
    dateline: Dateline, tmp_path: Path, top_k: int | None, expected: int
) -> None:
    ingest(dateline, *DATED)
    asked = open_again(tmp_path / "data", top_k=2)
    assert len(asked.ask("When did the storm come?", top_k=top_k).hits) == expected
    asked.close()


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("", "the question is empty: ask something"),
        (" \n\t\u00a0", "the question is empty: ask something"),
        ("Wer? \ud83d", "half of a UTF-16 pair: send it as UTF-8"),
        ("x" * 2001, "has 2001 characters, at most 2000 are read: shorten it"),
        ("x " * 500_000, "has 999999 characters, at most 2000 are read: shorten it"),
    ],
    ids=["empty", "space", "surrogate", "long", "1 MB"],
)
def test_a_question_that_cannot_be_asked(dateline: Dateline, question: str, says: str) -> None:
    ingest(dateline, STORM)
    for act in (dateline.ask, dateline.search, lambda q: dateline.read(q, [STORM])):
        with pytest.raises(InputError, match=says):
            act(question)


@pytest.mark.parametrize(
    "question",
    [
        "x" * MAX_QUESTION_CHARACTERS,
        "?",
        "\0",
        "😀",
        "מתי?",
        'u.s. "bank: (',
        "DROP TABLE articles;--",
    ],
    ids=range(7),
)
def test_any_other_question_is_answered(dateline: Dateline, question: str) -> None:
    ingest(dateline, STORM)
    assert answered(dateline, question) == ["Tuesday"]


def test_so_many_sources_can_be_named_and_no_more(dateline: Dateline) -> None:
    ingest(dateline, STORM)
    outlets = [f"Outlet {n}" for n in range(MAX_SOURCES)]
    assert dateline.ask("Q", sources=outlets).answers == ()
    # SQLite refuses a statement with more variables than it was built for, 32,766 as a rule.
    with pytest.raises(InputError, match="300000 sources, at most 500: name fewer"):
        dateline.ask("Q", sources=["Outlet"] * 300_000)


def test_the_reader_is_loaded_at_the_first_question_and_once(
    store: Store, index: EmbeddedIndex, encoder: FakeEncoder
) -> None:
    loaded: list[FakeReader] = []

    def load() -> FakeReader:
        loaded.append(FakeReader())
        return loaded[-1]

    dateline = Dateline(store, index, encoder, load)
    ingest(dateline, *NEWS)
    dateline.search("storm")
    assert loaded == []
    dateline.ask("When?")
    dateline.ask("When?")
    assert len(loaded) == 1
    assert dateline.reader is loaded[0]


def test_search_gives_the_best_passages_first(dateline: Dateline) -> None:
    ingest(dateline, *NEWS)
    hits = dateline.search(" vote ")
    assert [hit.passage.article.id for hit in hits] == ["vote", "storm"]
    assert hits[0].score > hits[1].score
    assert hits[0].passage.text == VOTE.text
    assert dateline.search("vote", limit=1) == hits[:1]
    assert dateline.search("vote", where=Filter(sources=("Post",))) == []
    assert dateline.search("vote", where=EVERYTHING) == hits


def test_given_articles_are_read_whole_without_being_stored(dateline: Dateline) -> None:
    reply = dateline.read("When did the storm come?", NEWS)
    assert [a.text for a in reply.answers] == ["Tuesday", "Friday"]
    assert [hit.passage for hit in reply.hits] == [Passage(a, 0, len(a.text)) for a in NEWS]
    assert dateline.counts() == (0, 0)
    assert dateline.read("When?", []).answers == ()
    assert dateline.read("When?", [article("")]).answers == ()


# --- verification


@pytest.mark.parametrize(
    ("change", "valid", "reason"),
    [
        ({}, True, "text and hash agree"),
        ({"article_id": "ghost"}, False, "no article 'ghost' in this collection"),
        ({"sha256": text_hash("other")}, False, "the article's text is not the one that was cited"),
        ({"sha256": ""}, False, "the article's text is not the one that was cited"),
        ({"quote": "tuesday"}, False, "text[24:31] is not the quote"),
        ({"quote": ""}, False, "text[24:31] is not the quote"),
        ({"start": 23}, False, "text[23:31] is not the quote"),
        ({"end": 32}, False, "text[24:32] is not the quote"),
        ({"start": 31, "quote": ""}, False, "text[31:31] is not the quote"),
        ({"start": 31, "end": 24, "quote": ""}, False, "text[31:24] is not the quote"),
        ({"start": 24 - 41, "end": 31 - 41}, False, "text[-17:-10] is not the quote"),
        ({"start": 34, "end": 99, "quote": "t was."}, False, "text[34:99] is not the quote"),
    ],
    ids=str,
)
def test_verify(dateline: Dateline, change: dict[str, object], valid: bool, reason: str) -> None:
    ingest(dateline, STORM)
    assert STORM.text[24:31] == "Tuesday"
    assert len(STORM.text) == 41
    citation = {
        "article_id": "storm",
        "quote": "Tuesday",
        "start": 24,
        "end": 31,
        "sha256": STORM.sha256,
    }
    verdict = dateline.verify(**(citation | change))
    assert (verdict.valid, verdict.reason) == (valid, reason)


def test_a_citation_of_a_changed_article_holds_no_more(dateline: Dateline) -> None:
    ingest(dateline, STORM)
    (citation,) = dateline.ask("When?").answers[0].citations
    ingest(dateline, replace(STORM, text=STORM.text + " More."))
    args = (citation.quote, citation.start, citation.end, citation.article.sha256)
    assert not dateline.verify("storm", *args).valid


# --- any text

PARTS = [
    "The storm came.",
    "أعلن الوزير ذلك أمس.",
    "🏳️‍🌈👩‍🚀",
    "e\u0301e\u0301",
    "该协议于周二签署。",
    "\u202eright\u202c",
    "\n",
    "• ",
    "answer: יום 3 ",
    "answer: 😀! 2 ",
    "answer: e\u0301te\u0301 1.5 ",
    "answer: Tuesday 1 ",
]
any_text = st.one_of(
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=10).map(" ".join),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=60),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_text, min_size=1, max_size=3))
def test_any_text_comes_back_and_its_quotes_hold(dateline: Dateline, texts: Sequence[str]) -> None:
    for old in ids(dateline):
        dateline.delete(old)
    news = [article(text, f"a{n}", title=text[:9]) for n, text in enumerate(texts)]
    ingest(dateline, *news)
    for each in news:
        assert dateline.article(each.id) == each
    assert [a for a in dateline.articles() if a not in news] == []
    reply = dateline.ask("When?", top_k=50)
    for hit in reply.hits:
        passage = hit.passage
        assert passage.text == passage.article.text[passage.start : passage.end].strip()
    for answer in reply.answers:
        for citation in answer.citations:
            stored = dateline.article(citation.article.id)
            assert stored.text[citation.start : citation.end] == citation.quote
            assert dateline.verify(
                stored.id, citation.quote, citation.start, citation.end, stored.sha256
            ).valid


@pytest.mark.parametrize("text", ["Storm", "😀", "•", "...", "\u00a0", ""])
def test_an_article_of_next_to_nothing(dateline: Dateline, text: str) -> None:
    assert ingest(dateline, article(text)) == [("a", "added")]
    assert dateline.article("a").text == text
    assert answered(dateline) == []
    assert ingest(dateline, article(text)) == [("a", "unchanged")]


def test_a_long_article_is_cited_deep_inside(dateline: Dateline) -> None:
    text = "😀 Nothing happened here. " * 300 + "The storm came. answer: Tuesday 3 it was."
    ingest(dateline, article(text))
    assert dateline.counts()[1] > 5
    (answer,) = dateline.ask("When did the storm come?").answers
    assert answer.citations[0].start == text.index("Tuesday")


# --- opening


def test_a_missing_collection_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=f"no collection in {tmp_path}: run 'dateline ingest"):
        Dateline.open(Settings(data_dir=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_was_switched_off_is_not_done(tmp_path: Path, dateline: Dateline) -> None:
    copies = [article(STORM.text, "storm"), article(STORM.text, "copy")]
    ingest(dateline, *copies)
    (best,) = dateline.ask("When did the storm come?").answers
    assert best.independent_sources == 1
    plain = open_again(tmp_path / "data", abilities=Abilities(stories=False))
    (best,) = plain.ask("When did the storm come?").answers
    assert best.independent_sources == 2


def test_who_will_ask_has_the_reader_loaded_beside_the_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Event()

    def load_reader(name: str, quantize: bool | None) -> FakeReader:
        reading.set()
        return FakeReader()

    def load_encoder(name: str) -> FakeEncoder:
        assert reading.wait(timeout=10)
        return FakeEncoder()

    monkeypatch.setattr("rag.engine.load_reader", load_reader)
    monkeypatch.setattr("rag.engine.load_encoder", load_encoder)
    with Dateline.open(Settings(data_dir=tmp_path), create=True, to_ask=True) as opened:
        list(opened.ingest([STORM]))
        assert answered(opened) == ["Tuesday"]


def test_a_reader_that_does_not_load_is_an_error_of_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_reader(name: str, quantize: bool | None) -> FakeReader:
        raise ModelError("no reader")

    monkeypatch.setattr("rag.engine.load_reader", load_reader)
    monkeypatch.setattr("rag.engine.load_encoder", lambda name: FakeEncoder())
    with Dateline.open(Settings(data_dir=tmp_path), create=True, to_ask=True) as opened:
        assert opened.search("storm") == []
        with pytest.raises(ModelError, match="no reader"):
            opened.ask("When did the storm come?")
