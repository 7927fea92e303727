"""Long work shows a bar in a terminal, and says now and then how far it is in a log."""

import pytest

from api import progress
from api.progress import progress_bar
from rag.counted import counted


def test_off_a_terminal_a_line_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    with progress_bar("questions") as bar:
        task = bar.add_task("Reading", total=2000)
        bar.advance(task, 999)
        bar.update(task, completed=1500, description="Nearly there")
    first, second = capsys.readouterr().err.splitlines()
    assert first == "dateline: Reading: 999 of 2,000 questions"
    assert second.startswith("dateline: Nearly there: 1,500 of 2,000 questions")


def test_off_a_terminal_a_line_says_how_fast_it_goes_and_how_long_it_will(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    clock = iter(range(0, 1000, 10))
    with progress_bar("articles") as bar:
        bar.get_time = lambda: float(next(clock))
        task = bar.add_task("Ingesting", total=1000)
        for _ in range(3):
            bar.advance(task, 25)
    *_, last = capsys.readouterr().err.splitlines()
    assert last == "dateline: Ingesting: 75 of 1,000 articles, 2.5/s, 0:06:10 left"


def test_short_work_says_nothing_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("questions") as bar:
        bar.advance(bar.add_task("Reading", total=None))
    assert capsys.readouterr().err == ""


def test_one_is_no_plural() -> None:
    assert [counted(n, "update") for n in (0, 1, 1200)] == [
        "0 updates",
        "1 update",
        "1,200 updates",
    ]
    assert [counted(n, "story", "stories") for n in (1, 2)] == ["1 story", "2 stories"]
