"""The queue of ingest jobs: what it promises to whoever submits and whoever runs."""

import time

import pytest
import sqlalchemy as sa
from ingest_jobs import LEASE_S, STORM, VOTE, added, claimed, listed, numbered, submit

from rag import jobs
from rag.errors import BusyError, ConflictError, InputError, NotFoundError
from rag.job_inputs import file_inputs
from rag.jobs import Jobs
from rag.store import Store
from rag.types import Skipped

pytestmark = pytest.mark.every_database


def inputs_kept(store: Store) -> int:
    with store._engine.connect() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM job_inputs")) or 0)


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
