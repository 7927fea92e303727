"""Mending a collection, and taking deleted articles off the disk."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from rag import database as tables
from rag import generations, passage_store, sqlite, story_store
from rag.backends import backend_of
from rag.collection import BACKUPS, INDEX, QUARANTINE, open_collection
from rag.counted import counted
from rag.doctor import articles_of, examine, files_that_can_go
from rag.durable import replace_durably
from rag.errors import CollectionError, CorruptError
from rag.index import rebuild
from rag.store import Embedded, Store
from rag.types import Article

Embed = Callable[[Sequence[Article]], list[Embedded]]


def repair(
    folder: Path, embed: Embed, url: str | None = None, milvus_uri: str | None = None
) -> list[str]:
    """Mend what `examine` finds; a sentence for each thing done.

    Articles whose text is damaged are moved to the folder `quarantine` as JSON lines; those with
    damaged passages or vectors get new ones from `embed`, which is called only then. Raises
    CorruptError if the database is beyond it, and UnavailableError if Milvus does not answer.
    """
    _check_writable(folder)
    problems = examine(folder, url=url, milvus_uri=milvus_uri)
    found = {problem.check for problem in problems}
    engine = open_collection(folder, url)
    done: list[str] = []
    try:
        store = Store(engine, folder)
        if "database" in found:
            _mend_database(engine)
            done.append("rebuilt the database's own indexes and removed rows without an article")
            # What was removed may be missing now, and what an index hid need not be.
            problems = examine(folder, url=url, milvus_uri=milvus_uri)
            found |= {problem.check for problem in problems}
        damaged = articles_of(problems, "articles")
        if damaged:
            file = _quarantine(engine, folder / QUARANTINE, damaged)
            done.append(
                f"moved {counted(len(damaged), 'article')} with a damaged text to {file}: "
                "ingest them again"
            )
        for article_id in set(articles_of(problems, "passages")) - set(damaged):
            store.put(embed([store.get(article_id)]))
            done.append(f"cut and embedded article '{article_id}' again")
        if damaged or {"stories", "database"} & found:
            _tell_again(engine)
            done.append("found the stories again")
        if done or "index" in found:
            _rebuild(folder, store, milvus_uri)
            done.append("built the index again")
    finally:
        engine.dispose()
    if "files" in found:
        _remove_leftovers(folder)
        folder.chmod(0o700)
        done.append("removed leftovers, and closed the folder to others")
    return done


def purge(folder: Path, url: str | None = None, milvus_uri: str | None = None) -> None:
    """Take what was deleted off the disk: out of the database's free pages and its log, the
    index, the copies made before migrations, and the quarantine.

    Milvus is told to drop what it held, and takes it off its own disks in its time.
    """
    _check_writable(folder)
    engine = open_collection(folder, url)
    try:
        store = Store(engine, folder)
        _rebuild(folder, store, milvus_uri)
        generations.remove([*(folder / BACKUPS).glob("*"), *(folder / QUARANTINE).glob("*")])
        _remove_leftovers(folder)
        backend_of(engine).vacuum(engine)
    finally:
        engine.dispose()


def _check_writable(folder: Path) -> None:
    if folder.exists() and not os.access(folder, os.W_OK):
        raise CollectionError(
            f"{folder} cannot be written: leave out --repair and --purge, or run as its owner"
        )


def _remove_leftovers(folder: Path) -> None:
    with files_that_can_go(folder) as leftovers:
        generations.remove(leftovers)


def _rebuild(folder: Path, store: Store, milvus_uri: str | None) -> None:
    if milvus_uri is None:
        rebuild(folder / INDEX, store)
        return
    from rag import milvus

    # What a server without words needs here is built again when it is opened.
    with generations.build_lock(folder / INDEX):
        generations.clear(folder / INDEX)
    milvus.rebuild(milvus_uri, store)


def _mend_database(engine: sa.Engine) -> None:
    backend = backend_of(engine)
    with engine.execution_options(write=True).begin() as connection:
        backend.reindex(connection)
        ours = sa.select(tables.articles.c.id)
        for table, column in (
            (tables.passages, tables.passages.c.article_id),
            (tables.tellings, tables.tellings.c.article_id),
            (tables.fingerprints, tables.fingerprints.c.article_id),
            (tables.pairs, tables.pairs.c.first),
            (tables.pairs, tables.pairs.c.second),
        ):
            connection.execute(sa.delete(table).where(column.not_in(ours)))
        passages = sa.select(tables.passages.c.id)
        connection.execute(
            sa.delete(tables.vectors).where(tables.vectors.c.passage_id.not_in(passages))
        )
        newest = connection.scalar(sa.select(sa.func.max(tables.passages.c.seq))) or 0
        seq = sa.update(tables.meta).where(tables.meta.c.key == "seq")
        known = connection.scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == "seq"))
        if not str(known).isdecimal() or int(str(known)) < newest:
            connection.execute(seq.values(value=str(newest + 1)))
        if still := backend.faults(connection):
            raise CorruptError(sqlite.damaged(backend.name(engine.url), still[0]))


def _quarantine(engine: sa.Engine, folder: Path, ids: Sequence[str]) -> Path:
    """Move articles to a new file of JSON lines, as they are."""
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}.jsonl"
    # As plain SQL: a damaged date or list would stop SQLAlchemy.
    damaged = sa.text("SELECT * FROM articles WHERE id IN :ids").bindparams(
        sa.bindparam("ids", expanding=True)
    )
    with engine.execution_options(write=True).begin() as connection:
        rows = [
            row
            for some in tables.portions(ids)
            for row in connection.execute(damaged, {"ids": some}).mappings()
        ]
        lines = [json.dumps(dict(row), default=str, ensure_ascii=False) for row in rows]
        replace_durably(file, "".join(f"{line}\n" for line in lines).encode(errors="replace"))
        passage_store.remove(connection, ids)
        for some in tables.portions(ids):
            pairs, tellings = tables.pairs, tables.tellings
            connection.execute(
                sa.delete(pairs).where(pairs.c.first.in_(some) | pairs.c.second.in_(some))
            )
            connection.execute(sa.delete(tellings).where(tellings.c.article_id.in_(some)))
            connection.execute(sa.delete(tables.articles).where(tables.articles.c.id.in_(some)))
        sequence = tables.meta.c.key == "seq"
        value = sa.cast(sa.cast(tables.meta.c.value, sa.Integer) + 1, sa.Text)
        connection.execute(sa.update(tables.meta).where(sequence).values(value=value))
    return file


def _tell_again(engine: sa.Engine) -> None:
    with engine.execution_options(write=True).begin() as connection:
        for table in (tables.pairs, tables.tellings, tables.fingerprints):
            connection.execute(sa.delete(table))
        for some in _in_portions(connection):
            story_store.add(connection, some)


def _in_portions(connection: sa.Connection) -> Iterator[list[Article]]:
    ids = connection.scalars(sa.select(tables.articles.c.id).order_by(tables.articles.c.id)).all()
    for some in tables.portions(ids):
        query = sa.select(tables.articles).where(tables.articles.c.id.in_(some))
        yield [tables.row_article(row) for row in connection.execute(query)]
