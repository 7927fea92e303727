"""Generations of an index on Milvus: how one is filled, put in use, and found to be wrong.

Rows are written under the passages' ids, so that writing them again changes nothing, and only then
the number of the last write that they hold: what was cut off half way is done again, and nothing
is skipped, however many processes do it at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from uuid import uuid4

import numpy as np

from rag.chunking import CHUNKER
from rag.errors import CorruptError
from rag.lexical import LEXICAL, indexed_text
from rag.milvus_schema import source_of, text_of
from rag.milvus_server import GoneError, MilvusGeneration, MilvusServer, Row
from rag.passage_store import StoredPassage
from rag.store import Store
from rag.wordings import terms_of


def alias_of(store: Store) -> str:
    """What names the generation in use of a collection."""
    return f"dateline_{store.collection}"


def build(server: MilvusServer, store: Store, dimension: int) -> MilvusGeneration:
    """Fill a new generation with what the store holds, put it in use and drop the others.

    Of several processes that do so at a time one wins; the rest meet GoneError.
    """
    alias = alias_of(store)
    name = f"{alias}_{store.seq}_{uuid4().hex[:8]}"
    empty = MilvusGeneration(name, seq=0, origin=_origin(server, store, dimension))
    server.create(empty, dimension)
    generation = catch_up(server, store, dimension, empty)
    for collection in collections_of(server, generation):
        server.settle(collection)
    server.switch(alias, generation)
    server.drop_all(f"{alias}_", but=generation)
    return generation


def catch_up(
    server: MilvusServer, store: Store, dimension: int, generation: MilvusGeneration
) -> MilvusGeneration:
    """Add what was written since the generation's last write."""
    seq = store.seq
    for articles in _whole_articles(store.passages_after(generation.seq, seq)):
        passages = [passage for article in articles for passage in article]
        if damaged := [p for p in passages if len(p.vector) != dimension]:
            raise CorruptError(
                f"a vector of article '{damaged[0].article_id}' was damaged on disk: "
                "run 'dateline doctor --repair'"
            )
        with_words = server.ranks_by_words()
        rows = [_passage_row(p, a[0], with_words) for a in articles for p in a]
        server.upsert(generation.name, rows)
        if with_words:
            server.upsert(generation.articles, [_article_row(article) for article in articles])
    caught_up = replace(generation, seq=seq)
    server.mark(caught_up)
    return caught_up


def collections_of(server: MilvusServer, generation: MilvusGeneration) -> list[str]:
    """Names of the collections that a generation has on this server."""
    words = [generation.articles] if server.ranks_by_words() else []
    return [generation.name, *words]


def tidy(server: MilvusServer, store: Store, generation: MilvusGeneration) -> None:
    """Remove the rows of passages that the store no longer has."""
    for collection in collections_of(server, generation):
        held = server.ids(collection)
        # Read after what is held: a passage that is written meanwhile is not taken for deleted.
        server.delete(collection, np.setdiff1d(held, store.passage_ids(store.seq)))


def what_is_wrong(
    server: MilvusServer, store: Store, dimension: int, generation: MilvusGeneration
) -> str | None:
    """Why a generation cannot serve this store: another model's, a newer database's, or rows are
    missing; None if it can."""
    origin = _origin(server, store, dimension)
    if generation.origin != origin:
        return f"it was made of {generation.origin or 'nothing'}, expected {origin}"
    if generation.seq > store.seq:
        return "it is newer than the database"
    # In this order: what is written meanwhile does not count as missing.
    _, live = store.counts()
    expected = live - store.count_passages(generation.seq)
    try:
        for collection in collections_of(server, generation):
            server.load(collection)
        held = server.count(generation.name)
    except GoneError as error:
        return str(error)
    if held < expected:
        return f"{expected - held} passages of the store are not in it"
    return None


def _whole_articles(
    portions: Iterable[Sequence[StoredPassage]],
) -> Iterator[list[list[StoredPassage]]]:
    """The passages of each article together, portion by portion."""
    rest: list[StoredPassage] = []
    for some in portions:
        *whole, rest = (
            list(run) for _, run in groupby([*rest, *some], key=attrgetter("article_id"))
        )
        yield whole
    yield [rest] if rest else []


def _passage_row(passage: StoredPassage, first: StoredPassage, with_words: bool) -> Row:
    row = _columns(passage, first) | {"vector": passage.vector.tolist()}
    if with_words:
        row["terms"] = text_of(terms_of(indexed_text(passage.title, passage.text)))
    return row


def _article_row(passages: Sequence[StoredPassage]) -> Row:
    first = passages[0]
    whole = indexed_text(first.title, "\n".join(passage.text for passage in passages))
    return _columns(first, first) | {"terms": text_of(terms_of(whole))}


def _columns(passage: StoredPassage, first: StoredPassage) -> Row:
    return {
        "id": passage.id,
        "article": first.id,
        "seq": passage.seq,
        "day": 0 if passage.published is None else passage.published.toordinal(),
        "source": source_of(passage.source_key),
    }


def _origin(server: MilvusServer, store: Store, dimension: int) -> str:
    """What a generation must agree with to be of use."""
    words = LEXICAL if server.ranks_by_words() else "no words"
    return f"{store.encoder}, {dimension} dimensions, {CHUNKER}, {words}"
