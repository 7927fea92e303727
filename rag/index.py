"""The searchable form of a collection: FAISS and tantivy files derived from the store.

    <folder>/CURRENT                      name of the generation in use, hash of its manifest
    <folder>/gen-<seq>-<uuid>/            immutable: vectors.faiss, lexical/, manifest.json

A search sees the generation (passages up to its sequence number) and, in memory, the delta of
what was written after it. What was deleted is found out by asking the store about the hits.
"""

import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from filelock import FileLock, Timeout

from embeddings.encoder import Vectors
from embeddings.index import VectorIndex
from rag.chunking import CHUNKER
from rag.errors import CorruptError
from rag.lexical import LEXICAL, LexicalIndex
from rag.store import Store

logger = logging.getLogger("dateline")

Ranked = list[tuple[int, float]]
"""(passage id, score), best first."""

_MANIFEST = "manifest.json"
_CURRENT = "CURRENT"
_KEEP = 2
_FEW_CHANGES = 500
_CHANGED_SHARE = 0.1


@dataclass(frozen=True)
class _Part:
    """Passages searchable by vector and by word."""

    vectors: VectorIndex
    lexical: LexicalIndex


@dataclass(frozen=True)
class _Snapshot:
    """What one search looks at: the parts, and the sequence number they reach."""

    parts: tuple[_Part, ...]
    generation_seq: int
    seq: int

    @property
    def passages(self) -> int:
        return sum(len(part.vectors) for part in self.parts)


@dataclass(frozen=True)
class IndexState:
    """Sequence numbers of the store's last write, of the last one searched, and of the last one in
    the generation on disk."""

    store_seq: int
    seq: int
    generation_seq: int

    @property
    def lag(self) -> int:
        """Writes that the next search has yet to take in."""
        return max(0, self.store_seq - self.seq)


class EmbeddedIndex:
    """Nearest passages by vector and by word, in this process.

    Searching is safe from several threads while one of them calls `refresh`.
    """

    def __init__(self, folder: Path, store: Store, dimension: int) -> None:
        """Loads the current generation; a missing or damaged one is built again."""
        self._folder = folder
        self._store = store
        self._dimension = dimension
        self._lock = threading.Lock()
        self._snapshot = self._load()
        self.refresh()

    def __len__(self) -> int:
        return self._snapshot.passages

    @property
    def state(self) -> IndexState:
        """How far the index has come."""
        snapshot = self._snapshot
        return IndexState(self._store.seq, snapshot.seq, snapshot.generation_seq)

    def dense(self, vector: Vectors, k: int) -> Ranked:
        """The k passages nearest to a unit vector (dimension,), deleted ones among them."""
        return _best([part.vectors.search(vector, k) for part in self._snapshot.parts], k)

    def lexical(self, query: str, k: int) -> Ranked:
        """The k passages that match the query's words best, deleted ones among them."""
        parts = [part.lexical for part in self._snapshot.parts]

        def holds(word: str) -> bool:
            return any(lexical.holds(word) for lexical in parts)

        return _best([lexical.search(query, k, holds) for lexical in parts], k)

    def holds(self, word: str) -> bool:
        """Whether some passage has the word, in any of its endings."""
        return any(part.lexical.holds(word) for part in self._snapshot.parts)

    def refresh(self) -> None:
        """Make everything committed to the store so far searchable.

        Builds a new generation once the delta or the deleted passages are many; if another
        process is building one, this one goes on with its delta.
        """
        with self._lock:
            seq = self._store.seq
            if seq == self._snapshot.seq:
                return
            generation, *_ = self._snapshot.parts
            delta = _Part(VectorIndex(self._dimension), LexicalIndex.in_memory())
            since = self._snapshot.generation_seq
            _fill(delta, self._store, since, seq)
            self._snapshot = _Snapshot((generation, delta), generation_seq=since, seq=seq)
            _, live = self._store.counts()
            dead = self._snapshot.passages - live
            if len(delta.vectors) + dead > max(_FEW_CHANGES, live * _CHANGED_SHARE):
                with suppress(Timeout), FileLock(self._folder / "build.lock", timeout=0):
                    self._build()

    # --- generations

    def _build(self) -> None:
        """Write a generation of everything in the store, and search that."""
        seq = self._store.seq
        name = f"gen-{seq}-{uuid4().hex[:8]}"
        temporary = self._folder / f"{name}.tmp"
        (temporary / "lexical").mkdir(parents=True)
        part = _Part(VectorIndex(self._dimension), LexicalIndex.create(temporary / "lexical"))
        _fill(part, self._store, 0, seq)
        _write_durably(temporary / "vectors.faiss", part.vectors.to_bytes())
        files = {}
        for path in sorted(p for p in temporary.rglob("*") if p.is_file()):
            _sync(path)
            files[str(path.relative_to(temporary))] = _sha256(path)
        manifest = {
            "seq": seq,
            "passages": len(part.vectors),
            "dimension": self._dimension,
            "metric": "inner product",
            **self._origin(),
            "files": files,
        }
        written = json.dumps(manifest, indent=1).encode()
        _write_durably(temporary / _MANIFEST, written)
        for path in sorted(p for p in temporary.rglob("*") if p.is_dir()):
            _sync(path)
        _sync(temporary)
        os.rename(temporary, self._folder / name)
        _sync(self._folder)
        current = f"{name} {hashlib.sha256(written).hexdigest()}"
        _write_durably(self._folder / f"{_CURRENT}.tmp", current.encode())
        os.replace(self._folder / f"{_CURRENT}.tmp", self._folder / _CURRENT)
        _sync(self._folder)
        self._drop_old(name)
        # The lexical index was opened under the temporary name and would not find its files.
        lexical = LexicalIndex.open(self._folder / name / "lexical")
        self._snapshot = _Snapshot((_Part(part.vectors, lexical),), seq, seq)

    def _origin(self) -> dict[str, str]:
        """What a generation must agree with to be of use."""
        return {
            "collection": self._store.collection,
            "encoder": self._store.encoder,
            "chunker": CHUNKER,
            "lexical": LEXICAL,
        }

    def _load(self) -> _Snapshot:
        empty = _Part(VectorIndex(self._dimension), LexicalIndex.in_memory())
        nothing = _Snapshot((empty,), generation_seq=0, seq=0)
        self._folder.mkdir(parents=True, exist_ok=True)
        current = self._folder / _CURRENT
        if not current.exists():
            return nothing
        try:
            name, manifest_hash = current.read_text().split()
            part, seq = self._verified(self._folder / name, manifest_hash)
        except (OSError, ValueError, KeyError, CorruptError) as error:
            logger.warning("the index is damaged (%s): building it again", error)
            return nothing
        return _Snapshot((part,), generation_seq=seq, seq=seq)

    def _verified(self, folder: Path, manifest_hash: str) -> tuple[_Part, int]:
        """The generation in `folder`, read only after every hash was found right."""
        written = (folder / _MANIFEST).read_bytes()
        if hashlib.sha256(written).hexdigest() != manifest_hash:
            raise CorruptError("the manifest does not have its recorded SHA-256")
        manifest: dict[str, Any] = json.loads(written)
        if manifest["seq"] > self._store.seq:
            raise CorruptError("it is newer than the database")
        for key, value in self._origin().items():
            if manifest.get(key) != value:  # another version's, or another model's
                raise CorruptError(f"{key} is {manifest.get(key)!r}, expected {value!r}")
        for name, expected in manifest["files"].items():
            if name != "vectors.faiss" and _sha256(folder / name) != expected:
                raise CorruptError(f"{name} does not have its recorded SHA-256")
        data = (folder / "vectors.faiss").read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest["files"]["vectors.faiss"]:
            raise CorruptError("vectors.faiss does not have its recorded SHA-256")
        part = _Part(VectorIndex.from_bytes(data), LexicalIndex.open(folder / "lexical"))
        seq = int(manifest["seq"])
        missing = np.setdiff1d(self._store.passage_ids(seq), part.vectors.ids)
        if len(missing):
            raise CorruptError(f"{len(missing)} passages of the store are not in it")
        return part, seq

    def _drop_old(self, current: str) -> None:
        """Keep the newest generations; remove older ones and what was never finished."""
        generations = sorted(
            (p for p in self._folder.glob("gen-*") if p.name != current),
            key=lambda p: p.stat().st_mtime,
            reverse=True,
        )
        finished = [p for p in generations if p.suffix != ".tmp"]
        for path in {*generations} - {*finished[: _KEEP - 1]}:
            shutil.rmtree(path, ignore_errors=True)


def _fill(part: _Part, store: Store, after_seq: int, up_to_seq: int | None = None) -> None:
    """Add the passages written after one sequence number and up to another."""

    def rows() -> Iterator[tuple[int, str, str, str]]:
        for some in store.passages_after(after_seq, up_to_seq):
            part.vectors.add([p.id for p in some], np.stack([p.vector for p in some]))
            yield from ((p.id, p.article_id, p.title, p.text) for p in some)

    part.lexical.add(rows())


def _best(results: list[Ranked], k: int) -> Ranked:
    return sorted((hit for hits in results for hit in hits), key=lambda hit: -hit[1])[:k]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    """fsync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
