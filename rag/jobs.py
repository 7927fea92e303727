"""Ingests that go on after their request: rows of the database, so that a restart loses none.

One job runs at a time, in the order in which they came, whatever the number of processes: the
one that runs it holds a lease, which it must extend before it lapses.
"""

import hashlib
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from rag import database as tables
from rag.errors import BusyError, ConflictError, InputError, NotFoundError
from rag.types import Claim, Ingested, Job, JobInput, JobState, Skipped

MAX_WAITING = 32
MAX_ATTEMPTS = 3
_RETRY_S = 30


class Jobs:
    """The jobs of one collection. Safe to use from several threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- for who asks for one

    def submit(
        self,
        inputs: Sequence[JobInput],
        expected: int,
        key: str | None = None,
        asked_by: str = "",
    ) -> Job:
        """A new job; with an idempotency key that the same asker has used, the job made with it.

        InputError if that one was given other input; BusyError if too many jobs wait.
        """
        sha256 = _sha256(inputs)
        with self._write() as connection:
            if key is not None:
                known = connection.execute(
                    sa.select(tables.jobs).where(
                        tables.jobs.c.asked_by == asked_by, tables.jobs.c.idempotency_key == key
                    )
                ).first()
                if known is not None and known.sha256 != sha256:
                    raise InputError(
                        f"Idempotency-Key '{key}' was used for job '{known.id}' with another "
                        "body: send a new key"
                    )
                if known is not None:
                    return _job(connection, known)
            waiting = _count(connection, tables.jobs.c.state == "queued")
            if waiting >= MAX_WAITING:
                raise BusyError(
                    f"{waiting} jobs wait already: send it again in {_RETRY_S} s", _RETRY_S
                )
            row = connection.execute(
                sa.insert(tables.jobs).returning(*tables.jobs.c),
                {
                    "id": uuid4().hex,
                    "state": "queued",
                    "asked_by": asked_by,
                    "idempotency_key": key,
                    "sha256": sha256,
                    "expected": expected,
                    "created": time.time(),
                },
            ).one()
            rows = [
                {"job": row.number, "number": n, "name": given.name, "content": given.content}
                for n, given in enumerate(inputs)
            ]
            connection.execute(sa.insert(tables.job_inputs), rows)
            return _job(connection, row)

    def get(self, job_id: str) -> Job:
        """The job; NotFoundError if there is none."""
        with self._engine.connect() as connection:
            return _job(connection, _row(connection, job_id))

    def page(self, limit: int = 50, offset: int = 0) -> list[Job]:
        """Jobs, newest first."""
        query = sa.select(tables.jobs).order_by(tables.jobs.c.number.desc())
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(limit).offset(offset)).all()
            return [_job(connection, row) for row in rows]

    def count(self) -> int:
        """How many jobs there are, ended ones among them."""
        with self._engine.connect() as connection:
            return _count(connection, sa.true())

    def fates(
        self, job_id: str, limit: int = 50, offset: int = 0
    ) -> tuple[Job, list[Ingested | Skipped]]:
        """The job, and what became of its articles, in the order in which they were read."""
        found = tables.job_articles.c
        with self._engine.connect() as connection:
            row = _row(connection, job_id)
            query = sa.select(tables.job_articles).where(
                found.job == row.number, found.number >= offset, found.number < offset + limit
            )
            fates = [_fate(each) for each in connection.execute(query.order_by(found.number))]
            return _job(connection, row), fates

    def cancel(self, job_id: str) -> Job:
        """Stop a job: at once if it waits, after the batch at hand if it runs.

        What it has ingested stays. ConflictError if it has ended in another way.
        """
        with self._write() as connection:
            row = _row(connection, job_id)
            if row.state == "queued":
                _end(connection, row.number, "cancelled")
            elif row.state == "running":
                _update(connection, row.number, cancelling=True)
            elif row.state != "cancelled":
                raise ConflictError(
                    f"job '{job_id}' is {row.state}: only one that has not ended can be cancelled"
                )
            return _job(connection, _row(connection, job_id))

    # --- for who runs them

    def claim(self, runner: str, lease_s: float) -> Claim | None:
        """The job to be run now, by `runner` and nobody else for `lease_s` seconds.

        None while none waits, or another process runs one. One whose runner went silent
        `MAX_ATTEMPTS` times without finishing a batch has failed.
        """
        with self._engine.connect() as connection:  # nobody is to wait for an idle server's lock
            if _next(connection) is None:
                return None
        with self._write() as connection:
            while (row := _next(connection)) is not None:
                processed = _job(connection, row).processed
                if row.cancelling:
                    _end(connection, row.number, "cancelled")
                elif row.attempts >= MAX_ATTEMPTS:
                    error = (
                        f"the server ended {row.attempts} times without a word while it worked "
                        f"on what follows article {processed}: leave that out and send the rest"
                    )
                    _end(connection, row.number, "failed", error=error)
                else:
                    now = time.time()
                    _update(
                        connection,
                        row.number,
                        state="running",
                        started=now if row.started is None else row.started,
                        runner=runner,
                        lease_until=now + lease_s,
                        attempts=row.attempts + 1,
                        error=None,
                    )
                    return Claim(row.number, runner, processed)
        return None

    def inputs(self, claim: Claim) -> tuple[JobInput, ...]:
        """What the job is to read. Not with the claim, which is to be kept also where there is not
        the memory for it."""
        with self._engine.connect() as connection:
            return _inputs(connection, claim.job)

    def extend(self, claim: Claim, lease_s: float) -> bool:
        """Whether the job is still the claim's; it is then, for `lease_s` seconds more."""
        with self._write() as connection:
            held = _held(connection, claim) is not None
            if held:
                _update(connection, claim.job, lease_until=time.time() + lease_s)
            return held

    def wait(self, claim: Claim, reason: str) -> bool:
        """Say what the job waits for; whether it is still the claim's and to go on."""
        with self._write() as connection:
            row = _held(connection, claim)
            if row is None or row.cancelling:
                return False
            _update(connection, claim.job, error=_told(reason))
            return True

    def record(
        self, claim: Claim, first: int, fates: Sequence[Ingested | Skipped], lease_s: float
    ) -> bool:
        """Note what became of the articles from number `first` on; whether to go on.

        Not if the job was cancelled, which ends it here, or another process has taken it over.
        """
        with self._write() as connection:
            row = _held(connection, claim)
            if row is None:
                return False
            rows = [_fate_row(claim.job, first + n, fate) for n, fate in enumerate(fates)]
            connection.execute(sa.insert(tables.job_articles), rows)
            if row.cancelling:
                _end(connection, claim.job, "cancelled")
                return False
            lease_until = time.time() + lease_s
            _update(connection, claim.job, lease_until=lease_until, attempts=0, error=None)
            return True

    def end(self, claim: Claim, error: str | None = None) -> None:
        """The job is done, or has failed with an error."""
        with self._write() as connection:
            row = _held(connection, claim)
            if row is None:
                return
            if error is not None:
                _end(connection, claim.job, "failed", error=_told(error))
            elif row.cancelling:
                _end(connection, claim.job, "cancelled")
            else:
                _end(connection, claim.job, "done", expected=_job(connection, row).processed)

    def release(self, claim: Claim, reason: str | None = None) -> None:
        """Let any process go on with the job; `reason` says what it waits for."""
        with self._write() as connection:
            if _held(connection, claim) is not None:
                _update(
                    connection,
                    claim.job,
                    state="queued",
                    runner=None,
                    lease_until=None,
                    attempts=0,
                    error=None if reason is None else _told(reason),
                )

    def prune(self, before: float) -> None:
        """Forget the jobs that ended before a time; not their articles."""
        old = sa.select(tables.jobs.c.number).where(tables.jobs.c.finished < before)
        with self._engine.connect() as connection:
            if connection.scalar(old) is None:
                return
        with self._write() as connection:
            connection.execute(
                sa.delete(tables.job_articles).where(tables.job_articles.c.job.in_(old))
            )
            connection.execute(sa.delete(tables.jobs).where(tables.jobs.c.finished < before))

    def _write(self) -> AbstractContextManager[sa.Connection]:
        return self._engine.execution_options(write=True).begin()


def _sha256(inputs: Sequence[JobInput]) -> str:
    digest = hashlib.sha256()
    for given in inputs:
        # Lengths first: no two different inputs are the same bytes.
        name = b"" if given.name is None else given.name.encode()
        digest.update(f"{given.name is None} {len(name)} {len(given.content)} ".encode())
        digest.update(name + given.content)
    return digest.hexdigest()


def _row(connection: sa.Connection, job_id: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(tables.jobs).where(tables.jobs.c.id == job_id)).first()
    if row is None:
        raise NotFoundError(f"no job '{job_id}': 'GET /v1/jobs' lists them")
    return row


def _count(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(tables.jobs).where(condition)
    return int(connection.scalar(query) or 0)


def _next(connection: sa.Connection) -> sa.Row[Any] | None:
    """The oldest job that has not ended, unless its runner or another's is at work."""
    jobs = tables.jobs.c
    oldest = connection.execute(
        sa.select(tables.jobs)
        .where(jobs.state.in_(("queued", "running")))
        .order_by(jobs.number)
        .limit(1)
    ).first()
    at_work = (jobs.state == "running") & (jobs.lease_until > time.time())
    return None if oldest is None or _count(connection, at_work) else oldest


def _held(connection: sa.Connection, claim: Claim) -> sa.Row[Any] | None:
    """The job's row as long as the claim holds."""
    jobs = tables.jobs.c
    return connection.execute(
        sa.select(tables.jobs).where(
            jobs.number == claim.job, jobs.runner == claim.runner, jobs.state == "running"
        )
    ).first()


def _update(connection: sa.Connection, job: int, **values: object) -> None:
    connection.execute(sa.update(tables.jobs).where(tables.jobs.c.number == job).values(values))


def _end(
    connection: sa.Connection,
    job: int,
    state: JobState,
    error: str | None = None,
    **values: object,
) -> None:
    _update(connection, job, state=state, finished=time.time(), runner=None, error=error, **values)
    connection.execute(sa.delete(tables.job_inputs).where(tables.job_inputs.c.job == job))


def _inputs(connection: sa.Connection, job: int) -> tuple[JobInput, ...]:
    rows = connection.execute(
        sa.select(tables.job_inputs.c.name, tables.job_inputs.c.content)
        .where(tables.job_inputs.c.job == job)
        .order_by(tables.job_inputs.c.number)
    )
    return tuple(JobInput(row.name, row.content) for row in rows)


def _job(connection: sa.Connection, row: sa.Row[Any]) -> Job:
    found = tables.job_articles.c
    counts: dict[str, int] = dict.fromkeys(("added", "updated", "unchanged", "skipped"), 0)
    for status, number in connection.execute(
        sa.select(found.status, sa.func.count())
        .where(found.job == row.number)
        .group_by(found.status)
    ):
        counts[status] = number
    return Job(
        id=row.id,
        state=row.state,
        expected=row.expected,
        created=row.created,
        started=row.started,
        finished=row.finished,
        error=row.error,
        cancelling=row.cancelling,
        **counts,
    )


def _fate_row(job: int, number: int, fate: Ingested | Skipped) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(("article_id", "language", "where", "reason"))
    if isinstance(fate, Skipped):
        row |= {"status": "skipped", "where": _told(fate.where), "reason": _told(fate.reason)}
    else:
        row |= {"status": fate.status, "article_id": fate.article_id, "language": fate.language}
    return row | {"job": job, "number": number}


def _told(text: str) -> str:
    """The text; what another library says of a file may quote a NUL, which not every database
    takes."""
    return text.replace("\0", "\ufffd")


def _fate(row: sa.Row[Any]) -> Ingested | Skipped:
    if row.status == "skipped":
        return Skipped(row.where, row.reason)
    return Ingested(row.article_id, row.status, row.language)
