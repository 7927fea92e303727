import re
from typing import Any

import pytest
from lxml import html
from runs import prediction, run

from eval.breakdown import groups, operating_point, question_word, recall_curve, sure
from eval.compare import compare
from eval.records import Run
from eval.report import render

HOSTILE = '<script>alert("1")</script>'


def full_run() -> Run:
    """Something for every part of the page: right, wrong, held back, unanswerable, failed."""
    traps: dict[str, Any] = {"answers": [], "docs": [], "gold_rank": None, "forced_f1": None}
    return run(
        prediction("right", question="Who won?", kind="who", confidence=0.9, latency_ms=20.0),
        prediction("wrong", 0.0, question="In what year?", kind="when", prediction=HOSTILE),
        prediction("held back", 0.0, prediction=None, blame="abstention", kind="$ 年"),
        prediction("lost", 0.0, gold_rank=None, blame="retrieval", question=HOSTILE),
        prediction("trap", 0.0, **traps, blame="abstention", kind="<b>trap"),
        prediction("silent", 1.0, **traps, prediction=None, candidate=None, confidence=0.0),
        prediction("failed", 0.0, blame="error", error="no model", latency_ms=None),
        gold="gold.jsonl",
        models={"encoder": "mini", "reader": "small"},
        blame={"retrieval": 1, "reading": 1, "abstention": 2, "gold": 0, "error": 1},
    )


def page_of(run: Run) -> Any:
    return html.fromstring(render(run))


def headings(page: Any) -> list[str]:
    return [heading.text_content() for heading in page.iter("h2", "h3")]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = render(full_run())
    assert not re.search(r"(?:https?:)?//\w", text)
    assert not re.search(r"@import|url\((?!#)", text)
    page = html.fromstring(text)
    for tag in ("script", "link", "img", "iframe", "object"):
        assert page.find(f".//{tag}") is None
    for attribute in ("src", "href", "{http://www.w3.org/1999/xlink}href"):
        assert all(node.get(attribute, "#").startswith("#") for node in page.iter())


def test_what_the_run_holds_is_text_and_no_markup() -> None:
    text = render(full_run())
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 2
    assert "&lt;b&gt;trap" in text  # in a drawing too


def test_every_plot_is_drawn() -> None:
    page = page_of(full_run())
    assert len(list(page.iter("svg"))) == 7
    assert {
        "Risk and coverage",
        "Reliability",
        "Recall at k",
        "Time for a question",
        "By question word",
        "By the gold’s own kinds",
        "Misses by who is to blame",
    } <= set(headings(page))


def test_drawings_take_the_colours_of_the_page_and_keep_their_ids_apart() -> None:
    page = page_of(full_run())
    text = render(full_run())
    # What is left of a drawing's own colours would be unreadable in the dark.
    drawn = "".join(html.tostring(svg, encoding="unicode") for svg in page.iter("svg"))
    assert not re.search(r"#[0-9a-f]{6}\b", drawn)
    assert {"var(--accent)", "var(--reading)"} <= set(re.findall(r"var\(--\w+\)", drawn))
    for variable in set(re.findall(r"var\((--\w+)\)", text)):
        assert f"{variable}:" in text
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([\w.-]+)\)", text)) <= set(ids)


def test_sources_and_disputes_have_cards_where_they_were_judged() -> None:
    judged = full_run() | {
        "independent_sources": {"questions": 4, "accuracy": 0.75},
        "disputed": {"questions": 2, "precision": 1.0, "recall": 0.5},
        "without": ["stories"],
    }
    text = page_of(judged).text_content()
    assert "Sources counted" in text
    assert "75.0%" in text
    assert "Disputes seen" in text
    assert "reader small, without stories" in text
    assert "Sources counted" not in page_of(full_run()).text_content()


def test_misses_come_worst_first_and_are_filtered_by_blame() -> None:
    page = page_of(full_run())
    rows = page.xpath("//section[@id='misses']//tbody/tr")
    assert [row.get("class") for row in rows] == [
        "reading", "abstention", "retrieval", "abstention", "error",
    ]  # fmt: skip
    labels = [label.text for label in page.xpath("//label")]
    assert labels == ["all 5", "retrieval 1", "reading 1", "abstention 2", "error 1"]
    targets = [label.get("for") for label in page.xpath("//label")]
    assert targets == page.xpath("//input[@type='radio']/@id")
    assert "#show-reading:checked ~ .misses tbody tr:not(.reading)" in render(full_run())


def test_abstention_is_told_apart() -> None:
    text = page_of(full_run()).text_content()
    assert "1 held back a right answer and 1 answered what has none" in text


def test_the_comparison_stands_on_the_page() -> None:
    old = run(*full_run()["predictions"][1:], prediction("gone"))
    new = full_run()
    new["predictions"][1] = prediction("wrong", question="In what year?")
    new["comparison"] = compare(old, new, "old.json")
    page = page_of(new)
    text = page.text_content()
    assert "Against old.json" in headings(page)
    assert "6 questions asked in both runs" in text
    assert "1 asked only in the old run, 1 asked only in the new run" in text.lower()
    assert "What changed, with 95% intervals" in headings(page)
    assert "What changed most (1)" in text


def test_a_run_of_retrieval_shows_what_it_has() -> None:
    nothing: dict[str, Any] = {"prediction": None, "confidence": None}
    predictions = [
        prediction("found", None, **nothing, blame=None),
        prediction("lost", None, **nothing, blame="retrieval", gold_rank=None),
    ]
    none = {"exact_match": None, "f1": None}
    empty = run(*predictions, mode="retrieval", **none, forced=none)
    empty["answerable"] |= {**none, "answered": None}
    empty["calibration"] = dict.fromkeys(("ece", "auroc", "aurc"))
    page = page_of(empty)
    assert {"Recall at k", "Time for a question"} <= set(headings(page))
    assert "Risk and coverage" not in headings(page)
    assert "By question word" not in headings(page)


def test_a_run_of_the_reader_has_no_recall() -> None:
    assert "Recall at k" not in headings(page_of(run(prediction("a"), mode="reader")))


def test_a_run_without_a_miss_says_so() -> None:
    blame = dict.fromkeys(("retrieval", "reading", "abstention", "gold", "error"), 0)
    page = page_of(run(prediction("a"), blame=blame))
    assert "not one question was missed" in page.text_content()
    assert "The misses" not in headings(page)


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Who won?", "who"),
        ("To whom was it sold?", "who"),
        ("Whose dog was it?", "who"),
        ("In what year did it open?", "what"),
        ("How many people came?", "how many"),
        ("How much did it cost?", "how many"),
        ("How did they do it?", "other"),
        ("In WHICH town?", "which"),
        ("Name the town.", "other"),
        ("Whatever happened when it rained?", "when"),
        ("", "other"),
    ],
)
def test_question_words(question: str, word: str) -> None:
    assert question_word(question) == word


def test_groups_by_hand() -> None:
    predictions = [
        prediction("a", 1.0, kind="who"),
        prediction("b", 0.0, kind="who", forced_f1=1.0),
        prediction("c", 0.5, kind="why", forced_f1=None),
        prediction("d"),
    ]
    who, why = groups(predictions, lambda p: p["kind"])
    assert (who.name, who.questions, who.f1, who.forced_f1) == ("who", 2, 0.5, 1.0)
    assert who.low <= who.f1 <= who.high
    assert (why.name, why.f1, why.low, why.high, why.forced_f1) == ("why", 0.5, 0.5, 0.5, None)


def test_confidence_is_judged_by_the_exact_match_of_the_candidate() -> None:
    predictions = [
        prediction("a", candidate="the Ann", confidence=0.9),
        prediction("b", candidate="Ann Bell", confidence=0.8),
        prediction("c", candidate=None, prediction=None, confidence=0.0),
        prediction("d", candidate="Ann", answers=[], confidence=0.7),
    ]
    assert sure(predictions, True).right == [1, 0, 0]
    assert sure(predictions, False).right == [1, 0, 0, 0]
    assert sure(predictions, False).confidences == [0.9, 0.8, 0.0, 0.7]
    assert operating_point(predictions, True) == (2 / 3, 1 / 2)
    assert operating_point(predictions, False) == (3 / 4, pytest.approx(2 / 3))
    assert operating_point(predictions[2:3], False) is None


def test_recall_curve_by_hand() -> None:
    ranks = [1, 3, 11, None]
    predictions = [prediction(str(rank), gold_rank=rank) for rank in ranks]
    predictions.append(prediction("unanswerable", answers=[]))
    curve = recall_curve(predictions)
    assert [point.share for point in curve] == [1 / 4] * 2 + [2 / 4] * 8
    old = prediction("old")
    del old["gold_rank"]
    assert recall_curve([old]) == []
