"""Judgements of readers become gold that the evaluation reads."""

from pathlib import Path

import pytest
from conftest import FakeEncoder
from typer.testing import CliRunner

from api.cli import app
from api.feedback import gold
from eval.gold import load_gold
from rag.feedback import Judgement
from rag.store import Store

RIGHT = Judgement("When?", "Tuesday", True, ("a", "b"))
ALSO = Judgement("When?", "on Tuesday", True, ("c",))
WRONG = Judgement("When?", "Monday", False, ("d",))
NOTHING = Judgement("Who?", None, True)
ONLY_WRONG = Judgement("Why?", "Because", False, ("a",))


def test_all_that_is_right_is_an_answer_and_what_is_wrong_is_none() -> None:
    (line,) = gold([RIGHT, ALSO, WRONG])
    assert line["answers"] == ["Tuesday", "on Tuesday"]
    assert line["docs"] == ["a", "b", "c"]


def test_where_nothing_answers_gold_has_no_answer() -> None:
    (line,) = gold([NOTHING])
    assert (line["answers"], line["docs"]) == ([], [])


def test_of_what_is_only_wrong_there_is_no_gold() -> None:
    assert gold([ONLY_WRONG, Judgement("Why?", None, False)]) == []


def test_the_command_writes_what_the_evaluation_reads(tmp_path: Path) -> None:
    with Store.create(tmp_path / "data", FakeEncoder.name) as store:
        for judgement in (NOTHING, RIGHT, ONLY_WRONG, WRONG, ALSO):
            store.judge(judgement)
    out = tmp_path / "gold.jsonl"
    command = ["feedback", "export", "--data-dir", str(tmp_path / "data")]
    done = CliRunner().invoke(app, [*command, "--out", str(out)])
    assert done.exit_code == 0
    assert "2 questions written, 1 left out" in done.stderr
    when, who = load_gold(out).questions
    assert (when.question, when.answers, when.docs) == (
        "When?",
        ("Tuesday", "on Tuesday"),
        ("a", "b", "c"),
    )
    assert (who.question, who.answers) == ("Who?", ())
    printed = CliRunner().invoke(app, command)
    assert printed.stdout == out.read_text(encoding="utf-8")


def test_without_a_collection_the_command_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["feedback", "export", "--data-dir", str(tmp_path / "none")])
    assert done.exit_code == 1


@pytest.mark.parametrize("again", [RIGHT, Judgement("When?", "Tuesday", False, ("c",))])
def test_a_later_judgement_takes_the_place_of_an_earlier(store: Store, again: Judgement) -> None:
    store.judge(RIGHT)
    store.judge(again)
    assert store.judgements() == [again]
