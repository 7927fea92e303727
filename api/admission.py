"""Admission: one thread that runs the models, and how much may wait for it.

The models use every core, so questions are answered one after another: two at once would each take
twice as long. What cannot be answered in time is refused at once.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

from rag.errors import BusyError, UnavailableError

T = TypeVar("T")

_LOOK_FOR_CLIENT = 0.2  # seconds
_FIRST_PACE = 0.02  # seconds a passage, until one was measured
_SMOOTHING = 0.2
# The pace may fall while a question waits: what would wait longer than this is not let in.
_SURE_SHARE = 0.5  # of the deadline


class Inference:
    """Runs questions one at a time, in the order they came."""

    def __init__(self, room: int, deadline: float) -> None:
        """At most `room` passages wait to be read, and none longer than `deadline` seconds.

        A single question may be larger than the room; what seems to have to wait too long is
        refused when it comes.
        """
        self._room = room
        self._deadline = deadline
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="inference")
        self._lock = threading.Lock()
        self._waiting = 0  # passages, those being read among them
        self._pace = _FIRST_PACE
        self._stopped = False

    @property
    def waiting(self) -> int:
        """Passages that wait or are being read."""
        return self._waiting

    @property
    def stopped(self) -> bool:
        return self._stopped

    def submit(self, work: Callable[[], T], passages: int) -> Future[T]:
        """Have `work`, which reads so many passages, done in its turn.

        Raises BusyError or UnavailableError at once; the future may raise UnavailableError too.
        Cancelling it before its turn frees its place.
        """
        with self._lock:
            if self._stopped:
                raise UnavailableError("the service is going down: ask again in a moment", 5)
            slow = self._waiting * self._pace > _SURE_SHARE * self._deadline
            if self._waiting and (slow or self._waiting + passages > self._room):
                raise BusyError(
                    f"{self._waiting} passages wait to be read: ask again later",
                    self._seconds_of_work(),
                )
            self._waiting += passages
        arrived = time.monotonic()
        future = self._executor.submit(self._run, work, passages, arrived)

        def leave(_future: Future[T]) -> None:
            with self._lock:
                self._waiting -= passages

        future.add_done_callback(leave)
        return future

    async def answer(self, request: Request, work: Callable[[], T], passages: int) -> T:
        """What `work` returns; dropped from the line if the client of the request goes."""
        turn = asyncio.wrap_future(self.submit(work, passages))
        while True:
            done, _ = await asyncio.wait({turn}, timeout=_LOOK_FOR_CLIENT)
            if done:
                return turn.result()
            if await request.is_disconnected():
                turn.cancel()
                raise UnavailableError("the client has gone", 1)

    def stop(self) -> None:
        """Take no more, drop what waits, and wait for what is being read."""
        with self._lock:
            self._stopped = True
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _seconds_of_work(self) -> int:
        return max(1, math.ceil(self._waiting * self._pace))

    def _run(self, work: Callable[[], T], passages: int, arrived: float) -> T:
        began = time.monotonic()
        if began - arrived > self._deadline:
            raise UnavailableError(
                f"the question waited longer than {self._deadline:g} s: ask again later",
                self._seconds_of_work(),
            )
        try:
            return work()
        except Exception:
            raise
        except BaseException as error:  # SystemExit, say: in the event loop it would end the server
            raise UnavailableError("reading was broken off: ask again", 1) from error
        finally:
            pace = (time.monotonic() - began) / passages
            self._pace += _SMOOTHING * (pace - self._pace)
