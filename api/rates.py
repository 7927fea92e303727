"""Rate limits that the workers share: a small file that each of them maps into its memory.

One number is kept for a caller, after the generic cell rate algorithm: the time at which all that
it has asked so far will have been earned back. Whoever asks evenly is never refused, and a
minute's worth may come at once.
"""

import fcntl
import hashlib
import math
import mmap
import os
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SLOTS = 1 << 16
_SALT_BYTES = 16
_NUMBER = struct.Struct("<d")
_SIZE = _SALT_BYTES + _SLOTS * _NUMBER.size
_WINDOW = 60.0


@dataclass(frozen=True)
class Decision:
    """`remaining` requests may come at once; in `reset` seconds one more."""

    allowed: bool
    rate: int
    remaining: int
    reset: int


class RateLimits:
    """Counts callers in 65,536 slots, half a megabyte however many there are.

    Where a caller counts is a secret of the file. Two that meet in one slot share its limit.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._thread = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self._locked(0, _SALT_BYTES):
            if os.fstat(self._file).st_size != _SIZE:
                os.ftruncate(self._file, 0)
                os.write(self._file, secrets.token_bytes(_SALT_BYTES))
                os.ftruncate(self._file, _SIZE)
        self._memory = mmap.mmap(self._file, _SIZE)
        self._salt = self._memory[:_SALT_BYTES]

    def take(self, caller: str, rate: int) -> Decision | None:
        """Count one request of `caller`, of whom `rate` a minute are let in. None for no limit."""
        if not rate:
            return None
        hashed = hashlib.blake2b(caller.encode(), key=self._salt, digest_size=4).digest()
        at = _SALT_BYTES + int.from_bytes(hashed, "little") % _SLOTS * _NUMBER.size
        cost = _WINDOW / rate
        with self._locked(at, _NUMBER.size):
            now = self._clock()
            # A clock that was set back must not lock anybody out for longer than the window.
            (stored,) = _NUMBER.unpack_from(self._memory, at)
            owed = min(max(stored - now, 0.0), _WINDOW)
            allowed = owed + cost <= _WINDOW + 1e-6
            owed += cost if allowed else 0.0
            _NUMBER.pack_into(self._memory, at, now + owed)
        remaining = int((_WINDOW - owed) / cost + 1e-6)
        reset = math.ceil(owed - (_WINDOW - cost)) if not remaining else math.ceil(owed % cost)
        return Decision(allowed, rate, remaining, max(reset, 1))

    @contextmanager
    def _locked(self, at: int, size: int) -> Iterator[None]:
        """Alone with these bytes, among the threads of all processes; freed if one is killed."""
        with self._thread:
            fcntl.lockf(self._file, fcntl.LOCK_EX, size, at)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, size, at)
