"""A collection in numbers, from the store and on the command line."""

import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import article, whole

from api.cli import main
from rag.store import Store

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `dateline stats ARGUMENTS` on `tmp_path / "data"`: (exit code, what it printed)."""
    monkeypatch.setenv("COLUMNS", "200")
    handlers = logging.getLogger("dateline").handlers

    def stats(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(
            sys, "argv", ["dateline", "stats", "--data-dir", str(tmp_path / "data"), *arguments]
        )
        before = handlers[:]
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        finally:
            handlers[:] = before
        raise AssertionError("a command ends by SystemExit")

    return stats


@pytest.fixture
def filled(store: Store) -> Store:
    text = (
        "The storm reached the harbour of Portmore in the night and took the roofs of the houses."
    )
    store.put(
        [
            whole(
                article(f"{text} Nobody was hurt.", "a", source="Wire", published=date(2024, 3, 6))
            ),
            whole(article(f"{text} Nobody was hurt.", "b", source="WIRE", language="en")),
            whole(article("Der Rat stimmt ab.", "c", source="Blatt", language="de")),
            whole(article("The vote.", "d", published=date(2023, 1, 2), language="en")),
        ]
    )
    return store


def test_an_overview_counts_articles_outlets_languages_and_stories(filled: Store) -> None:
    overview = filled.overview()
    assert (overview.articles, overview.passages, overview.stories) == (4, 4, 1)
    assert overview.undated == 2
    assert overview.outlets == 2  # however they are capitalised
    assert (overview.first_published, overview.last_published) == (
        date(2023, 1, 2),
        date(2024, 3, 6),
    )
    assert list(overview.languages.items()) == [("en", 2), ("unknown", 1), ("de", 1)]


def test_an_overview_measures_the_database_and_the_index(filled: Store, tmp_path: Path) -> None:
    assert filled.overview().index_bytes == 0
    generation = tmp_path / "data" / "index" / "gen-1-x" / "lexical"
    generation.mkdir(parents=True)
    (generation / "segment").write_bytes(b"x" * 1000)
    overview = filled.overview()
    assert overview.index_bytes == 1000
    on_disk = sum(path.stat().st_size for path in (tmp_path / "data").glob("dateline.sqlite3*"))
    assert overview.database_bytes == on_disk > 0


def test_an_overview_is_had_while_a_generation_is_removed(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gen-1", "gen-2"):
        (tmp_path / "data" / "index" / name).mkdir(parents=True)
        (tmp_path / "data" / "index" / name / "vectors.faiss").write_bytes(b"1" * 1000)
    scandir = os.scandir

    def remove_first(path: Any) -> Any:
        if str(path).endswith("gen-1"):
            shutil.rmtree(path, ignore_errors=True)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", remove_first)
    assert filled.overview().index_bytes == 1000


def test_an_empty_collection_has_an_overview(store: Store) -> None:
    overview = store.overview()
    assert (overview.articles, overview.outlets, dict(overview.languages)) == (0, 0, {})
    assert (overview.first_published, overview.last_published) == (None, None)


def test_stats_print_the_overview(filled: Store, run: Run) -> None:
    code, printed = run()
    lines = dict(line.split("  ", 1) for line in printed.splitlines())
    told = {name.strip(): value.strip() for name, value in lines.items()}
    assert code == 0
    assert re.fullmatch(r"[\d.]+ (kB|MB)", told.pop("database"))
    assert told == {
        "articles": "4",
        "passages": "4",
        "stories": "1 told by more than one article",
        "outlets": "2",
        "published": "2023-01-02 to 2024-03-06; 2 without a date",
        "languages": "en 2, unknown 1, de 1",
        "index": "in memory, until there is more to search",
    }


def test_stats_tell_the_size_of_an_index_on_disk(filled: Store, run: Run, tmp_path: Path) -> None:
    generation = tmp_path / "data" / "index" / "gen-1-x"
    generation.mkdir(parents=True)
    (generation / "vectors.faiss").write_bytes(b"x" * 1000)
    assert re.search(r"^index +1\.0 kB$", run()[1], re.MULTILINE)


def test_stats_of_an_empty_collection_have_no_dates(store: Store, run: Run) -> None:
    _, printed = run()
    assert re.search(r"^published +-$", printed, re.MULTILINE)
    assert re.search(r"^languages +-$", printed, re.MULTILINE)


def test_stats_print_one_json_document(filled: Store, run: Run) -> None:
    code, printed = run("--json")
    document = json.loads(printed)
    assert code == 0
    assert document["languages"] == {"en": 2, "unknown": 1, "de": 1}
    assert document["first_published"] == "2023-01-02"
    assert document["undated"] == 2


def test_stats_need_a_collection(run: Run, tmp_path: Path) -> None:
    assert run() == (1, "")
    assert not (tmp_path / "data").exists()


def test_a_collection_of_any_encoder_has_stats(tmp_path: Path, run: Run) -> None:
    Store.create(tmp_path / "data", "encoder-that-is-not-here").close()
    assert run()[0] == 0
