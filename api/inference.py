"""The few threads that answer questions, and what may wait for them.

One for each core, and two at least: passages are read on as many cores as there are, but a question
is searched and its answers are put together on one, and meanwhile another question's passages can
be read. Nothing waits for a batch to fill: reading four questions' passages together saves a
fiftieth of the time.

A question is taken only if there is room for it and it will come to its turn in time; else it is
refused before anything is done for it. Ingest waits behind the questions, in small portions.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from embeddings.encoder import Encoder, Vectors
from embeddings.runtime import usable_cores
from rag.engine import Dateline
from rag.errors import BusyError, UnavailableError
from rag.reader import read_so_far

logger = logging.getLogger("dateline")

T = TypeVar("T")

RESTART_S = 1.0
# Until a question has been timed: what one passage takes on two cores.
_FIRST_PACE_S = 0.02
_NEWEST = 0.2
# What is admitted takes half of its deadline at the present pace, so that a machine that becomes
# half as fast still keeps it.
_ADMITTED = 0.5
# What waits behind the questions gets a turn after this long, however many there are.
_PATIENCE_S = 1.0
_PORTION = 8


@dataclass(frozen=True)
class Limits:
    """How many calls may wait, for how many seconds one may wait for its turn, and how many are
    worked on at once."""

    waiting: int = 64
    deadline_s: float = 15.0
    at_once: int = field(default_factory=lambda: max(2, usable_cores()))

    @property
    def stalled_s(self) -> float:
        """Seconds after which a call that still runs, or waits, is given up by those outside."""
        return 2 * self.deadline_s


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, eq=False)
class _Call:
    run: Callable[[], Any]
    passages: int
    since: float
    future: Future[Any]
    is_behind: bool = False


class Inference:
    """The inference threads of one engine. Its methods may be called from any other thread."""

    def __init__(
        self,
        load: Callable[[], Dateline],
        limits: Limits = DEFAULT_LIMITS,
        restart_s: float = RESTART_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load` opens the engine, on a thread of these; one that died is started again after
        `restart_s` seconds."""
        self.limits = limits
        self.loaded: Future[Dateline] = Future()
        self._load = load
        self._restart_s = restart_s
        self._clock = clock
        self._changed = threading.Condition()
        self._questions: deque[_Call] = deque()
        self._behind: deque[_Call] = deque()
        self._running: dict[threading.Thread, tuple[_Call, float]] = {}  # and since when
        self._pace_s = _FIRST_PACE_S
        self._stopping = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to load the engine and then to work; returns at once."""
        with self._changed:
            while not self._stopping and len(self._threads) < self.limits.at_once:
                thread = threading.Thread(target=self._live, name="dateline-inference", daemon=True)
                self._threads.append(thread)
                thread.start()
                if not self.loaded.done():
                    return  # the first one loads the engine, and starts the others

    def refuse(self) -> None:
        """Refuse what waits and what comes; returns at once."""
        with self._changed:
            self._stopping = True
            refused = [*self._questions, *self._behind]
            self._questions.clear()
            self._behind.clear()
            self._changed.notify_all()
        for call in refused:
            _fail(call, UnavailableError("the server is shutting down", retry_after=5))

    def stop(self, timeout_s: float) -> None:
        """Refuse what waits, finish the calls at hand, and close the engine.

        If these take longer than `timeout_s` seconds, they go on with the engine open.
        """
        self.refuse()
        ends = time.monotonic() + timeout_s
        for thread in list(self._threads):
            thread.join(max(0.0, ends - time.monotonic()))
        if not self.running and self.loaded.done() and self.loaded.exception() is None:
            self.loaded.result().close()

    # --- what it says about itself

    @property
    def engine(self) -> Dateline:
        """The engine. UnavailableError while it is being loaded, or the error that stopped that."""
        if not self.loaded.done():
            raise UnavailableError("the models and the index are being loaded", retry_after=2)
        error = self.loaded.exception()
        if error is not None:
            raise error.with_traceback(None)
        return self.loaded.result()

    @property
    def running(self) -> bool:
        """Whether a thread is there, at work or waiting for it."""
        return any(thread.is_alive() for thread in self._threads)

    @property
    def waiting(self) -> int:
        """How many calls wait, those behind the questions left out."""
        return len(self._questions)

    def check_ready(self) -> None:
        """Raise what keeps a question from being answered now: UnavailableError, or as `engine`."""
        self.engine  # noqa: B018 - raises
        with self._changed:
            if self._stopping:
                raise UnavailableError("the server is shutting down", retry_after=5)
            if len(self._threads) < self.limits.at_once:
                raise UnavailableError(
                    "an inference thread died and is being started again", retry_after=2
                )
            now = self._clock()
            longest = max((now - since for _, since in self._running.values()), default=0.0)
            if longest > self.limits.stalled_s:
                raise UnavailableError(
                    f"an inference thread has been busy with one call for {longest:.0f} s",
                    retry_after=10,
                )

    def check_room(self) -> None:
        """Raise BusyError if no question would be admitted now, or as `check_ready`."""
        self.check_ready()
        with self._changed:
            for call in [call for call in self._questions if call.future.cancelled()]:
                self._questions.remove(call)
            running = [call for call, _ in self._running.values()]
            ahead = sum(call.passages for call in (*self._questions, *running))
            seconds = ahead * self._pace_s / self.limits.at_once
            full = len(self._questions) >= self.limits.waiting
            if full or seconds > _ADMITTED * self.limits.deadline_s:
                raise BusyError(
                    f"too many questions wait already ({len(self._questions)}, {seconds:.0f} s "
                    "of work): ask again later",
                    retry_after=max(1, math.ceil(seconds / 2)),
                )

    # --- work

    def submit(self, run: Callable[[], T], passages: int) -> Future[T]:
        """Have `run`, which reads so many passages, called on a thread when its turn comes.

        A future that is cancelled before that is never run. UnavailableError or BusyError at
        once; UnavailableError in the future after the deadline, or if the thread dies of the call.
        """
        call = _Call(run, passages, self._clock(), Future())
        with self._changed:
            self.check_room()
            self._questions.append(call)
            self._changed.notify()
        return call.future

    def run_behind(self, run: Callable[[], T]) -> T:
        """What `run` returns, called on a thread once no question waits, or after a second.

        Blocks. UnavailableError when the server shuts down, or if the thread dies of the call.
        """
        if threading.current_thread() in self._threads:
            return run()
        future: Future[T] = Future()
        with self._changed:
            if self._stopping:
                raise UnavailableError("the server is shutting down", retry_after=5)
            self._behind.append(_Call(run, 0, self._clock(), future, is_behind=True))
            self._changed.notify()
        return future.result()

    # --- on the threads

    def _live(self) -> None:
        try:
            if not self.loaded.done():
                self._open()
            while (call := self._next()) is not None:
                self._do(call)
        # Also a panic of native code, which is no Exception.
        except BaseException as error:
            self._die(error)

    def _open(self) -> None:
        try:
            engine = self._load()
            engine.reader  # noqa: B018 - the first question should not pay for loading it
            engine.embed_through(PatientEncoder(engine.encoder, self))
        except Exception as error:
            self.loaded.set_exception(error)
        else:
            with self._changed:  # who sees it loaded sees all threads
                self.loaded.set_result(engine)
                self.start()

    def _next(self) -> _Call | None:
        """The call whose turn it is, once there is one; None when the thread is to end."""
        with self._changed:
            while not self._stopping:
                call = self._take()
                if call is not None:
                    self._running[threading.current_thread()] = call, self._clock()
                    return call
                self._changed.wait()
            return None

    def _take(self) -> _Call | None:
        now = self._clock()
        # One call at a time of what is behind, so that a question need not wait for two.
        one_runs = any(call.is_behind for call, _ in self._running.values())
        behind = bool(self._behind) and not one_runs
        waited = behind and now - self._behind[0].since > _PATIENCE_S
        while self._questions and not waited:
            call = self._questions.popleft()
            if not call.future.set_running_or_notify_cancel():
                continue  # whoever asked has gone
            seconds = now - call.since
            if seconds <= self.limits.deadline_s:
                return call
            call.future.set_exception(
                UnavailableError(f"the question waited {seconds:.0f} s: ask again", retry_after=5)
            )
        return self._behind.popleft() if behind else None

    def _do(self, call: _Call) -> None:
        before = read_so_far.passages
        try:
            result = call.run()
        except Exception as error:
            self._done(call, before)
            call.future.set_exception(error)
        else:
            self._done(call, before)
            call.future.set_result(result)

    def _done(self, call: _Call, read_before: int) -> None:
        with self._changed:
            _, since = self._running.pop(threading.current_thread())
            self._changed.notify()  # what is behind may have its turn now
            # What the reader remembered took next to no time; the next question may not.
            if call.passages and read_so_far.passages > read_before:
                pace_s = (self._clock() - since) / call.passages
                self._pace_s += _NEWEST * (pace_s - self._pace_s)

    def _die(self, error: BaseException) -> None:
        logger.critical("an inference thread died", exc_info=error)
        thread = threading.current_thread()
        with self._changed:
            self._threads.remove(thread)
            call, _ = self._running.pop(thread, (None, 0.0))
        if call is not None:
            call.future.set_exception(
                UnavailableError("the inference thread died: ask again", retry_after=2)
            )
        restart = threading.Timer(self._restart_s, self.start)
        restart.daemon = True
        restart.start()


def _fail(call: _Call, error: Exception) -> None:
    if call.future.set_running_or_notify_cancel():
        call.future.set_exception(error)


class PatientEncoder:
    """The same vectors as another encoder's, from an inference thread, behind the questions."""

    def __init__(self, encoder: Encoder, inference: Inference) -> None:
        self._encoder = encoder
        self._inference = inference

    @property
    def name(self) -> str:
        return self._encoder.name

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    def encode_query(self, query: str) -> Vectors:
        return self._inference.run_behind(lambda: self._encoder.encode_query(query))

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        portions = [texts[at : at + _PORTION] for at in range(0, len(texts), _PORTION)]
        return np.concatenate([self._encode(portion) for portion in portions or [texts]])

    def _encode(self, texts: Sequence[str]) -> Vectors:
        return self._inference.run_behind(lambda: self._encoder.encode_passages(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)
