"""The eval command around saved runs, which need no model."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from runs import prediction, run

from api import evaluation
from api.cli import main
from api.evaluation import Wanted, run_evaluation
from eval.records import Run
from rag.abilities import Abilities
from rag.errors import InputError
from rag.settings import Settings

GOLD = json.dumps({"id": "a", "question": "a?", "answers": ["Ann"], "docs": ["a"]})


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.json"
    path.write_text(json.dumps(run(prediction("a", 0.0), prediction("b"))))
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(run(prediction("a"), prediction("b"))))
    return path


def test_saved_runs_are_compared_without_asking(
    new: Path, old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both, folder = tmp_path / "both.json", tmp_path / "pages" / "report"
    run_evaluation(Settings(), Wanted(new, compare=old, json_file=both, report=folder))
    out, err = capsys.readouterr()
    assert "-0.500" in out
    assert "changed most" in out
    assert err == f"dateline: wrote {both} and {folder / 'index.html'}\n"
    comparison = json.loads(both.read_text())["comparison"]
    assert (comparison["against"], comparison["measures"]["f1"]["lost"]) == (str(old), 1)
    assert "Against" in (folder / "index.html").read_text(encoding="utf-8")


def test_a_run_can_be_written_over_what_it_was_read_from(new: Path, old: Path) -> None:
    run_evaluation(Settings(), Wanted(new, compare=old, json_file=new))
    assert "comparison" in json.loads(new.read_text())
    assert [path.name for path in sorted(new.parent.iterdir())] == ["new.json", "old.json"]


def test_nothing_but_the_table_is_said_when_nothing_is_written(
    new: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_evaluation(Settings(), Wanted(new))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"articles": ["news/"]}, "saved run.*leave out --articles"),
        ({"mode": "reader"}, "saved run in mode end-to-end, not reader"),
        ({"without": ["stories"]}, "saved run.*leave out --without"),
        ({"without": ["luck"]}, "no ability 'luck'; expected one of: stories, merging"),
        ({"compare": "gold"}, r"gold\.jsonl: not a run; expected what"),
        ({"compare": "nowhere"}, r"nowhere: No such file.*expected what 'dateline eval --json'"),
        ({"compare": "other"}, r"other\.json: none of its 1 questions"),
        ({"report": "gold"}, "--report takes a folder"),
        ({"json_file": "nowhere"}, "cannot write"),
    ],
)
def test_what_cannot_be_done_is_told_by_name(
    wanted: dict[str, object], told: str, new: Path, tmp_path: Path
) -> None:
    paths = {
        "gold": tmp_path / "gold.jsonl",
        "other": tmp_path / "other.json",
        "nowhere": tmp_path / "no" / "nowhere",
    }
    paths["gold"].write_text(GOLD)
    paths["other"].write_text(json.dumps(run(prediction("z"))))
    named = {k: paths[v] if isinstance(v, str) and v in paths else v for k, v in wanted.items()}
    with pytest.raises(InputError, match=told):
        run_evaluation(Settings(), Wanted(new, **named))


def test_a_comparison_that_cannot_be_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "gold.jsonl").write_text(GOLD)
    (tmp_path / "old.json").write_text(json.dumps(run(prediction("z"))))
    settings = Settings(data_dir=tmp_path / "no collection")
    with pytest.raises(InputError, match=r"old\.json: none of its 1 .*'z'.*'a'"):
        run_evaluation(settings, Wanted(tmp_path / "gold.jsonl", compare=tmp_path / "old.json"))


def test_a_run_remembers_what_was_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Abilities] = []

    def ask(*arguments: Any) -> Run:
        asked.append(arguments[-1])
        return run(prediction("a"))

    monkeypatch.setattr(evaluation, "ask_with_progress", ask)
    gold, figures = tmp_path / "gold.jsonl", tmp_path / "figures.json"
    gold.write_text(GOLD)
    options = ["--without", "stories", "--without", "dates", "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", ["dateline", "eval", str(gold), *options])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert asked == [Abilities(stories=False, dates=False)]
    assert json.loads(figures.read_text())["without"] == ["stories", "dates"]
    assert "without stories and dates" in capsys.readouterr().out


def test_ctrl_c_ends_with_one_line_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "ask_with_progress", interrupted)
    gold, figures = tmp_path / "gold.jsonl", tmp_path / "figures.json"
    gold.write_text(GOLD)
    monkeypatch.setattr(sys, "argv", ["dateline", "eval", str(gold), "--json", str(figures)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (130, "")
    assert err == "dateline: interrupted; nothing was written\n"
    assert not figures.exists()
