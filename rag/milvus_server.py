"""What an index asks of Milvus, and how it fails: the seam to pymilvus.

A generation is a collection of passages, and beside it, where the server ranks by words, one of
whole articles. An alias names the generation in use.
"""

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embeddings.encoder import Vectors
from rag.errors import CollectionError, InputError, UnavailableError
from rag.lexical import Scored
from rag.milvus_schema import expression, layout
from rag.passage_store import Filter

if TYPE_CHECKING:
    from pymilvus import MilvusClient

Row = dict[str, Any]

_MOST_HITS = 16_384
"""Milvus gives no more for one search."""
_ROWS = 500
"""Sent at once: of the longest texts, half of what a server takes in one message."""

_SEQ, _ORIGIN = "dateline.seq", "dateline.origin"
_BREADTH = 200
_FIRST_WITH_WORDS = (2, 5)

_CONNECT_S = 5.0
_ASK_S = 5.0
_WRITE_S = 60.0
_RETRY_AFTER_S = 5
# A lost server is tried again at once when it is asked for, not after a time that doubles.
# An idle connection is left alone: milvus-lite closes one that is pinged.
_CHANNEL = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.keepalive_permit_without_calls": 0,
}
_NOT_FOUND, _NOT_LOADED = 100, 101


class GoneError(Exception):
    """The collection is not there, for another process has replaced the generation; or not in
    memory, for the server was started again."""


@dataclass(frozen=True)
class MilvusGeneration:
    """A collection on the server: it holds what was written up to `seq`. `origin` says of what it
    was made."""

    name: str
    seq: int
    origin: str

    @property
    def articles(self) -> str:
        """Name of the collection of whole articles beside it."""
        return f"{self.name}_articles"


class MilvusServer:
    """A server, or milvus-lite in this process. It is called upon when it is first needed.

    Every method raises UnavailableError if the server does not answer, and GoneError if what it
    names is not there. Safe to use from several threads.
    """

    def __init__(self, uri: str) -> None:
        """`uri` is http://host:19530, or the path of a file that ends in .db.

        Raises InputError for anything else, and CollectionError without pymilvus.
        """
        self._is_remote = bool(re.match(r"https?://", uri))
        if not self._is_remote and not uri.endswith(".db"):
            raise InputError(
                f"DATELINE_MILVUS_URI={uri}: expected http://host:19530, or a file *.db "
                "for milvus-lite"
            )
        self._uri = uri if self._is_remote else str(Path(uri).expanduser().absolute())
        # A password is for the server alone.
        self._shown = re.sub(r"//[^/@]*@", "//", self._uri)
        self._connecting = threading.Lock()
        self._connected: MilvusClient | None = None
        self._said_version: str | None = None
        try:
            import pymilvus  # noqa: F401 - takes half a second, and is an extra
        except ImportError as error:
            raise CollectionError(
                f"DATELINE_MILVUS_URI={self._shown} needs pymilvus: pip install 'dateline[milvus]'"
            ) from error
        # What they log, traceback and all, is raised too, and told once.
        for name in ("pymilvus", "milvus_lite"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    # --- generations

    def ranks_by_words(self) -> bool:
        """Whether the server has BM25, as from Milvus 2.5 on."""
        numbers = re.search(r"(\d+)\.(\d+)", self._version())
        return numbers is not None and tuple(map(int, numbers.groups())) >= _FIRST_WITH_WORDS

    def _version(self) -> str:
        """As in "v2.3.5-lite" of Milvus, "milvus_lite-3.2.2" of milvus-lite."""
        if self._said_version is None:
            with self._asking() as client:
                self._said_version = str(client.get_server_version(timeout=_ASK_S))
        return self._said_version

    def current(self, alias: str) -> MilvusGeneration | None:
        """The generation that the alias names."""
        try:
            with self._asking() as client:
                found = client.describe_collection(alias, timeout=_ASK_S)
        except GoneError:
            return None
        said = found.get("properties", {})
        seq, origin = said.get(_SEQ, ""), said.get(_ORIGIN, "")
        name = str(found["collection_name"])
        return MilvusGeneration(name, int(seq) if seq.isdecimal() else 0, origin)

    def create(self, generation: MilvusGeneration, dimension: int) -> None:
        """Make its collections, empty; how far it has come is to be marked once they are full."""
        with_words = self.ranks_by_words()
        # Its graph found 0.81 of the nearest ten among 10,000, in the time of comparing all.
        exact = self._version().startswith("milvus_lite")
        collections: dict[str, int | None] = {generation.name: dimension}
        if with_words:
            collections[generation.articles] = None
        with self._asking() as client:
            for name, size in collections.items():
                schema, index = layout(client, size, with_words, exact)
                client.create_collection(
                    name,
                    schema=schema,
                    consistency_level="Bounded",
                    properties={_ORIGIN: generation.origin},
                    timeout=_WRITE_S,
                )
                # There is nothing to index yet, and so nothing to wait for.
                client.create_index(name, index, timeout=_WRITE_S, sync=False)
                client.load_collection(name, timeout=_WRITE_S)

    def load(self, collection: str) -> None:
        """Have the collection in the server's memory, where it is unless that was started again."""
        with self._asking() as client:
            client.load_collection(collection, timeout=_ASK_S)

    def mark(self, generation: MilvusGeneration) -> None:
        """Keep on the server how far the generation has come."""
        with self._asking() as client:
            client.alter_collection_properties(
                generation.name, properties={_SEQ: str(generation.seq)}, timeout=_WRITE_S
            )

    def switch(self, alias: str, generation: MilvusGeneration) -> None:
        """Have the alias name this generation from now on, for every process."""
        from pymilvus import MilvusException

        with self._asking() as client:
            try:
                client.alter_alias(generation.name, alias, timeout=_WRITE_S)
            except MilvusException:
                client.create_alias(generation.name, alias, timeout=_WRITE_S)

    def drop_all(self, prefix: str, but: MilvusGeneration | None = None) -> None:
        """Remove the collections with this prefix, but those of a generation."""
        kept = () if but is None else (but.name, but.articles)
        with self._asking() as client:
            for name in client.list_collections(timeout=_ASK_S):
                if name.startswith(prefix) and name not in kept:
                    client.drop_collection(name, timeout=_WRITE_S)

    # --- rows

    def upsert(self, collection: str, rows: Sequence[Row]) -> None:
        """Write rows, each in place of the one with its id."""
        for start in range(0, len(rows), _ROWS):
            with self._asking() as client:
                client.upsert(collection, list(rows[start : start + _ROWS]), timeout=_WRITE_S)

    def settle(self, collection: str) -> None:
        """Have what was written so far stored and indexed for good: once, after very many rows."""
        with self._asking() as client:
            client.flush(collection, timeout=_WRITE_S)

    def delete(self, collection: str, ids: NDArray[np.int64]) -> None:
        """Remove the rows with these ids."""
        for start in range(0, len(ids), _ROWS):
            with self._asking() as client:
                some = ids[start : start + _ROWS].tolist()
                client.delete(collection, ids=some, timeout=_WRITE_S)

    def count(self, collection: str) -> int:
        """How many rows there are, everything that was acknowledged among them.

        Once it is counted, searches see it too.
        """
        with self._asking() as client:
            rows = client.query(
                collection,
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=_WRITE_S,
            )
        return int(rows[0]["count(*)"])

    def ids(self, collection: str) -> NDArray[np.int64]:
        """The ids of all rows, ascending."""
        with self._asking() as client:
            rows = client.query_iterator(
                collection,
                batch_size=_MOST_HITS,
                output_fields=["id"],
                consistency_level="Strong",
                timeout=_WRITE_S,
            )
            found = [row["id"] for some in iter(rows.next, []) for row in some]
            rows.close()
        return np.unique(np.array(found, dtype=np.int64))

    # --- searches

    def nearest(
        self, collection: str, vector: Vectors, k: int, where: Filter
    ) -> list[tuple[int, float]]:
        """(id, cosine) of the k passages nearest to a unit vector, best first."""
        k = min(k, _MOST_HITS)
        hits = self._search(
            collection,
            [vector.tolist()],
            anns_field="vector",
            limit=k,
            filter=expression(where),
            search_params={"metric_type": "IP", "params": {"ef": max(k, _BREADTH)}},
        )
        return [(hit["id"], float(hit["distance"])) for hit in hits]

    def matching(self, collection: str, terms: Sequence[str], k: int, where: Filter) -> Scored:
        """The k rows that fit the terms best by BM25."""
        hits = self._search(
            collection,
            [" ".join(terms)],
            anns_field="words",
            limit=min(k, _MOST_HITS),
            filter=expression(where),
            output_fields=["article"],
            search_params={"metric_type": "BM25"},
        )
        # milvus-lite gives BM25 as a distance, negated; it is never below 0.
        return [(hit["id"], hit["entity"]["article"], abs(hit["distance"])) for hit in hits]

    def _search(self, collection: str, data: list[Any], **how: Any) -> list[Any]:
        with self._asking() as client:
            return list(client.search(collection, data=data, timeout=_ASK_S, **how)[0])

    # --- inside

    @contextmanager
    def _asking(self) -> Iterator["MilvusClient"]:
        import grpc
        from pymilvus import MilvusException

        try:
            yield self._client()
        except MilvusException as error:
            if error.code in (_NOT_FOUND, _NOT_LOADED):
                raise GoneError(error.message) from error
            raise self._unavailable(error.message) from error
        except grpc.RpcError as error:
            raise self._unavailable(str(error.code().name)) from error

    def _client(self) -> "MilvusClient":
        from pymilvus import MilvusClient

        with self._connecting:
            if self._connected is None:
                self._connected = MilvusClient(
                    uri=self._uri, timeout=_CONNECT_S, grpc_options=_CHANNEL
                )
            return self._connected

    def _unavailable(self, why: str) -> UnavailableError:
        why = " ".join(why.split())
        mend = (
            "see that it runs and can be reached; nothing is lost, the articles are in the database"
            if self._is_remote
            else "milvus-lite serves one process: end the other, or use a Milvus server"
        )
        return UnavailableError(
            f"Milvus at {self._shown} does not answer ({why[:200]}): {mend}", _RETRY_AFTER_S
        )
