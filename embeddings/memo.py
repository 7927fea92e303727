"""Remembering what a model made of an input: the same input gives the same output."""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from cachetools import LRUCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """The values of the last `size` keys that were asked for. Safe to use from several threads.

    A key is all that its value depends on, so nothing remembered is ever out of date: what changes
    in a collection comes under other keys.
    """

    def __init__(self, size: int) -> None:
        self._known: LRUCache[K, V] = LRUCache(maxsize=size)
        self._lock = threading.Lock()

    def get(self, keys: Sequence[K], compute: Callable[[list[int]], Sequence[V]]) -> list[V]:
        """The value of each key; `compute` gives those of the keys at some places, all at once."""
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
        places = {key: place for place, key in enumerate(keys) if key not in found}
        if places:
            computed = dict(zip(places, compute(list(places.values())), strict=True))
            with self._lock:
                self._known.update(computed)
            found |= computed
        return [found[key] for key in keys]
