"""Ingest as jobs: what the queue promises, what the runner does, and what the routes say."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from conftest import FakeEncoder, FakeReader
from fastapi.testclient import TestClient

from api import jobs as service_jobs
from api.app import create_app
from embeddings.encoder import Vectors
from rag import job_inputs, job_runner, jobs
from rag.engine import Dateline
from rag.errors import BusyError, ConflictError, InputError, NotFoundError, StorageFullError
from rag.index import EmbeddedIndex
from rag.job_inputs import count_articles, file_inputs, list_input, read_inputs
from rag.job_runner import JobRunner
from rag.jobs import Jobs
from rag.store import Store
from rag.types import Article, Claim, Ingested, Job, JobInput, Skipped

pytestmark = pytest.mark.every_database

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


@pytest.fixture
def queue(store: Store) -> Jobs:
    return store.jobs


# --- the queue


def test_a_job_waits_with_what_is_expected_of_it(queue: Jobs) -> None:
    job = submit(queue, listed(STORM, VOTE))
    assert (job.state, job.expected, job.processed) == ("queued", 2, 0)
    assert (job.started, job.finished, job.error) == (None, None, None)
    assert queue.get(job.id) == job


def test_an_unknown_job_is_not_found(queue: Jobs) -> None:
    for look in (queue.get, queue.fates, queue.cancel):
        with pytest.raises(NotFoundError, match="no job 'nowhere'"):
            look("nowhere")


def test_jobs_run_one_at_a_time_and_in_their_order(queue: Jobs) -> None:
    first, second = submit(queue, listed(STORM)), submit(queue, listed(VOTE))
    claim = claimed(queue, "one")
    assert queue.inputs(claim) == listed(STORM)
    assert queue.claim("two", LEASE_S) is None
    queue.end(claim)
    assert queue.inputs(claimed(queue, "two")) == listed(VOTE)
    assert [job.id for job in queue.page()] == [second.id, first.id]
    assert queue.count() == 2


def test_a_lapsed_lease_is_taken_over_and_the_late_runner_changes_nothing(queue: Jobs) -> None:
    job = submit(queue, numbered(3))
    late = claimed(queue, "late", lease_s=0.0)
    assert queue.record(late, 0, added("0"), lease_s=0.0)
    heir = claimed(queue, "heir")
    assert heir.processed == 1
    assert not queue.record(late, 1, added("1"), LEASE_S)
    assert not queue.extend(late, LEASE_S)
    queue.release(late)
    queue.end(late)
    assert queue.get(job.id).state == "running"
    assert queue.record(heir, 1, added("1", "2"), LEASE_S)
    assert queue.fates(job.id)[1] == added("0", "1", "2")


def test_an_extended_lease_is_not_taken_over(queue: Jobs) -> None:
    submit(queue, listed(STORM))
    claim = claimed(queue, "one", lease_s=0.0)
    assert queue.extend(claim, LEASE_S)
    assert queue.claim("two", LEASE_S) is None


def test_a_job_that_ends_its_server_again_and_again_has_failed(queue: Jobs) -> None:
    job = submit(queue, numbered(20))
    for _ in range(jobs.MAX_ATTEMPTS):
        claimed(queue, lease_s=0.0)
    assert queue.claim("one", LEASE_S) is None
    failed = queue.get(job.id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert f"ended {jobs.MAX_ATTEMPTS} times" in failed.error


def test_progress_and_a_proper_stop_make_earlier_deaths_forgotten(queue: Jobs) -> None:
    submit(queue, numbered(20))
    for n in range(2 * jobs.MAX_ATTEMPTS):
        assert queue.record(claimed(queue, lease_s=0.0), n, added(str(n)), lease_s=0.0)
    for _ in range(2 * jobs.MAX_ATTEMPTS):
        queue.release(claimed(queue))
    assert claimed(queue).processed == 2 * jobs.MAX_ATTEMPTS


def test_a_job_that_runs_again_waits_for_nothing(queue: Jobs) -> None:
    job = submit(queue, listed(STORM))
    queue.release(claimed(queue), "no room for the collection")
    assert queue.get(job.id).error == "no room for the collection"
    claimed(queue)
    assert (queue.get(job.id).state, queue.get(job.id).error) == ("running", None)


def test_what_is_told_of_a_file_may_quote_a_nul(queue: Jobs) -> None:
    job = submit(queue, numbered(1))
    claim = claimed(queue)
    assert queue.record(claim, 0, [Skipped("a\0b", "no \0 article")], LEASE_S)
    assert queue.fates(job.id)[1] == [Skipped("a\ufffdb", "no \ufffd article")]
    queue.end(claim, "no \0 file")
    assert queue.get(job.id).error == "no \ufffd file"


def test_a_waiting_job_is_cancelled_at_once_and_its_input_is_gone(
    queue: Jobs, store: Store
) -> None:
    job = submit(queue, listed(STORM))
    assert queue.cancel(job.id).state == "cancelled"
    assert queue.cancel(job.id).state == "cancelled"
    assert queue.claim("one", LEASE_S) is None
    assert inputs_kept(store) == 0


def test_a_running_job_is_cancelled_after_its_batch(queue: Jobs, store: Store) -> None:
    job = submit(queue, numbered(3))
    claim = claimed(queue)
    assert queue.cancel(job.id).state == "running"
    assert not queue.record(claim, 0, added("0"), LEASE_S)
    cancelled = queue.get(job.id)
    assert (cancelled.state, cancelled.added) == ("cancelled", 1)
    assert cancelled.finished is not None
    assert inputs_kept(store) == 0


def test_a_cancelled_job_whose_runner_died_is_not_begun_again(queue: Jobs) -> None:
    job = submit(queue, listed(STORM))
    claimed(queue, lease_s=0.0)
    queue.cancel(job.id)
    assert queue.claim("heir", LEASE_S) is None
    assert queue.get(job.id).state == "cancelled"


def test_a_job_that_is_done_cannot_be_cancelled(queue: Jobs) -> None:
    job = submit(queue, listed(STORM))
    queue.end(claimed(queue))
    with pytest.raises(ConflictError, match="is done"):
        queue.cancel(job.id)


def test_the_same_key_and_input_are_the_same_job(queue: Jobs) -> None:
    job = submit(queue, listed(STORM), "k")
    assert submit(queue, listed(STORM), "k").id == job.id
    assert submit(queue, listed(STORM), "other").id != job.id
    queue.end(claimed(queue))
    assert submit(queue, listed(STORM), "k").state == "done"
    assert queue.count() == 2


def test_the_same_key_with_other_input_is_refused(queue: Jobs) -> None:
    submit(queue, file_inputs([("a.txt", b"bc")]), "k")
    for other in ([("ab.txt", b"c")], [("a.txt", b"bd")], [("a.txt", b"bc"), ("b.txt", b"")]):
        with pytest.raises(InputError, match="Idempotency-Key 'k' was used"):
            submit(queue, file_inputs(other), "k")
    assert queue.count() == 1


def test_an_idempotency_key_is_its_askers_own(queue: Jobs) -> None:
    mine = queue.submit(listed(STORM), 1, "k", asked_by="me")
    yours = queue.submit(listed(VOTE), 1, "k", asked_by="you")
    assert yours.id != mine.id
    assert queue.submit(listed(STORM), 1, "k", asked_by="me").id == mine.id


def test_too_many_waiting_jobs_are_refused_but_a_known_key_is_not(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 2)
    first = submit(queue, listed(STORM), "k")
    submit(queue, listed(STORM))
    with pytest.raises(BusyError, match="2 jobs wait"):
        submit(queue, listed(STORM))
    assert submit(queue, listed(STORM), "k").id == first.id
    claimed(queue)
    submit(queue, listed(STORM))


def test_ended_jobs_are_forgotten_after_their_time_and_others_are_not(queue: Jobs) -> None:
    old, waiting = submit(queue, listed(STORM)), submit(queue, listed(VOTE))
    claim = claimed(queue)
    queue.record(claim, 0, added("storm"), LEASE_S)
    queue.end(claim)
    queue.prune(before=queue.get(old.id).created)
    assert queue.count() == 2
    queue.prune(before=time.time() + 1)
    assert [job.id for job in queue.page()] == [waiting.id]


def inputs_kept(store: Store) -> int:
    with store._engine.connect() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM job_inputs")) or 0)


# --- what a job reads


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


# --- the runner


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


# --- the routes


@pytest.fixture
def client(dateline: Dateline) -> Iterator[TestClient]:
    with TestClient(create_app(dateline), raise_server_exceptions=False) as opened:
        yield opened


def post(client: TestClient, articles: object, **headers: str) -> httpx2.Response:
    response = client.post("/v1/jobs", json=articles, headers=headers)
    assert response.status_code == 202, response.text
    return response


def ended(client: TestClient, job_id: str) -> dict[str, Any]:
    wait(lambda: client.get(f"/v1/jobs/{job_id}").json()["finished"] is not None)
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
    return job


def events(text: str) -> list[dict[str, Any]]:
    """The events of a stream, without its comments."""
    found = []
    for block in text.split("\n\n"):
        lines = [line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")]
        if lines:
            fields: dict[str, Any] = dict(lines)
            found.append({**fields, "data": json.loads(fields["data"])})
    return found


def test_a_posted_list_becomes_a_job_that_can_be_followed_to_its_end(client: TestClient) -> None:
    response = post(client, [STORM, {"text": " "}, 7, VOTE])
    assert response.json()["expected"] == 4
    assert response.headers["location"] == f"/v1/jobs/{response.json()['id']}"
    job = ended(client, response.json()["id"])
    assert job["state"] == "done"
    assert (job["added"], job["skipped"], job["processed"]) == (2, 2, 4)
    assert [fate["status"] for fate in job["articles"]] == ["added", "skipped", "skipped", "added"]
    assert [fate["where"] for fate in job["articles"]] == [None, "[1]", "[2]", None]
    assert all(fate["reason"] for fate in job["articles"][1:3])
    assert client.get("/v1/articles/storm").json()["text"] == STORM["text"]
    assert job["created"] <= job["started"] <= job["finished"]
    listing = client.get("/v1/jobs").json()
    assert (listing["total"], listing["jobs"][0]["id"]) == (1, job["id"])
    assert "articles" not in listing["jobs"][0]


def test_what_a_job_waits_for_is_told_and_stands_on_its_page(
    dateline: Dateline, queue: Jobs
) -> None:
    job = submit(queue, listed(STORM))
    assert queue.wait(claimed(queue), "for memory")
    with TestClient(create_app(dateline)) as client:
        assert client.get(f"/v1/jobs/{job.id}").json()["error"] == "for memory"
        assert "It waits: for memory." in client.get(f"/add/{job.id}").text


def test_the_articles_of_a_job_come_in_pages(client: TestClient) -> None:
    job = ended(client, post(client, [STORM, VOTE, STORM]).json()["id"])
    page = client.get(f"/v1/jobs/{job['id']}", params={"limit": 1, "offset": 1}).json()
    assert [fate["id"] for fate in page["articles"]] == ["vote"]


def test_posted_files_become_a_job(client: TestClient) -> None:
    files = [
        ("file", ("wire.jsonl", json.dumps(VOTE).encode())),
        ("file", ("storm.txt", b"The storm reached Portmore at night.")),
    ]
    response = client.post("/v1/jobs", files=files)
    assert response.status_code == 202, response.text
    job = ended(client, response.json()["id"])
    assert [(fate["id"], fate["status"]) for fate in job["articles"]] == [
        ("vote", "added"),
        ("storm", "added"),
    ]
    again = client.post("/v1/jobs", files=files).json()
    assert ended(client, again["id"])["unchanged"] == 2


def test_a_request_sent_again_with_its_key_makes_no_second_job(client: TestClient) -> None:
    first = post(client, [STORM], **{"Idempotency-Key": '"abc"'}).json()
    assert post(client, [STORM], **{"Idempotency-Key": "abc"}).json()["id"] == first["id"]
    other = client.post("/v1/jobs", json=[VOTE], headers={"Idempotency-Key": "abc"})
    assert other.status_code == 422
    assert "was used for job" in other.json()["detail"]
    assert client.get("/v1/jobs").json()["total"] == 1


def test_files_sent_again_are_the_same_whatever_divides_them(client: TestClient) -> None:
    ids = {
        client.post(
            "/v1/jobs",
            files={"file": ("storm.txt", b"The storm came.")},
            headers={
                "Idempotency-Key": "k",
                "Content-Type": f"multipart/form-data; boundary={boundary}",
            },
        ).json()["id"]
        for boundary in ("one", "two")
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"text": "one"}}, 422),
        ({"content": b"[", "headers": {"content-type": "application/json"}}, 422),
        ({"content": b"[]", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"[]"}, 415),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"files": {"file": ("", b"x")}}, 422),
        ({"data": {"a": "b"}, "files": {"file": ("a.txt", b"x")}}, 422),
        ({"json": [], "headers": {"Idempotency-Key": ""}}, 422),
        ({"json": [], "headers": {"Idempotency-Key": "x" * 256}}, 422),
        ({"json": [], "headers": {"Idempotency-Key": b"\xff"}}, 422),
    ],
)
def test_what_makes_no_job_is_a_problem(
    client: TestClient, sent: dict[str, Any], status: int
) -> None:
    response = client.post("/v1/jobs", **sent)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/jobs").json()["total"] == 0


def test_a_full_queue_says_when_to_come_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 0)
    response = client.post("/v1/jobs", json=[STORM])
    assert response.status_code == 429
    assert response.headers["retry-after"] == "30"


def test_unknown_and_ended_jobs_cannot_be_cancelled(client: TestClient) -> None:
    job = ended(client, post(client, [STORM]).json()["id"])
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 409
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        response = client.request(method, f"/v1/jobs/nowhere{path}")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_events_tell_every_article_once_and_then_the_end(client: TestClient) -> None:
    job = post(client, [{"id": str(n), "text": f"Storm {n} came."} for n in range(120)]).json()
    with client.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *progress, done = events(response.read().decode())
    assert {event["event"] for event in progress} == {"progress"}
    assert (done["event"], done["id"], done["data"]["state"]) == ("done", "120", "done")
    told = [fate["id"] for event in (*progress, done) for fate in event["data"]["articles"]]
    assert told == [str(n) for n in range(120)]


def test_events_go_on_after_the_last_one_that_was_seen(client: TestClient) -> None:
    job = ended(client, post(client, [STORM, VOTE, STORM]).json()["id"])
    for seen, left in (("2", 1), ("3", 0), ("99", 0)):
        path = f"/v1/jobs/{job['id']}/events"
        (done,) = events(client.get(path, headers={"Last-Event-ID": seen}).text)
        assert done["event"] == "done"
        assert len(done["data"]["articles"]) == left
    assert client.get(path, headers={"Last-Event-ID": "x"}).status_code == 422


def streamed(
    dateline: Dateline, job: Job, runner: JobRunner, enough: Callable[[bytes], bool]
) -> bytes:
    """What the event stream of a job sends before it ends by itself, or because the client, having
    seen enough, has gone. TimeoutError if it goes on then."""
    app = create_app(dateline)
    app.state.job_runner = runner
    sent = b""
    left = asyncio.Event()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": f"/v1/jobs/{job.id}/events",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal sent
        sent += message.get("body", b"")
        if enough(sent):
            left.set()

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 10))
    return sent


def test_an_idle_stream_keeps_alive_and_ends_when_its_client_has_gone(
    dateline: Dateline, queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    job = submit(queue, listed(STORM))
    runner = JobRunner(queue, add_all, WEEK_S)
    sent = streamed(dateline, job, runner, lambda sent: b": ping" in sent)
    assert [event["event"] for event in events(sent.decode())] == ["progress"]


def test_a_stream_ends_when_the_server_is_to_exit(dateline: Dateline, queue: Jobs) -> None:
    job = submit(queue, listed(STORM))
    runner = JobRunner(queue, add_all, WEEK_S)

    def drain(_: bytes) -> bool:
        runner.drain()
        return False

    sent = streamed(dateline, job, runner, drain)
    assert [event["event"] for event in events(sent.decode())] == ["progress"]


class SlowEncoder(FakeEncoder):
    """Takes half a second for each portion."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        time.sleep(0.5)
        return super().encode_passages(texts)


def test_an_article_that_takes_minutes_does_not_hold_up_the_end_of_the_service(
    store: Store, index: EmbeddedIndex, queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_jobs, "_BATCH_S", 1.5)
    engine = Dateline(store, index, SlowEncoder(), FakeReader)
    long = " ".join(f"Storm {n} came to the harbour in the night." for n in range(5_000))
    with TestClient(create_app(engine)) as client:
        sent = client.post("/v1/jobs", json=[{"id": "long", "text": long}])
        wait(lambda: queue.get(sent.json()["id"]).state == "running")
        time.sleep(0.5)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    (job,) = queue.page()
    assert (job.state, job.processed) == ("queued", 0)
    assert queue.claim("next", LEASE_S) is not None
