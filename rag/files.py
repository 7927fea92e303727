"""Paths as they are typed (files, folders, patterns, "-") -> the files to read, each once."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from rag.types import Skipped

STDIN = Path("-")  # to be told by identity: a folder may hold a file of that name


def find_files(paths: Iterable[str | Path]) -> Iterator[Path | Skipped]:
    """`STDIN` for "-"; each file that the other paths lead to, once; and what is wrong with one.

    Folders are searched without hidden entries and links to folders. The files are neither
    opened nor known to be regular ones.
    """
    seen: set[str | Skipped] = set()
    for path in map(str, paths):
        if path == str(STDIN):
            yield STDIN
            continue
        for found in _expand(os.path.expanduser(path)):
            key = found if isinstance(found, Skipped) else os.path.realpath(found)
            if key in seen:
                continue
            seen.add(key)
            if isinstance(found, Path) and _printable(found) != str(found):
                yield _skip(found, "its name is not UTF-8: rename it")
            else:
                yield found


def _expand(path: str) -> Iterator[Path | Skipped]:
    matches = [path]
    # A name may hold brackets: it is a file before it is a pattern.
    if glob.has_magic(path) and not os.path.exists(path):
        matches = sorted(_glob(path))
        if not matches:
            yield _skip(path, "no file matches this pattern")
    for match in matches:
        if os.path.isdir(match):
            found = list(_walk(Path(match)))
            yield from found or [_skip(match, "empty folder: it holds no file that is not hidden")]
        elif os.path.exists(match):
            yield Path(match)
        else:
            yield _skip(match, "no such file or folder")


def _walk(folder: Path) -> Iterator[Path | Skipped]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield _skip(folder, f"cannot be read: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if not os.path.isdir(entry):  # Path.is_dir raises where the folder may not be entered
            yield entry
        elif entry.is_symlink():  # it may lead back up
            yield _skip(entry, "a link to a folder: name that folder itself")
        else:
            yield from _walk(entry)


def _glob(pattern: str) -> Iterator[str]:
    """`glob.glob`, except that "**" follows no links: they may lead back up."""
    parts = Path(pattern).parts
    if "**" not in parts:
        yield from glob.glob(pattern)
        return
    at = parts.index("**")
    for top in _glob(os.path.join("", *parts[:at]) or "."):
        for folder, subfolders, _ in os.walk(top):
            if at + 1 == len(parts):
                subfolders.clear()  # `folder` alone stands for all that it holds
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            yield from _glob(os.path.join(glob.escape(folder), *parts[at + 1 :]))


def _skip(path: str | Path, reason: str) -> Skipped:
    return Skipped(_printable(path), reason)


def _printable(path: str | Path) -> str:
    return str(path).encode(errors="replace").decode()
