"""What an ingest job reads: a posted list, or files."""

import gzip
import json

import pytest
from ingest_jobs import STORM, VOTE, listed

from rag import job_inputs
from rag.errors import InputError
from rag.job_inputs import count_articles, file_inputs, list_input, read_inputs
from rag.types import Article, Skipped


def test_a_list_is_read_item_by_item() -> None:
    good, text, bad = read_inputs(listed(STORM, "storm", {"text": 3}))
    assert isinstance(good, Article)
    assert good.id == "storm"
    assert text == Skipped("[1]", "not an object: expected one with a 'text'")
    assert isinstance(bad, Skipped)
    assert bad.where == "[2]"


@pytest.mark.parametrize("body", [b"", b"{}", b'"a"', b"[1,", b"\xff[]", b"[" * 100_000])
def test_a_body_that_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(InputError, match="the body is not"):
        list_input(body)


def test_a_list_of_too_many_articles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_inputs, "MAX_ARTICLES", 2)
    listed(STORM, VOTE)
    with pytest.raises(InputError, match="3 articles; one job takes 2"):
        listed(STORM, VOTE, STORM)


def test_files_are_read_by_their_names() -> None:
    lines = json.dumps(STORM).encode() + b"\n{}\n" + json.dumps(VOTE).encode()
    inputs = file_inputs(
        [
            ("wire.jsonl", lines),
            ("wire.jsonl.gz", gzip.compress(lines)),
            ("C:\\news\\note [2024-03-06].txt", b"The ferry sank in Carrow Sound at night."),
            ("odd.xyz", b"?"),
        ]
    )
    storm, bad, vote, _, zipped, _, note, odd = read_inputs(inputs)
    assert [a.id for a in (storm, vote) if isinstance(a, Article)] == ["storm", "vote"]
    assert isinstance(bad, Skipped)
    assert bad.where == "wire.jsonl:2"
    assert isinstance(zipped, Skipped)
    assert zipped.where == "wire.jsonl.gz:2"
    assert isinstance(note, Article)
    assert (note.id, note.origin) == ("note [2024-03-06]", "upload:note [2024-03-06].txt")
    assert str(note.published) == "2024-03-06"
    assert isinstance(odd, Skipped)
    assert odd.where == "odd.xyz"
    assert count_articles(inputs) == 7  # no format, no article to expect


@pytest.mark.parametrize(
    "name", [None, "", "/", "..", "a\0.txt", "a\n.txt", "\ud800.txt", "x" * 201]
)
def test_what_is_no_file_name_is_refused(name: str | None) -> None:
    with pytest.raises(InputError, match="is no file name"):
        file_inputs([(name, b"")])


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match=r"two files named 'a\.txt'"):
        file_inputs([("x/a.txt", b"1"), ("y/a.txt", b"2")])


def test_a_gz_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_inputs, "MAX_UNPACKED_BYTES", 3_000_000)
    file_inputs([("a.jsonl.gz", gzip.compress(b" " * 3_000_000)), ("no.jsonl.gz", b"no gzip")])
    with pytest.raises(InputError, match="unpacks to more than 3,000,000 bytes"):
        file_inputs([("a.jsonl.GZ", gzip.compress(b" " * 3_000_001))])
