"""The thread that does the jobs of a collection, one after another."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import uuid4

import sqlalchemy as sa

from rag.errors import DatelineError, InputError
from rag.job_inputs import MAX_ARTICLES, read_inputs
from rag.jobs import MAX_ATTEMPTS, Jobs
from rag.outage import Outage
from rag.types import Article, Claim, Ingested, Skipped

logger = logging.getLogger("dateline")

# Questions wait for no more than a batch: some 40 passages, under a second of embedding.
_BATCH_ARTICLES = 8
_BATCH_CHARACTERS = 16_000
_LOOK_S = 1.0
_RETRY_S = 5.0
_MEMORY_PAUSES_S = (5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0)
"""Before each further try where there was not the memory: four minutes, for the shortage of a
machine passes, and an article that it never suffices for is rare."""
_PRUNE_S = 3600.0


class _HaltError(Exception):
    """A job that waited was cancelled, or the server is to end."""


class JobRunner:
    """Runs the jobs that this process can claim, in the background, until it is stopped.

    `ingest` adds a batch of articles in one commit and says what became of each. A job's articles
    are marked as done after they are committed: those of a batch that a kill parts from its mark
    are taken again, and are then "unchanged".
    """

    def __init__(
        self,
        jobs: Jobs,
        ingest: Callable[[Sequence[Article | Skipped]], list[Ingested | Skipped]],
        kept_s: float,
        lease_s: float = 10.0,
    ) -> None:
        """Ended jobs are forgotten after `kept_s` seconds. A process that has not been heard of
        for `lease_s` seconds loses its job to another."""
        self._jobs = jobs
        self._ingest = ingest
        self._kept_s = kept_s
        self._lease_s = lease_s
        self._name = f"{os.getpid()}-{uuid4().hex}"
        self._skipped_in_a_row = 0
        self._outage = Outage("ingest jobs pause", "ingest jobs go on")
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="dateline-jobs", daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether it takes no further batch."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Begin, also with what an earlier process left."""
        self._thread.start()

    def wake(self) -> None:
        """Look for a job now."""
        self._wake.set()

    def drain(self) -> None:
        """Take no further batch; returns at once."""
        self._stopping.set()
        self._wake.set()

    def stop(self, timeout_s: float | None = None) -> bool:
        """Finish the batch at hand; what is left of the job goes on at the next start.

        Whether it has come to that, within `timeout_s` seconds if they are given.
        """
        self.drain()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        prune_at = 0.0
        while not self.stopping:
            try:
                if time.monotonic() >= prune_at:
                    self._jobs.prune(time.time() - self._kept_s)
                    prune_at = time.monotonic() + _PRUNE_S
                claim = self._jobs.claim(self._name, self._lease_s)
                if claim is None:
                    self._wake.wait(_LOOK_S)
                    self._wake.clear()
                else:
                    self._run(claim)
            except Exception as error:
                if self.stopping:
                    logger.info("an ingest job goes on at the next start (%s)", error)
                    return
                # As a full disk: the job waits, and goes on once it can.
                self._outage.goes_on(error)
                self._stopping.wait(_RETRY_S)
            else:
                self._outage.is_over()

    def _run(self, claim: Claim) -> None:
        self._skipped_in_a_row = 0
        try:
            with self._extending(claim):
                self._work_off(claim)
        except _HaltError:
            self._jobs.release(claim)
        except Exception as error:
            if _passes(error):
                with suppress(DatelineError, sa.exc.DBAPIError):
                    self._jobs.release(claim, None if self.stopping else _why(error))
                raise
            explained = isinstance(error, DatelineError)
            why = _why(error) if explained else f"it cannot be read on ({_why(error)})"
            logger.error("an ingest job failed: %s", why, exc_info=not explained)
            self._jobs.end(claim, why)

    def _work_off(self, claim: Claim) -> None:
        for first, batch in self._batches(claim):
            if not self._take(claim, first, batch):
                return
        self._jobs.end(claim)

    def _batches(self, claim: Claim) -> Iterator[tuple[int, list[Article | Skipped]]]:
        """What is left of the job, each with the number of its first article.

        What was read before an error is a batch too: the error comes after it.
        """
        batch: list[Article | Skipped] = []
        first = claim.processed
        try:
            for number, item in self._read(claim):
                if self.stopping:
                    raise _HaltError
                if number == MAX_ARTICLES:
                    raise InputError(
                        f"one job takes {MAX_ARTICLES:,} articles: send the rest in another"
                    )
                batch.append(item)
                if len(batch) == _BATCH_ARTICLES or _characters(batch) >= _BATCH_CHARACTERS:
                    yield first, batch
                    batch, first = [], number + 1
        except _HaltError:
            raise
        except Exception:
            if batch:
                yield first, batch
            raise
        if batch:
            yield first, batch

    def _read(self, claim: Claim) -> Iterator[tuple[int, Article | Skipped]]:
        """What is left of the job's articles, with their numbers.

        Where the memory is short it is read again. InputError if that does not help.
        """
        following, tries = claim.processed, 0
        while True:
            try:
                for number, item in enumerate(read_inputs(self._jobs.inputs(claim))):
                    if number < following:
                        continue
                    following, tries = number + 1, 0
                    yield number, item
                return
            except MemoryError as error:
                tries += 1
                if tries > len(_MEMORY_PAUSES_S):
                    raise InputError(
                        f"there was not the memory to read what follows article {following}, "
                        f"{_times(tries)}: send less at once"
                    ) from error
                self._wait_for_memory(claim, tries)

    def _take(self, claim: Claim, first: int, batch: Sequence[Article | Skipped]) -> bool:
        """Ingest the batch and mark it, also the part that was done when the job is to end; whether
        it goes on."""
        fates: list[Ingested | Skipped] = []
        try:
            for fate in self._fates(claim, batch):
                fates.append(fate)
        except (InputError, _HaltError):
            if fates:
                self._jobs.record(claim, first, fates, self._lease_s)
            raise
        return self._jobs.record(claim, first, fates, self._lease_s)

    def _fates(
        self, claim: Claim, batch: Sequence[Article | Skipped]
    ) -> Iterator[Ingested | Skipped]:
        """What became of a batch; if it fails as a whole, article by article."""
        try:
            fates = self._ingest(batch)
        except Exception as error:
            if _passes(error) and not isinstance(error, MemoryError):
                raise
            for item in batch:
                yield from self._ingest_alone(claim, item)
            return
        self._skipped_in_a_row = 0
        yield from fates

    def _ingest_alone(self, claim: Claim, item: Article | Skipped) -> list[Ingested | Skipped]:
        """The fate of an article that may be what a batch failed of.

        Memory may be short for a while, or never be enough for this one. InputError if the same is
        true of several in a row: it is the machine then.
        """
        where = item.where if isinstance(item, Skipped) else item.id
        tries = 0
        while True:
            try:
                fates = self._ingest([item])
            except MemoryError as error:
                tries += 1
                if tries <= len(_MEMORY_PAUSES_S):
                    self._wait_for_memory(claim, tries)
                    continue
                self._skipped_in_a_row += 1
                if self._skipped_in_a_row == MAX_ATTEMPTS:
                    raise InputError(
                        f"there was not the memory for article {where}, {_times(tries)}, nor for "
                        f"the {MAX_ATTEMPTS - 1} before it: free some, and send these and the "
                        "rest again"
                    ) from error
                why = f"there was not the memory for it, {_times(tries)}"
                logger.warning("article %s is skipped: %s", where, why)
            except Exception as error:
                if _passes(error):
                    raise
                logger.exception("article %s cannot be ingested", where)
                why = _why(error)
            else:
                self._skipped_in_a_row = 0
                return fates
            return [Skipped(where, " ".join(f"cannot be ingested ({why})".split()))]

    def _wait_for_memory(self, claim: Claim, tries: int) -> None:
        """A pause that grows with the tries; _HaltError if the job is not to go on after it."""
        pause_s = _MEMORY_PAUSES_S[tries - 1]
        logger.warning("an ingest job waits %.0f s for memory, after try %d", pause_s, tries)
        reason = f"for memory, of which there was too little {tries} times; it tries again"
        if not self._jobs.wait(claim, reason) or self._stopping.wait(pause_s):
            raise _HaltError

    @contextmanager
    def _extending(self, claim: Claim) -> Iterator[None]:
        """Hold the lease meanwhile, however long a batch takes."""
        over = threading.Event()

        def extend() -> None:
            while not over.wait(self._lease_s / 3):
                try:
                    self._jobs.extend(claim, self._lease_s)
                except Exception:
                    # If it lapses, nothing is lost: `record` finds out.
                    logger.warning("the lease of an ingest job was not extended", exc_info=True)

        thread = threading.Thread(target=extend, name="dateline-job-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _characters(batch: Sequence[Article | Skipped]) -> int:
    return sum(len(item.text) for item in batch if isinstance(item, Article))


def _passes(error: Exception) -> bool:
    """Whether the same may succeed later: the fault lies with the machine, not with an article."""
    if isinstance(error, DatelineError):
        return not isinstance(error, InputError)
    return isinstance(error, sa.exc.OperationalError | OSError | MemoryError)


def _why(error: Exception) -> str:
    """Also of an error that does not explain itself."""
    return str(error) if isinstance(error, DatelineError) else f"{type(error).__name__}: {error}"


def _times(tries: int) -> str:
    return f"{tries} times in {sum(_MEMORY_PAUSES_S) / 60:.0f} minutes"
