"""The reply of `POST /v1/ask` and `dateline ask --json` is the wire contract's, key for key."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from conftest import article

from api.schemas import AskResponse
from rag.types import Answer, Citation, Interval, Reply, Timings, text_hash

SELECTOR = [
    {"type": "str", "start": "int", "end": "int"},
    {"type": "str", "exact": "str", "prefix": "str", "suffix": "str"},
]
REPRINT = {"article_id": "str", "title": "str", "published": "str"}
CITATION = {
    "article_id": "str",
    "title": "str",
    "published": "str",
    "source": "str",
    "url": "str",
    "quote": "str",
    "start": "int",
    "end": "int",
    "context": "str",
    "sha256": "str",
    "selector": SELECTOR,
    "reprints": [REPRINT],
}
ANSWER = {
    "text": "str",
    "confidence": "float",
    "when": {"start": "str", "end": "str"},
    "independent_sources": "int",
    "disputed": "bool",
    "citations": [CITATION],
}
CONTRACT = {
    "question": "str",
    "answer": "str",
    "confidence": "float",
    "answers": [ANSWER],
    "timings_ms": {"retrieve": "float", "read": "float", "total": "float"},
    "models": {"encoder": "str", "reader": "str"},
}

# An emoji outside the basic plane and an accent before the quote: offsets are code points.
TEXT = (
    "🌊 Håkansen’s envoys met in the ballroom of the Lakeside Hotel before breakfast.\n\n"
    "They signed the accord on Tuesday, after eleven hours of talks about the river."
)
ACCORD = article(
    TEXT,
    "wire/accord",
    title="Accord signed",
    published=date(2024, 4, 24),
    source="Harbour Wire",
    url="https://wire.example/accord",
)
REPRINTED = replace(ACCORD, id="tidings-accord", source="Tidings", url=None)
DAY = Interval(date(2024, 4, 23), date(2024, 4, 23))


def cited(quote: str, context: str) -> Citation:
    start, around = TEXT.index(quote), TEXT.index(context)
    return Citation(
        ACCORD,
        start,
        start + len(quote),
        around,
        around + len(context),
        reprints=(REPRINTED,),
    )


TUESDAY = cited("Tuesday", TEXT.split("\n\n")[1])
ANSWERED = Reply(
    question="When was the accord signed?",
    answered=True,
    answers=(Answer("Tuesday", 0.87, (TUESDAY,), independent_sources=1, when=DAY),),
    hits=(),
    timings=Timings(retrieve=3.14159, read=41.0, total=45.2),
    encoder="fake-encoder",
    reader="fake-reader",
)


def wire(reply: Reply) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(AskResponse.of(reply).model_dump_json())
    return document


def selectors(citation: Citation) -> list[dict[str, Any]]:
    reply = replace(ANSWERED, answers=(replace(ANSWERED.answers[0], citations=(citation,)),))
    found: list[dict[str, Any]] = wire(reply)["answers"][0]["citations"][0]["selector"]
    return found


def shape(value: object) -> object:
    """The document with the name of its type in place of every value."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def test_a_reply_has_exactly_the_keys_and_types_of_the_contract() -> None:
    assert shape(wire(ANSWERED)) == CONTRACT


def test_every_value_is_the_reply_s_own() -> None:
    document = wire(ANSWERED)
    (answer,) = document.pop("answers")
    (citation,) = answer.pop("citations")
    assert document == {
        "question": "When was the accord signed?",
        "answer": "Tuesday",
        "confidence": 0.87,
        "timings_ms": {"retrieve": 3.1, "read": 41.0, "total": 45.2},
        "models": {"encoder": "fake-encoder", "reader": "fake-reader"},
    }
    assert answer == {
        "text": "Tuesday",
        "confidence": 0.87,
        "when": {"start": "2024-04-23", "end": "2024-04-23"},
        "independent_sources": 1,
        "disputed": False,
    }
    citation.pop("selector")
    assert citation == {
        "article_id": "wire/accord",
        "title": "Accord signed",
        "published": "2024-04-24",
        "source": "Harbour Wire",
        "url": "https://wire.example/accord",
        "quote": "Tuesday",
        "start": TEXT.index("Tuesday"),
        "end": TEXT.index("Tuesday") + len("Tuesday"),
        "context": TEXT.split("\n\n")[1],
        "sha256": text_hash(TEXT),
        "reprints": [
            {
                "article_id": "tidings-accord",
                "title": "Accord signed",
                "published": "2024-04-24",
            }
        ],
    }


def test_an_abstention_has_no_answer_but_its_candidates_and_their_confidence() -> None:
    candidate = replace(ANSWERED.answers[0], confidence=0.2)
    document = wire(replace(ANSWERED, answered=False, answers=(candidate,)))
    assert document["answer"] is None
    assert document["confidence"] == 0.2
    assert [answer["text"] for answer in document["answers"]] == ["Tuesday"]


def test_a_reply_without_any_candidate_keeps_its_keys() -> None:
    document = wire(replace(ANSWERED, answered=False, answers=()))
    assert document.keys() == CONTRACT.keys()
    assert (document["answer"], document["confidence"], document["answers"]) == (None, 0.0, [])


def test_what_is_not_known_is_null_and_never_left_out() -> None:
    bare = article("On Tuesday.", "bare")
    citation = Citation(bare, 3, 10, 0, 11, reprints=(article("On Tuesday.", "copy"),))
    answer = Answer("Tuesday", 0.5, (citation,), independent_sources=1)
    (on_wire,) = wire(replace(ANSWERED, answers=(answer,)))["answers"]
    (cited_on_wire,) = on_wire["citations"]
    assert on_wire.keys() == ANSWER.keys()
    assert cited_on_wire.keys() == CITATION.keys()
    assert on_wire["when"] is None
    assert [cited_on_wire[key] for key in ("title", "published", "source", "url")] == [None] * 4
    assert cited_on_wire["reprints"] == [{"article_id": "copy", "title": None, "published": None}]


def test_the_best_answer_s_confidence_is_the_reply_s() -> None:
    second = replace(ANSWERED.answers[0], text="ballroom", confidence=0.4)
    document = wire(replace(ANSWERED, answers=(*ANSWERED.answers, second)))
    assert document["confidence"] == document["answers"][0]["confidence"] == 0.87
    assert [answer["text"] for answer in document["answers"]] == ["Tuesday", "ballroom"]


@pytest.mark.parametrize("quote", ["🌊", "Tuesday", "Håkansen’s", "the river.", TEXT])
def test_both_selectors_find_the_quote_in_the_text(quote: str) -> None:
    """As https://www.w3.org/TR/annotation-model/#selectors says, wherever the quote stands."""
    position, quoted = selectors(cited(quote, quote))

    assert position.keys() == {"type", "start", "end"}
    assert position["type"] == "TextPositionSelector"
    assert TEXT[position["start"] : position["end"]] == quote

    assert quoted.keys() == {"type", "exact", "prefix", "suffix"}
    assert quoted["type"] == "TextQuoteSelector"
    assert quoted["exact"] == quote
    around = quoted["prefix"] + quoted["exact"] + quoted["suffix"]
    assert TEXT.find(around) == position["start"] - len(quoted["prefix"])


def test_the_quote_selector_carries_what_stands_before_and_after() -> None:
    _, quoted = selectors(TUESDAY)
    assert quoted["prefix"].endswith("They signed the accord on ")
    assert quoted["suffix"].startswith(", after eleven hours of talks ")


def test_prefix_and_suffix_end_where_the_text_does() -> None:
    _, first = selectors(cited("🌊", "🌊"))
    _, last = selectors(cited("the river.", "the river."))
    assert first["prefix"] == ""
    assert last["suffix"] == ""


def test_the_day_that_the_question_names_is_told_and_otherwise_left_out() -> None:
    assert "as_of" not in wire(ANSWERED)
    assert wire(replace(ANSWERED, as_of=date(2024, 4, 30)))["as_of"] == "2024-04-30"
