"""Is a collection sound? Every check that can be made without a model, and what mends it."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import sqlalchemy as sa
from filelock import Timeout

from rag import database as tables
from rag import generations
from rag.backends import backend_of
from rag.chunking import Offsets, left_out
from rag.collection import BACKUPS, INDEX, QUARANTINE, open_collection
from rag.errors import CorruptError, UnavailableError
from rag.index import KEPT_GENERATIONS
from rag.store import Store
from rag.story_store import is_sound
from rag.types import text_hash

logger = logging.getLogger("dateline")

Check = Literal["database", "articles", "passages", "stories", "index", "files"]
CHECKS: tuple[Check, ...] = ("database", "articles", "passages", "stories", "index", "files")

_PORTION = 200
_NORM_TOLERANCE = 1e-3
_SHOWN = 40


@dataclass(frozen=True)
class Problem:
    """Something that is not as it should be, and the article it concerns, if one."""

    check: Check
    what: str
    article_id: str | None = None


Examined = Callable[[int, int], None]
"""Called with (articles examined, articles in all)."""


def examine(
    folder: Path,
    progress: Examined | None = None,
    url: str | None = None,
    milvus_uri: str | None = None,
) -> list[Problem]:
    """What is wrong with the collection in `folder`, or in the PostgreSQL database of a URL, and
    with its index; nothing is changed.

    Raises CollectionError if there is none, or it is a newer Dateline's. A database that cannot be
    read is the one problem then.
    """
    try:
        engine = open_collection(folder, url)
    except CorruptError as error:
        return [Problem("database", str(error))]
    problems: list[Problem] = []
    try:
        with engine.connect() as connection:
            problems += _database(connection)
            problems += _articles(connection, progress)
            if not is_sound(connection):
                problems.append(Problem("stories", "they are not what their articles make them"))
        problems += _index(folder, engine)
        if milvus_uri is not None:
            problems += _milvus(milvus_uri, Store(engine, folder))
    except CorruptError as error:
        problems.append(Problem("database", str(error)))
    finally:
        engine.dispose()
    return [*problems, *_files(folder)]


@contextmanager
def files_that_can_go(folder: Path) -> Iterator[list[Path]]:
    """What a killed process has left behind; no index is built meanwhile.

    Where another process is building one, what lies beside it may be its work and is left out.
    """
    unfinished = [
        *folder.glob("*.partial*"),
        *(folder / BACKUPS).glob("*.partial*"),
        *(folder / QUARANTINE).glob("*.tmp"),
    ]
    index = folder / INDEX
    with ExitStack() as held:
        if index.is_dir():
            try:
                held.enter_context(generations.build_lock(index, timeout=0))
                unfinished += generations.leftovers(index, KEPT_GENERATIONS)
            except Timeout:
                logger.warning("another process is building the index: its folder is left alone")
            except OSError as error:  # a folder that can only be read
                logger.warning(
                    "%s cannot be locked (%s): what lies beside it was not examined",
                    index,
                    error.strerror,
                )
        yield unfinished


def _database(connection: sa.Connection) -> Iterator[Problem]:
    for line in backend_of(connection).faults(connection):
        yield Problem("database", line)
    for table in tables.metadata.sorted_tables:
        for key in table.foreign_keys:
            orphan = ~sa.exists().where(key.column == key.parent)
            if connection.scalar(sa.select(sa.true()).select_from(table).where(orphan).limit(1)):
                yield Problem("database", f"rows of {table.name} belong to nothing")
                break
    orphan = ~sa.exists().where(tables.articles.c.id == tables.fingerprints.c.article_id)
    count = sa.select(sa.func.count()).select_from(tables.fingerprints)
    if connection.scalar(count.where(orphan)):
        yield Problem("stories", "fingerprints belong to no article")
    seq = connection.scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == "seq"))
    newest = connection.scalar(sa.select(sa.func.max(tables.passages.c.seq))) or 0
    if not str(seq).isdecimal() or int(str(seq)) < newest:
        yield Problem("database", f"the sequence number is {seq}, a passage has {newest}")


def _articles(connection: sa.Connection, progress: Examined | None) -> Iterator[Problem]:
    """Each article's text against its hash; its passages and vectors."""
    total = connection.exec_driver_sql("SELECT count(*) FROM articles").scalar() or 0
    sizes = sa.func.length(tables.vectors.c.vector)
    usual = connection.scalar(
        sa.select(sizes).group_by(sizes).order_by(sa.func.count().desc()).limit(1)
    )
    last, done = "", 0
    while True:
        # As plain SQL: a damaged date or list would stop SQLAlchemy.
        query = (
            f"SELECT id, text, sha256 FROM articles WHERE id > :last ORDER BY id LIMIT {_PORTION}"
        )
        articles = connection.execute(sa.text(query), {"last": last}).all()
        if not articles:
            return
        texts = {article_id: text for article_id, text, _ in articles}
        for article_id, text, sha256 in articles:
            if not isinstance(text, str) or text_hash(text) != sha256:
                yield Problem("articles", "the text does not have its SHA-256", article_id)
        sound = {i: text for i, text in texts.items() if isinstance(text, str)}
        for article_id, what in _bad_passages(connection, sound, int(usual or 0)).items():
            yield Problem("passages", what, article_id)
        connection.rollback()  # no writer is to wait for all of this
        last, done = articles[-1][0], done + len(articles)
        if progress is not None:
            progress(done, total)


def _bad_passages(
    connection: sa.Connection, texts: dict[str, str], vector_bytes: int
) -> dict[str, str]:
    """Article id -> what is wrong with one of its passages."""
    passages, bad = tables.passages.c, dict[str, str]()
    cut: dict[str, list[Offsets]] = {article_id: [] for article_id in texts}
    query = (
        sa.select(passages.article_id, passages.start, passages.end, tables.vectors.c.vector)
        .outerjoin_from(tables.passages, tables.vectors)
        .where(passages.article_id.in_(list(texts)))
    )
    for article_id, start, end, vector in connection.execute(query):
        if article_id not in texts:
            continue  # an index and its table disagree, which is told of the database
        cut[article_id].append((start, end))
        if not 0 <= start < end <= len(texts[article_id]):
            bad[article_id] = f"passage {start}:{end} is not inside the text"
        elif vector is None or len(vector) != vector_bytes:
            bad[article_id] = f"the vector of passage {start}:{end} is missing or of another size"
        elif not abs(np.linalg.norm(np.frombuffer(vector, "<f4")) - 1) < _NORM_TOLERANCE:
            bad[article_id] = f"the vector of passage {start}:{end} is not of unit length"
    for article_id, text in texts.items():
        if article_id not in bad and (rest := left_out(text, cut[article_id])):
            bad[article_id] = f"'{rest[:_SHOWN]}' is in no passage"
    return bad


def _index(folder: Path, engine: sa.Engine) -> Iterator[Problem]:
    """The current generation, if there is one: files, hashes, and ids against the store's."""
    named = generations.current(folder / INDEX)
    store = Store(engine, folder)
    if named is None or store.dimension is None:
        return
    with ExitStack() as held:
        try:
            index = held.enter_context(_writable(folder / INDEX, named))
        except OSError as error:
            why = error.args[0][0][2] if isinstance(error, shutil.Error) else error  # the first
            yield Problem(
                "index",
                f"it was not examined, for it could not be copied ({why}): see that its "
                "files can be read, and that the folder of temporary files (TMPDIR) has room",
            )
            return
        try:
            part = generations.load(index, named, store, store.dimension).part
        except CorruptError as error:
            yield Problem("index", str(error))
            return
        ids = part.vectors.ids
        if len(np.unique(ids)) != len(ids) or len(part.lexical) != len(ids):
            yield Problem("index", "it holds a passage twice, or by vector and not by word")
    with engine.connect() as connection:
        given = backend_of(connection).last_passage_id(connection)
    if len(ids) and ids.max() > given:
        yield Problem("index", "it holds passages that never were")


@contextmanager
def _writable(index: Path, named: str) -> Iterator[Path]:
    """The folder of the generation's folder, or of a copy: tantivy makes a lock to read its files,
    too."""
    name = named.split()[0] if named.split() else ""
    if os.access(index / name, os.W_OK) or not (index / name).is_dir():
        yield index
        return
    with tempfile.TemporaryDirectory(prefix="dateline-doctor-") as copy:
        # Of the contents alone: the copy is to be writable.
        shutil.copytree(index / name, Path(copy, name), copy_function=shutil.copyfile)
        for path in Path(copy).rglob("*"):
            path.chmod(0o700)
        yield Path(copy)


def _milvus(uri: str, store: Store) -> Iterator[Problem]:
    """The generation on the server, if there is one: its rows against the store's passages."""
    from rag import milvus  # its library takes half a second

    try:
        for what in milvus.problems(uri, store):
            yield Problem("index", what)
    except UnavailableError as error:
        yield Problem("index", str(error))


def _files(folder: Path) -> Iterator[Problem]:
    with files_that_can_go(folder) as paths:
        found = [path.relative_to(folder) for path in paths]
    for path in found:
        yield Problem("files", f"{path} is a leftover")
    if folder.stat().st_mode & 0o077:
        yield Problem("files", "others than its owner can look into the folder")


def articles_of(problems: list[Problem], check: Check) -> list[str]:
    """The ids of the articles that a check found something wrong with."""
    return [p.article_id for p in problems if p.check == check and p.article_id is not None]
