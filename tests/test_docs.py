"""The documentation: it builds strictly, asks nothing of other hosts, and its examples are true.

In a `console` block of a page a line after "$ " is a command and a line after "> " goes on with
it, as a shell shows it; the other lines are what it prints, in a window of 78 columns. The blocks
of a page are one shell's, in an empty folder, and the collection is the sample unless they say
otherwise.
Percentages and milliseconds may differ: they are the model's and the machine's.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = "\x1e"  # no command prints this


@dataclass(frozen=True)
class Example:
    """A command, and the lines that the page says it prints."""

    command: str
    printed: tuple[str, ...]


def examples(markdown: str) -> Iterator[Example]:
    """The examples of a page, in their order."""
    for block in _BLOCK.findall(markdown):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *lines = shown.splitlines()
            more = [line for line in lines if line == ">" or line.startswith("> ")]
            command = "\n".join([first, *(line[2:] for line in more)])
            yield Example(command, tuple(line for line in lines if line not in more))


def run(commands: list[str], folder: Path, collection: Path | None) -> list[tuple[str, ...]]:
    """The lines that each command prints, in one shell, without the empty ones at the end.

    They may change a copy of the collection.
    """
    if collection is not None:
        shutil.copytree(collection, folder / "collection")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "dateline").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m api.cli "$@"\n')
    (programs / "python").symlink_to(sys.executable)
    (programs / "dateline").chmod(0o755)
    (folder / "work").mkdir()
    kept = {name: v for name, v in os.environ.items() if not name.startswith("DATELINE_")}
    cache = {name: v for name, v in os.environ.items() if name == "DATELINE_CACHE_DIR"}
    done = subprocess.run(
        ["bash", "-c", "".join(f"{command}\nprintf '{_MARK}\\n'\n" for command in commands)],
        env=kept
        | cache
        | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "78",
            "PYTHONUTF8": "1",
            "DATELINE_DATA_DIR": str(folder / "collection"),
        },
        cwd=folder / "work",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    outputs = done.stdout.split(f"{_MARK}\n")[:-1]
    return [tuple(out.rstrip("\n").splitlines()) if out else () for out in outputs]


def comparable(lines: tuple[str, ...]) -> list[str]:
    """The words in one line each paragraph, without what another model or machine changes.

    A percentage that is a digit longer wraps a paragraph otherwise.
    """
    text = re.sub(r"\b\d+(%| ms|\.\d+ ms)", r"N\1", "\n".join(lines))
    return [" ".join(some.split()) for some in re.split(r"\n\s*\n", text.strip("\n"))]


PAGES = sorted(p for p in DOCS.rglob("*.md") if "```console" in p.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample collection."""
    folder = tmp_path_factory.mktemp("sample")
    run([f"dateline ingest {ROOT / 'eval' / 'sample' / 'articles'}"], folder, None)
    return folder / "collection"


@pytest.mark.real
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_examples_print_what_the_page_says(page: Path, tmp_path: Path, sample: Path) -> None:
    told = list(examples(page.read_text(encoding="utf-8")))
    assert told
    printed = run([example.command for example in told], tmp_path, sample)
    assert len(printed) == len(told)
    for example, lines in zip(told, printed, strict=True):
        assert comparable(lines) == comparable(example.printed), example.command


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with every warning an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Loaded(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"link": "href", "script": "src", "img": "src", "iframe": "src"}.get(tag)
        self.addresses += [value for name, value in attrs if name == wanted and value]


def test_the_site_asks_nothing_of_other_hosts(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.addresses
        assert [a for a in loaded.addresses if re.match(r"(https?:)?//", a)] == []
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", sheet.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("reference/cli.html", ["dateline articles show", "--as-of", "dateline ingest news/"]),
        ("reference/http.html", ["POST /v1/ask", "independent_sources", "application/problem"]),
        ("reference/python.html", ["read_articles", "independent_sources: int", "NotFoundError"]),
        ("reference/settings.html", ["DATELINE_TOP_K", "DATELINE_CACHE_DIR", "DATELINE_PORT"]),
        ("model-card.html", ["dateline-reader", "Calibration"]),
    ],
)
def test_the_reference_is_made_from_the_code(site: Path, page: str, words: list[str]) -> None:
    text = (site / page).read_text(encoding="utf-8")
    assert [word for word in words if word not in text] == []
