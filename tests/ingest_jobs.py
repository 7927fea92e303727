"""Jobs of a few short articles, and a runner that works them off."""

import json
import time
from collections.abc import Callable, Sequence

from rag.job_inputs import count_articles, list_input
from rag.job_runner import JobRunner
from rag.jobs import Jobs
from rag.types import Article, Claim, Ingested, Job, JobInput, Skipped

LEASE_S = 60.0
WEEK_S = 7 * 86_400.0
STORM = {"id": "storm", "text": "The storm reached Portmore at night."}
VOTE = {"id": "vote", "text": "The council voted in the town hall."}
Items = Sequence[Article | Skipped]
Fates = list[Ingested | Skipped]


def listed(*items: object) -> tuple[JobInput, ...]:
    return (list_input(json.dumps(items).encode()),)


def numbered(count: int) -> tuple[JobInput, ...]:
    """Articles "0", "1", ... that mention their number."""
    return listed(*({"id": str(n), "text": f"Storm {n} came in the night."} for n in range(count)))


def submit(queue: Jobs, inputs: tuple[JobInput, ...], key: str | None = None) -> Job:
    return queue.submit(inputs, count_articles(inputs), key)


def claimed(queue: Jobs, runner: str = "one", lease_s: float = LEASE_S) -> Claim:
    claim = queue.claim(runner, lease_s)
    assert claim is not None
    return claim


def added(*ids: str) -> Fates:
    return [Ingested(i, "added") for i in ids]


def add_all(batch: Items) -> Fates:
    """Adds every article and remembers none."""
    return [item if isinstance(item, Skipped) else Ingested(item.id, "added") for item in batch]


def wait(ready: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.01)


def work_off(queue: Jobs, job: Job, ingest: Callable[[Items], Fates] = add_all) -> Job:
    """The job once a runner of its own has ended it."""
    runner = JobRunner(queue, ingest, WEEK_S)
    runner.start()
    try:
        wait(lambda: queue.get(job.id).finished is not None)
    finally:
        runner.stop()
    return queue.get(job.id)


def counts(job: Job) -> tuple[int, int, int, int]:
    return job.added, job.updated, job.unchanged, job.skipped
