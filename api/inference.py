"""The one thread that answers questions, and what may wait for it.

Models and tokenizers are used by this thread alone, one call after another: several calls at once
would share the same cores, and tokenizers must not be shared. Nothing waits for a batch to fill:
reading four questions' passages together saves a fiftieth of the time.

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
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from embeddings.encoder import Encoder, Vectors
from rag.engine import Dateline
from rag.errors import BusyError, UnavailableError

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
    """How many calls may wait, and for how many seconds one may wait for its turn."""

    waiting: int = 64
    deadline_s: float = 15.0

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


class Inference:
    """The inference thread of one engine. Its methods may be called from any other thread."""

    def __init__(
        self,
        load: Callable[[], Dateline],
        limits: Limits = DEFAULT_LIMITS,
        restart_s: float = RESTART_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load` opens the engine, on the thread; one that died is started again after
        `restart_s` seconds."""
        self.limits = limits
        self.loaded: Future[Dateline] = Future()
        self._load = load
        self._restart_s = restart_s
        self._clock = clock
        self._changed = threading.Condition()
        self._questions: deque[_Call] = deque()
        self._behind: deque[_Call] = deque()
        self._running: _Call | None = None
        self._running_since = 0.0
        self._pace_s = _FIRST_PACE_S
        self._stopping = False
        self._alive = False
        self._thread = threading.Thread()

    def start(self) -> None:
        """Begin to load the engine and then to work; returns at once."""
        with self._changed:
            if self._stopping:
                return
            self._alive = True
            self._thread = threading.Thread(
                target=self._live, name="dateline-inference", daemon=True
            )
            self._thread.start()

    def refuse(self) -> None:
        """Refuse what waits and what comes; returns at once."""
        with self._changed:
            self._stopping = True
            refused = [*self._questions, *self._behind]
            self._questions.clear()
            self._behind.clear()
            self._changed.notify()
        for call in refused:
            _fail(call, UnavailableError("the server is shutting down", retry_after=5))

    def stop(self, timeout_s: float) -> None:
        """Refuse what waits, finish the call at hand, and close the engine.

        If the call takes longer than `timeout_s` seconds, it goes on with the engine open.
        """
        self.refuse()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
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
        """Whether the thread is there, at work or waiting for it."""
        return self._thread.is_alive()

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
            if not self._alive:
                raise UnavailableError(
                    "the inference thread died and is being started again", retry_after=2
                )
            if self._running is not None:
                seconds = self._clock() - self._running_since
                if seconds > self.limits.stalled_s:
                    raise UnavailableError(
                        f"the inference thread has been busy with one call for {seconds:.0f} s",
                        retry_after=10,
                    )

    def check_room(self) -> None:
        """Raise BusyError if no question would be admitted now, or as `check_ready`."""
        self.check_ready()
        with self._changed:
            for call in [call for call in self._questions if call.future.cancelled()]:
                self._questions.remove(call)
            ahead = sum(call.passages for call in self._questions)
            if self._running is not None:
                ahead += self._running.passages
            seconds = ahead * self._pace_s
            full = len(self._questions) >= self.limits.waiting
            if full or seconds > _ADMITTED * self.limits.deadline_s:
                raise BusyError(
                    f"too many questions wait already ({len(self._questions)}, {seconds:.0f} s "
                    "of work): ask again later",
                    retry_after=max(1, math.ceil(seconds / 2)),
                )

    # --- work

    def submit(self, run: Callable[[], T], passages: int) -> Future[T]:
        """Have `run`, which reads so many passages, called on the thread when its turn comes.

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
        """What `run` returns, called on the thread once no question waits, or after a second.

        Blocks. UnavailableError when the server shuts down, or if the thread dies of the call.
        """
        if threading.current_thread() is self._thread:
            return run()
        future: Future[T] = Future()
        with self._changed:
            if self._stopping:
                raise UnavailableError("the server is shutting down", retry_after=5)
            self._behind.append(_Call(run, 0, self._clock(), future))
            self._changed.notify()
        return future.result()

    # --- on the thread

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
            self.loaded.set_result(engine)

    def _next(self) -> _Call | None:
        """The call whose turn it is, once there is one; None when the thread is to end."""
        with self._changed:
            while not self._stopping:
                call = self._take()
                if call is not None:
                    self._running, self._running_since = call, self._clock()
                    return call
                self._changed.wait()
            return None

    def _take(self) -> _Call | None:
        now = self._clock()
        waited = bool(self._behind) and now - self._behind[0].since > _PATIENCE_S
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
        return self._behind.popleft() if self._behind else None

    def _do(self, call: _Call) -> None:
        try:
            result = call.run()
        except Exception as error:
            self._done(call)
            call.future.set_exception(error)
        else:
            self._done(call)
            call.future.set_result(result)

    def _done(self, call: _Call) -> None:
        with self._changed:
            self._running = None
            if call.passages:
                pace_s = (self._clock() - self._running_since) / call.passages
                self._pace_s += _NEWEST * (pace_s - self._pace_s)

    def _die(self, error: BaseException) -> None:
        logger.critical("the inference thread died", exc_info=error)
        with self._changed:
            self._alive = False
            call, self._running = self._running, None
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
    """The same vectors as another encoder's, from the inference thread, behind the questions."""

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
