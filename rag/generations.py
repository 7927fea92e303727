"""Generations of an index on disk: immutable folders, written whole or not at all.

<folder>/CURRENT                      name of the generation in use, hash of its manifest
<folder>/gen-<seq>-<uuid>/            vectors.faiss, lexical/, manifest.json
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np

from embeddings.index import VectorIndex
from rag.chunking import CHUNKER
from rag.durable import file_sha256, replace_durably, sync, write_durably
from rag.errors import CorruptError
from rag.lexical import LEXICAL, LexicalIndex
from rag.store import Store

_MANIFEST = "manifest.json"
_CURRENT = "CURRENT"
_VECTORS = "vectors.faiss"
_LEXICAL = "lexical"


@dataclass(frozen=True)
class Part:
    """Passages searchable by vector and by word."""

    vectors: VectorIndex
    lexical: LexicalIndex

    @classmethod
    def in_memory(cls, dimension: int) -> Self:
        return cls(VectorIndex(dimension), LexicalIndex.in_memory())

    def fill(self, store: Store, after_seq: int, up_to_seq: int) -> None:
        """Add the passages written after one sequence number and up to another."""

        def rows() -> Iterator[tuple[int, str, str, str]]:
            for some in store.passages_after(after_seq, up_to_seq):
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
        part = Part(VectorIndex(dimension), LexicalIndex.create(temporary / _LEXICAL))
        part.fill(store, 0, seq)
        write_durably(temporary / _VECTORS, part.vectors.to_bytes())
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
    # The lexical index was opened under the temporary name and would not find its files.
    lexical = LexicalIndex.open(folder / name / _LEXICAL)
    named = f"{name} {hashlib.sha256(written).hexdigest()}"
    replace_durably(folder / _CURRENT, named.encode())
    return Generation(Part(part.vectors, lexical), seq, named)


def load(folder: Path, named: str, store: Store, dimension: int) -> Generation:
    """The generation that CURRENT names, read only after every hash was found right.

    Raises CorruptError, also for one that is not of this store.
    """
    try:
        name, manifest_hash = named.split()
        manifest = _verified(folder / name, manifest_hash)
        data = (folder / name / _VECTORS).read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest["files"][_VECTORS]:
            raise CorruptError(f"{_VECTORS} does not have its recorded SHA-256")
        for key, value in _origin(store, dimension).items():
            if manifest.get(key) != value:  # another version's, or another model's
                raise CorruptError(f"{key} is {manifest.get(key)!r}, expected {value!r}")
        seq = int(manifest["seq"])
        if seq > store.seq:
            raise CorruptError("it is newer than the database")
        lexical = LexicalIndex.open(folder / name / _LEXICAL)
        part = Part(VectorIndex.from_bytes(data), lexical)
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


def _origin(store: Store, dimension: int) -> dict[str, str | int]:
    """What a generation must agree with to be of use."""
    return {
        "collection": store.collection,
        "encoder": store.encoder,
        "dimension": dimension,
        "chunker": CHUNKER,
        "lexical": LEXICAL,
    }


def _verified(folder: Path, manifest_hash: str) -> dict[str, Any]:
    """The manifest of a generation, all of whose files but the vectors have their hashes."""
    written = (folder / _MANIFEST).read_bytes()
    if hashlib.sha256(written).hexdigest() != manifest_hash:
        raise CorruptError("the manifest does not have its recorded SHA-256")
    manifest: dict[str, Any] = json.loads(written)
    for name, expected in manifest["files"].items():
        if name != _VECTORS and file_sha256(folder / name) != expected:
            raise CorruptError(f"{name} does not have its recorded SHA-256")
    return manifest
