"""What Prometheus reads at /metrics.

Every label's values come from a closed set, never from what a client sent. With several workers
the values live in files under PROMETHEUS_MULTIPROC_DIR, set before this module is imported, and
whichever worker is scraped adds up those of all.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import prometheus_client
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from rag.engine import Dateline
from rag.types import Reply

CONTENT_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

# The library has no types for this and for what workers share.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

_REGISTRY = CollectorRegistry()
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

_requests = Histogram(
    "dateline_http_request_seconds",
    "From the request's first byte to the response's last.",
    ["method", "route", "status"],
    buckets=_SECONDS,
    registry=_REGISTRY,
)
_in_progress = Gauge(
    "dateline_http_requests_in_progress",
    "Requests being answered.",
    multiprocess_mode="livesum",
    registry=_REGISTRY,
)
_stages = Histogram(
    "dateline_ask_seconds",
    "Time of a question by stage: retrieve, read, answer; total is their sum.",
    ["stage"],
    buckets=_SECONDS,
    registry=_REGISTRY,
)
_questions = Counter(
    "dateline_questions",
    "Questions by outcome: answered, or abstained where no answer was sure enough.",
    ["outcome"],
    registry=_REGISTRY,
)
for _outcome in ("answered", "abstained"):
    _questions.labels(_outcome)  # 0 is told from the start
_queue = Gauge(
    "dateline_queue_depth",
    "Questions admitted and waiting for the models.",
    multiprocess_mode="livesum",
    registry=_REGISTRY,
)


def request_began() -> None:
    """A request has come in."""
    _in_progress.inc()


def request_ended(method: str, route: str, status: int, seconds: float) -> None:
    """A request is over; `method` and `route` are of closed sets."""
    _in_progress.dec()
    _requests.labels(method, route, str(status)).observe(seconds)


def asked(reply: Reply) -> None:
    """A question has its reply."""
    _questions.labels("answered" if reply.answered else "abstained").inc()
    for stage, milliseconds in {**stages(reply), "total": reply.timings.total}.items():
        _stages.labels(stage).observe(milliseconds / 1000)


def stages(reply: Reply) -> dict[str, float]:
    """Milliseconds that each stage of a reply took."""
    took = reply.timings
    answer = max(0.0, took.total - took.retrieve - took.read)
    return {"retrieve": took.retrieve, "read": took.read, "answer": answer}


def queued(waiting: int) -> None:
    """So many questions wait for the models in this process now."""
    _queue.set(waiting)


@dataclass(frozen=True)
class Asked:
    """The questions since the start, of all workers; times in seconds, estimated by bucket."""

    questions: int
    answered: int
    p50: float | None
    p95: float | None


def questions_so_far() -> Asked:
    """How many questions there were, and how they went."""
    families = {family.name: family.samples for family in _recorded()}
    outcomes = {
        sample.labels["outcome"]: int(sample.value)
        for sample in families.get("dateline_questions", ())
    }
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for sample in families.get("dateline_ask_seconds", ())
        if sample.name.endswith("_bucket") and sample.labels["stage"] == "total"
    ]
    return Asked(
        questions=sum(outcomes.values()),
        answered=outcomes.get("answered", 0),
        p50=quantile(buckets, 0.5),
        p95=quantile(buckets, 0.95),
    )


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    """The value below which `share` of a histogram lies, None of an empty one.

    `buckets` are (upper bound, observations up to it), ascending; within one the observations are
    taken to lie evenly, beyond the last bound at that bound, as PromQL's histogram_quantile does.
    """
    wanted = share * buckets[-1][1] if buckets else 0.0
    if not wanted:
        return None
    lower = below = 0.0
    for upper, up_to in buckets:
        if up_to >= wanted:
            if math.isinf(upper):
                break
            return lower + (upper - lower) * (wanted - below) / (up_to - below)
        lower, below = upper, up_to
    return lower


def exposition(engine: Dateline) -> bytes:
    """Everything, in the format that CONTENT_TYPE names."""
    registry = CollectorRegistry()
    registry.register(_Everything(engine))
    return prometheus_client.generate_latest(registry)


class _Everything(Collector):
    def __init__(self, engine: Dateline) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        yield from _recorded()
        articles, passages = self._engine.counts()
        index = self._engine.index_state()
        for name, meaning, value in (
            ("articles", "Articles in the collection.", articles),
            ("passages", "Passages in the collection.", passages),
            ("store_seq", "Number of the last committed write.", index.store_seq),
            ("index_generation_seq", "Last write in the index on disk.", index.generation_seq),
            ("index_lag", "Writes that this worker's next search takes in.", index.lag),
            (
                "resident_memory_bytes",
                "Memory of all workers; shared pages count once for each.",
                sum(map(_resident_bytes, _workers())),
            ),
        ):
            yield GaugeMetricFamily(f"dateline_{name}", meaning, value)
        info = GaugeMetricFamily(
            "dateline_build_info", "The version that runs.", labels=["version"]
        )
        info.add_metric([version("dateline")], 1)
        yield info


def _recorded() -> Iterable[Metric]:
    folder = os.environ.get(MULTIPROCESS)
    if folder is None:
        return _REGISTRY.collect()
    for pid in _pids(folder):
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
    return MultiProcessCollector(None, folder).collect()  # type: ignore[no-untyped-call, no-any-return]


def _workers() -> set[int]:
    folder = os.environ.get(MULTIPROCESS)
    return {os.getpid()} if folder is None else {os.getpid(), *_pids(folder)}


def _pids(folder: str) -> set[int]:
    """Processes that have written values, dead ones among them: files end in _<pid>.db."""
    return {int(path.stem.rpartition("_")[2]) for path in Path(folder).glob("*.db")}


def _resident_bytes(pid: int) -> int:
    """0 for a process that has gone, and where there is no /proc."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
