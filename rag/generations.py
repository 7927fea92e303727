"""Generations of an index on disk: immutable folders, written whole or not at all.

<folder>/CURRENT                      name of the generation in use, hash of its manifest
<folder>/gen-<seq>-<uuid>/            vectors.faiss, lexical/, manifest.json
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from embeddings.encoder import Vectors
from embeddings.index import VECTORS, VectorIndex
from rag.chunking import CHUNKER
from rag.durable import file_sha256, replace_durably, sync, write_durably
from rag.errors import CorruptError
from rag.lexical import LEXICAL, LexicalIndex
from rag.passage_store import StoredPassage
from rag.store import Store

logger = logging.getLogger("dateline")

_MANIFEST = "manifest.json"
_CURRENT = "CURRENT"
VECTORS_FILE = "vectors.faiss"
_LEXICAL = "lexical"
_BUILDING = "build.lock"
_SEED = 1
_TOLD_EVERY = 100_000
"""Passages between two lines in the log."""


@dataclass(frozen=True)
class Part:
    """Passages searchable by vector and by word."""

    vectors: VectorIndex
    lexical: LexicalIndex

    @classmethod
    def in_memory(cls, dimension: int) -> Self:
        return cls(VectorIndex(dimension), LexicalIndex.in_memory())

    def fill(self, passages: Iterable[list[StoredPassage]]) -> None:
        """Add the passages that `Store.passages_after` gives."""

        def rows() -> Iterator[tuple[int, str, str, str]]:
            for some in passages:
                if damaged := [p for p in some if len(p.vector) != self.vectors.dimension]:
                    raise CorruptError(
                        f"a vector of article '{damaged[0].article_id}' was damaged on disk: "
                        "run 'dateline doctor --repair'"
                    )
                self.vectors.add([p.id for p in some], np.stack([p.vector for p in some]))
                yield from ((p.id, p.article_id, p.title, p.text) for p in some)

        self.lexical.add(rows())


@dataclass(frozen=True)
class Generation:
    """The passages written up to a sequence number; `named` is what CURRENT says of it;
    None is no generation on disk."""

    part: Part
    seq: int
    named: str | None


def build_lock(folder: Path, timeout: float = -1) -> FileLock:
    """To be held by whoever writes generations in a folder, or removes any. Whoever has to wait
    for it longer than `timeout` seconds gets filelock's Timeout; by default nobody does."""
    return FileLock(folder / _BUILDING, timeout=timeout)


def current(folder: Path) -> str | None:
    """What CURRENT says: the name of a generation and the hash of its manifest."""
    try:
        return (folder / _CURRENT).read_text(errors="replace")
    except FileNotFoundError:
        return None


def write(folder: Path, store: Store, dimension: int) -> Generation:
    """Write a generation of everything in the store, and make it the current one.

    Raises OSError, or tantivy's ValueError, if that cannot be done: the old one stays current.
    """
    seq = store.seq
    name = f"gen-{seq}-{uuid4().hex[:8]}"
    temporary = folder / f"{name}.tmp"
    try:
        (temporary / _LEXICAL).mkdir(parents=True)
        ids = store.passage_ids(seq)
        vectors = VectorIndex.for_count(len(ids), dimension, lambda size: _sample(store, ids, size))
        part = Part(vectors, LexicalIndex.create(temporary / _LEXICAL))
        part.fill(_told(store.passages_after(0, seq), len(ids)))
        with (temporary / VECTORS_FILE).open("wb") as file:
            vectors.write(file)
        files = {}
        for path in sorted(p for p in temporary.rglob("*") if p.is_file()):
            sync(path)
            files[str(path.relative_to(temporary))] = file_sha256(path)
        manifest = {
            "seq": seq,
            "passages": len(part.vectors),
            "metric": "inner product",
            **_origin(store, dimension),
            "files": files,
        }
        written = json.dumps(manifest, indent=1).encode()
        write_durably(temporary / _MANIFEST, written)
        for path in sorted(p for p in temporary.rglob("*") if p.is_dir()):
            sync(path)
        sync(temporary)
        os.rename(temporary, folder / name)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync(folder)
    # Not as it was built: the words under the temporary name, the vectors in memory.
    part = _open(folder / name)
    named = f"{name} {hashlib.sha256(written).hexdigest()}"
    replace_durably(folder / _CURRENT, named.encode())
    return Generation(part, seq, named)


def load(folder: Path, named: str, store: Store, dimension: int) -> Generation:
    """The generation that CURRENT names, read only after every hash was found right.

    Raises CorruptError, also for one that is not of this store.
    """
    try:
        name, manifest_hash = named.split()
        manifest = _verified(folder / name, manifest_hash)
        for key, value in _origin(store, dimension).items():
            if manifest.get(key) != value:  # another version's, or another model's
                raise CorruptError(f"{key} is {manifest.get(key)!r}, expected {value!r}")
        seq = int(manifest["seq"])
        if seq > store.seq:
            raise CorruptError("it is newer than the database")
        part = _open(folder / name)
    except (OSError, ValueError, KeyError) as error:
        raise CorruptError(f"{type(error).__name__}: {error}") from error
    missing = np.setdiff1d(store.passage_ids(seq), part.vectors.ids)
    if len(missing):
        raise CorruptError(f"{len(missing)} passages of the store are not in it")
    return Generation(part, seq, named)


def leftovers(folder: Path, keep: int) -> list[Path]:
    """What can go: generations but for the current one and the newest others, `keep` in all,
    and what was never finished."""
    named = current(folder)
    in_use = named.split()[:1] if named else []
    others = sorted(
        (p for p in folder.glob("gen-*") if p.name not in in_use),
        key=lambda p: p.stat().st_mtime,
        reverse=True,
    )
    kept = [p for p in others if p.suffix != ".tmp"][: keep - 1]
    unfinished = [p for p in folder.glob("*.tmp") if p not in others]
    return [p for p in (*others, *unfinished) if p not in kept]


def clear(folder: Path) -> None:
    """Remove every generation."""
    (folder / _CURRENT).unlink(missing_ok=True)
    remove(leftovers(folder, keep=1))
    remove(list(folder.glob("gen-*")))


def remove(paths: list[Path]) -> None:
    """Delete files and folders as far as that can be done."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _open(folder: Path) -> Part:
    return Part(VectorIndex.open(folder / VECTORS_FILE), LexicalIndex.open(folder / _LEXICAL))


def _sample(store: Store, ids: NDArray[np.int64], size: int) -> Vectors:
    """Vectors of passages chosen at random, the same each time."""
    chosen = np.random.default_rng(_SEED).choice(ids, min(size, len(ids)), replace=False)
    return store.vectors(np.sort(chosen).tolist())[1]


def _told(passages: Iterator[list[StoredPassage]], total: int) -> Iterator[list[StoredPassage]]:
    """The same, with a line in the log now and then."""
    began, done = time.monotonic(), 0
    for some in passages:
        yield some
        before, done = done, done + len(some)
        if done // _TOLD_EVERY > before // _TOLD_EVERY and done < total:
            left = (time.monotonic() - began) * (total - done) / done
            logger.info("building the index: %d of %d passages, %.0f s left", done, total, left)


def _origin(store: Store, dimension: int) -> dict[str, str | int]:
    """What a generation must agree with to be of use."""
    return {
        "collection": store.collection,
        "encoder": store.encoder,
        "dimension": dimension,
        "chunker": CHUNKER,
        "lexical": LEXICAL,
        "vectors": VECTORS,
    }


def _verified(folder: Path, manifest_hash: str) -> dict[str, Any]:
    """The manifest of a generation, all of whose files have their hashes."""
    written = (folder / _MANIFEST).read_bytes()
    if hashlib.sha256(written).hexdigest() != manifest_hash:
        raise CorruptError("the manifest does not have its recorded SHA-256")
    manifest: dict[str, Any] = json.loads(written)
    for name, expected in manifest["files"].items():
        if file_sha256(folder / name) != expected:
            raise CorruptError(f"{name} does not have its recorded SHA-256")
    return manifest
