"""Small files that unfold to something huge: each is skipped, and the rest is read."""

import gzip
import io
import os
import signal
import zipfile
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pdfs import column, pdf

from rag import sandbox
from rag.formats import read_articles
from rag.sandbox import Limits, read_safely
from rag.types import Article, Skipped

LIMITS = Limits(memory=1 << 30, seconds=5)
MEGABYTE = 1 << 20
GOOD = "<html><head><title>Bridge shut in Portmore</title></head><body><article><p>{}</p></article>"
TEXT = "The bridge over the harbour was shut on Tuesday after a crack was found in its deck. " * 4


def gzip_of_zeros() -> bytes:
    """One line that never ends: 4 GB in 4 MB."""
    return gzip.compress(bytes(16 * MEGABYTE)) * 256


def gzip_of_blank_lines() -> bytes:
    return gzip.compress(b"\n" * (16 * MEGABYTE)) * 256


def flate_pdf() -> bytes:
    """A page whose contents are flate in flate: 2 GB in a few kilobytes."""
    packer, block = zlib.compressobj(9), b"BT (x) Tj ET " * MEGABYTE
    first, again = (packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    outer = zlib.compress(first + again * 150 + packer.flush(), 9)
    plain = pdf([column("x")])
    stream = b"<</Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n%s\nendstream"
    start = plain.index(b"5 0 obj") + len(b"5 0 obj")
    end = plain.index(b" endobj", start)
    return plain[:start] + stream % (len(outer), outer) + plain[end:]


def zip_bomb_docx() -> bytes:
    raw = io.BytesIO()
    start = b"<w:document xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'>"
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", _TYPES)
        packed.writestr("_rels/.rels", _RELATIONS)
        with packed.open("word/document.xml", "w", force_zip64=True) as document:
            document.write(start + b"<w:body>")
            for _ in range(20):
                document.write(b"<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 300_000)
    return raw.getvalue()


_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = (
    f"<Types xmlns='{_PACKAGE}/content-types'><Default Extension='rels' "
    "ContentType='application/vnd.openxmlformats-package.relationships+xml'/>"
    "<Override PartName='/word/document.xml' ContentType='application/"
    "vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'/></Types>"
)
_RELATIONS = (
    f"<Relationships xmlns='{_PACKAGE}/relationships'><Relationship Id='a' Type='http://schemas."
    "openxmlformats.org/officeDocument/2006/relationships/officeDocument' "
    "Target='word/document.xml'/></Relationships>"
)


def deep_html() -> bytes:
    return b"<div>" * 100_000 + b"x" + b"</div>" * 100_000


def laughing_feed() -> bytes:
    """Entities of entities: a billion laughs."""
    entities = "".join(
        f"<!ENTITY l{n} '{f'&l{n - 1};' * 10 if n else 'laugh' * 10}'>" for n in range(10)
    )
    return (
        f"<!DOCTYPE rss [{entities}]><rss version='2.0'><channel><title>a</title><item>"
        "<title>&l9;</title><description>&l9;</description></item></channel></rss>"
    ).encode()


BOMBS: dict[str, Callable[[], bytes]] = {
    "zeros.jsonl.gz": gzip_of_zeros,
    "blank.csv.gz": gzip_of_blank_lines,
    "flate.pdf": flate_pdf,
    "zip.docx": zip_bomb_docx,
    "deep.html": deep_html,
    "laughs.rss": laughing_feed,
    "not.parquet": lambda: b"PAR1" + bytes(64) + b"\xff\xff\xff\x7fPAR1",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_skipped_and_what_follows_is_read(tmp_path: Path, name: str) -> None:
    bomb, good = tmp_path / name, tmp_path / "zz-good.html"
    bomb.write_bytes(BOMBS[name]())
    good.write_text(GOOD.format(TEXT))
    before = os.times()
    *skipped, article = read_safely([bomb, good], LIMITS)
    took = os.times().children_user - before.children_user
    assert isinstance(article, Article)
    assert article.id == "zz-good"
    assert sum(len(item.text) for item in skipped if isinstance(item, Article)) < 10_000
    reasons = {item.reason for item in skipped if isinstance(item, Skipped)}
    said = "; ".join(reasons) or "read as empty"
    print(f"row 23: {name}, {bomb.stat().st_size:,} bytes, {took:.1f} s of the child: {said[:90]}")


# --- the child itself


def test_ordinary_files_are_read_as_without_the_child(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(GOOD.format(TEXT))
    (tmp_path / "b.txt").write_text("2024-03-05\n" + TEXT)
    (tmp_path / "c 2024-03-06.pdf").write_bytes(pdf([column(*[TEXT[:80]] * 5)], {"Title": "A b"}))
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(b'{"id": "d", "text": "A storm."}\n{}\n'))
    (tmp_path / "e.pdf").write_text("no PDF")
    (tmp_path / "ü [x].html").write_text(GOOD.format(TEXT))
    plain, safe = list(read_articles([tmp_path])), list(read_safely([tmp_path]))
    assert safe == plain
    assert {type(item) for item in safe} == {Article, Skipped}
    assert any(isinstance(item, Article) and item.published == date(2024, 3, 6) for item in safe)


def test_paths_are_those_of_the_folder_that_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.html").write_text(GOOD.format(TEXT))
    (tmp_path / "news" / "b.pdf").write_text("no PDF")
    (tmp_path / "json.py").write_text("raise SystemExit('a file among the news was run')")
    monkeypatch.chdir(tmp_path)
    found, skipped = read_safely(["news"])
    assert [found, skipped] == list(read_articles(["news"]))
    assert isinstance(found, Article)
    assert found.origin == str(tmp_path / "news" / "a.html")
    assert isinstance(skipped, Skipped)
    assert skipped.where == "news/b.pdf"


def test_one_child_reads_many_files_and_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = sandbox._start

    def counted(limits: Limits) -> object:
        started.append(start(limits))
        return started[-1]

    monkeypatch.setattr(sandbox, "_start", counted)
    for n in range(5):
        (tmp_path / f"{n}.html").write_text(GOOD.format(TEXT))
    assert len(list(read_safely([tmp_path]))) == 5
    assert [process.returncode for process in started] == [-signal.SIGKILL]
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.txt").write_text(TEXT)
    assert len(list(read_safely([tmp_path / "plain"]))) == 1
    assert len(started) == 1  # none for a text


def test_a_child_that_dies_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        (tmp_path / f"{n}.html").write_text(GOOD.format(TEXT))
    start = sandbox._start
    lives = iter([True, False, False])

    def dying(limits: Limits) -> object:
        process = start(limits)
        if next(lives):
            process.kill()
            process.wait()
        return process

    monkeypatch.setattr(sandbox, "_start", dying)
    first, *rest = read_safely([tmp_path])
    assert first == Skipped(str(tmp_path / "0.html"), "reading it broke the program that reads it")
    assert [item.id for item in rest if isinstance(item, Article)] == ["1", "2"]


def test_an_article_that_would_fill_our_memory_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "long.html").write_text(GOOD.format(TEXT * 500))
    (skipped,) = read_safely([tmp_path], Limits(article=1 << 16))
    assert isinstance(skipped, Skipped)
    assert "an article of over" in skipped.reason


def test_who_stops_reading_stops_the_child(tmp_path: Path) -> None:
    rows = b"".join(b'{"id": "%d", "text": "A storm."}\n' % n for n in range(10_000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(rows))
    reading = read_safely([tmp_path])
    assert isinstance(next(reading), Article)
    reading.close()  # type: ignore[attr-defined]
