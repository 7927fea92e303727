"""Rows of tables become articles; Parquet is read a few rows at a time."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from rag.formats import read_articles, total_articles
from rag.types import Article, Skipped

BODY = "The harbour bridge of Port Ellan was closed on Tuesday."


def read(path: Path) -> list[Article | Skipped]:
    return list(read_articles([path]))


def table(path: Path, **columns: Sequence[Any] | pyarrow.Array) -> Path:
    parquet.write_table(pyarrow.table(columns), path)
    return path


# --- Parquet


def test_every_row_of_a_parquet_file_is_an_article(tmp_path: Path) -> None:
    path = table(
        tmp_path / "news.parquet",
        ID=[7, None],
        Headline=["Bridge shut", None],
        body=[BODY, "It reopened."],
        date=[date(2024, 3, 4), None],
        authors=[["Zora Quill", "John Roe"], None],
        embedding=[[0.5, 0.25], [1.0, 0.0]],
    )
    first, second = read(path)
    assert first == Article(
        id="7",
        text=BODY,
        title="Bridge shut",
        published=date(2024, 3, 4),
        published_from="metadata",
        byline="Zora Quill, John Roe",
    )
    assert isinstance(second, Article)
    assert (second.text, second.title, second.published) == ("It reopened.", None, None)
    assert total_articles([path]) == 2


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (pyarrow.string(), "4 March 2024", date(2024, 3, 4)),
        (pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), "2024-03-04", date(2024, 3, 4)),
        (pyarrow.timestamp("s"), datetime(2024, 3, 4, 23, 30), date(2024, 3, 4)),
        (pyarrow.timestamp("us"), datetime(2024, 3, 4, 23, 30, 0, 5), date(2024, 3, 4)),
        (pyarrow.timestamp("ms", "UTC"), datetime(2024, 3, 4, 23, tzinfo=UTC), date(2024, 3, 4)),
        (pyarrow.date64(), date(2024, 3, 4), date(2024, 3, 4)),
    ],
    ids=str,
)
def test_a_parquet_date_has_several_types(
    tmp_path: Path, kind: pyarrow.DataType, value: object, expected: date
) -> None:
    path = table(tmp_path / "a.parquet", text=[BODY], date=pyarrow.array([value], kind))
    (article,) = read(path)
    assert isinstance(article, Article)
    assert article.published == expected


def test_a_bad_parquet_row_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    texts = pyarrow.Array.from_buffers(
        pyarrow.string(),
        4,
        [
            None,
            pyarrow.py_buffer(b"\0\0\0\0\4\0\0\0\10\0\0\0\14\0\0\0\20\0\0\0"),
            pyarrow.py_buffer(b"One.c\xe9f.Two.Six."),
        ],
    )
    path = table(tmp_path / "a.parquet", text=texts, date=["2024-03-04", None, "soon", None])
    first, second, third, last = read(path)
    assert isinstance(first, Article)
    assert isinstance(second, Skipped)
    assert second.where == f"{path}:2"
    assert second.reason.startswith("'text' cannot be read: 'utf-8' codec")
    assert isinstance(third, Skipped)
    assert third.reason.startswith("'soon' is no date")
    assert isinstance(last, Article)
    assert last.text == "Six."


def test_a_parquet_row_may_be_in_any_batch(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=[f"Article {n}." for n in range(150)])
    articles = read(path)
    assert [a.text for a in articles if isinstance(a, Article)] == [
        f"Article {n}." for n in range(150)
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not readable as Parquet: "),
        (b"PAR1 and nothing more PAR1", "not readable as Parquet: "),
        (None, "no column 'text', 'body', 'content' or 'article': ['words']"),
    ],
)
def test_a_parquet_file_without_articles_is_reported(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "a.parquet"
    if content is None:
        table(path, words=["One."])
    else:
        path.write_bytes(content)
    (skipped,) = read(path)
    assert isinstance(skipped, Skipped)
    assert skipped.where == str(path)
    assert skipped.reason.startswith(expected)
    assert "\n" not in skipped.reason
    assert total_articles([path]) == (1 if content is None else 0)


def test_a_parquet_file_damaged_in_the_middle_gives_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = pyarrow.table({"text": [f"Article {n} {n * n} {n * n * n}." for n in range(2000)]})
    parquet.write_table(rows, path, row_group_size=100, use_dictionary=False)
    start = parquet.read_metadata(path).row_group(10).column(0).data_page_offset
    raw = bytearray(path.read_bytes())
    raw[start : start + 400] = b"\xff" * 400
    path.write_bytes(raw)
    *articles, skipped = read(path)
    assert len(articles) >= 900
    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith("not readable as Parquet: ")


# --- gzip


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.jsonl.gz", json.dumps({"text": BODY})), ("A.CSV.GZ", f"text\n{BODY}")],
)
def test_lines_may_be_compressed(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()))
    (article,) = read(path)
    assert isinstance(article, Article)
    assert article.text == BODY
    assert total_articles([path]) == content.count("\n") + 1


def test_a_damaged_gzip_file_gives_what_came_before_and_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    lines = "".join(
        json.dumps({"id": n, "text": f"Number {n * n * n}."}) + "\n" for n in range(999)
    )
    path.write_bytes(gzip.compress(lines.encode())[:-200])
    *articles, skipped = read(path)
    assert articles
    assert all(isinstance(article, Article) for article in articles[:-1])
    assert skipped == Skipped(
        str(path),
        "not readable as gzip: Compressed file ended before the end-of-stream marker was reached",
    )
    path.write_bytes(b"no gzip")
    (skipped,) = read(path)
    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith("not readable as gzip: Not a gzipped file")
    assert total_articles([path]) == 0


def test_other_compressed_files_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(BODY.encode()))
    (skipped,) = read(tmp_path)
    assert isinstance(skipped, Skipped)
    assert skipped.reason.startswith("unknown suffix '.txt.gz'")
