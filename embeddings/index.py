"""Exact nearest neighbours over unit vectors, on FAISS."""

from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray


class VectorIndex:
    """Inner-product search over float32 unit vectors; every vector has an int64 id.

    Searching is thread-safe, adding is not.
    """

    def __init__(self, dimension: int) -> None:
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))

    @classmethod
    def from_bytes(cls, data: bytes) -> "VectorIndex":
        """What `to_bytes` gave. Check the hash first: FAISS trusts its input."""
        # deserialize_index gives the concrete type; faiss.downcast_index would return a second
        # handle that dies with the first.
        loaded = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
        index = cls(loaded.d)
        index._index = loaded
        return index

    def to_bytes(self) -> bytes:
        """Bytes for a file. (faiss.write_index neither syncs nor reports a full disk.)"""
        return bytes(faiss.serialize_index(self._index))

    def copy(self) -> "VectorIndex":
        """Another index of the same vectors, that can be added to while this one is searched."""
        return VectorIndex.from_bytes(self.to_bytes())

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return int(self._index.d)

    @property
    def ids(self) -> NDArray[np.int64]:
        """All ids, (len(self),), in the order of adding."""
        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    def add(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """`vectors` is (len(ids), dimension)."""
        if len(ids):
            self._index.add_with_ids(
                np.ascontiguousarray(vectors, dtype=np.float32), np.asarray(ids, dtype=np.int64)
            )

    def search(self, vector: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """(id, cosine) of the k nearest, best first; fewer if the index holds fewer."""
        k = min(k, len(self))
        if k == 0:
            return []
        scores, ids = self._index.search(vector[None, :], k)  # both (1, k)
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True)]
