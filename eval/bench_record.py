"""What `dateline bench` writes: its JSON, reading it back, and two of them side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# pydantic cannot check the TypedDict of Python 3.11's own typing.
from typing_extensions import TypedDict

from eval.gold import read_text
from rag.errors import InputError

STAGES = ("encode", "search", "read", "rest")


class Spread(TypedDict):
    """Of how many measurements, and their percentiles."""

    count: int
    p50: float
    p95: float
    p99: float


class StageTimes(TypedDict):
    """Milliseconds of one question."""

    encode: float
    search: float
    read: float
    rest: float
    total: float


class Machine(TypedDict):
    """`load` is how many processes wanted to run in the minute before: 0 is a quiet machine."""

    date: str
    cpu: str
    cores: int
    system: str
    load: float
    versions: dict[str, str]


class Load(TypedDict):
    """What `clients` clients at once got of a server."""

    clients: int
    seconds: float
    questions: int
    refused: int
    questions_per_second: float
    ms: Spread


class TakenIn(TypedDict):
    """Articles taken into an empty collection."""

    articles: int
    passages: int
    seconds: float
    articles_per_second: float
    passages_per_second: float


class StartUp(TypedDict):
    """A process that starts, answers and ends. `heavy` are modules that it should not import."""

    ask_ms: Spread
    modules: int
    imports_ms: float
    slowest_ms: dict[str, float]
    heavy: list[str]


class Bench(TypedDict):
    """All figures of one run."""

    machine: Machine
    models: dict[str, str]
    articles: int
    passages: int
    gold: str | None
    ask_ms: dict[str, Spread]
    asked: list[StageTimes]
    load: Load
    resident_mb: float | None
    ingest: TakenIn
    start_up: StartUp


class Row(NamedTuple):
    """A figure as it is shown. `of` takes it from a run, None if that has none."""

    name: str
    unit: str
    of: Callable[[Bench], float | None]


def _stage(name: str, percentile: str) -> Callable[[Bench], float]:
    def of(bench: Bench) -> float:
        taken: float = bench["ask_ms"][name][percentile]  # type: ignore[literal-required]
        return taken

    return of


ROWS = (
    *(Row(f"ask, {stage}", "ms", _stage(stage, "p50")) for stage in STAGES),
    *(
        Row(f"ask, {name}", "ms", _stage("total", p))
        for name, p in (("median", "p50"), ("p95", "p95"), ("p99", "p99"))
    ),
    Row("many clients", "questions/s", lambda bench: bench["load"]["questions_per_second"]),
    Row("many clients, a reply, median", "ms", lambda bench: bench["load"]["ms"]["p50"]),
    Row("resident memory of the server", "MB", lambda bench: bench["resident_mb"]),
    Row("ingest", "passages/s", lambda bench: bench["ingest"]["passages_per_second"]),
    Row("ingest", "articles/s", lambda bench: bench["ingest"]["articles_per_second"]),
    Row("cold ask in a terminal", "ms", lambda bench: bench["start_up"]["ask_ms"]["p50"]),
    Row("of which imports", "ms", lambda bench: bench["start_up"]["imports_ms"]),
)


def load_bench(path: Path) -> Bench:
    """The run saved in a file. Raises InputError for a file that is none."""
    from pydantic import TypeAdapter, ValidationError

    expected = "what 'dateline bench --json' writes"
    try:
        return TypeAdapter(Bench).validate_json(read_text(path, expected))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: no such run ({field or 'the whole'}: {first['msg']}); expected {expected}"
        ) from error
