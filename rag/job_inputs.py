"""What a job was given -> the articles in it, the same ones in the same order every time."""

import gzip
import json
import logging
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from rag.errors import InputError
from rag.fields import article_of_item
from rag.formats import total_articles
from rag.sandbox import read_safely
from rag.types import Article, JobInput, Skipped

logger = logging.getLogger("dateline")

MAX_ARTICLES = 10_000
"""The most that one job takes."""
MAX_UNPACKED_BYTES = 200_000_000
"""The most that a .gz may hold: packed, as much as 20 GB fit into a request."""
_MAX_NAME_BYTES = 200


def list_input(body: bytes) -> JobInput:
    """A JSON list of articles; InputError if the body is none, or holds too many."""
    items = _items(body)
    if len(items) > MAX_ARTICLES:
        raise InputError(
            f"{len(items):,} articles; one job takes {MAX_ARTICLES:,} at most: send several"
        )
    return JobInput(None, body)


def file_inputs(files: Sequence[tuple[str | None, bytes]]) -> tuple[JobInput, ...]:
    """Files by their name, whose suffix says their format and whose stem an article's id.

    InputError if there is none, a name is missing, given twice or no file's name, or a .gz
    unpacks to too much.
    """
    inputs = tuple(JobInput(_base_name(name), content) for name, content in files)
    if not inputs:
        raise InputError("no file in the form: send one as in 'curl -F file=@wire.jsonl'")
    names = [given.name for given in inputs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two files named '{name}': rename one, or send two jobs")
    for given in inputs:
        if str(given.name).lower().endswith(".gz"):
            _check_unpacked(given)
    return inputs


def _check_unpacked(given: JobInput) -> None:
    size = 0
    with suppress(OSError, EOFError, zlib.error), gzip.open(BytesIO(given.content)) as stream:
        while block := stream.read(1 << 20):  # what is no gzip is told when it is read
            size += len(block)
            if size > MAX_UNPACKED_BYTES:
                raise InputError(
                    f"'{given.name}' unpacks to more than {MAX_UNPACKED_BYTES:,} bytes: split it"
                )


def count_articles(inputs: Sequence[JobInput]) -> int:
    """How many articles to expect: exact for a list, an estimate for files.

    A Parquet file counts as one: only a child process may look into it.
    """
    total = 0
    for given in inputs:
        if given.name is None:
            total += len(_items(given.content))
            continue
        with _as_file(given.name, given.content) as path:
            total += 1 if path.suffix.lower() == ".parquet" else total_articles([path]) or 0
    return total


def read_inputs(inputs: Sequence[JobInput]) -> Iterator[Article | Skipped]:
    """Every article; what cannot be read becomes a `Skipped` and stops nothing after it.

    An article of a file of its own has "upload:" and the file's name as origin: the same name
    replaces it.
    """
    for given in inputs:
        if given.name is None:
            for number, item in enumerate(_items(given.content)):
                yield article_of_item(item, number)
            continue
        with _as_file(given.name, given.content) as path:
            yield from _read_file(path, given.name)


def _read_file(path: Path, name: str) -> Iterator[Article | Skipped]:
    try:
        for item in read_safely([path]):
            if isinstance(item, Skipped):
                yield Skipped(item.where.replace(str(path), name), item.reason)
            elif item.origin is None:
                yield item
            else:
                yield replace(item, origin=f"upload:{name}")
    except (OSError, MemoryError):
        raise  # the machine's fault, and not the file's
    except Exception as error:
        logger.exception("%s cannot be read", name)
        yield Skipped(name, f"cannot be read ({type(error).__name__})")


def _items(body: bytes) -> list[object]:
    try:
        items = json.loads(body)
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8 are a ValueError
        raise InputError(f"the body is not JSON: {_told(error)}") from error
    if not isinstance(items, list):
        raise InputError("the body is not a JSON list of articles: POST /v1/articles takes one")
    return items


def _told(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"


def _base_name(name: str | None) -> str:
    """The name without folders, as some clients send them."""
    base = PurePosixPath((name or "").replace("\\", "/")).name
    length = len(base.encode(errors="replace"))
    if base == ".." or not base.isprintable() or not 1 <= length <= _MAX_NAME_BYTES:
        raise InputError(
            f"{name!a} is no file name: expected 1 to {_MAX_NAME_BYTES} bytes, with a suffix "
            "that says the format, such as 'wire.jsonl'"
        )
    return base


@contextmanager
def _as_file(name: str, content: bytes) -> Iterator[Path]:
    with TemporaryDirectory(prefix="dateline-") as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        yield path
