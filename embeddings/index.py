"""Nearest neighbours over unit vectors, on FAISS: exact while they are few, compact when many."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil, log2, sqrt
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 50_000
"""So many vectors are compared one by one: 4 ms on one core for 384 dimensions."""
VECTORS = f"flat-{EXACT_UP_TO}-ivf-rabitq4"
"""Name of what is indexed and how; part of an index's manifest. Change it when that changes."""

_PROBES = 192
"""Cells that a search of a compact index looks into, at least."""
_CANDIDATES_PER_PROBED = 4
_TRAINED_ON = 40
"""Vectors for each cell that k-means has to find; FAISS asks for 39."""
_ROUNDS = 10
_SEED = 1


@contextmanager
def _one_thread() -> Iterator[None]:
    """FAISS works on this thread alone meanwhile: for one vector its others gain nothing, and
    they would spin for a while on the cores that the models need."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


class VectorIndex:
    """Inner-product search over float32 unit vectors; every vector has an int64 id.

    Exact, or compact: the vectors in sqrt(n) * 2 cells around the centroids of a sample (IVF),
    each as 4 bits a dimension (RaBitQ), of which a search compares those of the nearest cells.
    Scores are estimates then, good enough to choose twice as many vectors as are wanted, whose
    true cosines are then to be taken.

    Gao and Long, 2024, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error
    Bound for Approximate Nearest Neighbor Search"; Gao et al., 2025, for more than one bit.

    Searching is thread-safe, adding is not.
    """

    def __init__(self, dimension: int) -> None:
        """An exact one, in memory."""
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._growing = True

    @classmethod
    def for_count(
        cls, count: int, dimension: int, sample: Callable[[int], NDArray[np.float32]]
    ) -> "VectorIndex":
        """An empty index that suits `count` vectors, in memory.

        `sample` is asked for so many of them, chosen at random, (n, dimension), if a compact one
        is to be trained. The same sample gives the same index.
        """
        index = cls(dimension)
        if count > EXACT_UP_TO:
            cells = 2 ** round(log2(2 * sqrt(count)))
            index._index = faiss.index_factory(
                dimension, f"IVF{cells},RaBitQ4", faiss.METRIC_INNER_PRODUCT
            )
            index._index.cp.seed = _SEED
            index._index.cp.niter = _ROUNDS
            index._index.train(sample(_TRAINED_ON * cells))
        return index

    @classmethod
    def open(cls, path: Path) -> "VectorIndex":
        """What `write` wrote, mapped into memory as far as it is read; nothing can be added.

        Check the file's hash first: FAISS trusts its input. Raises ValueError if it cannot read
        it all the same, as another version's.
        """
        try:
            loaded = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise ValueError(f"FAISS cannot read {path}: {error}") from error
        index = cls(loaded.d)
        index._index = loaded
        index._growing = False  # FAISS ends the process that adds to a mapped index
        return index

    def write(self, file: BinaryIO) -> None:
        """Raises OSError if the file does not take it. (faiss.write_index to a path does not.)"""
        writer: Any = faiss.PyCallbackIOWriter(file.write)  # type: ignore[attr-defined]
        faiss.write_index(self._index, writer)

    def copy(self) -> "VectorIndex":
        """Another index of the same vectors, that can be added to while this one is searched."""
        index = VectorIndex(self.dimension)
        index._index = faiss.clone_index(self._index)
        return index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return int(self._index.d)

    @property
    def exact(self) -> bool:
        """Whether the scores are cosines, and the nearest vectors always found."""
        return isinstance(self._index, faiss.IndexIDMap2)

    @property
    def ids(self) -> NDArray[np.int64]:
        """All ids, (len(self),), in no order."""
        if self.exact:
            return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)
        cells = self._index.invlists
        held = [
            faiss.rev_swig_ptr(cells.get_ids(cell), size).copy()
            for cell in range(self._index.nlist)
            if (size := cells.list_size(cell))
        ]
        return np.concatenate([np.empty(0, np.int64), *held])

    def add(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """`vectors` is (len(ids), dimension)."""
        if not self._growing:
            raise TypeError("this index was opened from a file: copy what it was built from")
        if len(ids):
            self._index.add_with_ids(
                np.ascontiguousarray(vectors, dtype=np.float32), np.asarray(ids, dtype=np.int64)
            )

    def search(
        self, vector: NDArray[np.float32], k: int, among: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """(id, score) of the k nearest, best first; fewer if the index holds fewer.

        With `among`, of the vectors with these ids only, all of which are compared.
        """
        k = min(k, len(self) if among is None else len(among))
        if k == 0:
            return []
        found = self._search(vector, k, among, probes=self._probes(k))
        if len(found) < k and among is None:  # the cells looked into hold too few
            found = self._search(vector, k, among, probes=self._index.nlist)
        return found

    def _probes(self, k: int) -> int:
        if self.exact:
            return 0
        cells = int(self._index.nlist)
        return min(cells, max(_PROBES, ceil(_CANDIDATES_PER_PROBED * k * cells / len(self))))

    def _search(
        self, vector: NDArray[np.float32], k: int, among: NDArray[np.int64] | None, probes: int
    ) -> list[tuple[int, float]]:
        if self.exact:
            parameters = faiss.SearchParameters()
        else:
            parameters = faiss.SearchParametersIVF()
            parameters.nprobe = probes if among is None else self._index.nlist
        if among is not None:
            # A name of its own: the parameters do not keep it alive.
            parameters.sel = selector = faiss.IDSelectorBatch(among)  # noqa: F841
        with _one_thread():
            scores, ids = self._index.search(vector[None, :], k, params=parameters)  # both (1, k)
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i >= 0]
