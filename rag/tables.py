"""Files with a row for each article: JSON lines, CSV and Parquet. A bad row spoils no other."""

import csv
import json
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from rag.errors import MissingExtraError, UnreadableError
from rag.fields import NAMES, TEXT_NAMES, either, read_article
from rag.types import Article, Skipped


def read_jsonl(lines: Iterable[bytes], name: str) -> Iterator[Article | Skipped]:
    """Lines are counted from 1, and `name` is what to call the file; blank ones are passed over."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield read_article(f"{name}:{number}", partial(_json_fields, line))


def _json_fields(line: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(line.decode("utf-8-sig").rstrip())
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not UTF-8: {error.reason}; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        problem = str(error)
        if isinstance(error, json.JSONDecodeError):
            problem = f"{error.msg} at column {error.colno}"
        raise UnreadableError(f"not JSON: {problem}; fix or remove the line") from None
    if not isinstance(value, dict):
        raise UnreadableError(f"expected a JSON object, got {reprlib.repr(value)}")
    return value


# --- CSV -----------------------------------------------------------------------------------------


def read_csv(lines: Iterable[bytes], name: str) -> Iterator[Article | Skipped]:
    """Rows are counted as a spreadsheet does: the header is row 1."""
    rows = _csv_rows(lines)
    header = next(rows, [])
    if isinstance(header, csv.Error):
        yield Skipped(f"{name}:1", f"not CSV: {header}; fix or remove the row")
        return
    columns = [cell.strip().lower() for cell in header]
    if not set(columns) & set(TEXT_NAMES):
        found = reprlib.repr(columns)
        yield Skipped(f"{name}:1", f"no column {either('text')} in the header: {found}")
        return
    for number, row in enumerate(rows, 2):
        if isinstance(row, csv.Error):
            yield Skipped(f"{name}:{number}", f"not CSV: {row}; fix or remove the row")
        elif any(row):
            yield read_article(f"{name}:{number}", partial(_csv_fields, columns, row))


def _csv_rows(lines: Iterable[bytes]) -> Iterator[list[str] | csv.Error]:
    csv.field_size_limit(2**31 - 1)
    # A byte that is not UTF-8 becomes a lone surrogate, so that it spoils its own row only.
    decoded = (line.decode("utf-8-sig", "surrogateescape") for line in lines)
    # Strict: a quote that is never closed is an error, not one article of all the rows after it.
    rows = csv.reader(decoded, strict=True)
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield error


def _csv_fields(columns: list[str], row: list[str]) -> Mapping[str, object]:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        raise UnreadableError("not UTF-8: save the file as CSV UTF-8") from None
    if any(cell.strip() for cell in row[len(columns) :]):
        raise UnreadableError(
            f"{len(row)} cells under {len(columns)} columns: quote cells that hold a comma"
        )
    return {column: cell for column, cell in zip(columns, row, strict=False) if cell.strip()}


# --- Parquet -------------------------------------------------------------------------------------

_BATCH_ROWS = 64


def read_parquet(path: Path, name: str) -> Iterator[Article | Skipped]:
    """Rows are counted from 1. A few rows are in memory at a time, whatever the row groups."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet") from None
    known = {"id", *(alias for names in NAMES.values() for alias in names)}
    try:
        # Buffered: otherwise the columns of a whole row group are read at once.
        with parquet.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            all_columns = file.schema_arrow.names
            columns = [column for column in all_columns if column.strip().lower() in known]
            if not {column.strip().lower() for column in columns} & set(TEXT_NAMES):
                found = reprlib.repr(all_columns)
                yield Skipped(name, f"no column {either('text')}: {found}")
                return
            number = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                for row in range(batch.num_rows):
                    number += 1
                    yield read_article(f"{name}:{number}", partial(_parquet_fields, batch, row))
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's, not pyarrow's
            raise
        raise UnreadableError(f"not readable as Parquet: {str(error).splitlines()[0]}") from None


def _parquet_fields(batch: Any, row: int) -> Mapping[str, object]:
    fields: dict[str, object] = {}
    for column, cells in zip(batch.schema.names, batch.columns, strict=True):
        try:
            value = cells[row].as_py()
        except ValueError as error:  # text that is not UTF-8, a time finer than Python's
            raise UnreadableError(f"'{column}' cannot be read: {error}") from None
        fields[column.strip().lower()] = value.isoformat() if isinstance(value, date) else value
    return fields


def count_parquet(path: Path) -> int:
    """Rows of a file; 0 if it cannot be read."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return 0
    try:
        return int(parquet.read_metadata(path).num_rows)
    except (pyarrow.ArrowException, OSError):
        return 0
