"""What the runner of ingest jobs does, and when something fails."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from ingest_jobs import (
    LEASE_S,
    STORM,
    WEEK_S,
    Fates,
    Items,
    add_all,
    added,
    claimed,
    counts,
    listed,
    numbered,
    submit,
    wait,
    work_off,
)

from rag import job_runner, jobs
from rag.errors import NotFoundError, StorageFullError
from rag.job_inputs import file_inputs, read_inputs
from rag.job_runner import JobRunner
from rag.jobs import Jobs
from rag.types import Article, Claim, Job, JobInput, Skipped

pytestmark = pytest.mark.every_database


def test_a_job_is_done_in_small_batches(queue: Jobs) -> None:
    sizes: list[int] = []

    def ingest(batch: Items) -> Fates:
        sizes.append(len(batch))
        return add_all(batch)

    job = work_off(queue, submit(queue, numbered(19)), ingest)
    assert sizes == [8, 8, 3]
    assert (job.state, job.added, job.expected, job.error) == ("done", 19, 19, None)
    assert queue.fates(job.id, limit=2, offset=17)[1] == added("17", "18")


def test_long_articles_make_smaller_batches(queue: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "_BATCH_CHARACTERS", 50)  # two of 28
    sizes: list[int] = []

    def ingest(batch: Items) -> Fates:
        sizes.append(len(batch))
        return add_all(batch)

    work_off(queue, submit(queue, numbered(5)), ingest)
    assert sizes == [2, 2, 1]


def test_a_job_of_nothing_is_done(queue: Jobs) -> None:
    assert work_off(queue, submit(queue, listed())).state == "done"


def test_what_is_expected_is_exact_once_it_is_done(queue: Jobs) -> None:
    inputs = file_inputs([("a.csv", b'text\n"The storm came.\nIt went."\n')])
    job = submit(queue, inputs)
    assert job.expected == 3
    assert work_off(queue, job).expected == 1


def test_an_article_that_cannot_be_ingested_is_skipped_alone(
    queue: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    def ingest(batch: Items) -> Fates:
        if any(isinstance(item, Article) and item.id == "3" for item in batch):
            raise ValueError("no vector for 3")
        return add_all(batch)

    job = work_off(queue, submit(queue, numbered(10)), ingest)
    assert (job.state, counts(job)) == ("done", (9, 0, 0, 1))
    reason = "cannot be ingested (ValueError: no vector for 3)"
    assert queue.fates(job.id)[1][3] == Skipped("3", reason)
    assert "article 3 cannot be ingested" in caplog.text


def test_a_full_disk_only_delays_a_job(queue: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_runner, "_RETRY_S", 0.01)
    failures = iter([OSError(28, "No space left on device")] * (jobs.MAX_ATTEMPTS + 2))

    def ingest(batch: Items) -> Fates:
        for failure in failures:
            raise failure
        return add_all(batch)

    job = work_off(queue, submit(queue, numbered(10)), ingest)
    assert (job.state, job.added) == ("done", 10)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> int:
    """Before a try that may still succeed; their number."""
    monkeypatch.setattr(job_runner, "_MEMORY_PAUSES_S", (0.01, 0.01, 0.01))
    return 3


def test_an_article_that_always_takes_too_much_memory_is_skipped_after_many_tries(
    queue: Jobs, short_pauses: int
) -> None:
    tries = 0

    def ingest(batch: Items) -> Fates:
        nonlocal tries
        if any(isinstance(item, Article) and item.id == "3" for item in batch):
            tries += len(batch) == 1
            raise MemoryError
        return add_all(batch)

    job, behind = submit(queue, numbered(10)), submit(queue, numbered(1))
    assert work_off(queue, behind, ingest).state == "done"
    assert (queue.get(job.id).state, counts(queue.get(job.id))) == ("done", (9, 0, 0, 1))
    assert tries == short_pauses + 1
    reason = "cannot be ingested (there was not the memory for it, 4 times in 0 minutes)"
    assert queue.fates(job.id)[1][3] == Skipped("3", reason)


def test_the_pauses_for_memory_grow_over_minutes() -> None:
    pauses = job_runner._MEMORY_PAUSES_S
    assert list(pauses) == sorted(pauses)
    assert 180 <= sum(pauses) <= 600


def test_a_job_that_waits_for_memory_says_so_and_skips_nothing(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_MEMORY_PAUSES_S", (0.01, 0.01, 20.0))
    short = threading.Event()
    short.set()

    def ingest(batch: Items) -> Fates:
        if short.is_set():
            raise MemoryError
        return add_all(batch)

    job = submit(queue, numbered(10))
    runner = JobRunner(queue, ingest, WEEK_S)
    runner.start()
    try:
        wait(lambda: "too little 3 times" in (queue.get(job.id).error or ""))
        waiting = queue.get(job.id)
        assert (waiting.state, waiting.finished, waiting.processed) == ("running", None, 0)
    finally:
        runner.stop()  # does not wait for the pause
    assert (queue.get(job.id).state, queue.get(job.id).error) == ("queued", None)
    short.clear()
    done = work_off(queue, job, ingest)
    assert (done.state, done.added, done.skipped, done.error) == ("done", 10, 0, None)


def cancel_while_it_waits(queue: Jobs, job: Job, ingest: Callable[[Items], Fates]) -> Job:
    runner = JobRunner(queue, ingest, WEEK_S)
    runner.start()
    try:
        wait(lambda: queue.get(job.id).error is not None)
        queue.cancel(job.id)
        wait(lambda: queue.get(job.id).state == "cancelled")
    finally:
        runner.stop()
    return queue.get(job.id)


def test_a_job_that_waits_for_memory_can_be_cancelled(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_MEMORY_PAUSES_S", (0.05,) * 1000)

    def ingest(batch: Items) -> Fates:
        raise MemoryError

    job = cancel_while_it_waits(queue, submit(queue, numbered(2)), ingest)
    assert (job.skipped, job.error) == (0, None)


def test_a_machine_that_stays_short_of_memory_fails_the_job_and_not_all_its_articles(
    queue: Jobs, short_pauses: int
) -> None:
    def ingest(batch: Items) -> Fates:
        if any(isinstance(item, Article) and int(item.id) >= 9 for item in batch):
            raise MemoryError
        return add_all(batch)

    job = work_off(queue, submit(queue, numbered(30)), ingest)
    assert (job.state, counts(job)) == ("failed", (9, 0, 0, 2))
    assert [f.where for f in queue.fates(job.id)[1] if isinstance(f, Skipped)] == ["9", "10"]
    assert job.error is not None
    told = "there was not the memory for article 11, 4 times in 0 minutes, nor for the 2 before it"
    assert job.error.startswith(told)


def test_what_a_cancelled_job_has_ingested_alone_is_listed(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_MEMORY_PAUSES_S", (0.05,) * 1000)

    def ingest(batch: Items) -> Fates:
        if any(isinstance(item, Article) and item.id == "1" for item in batch):
            raise MemoryError
        return add_all(batch)

    job = cancel_while_it_waits(queue, submit(queue, numbered(3)), ingest)
    assert queue.fates(job.id)[1] == added("0")


def test_inputs_that_there_is_never_the_memory_to_read_fail_the_job(
    queue: Jobs, short_pauses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def read(inputs: Sequence[JobInput]) -> Iterator[Article | Skipped]:
        nonlocal tries
        for number, item in enumerate(read_inputs(inputs)):
            if number == 9:
                tries += 1
                raise MemoryError
            yield item

    monkeypatch.setattr(job_runner, "read_inputs", read)
    job, behind = submit(queue, numbered(12)), submit(queue, listed(STORM))
    assert work_off(queue, behind).state == "done"
    failed = queue.get(job.id)
    assert (failed.state, failed.added, tries) == ("failed", 9, short_pauses + 1)
    assert failed.error is not None
    assert failed.error.startswith("there was not the memory to read what follows article 9, 4 ")


def test_what_was_read_before_a_mistake_of_ours_is_kept(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(inputs: Sequence[JobInput]) -> Iterator[Article | Skipped]:
        items = read_inputs(inputs)
        yield next(items)
        raise ValueError("odd")

    monkeypatch.setattr(job_runner, "read_inputs", read)
    job = work_off(queue, submit(queue, numbered(3)))
    assert (job.state, job.added) == ("failed", 1)
    assert job.error == "it cannot be read on (ValueError: odd)"


def test_inputs_that_there_is_not_the_memory_to_load_for_a_while_are_read_on(
    queue: Jobs, short_pauses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, failures = Jobs.inputs, iter([MemoryError] * short_pauses)

    def inputs(self: Jobs, claim: Claim) -> tuple[JobInput, ...]:
        for failure in failures:
            raise failure
        return load(self, claim)

    monkeypatch.setattr(Jobs, "inputs", inputs)
    job = work_off(queue, submit(queue, numbered(12)))
    assert (job.state, job.added, job.error) == ("done", 12, None)


def test_what_keeps_a_job_waiting_is_shown_and_logged_once(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(job_runner, "_RETRY_S", 0.01)
    caplog.set_level("INFO", "dateline")
    tries, room = 0, threading.Event()

    def ingest(batch: Items) -> Fates:
        nonlocal tries
        tries += 1
        if not room.is_set():
            raise StorageFullError("no room for the collection: free some of its disk")
        return add_all(batch)

    job = submit(queue, numbered(1))
    runner = JobRunner(queue, ingest, WEEK_S)
    runner.start()
    try:
        wait(lambda: tries > 5)
        wait(lambda: (queue.get(job.id).error or "").startswith("no room for the collection"))
        room.set()
        wait(lambda: queue.get(job.id).state == "done")
        wait(lambda: "ingest jobs go on" in caplog.messages)
    finally:
        runner.stop()
    assert queue.get(job.id).error is None
    paused = "ingest jobs pause: no room for the collection: free some of its disk"
    assert [m for m in caplog.messages if "ingest jobs" in m] == [paused, "ingest jobs go on"]


def test_a_job_of_too_many_articles_ends_with_the_most_it_takes(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(job_runner, "MAX_ARTICLES", 10)
    lines = b"\n".join(json.dumps({"text": f"Storm {n}."}).encode() for n in range(11))
    job = work_off(queue, submit(queue, file_inputs([("wire.jsonl", lines)])))
    assert (job.state, job.added) == ("failed", 10)
    assert job.error == "one job takes 10 articles: send the rest in another"
    assert not any(record.exc_info for record in caplog.records)


def test_a_stopped_runner_finishes_its_batch_and_another_goes_on(queue: Jobs) -> None:
    began, go_on = threading.Event(), threading.Event()

    def ingest(batch: Items) -> Fates:
        began.set()
        assert go_on.wait(10)
        return add_all(batch)

    job = submit(queue, numbered(20))
    runner = JobRunner(queue, ingest, WEEK_S)
    runner.start()
    assert began.wait(10)
    runner.drain()
    go_on.set()
    runner.stop()
    left = queue.get(job.id)
    assert (left.state, left.added) == ("queued", 8)
    done = work_off(queue, job)
    assert (done.state, done.added, done.started) == ("done", 20, left.started)
    assert queue.fates(job.id)[1] == added(*map(str, range(20)))


def test_a_batch_longer_than_the_lease_is_not_taken_over(queue: Jobs) -> None:
    began, go_on = threading.Event(), threading.Event()

    def ingest(batch: Items) -> Fates:
        began.set()
        assert go_on.wait(10)
        return add_all(batch)

    job = submit(queue, numbered(1))
    runner = JobRunner(queue, ingest, WEEK_S, lease_s=0.6)
    runner.start()
    try:
        assert began.wait(10)
        time.sleep(1.2)
        assert queue.claim("other", LEASE_S) is None
        go_on.set()
        wait(lambda: queue.get(job.id).state == "done")
    finally:
        go_on.set()
        runner.stop()


def test_a_runner_forgets_old_jobs_when_it_starts(queue: Jobs) -> None:
    job = submit(queue, listed())
    queue.end(claimed(queue))
    runner = JobRunner(queue, add_all, kept_s=0.0)
    runner.start()
    try:
        wait(lambda: queue.count() == 0)
    finally:
        runner.stop()
    with pytest.raises(NotFoundError):
        queue.get(job.id)
