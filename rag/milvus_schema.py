"""What the rows of an index on Milvus are made of: columns, indexes, and the language of filters.

Passages and articles have the columns id, article (id of the article's first passage), seq, day,
source, and each its own: passages `vector`, both `terms` with `words`, the BM25 that the server
derives from them. A server that does not rank by words has passages only, without the two.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rag.passage_store import Filter

if TYPE_CHECKING:
    from pymilvus import MilvusClient

LONGEST_TEXT = 65_535
"""Bytes of a VARCHAR."""
_LONGEST_SOURCE = 512
# Servers read the parameters of an index flat or in "params", milvus-lite only there.
_HNSW = {"params": {"M": 16, "efConstruction": 200}}
# As tantivy has them.
_BM25 = {"params": {"bm25_k1": 1.2, "bm25_b": 0.75}}


def text_of(terms: Sequence[str]) -> str:
    """Terms as a text that the server takes apart into the same terms; cut if it is too long."""
    text = " ".join(terms)
    if len(text.encode()) <= LONGEST_TEXT:
        return text
    return text.encode()[:LONGEST_TEXT].decode(errors="ignore").rpartition(" ")[0]


def source_of(key: str | None) -> str:
    """The source of a row, or of a filter."""
    return (key or "").encode(errors="replace")[:_LONGEST_SOURCE].decode(errors="ignore")


def layout(
    client: "MilvusClient", dimension: int | None, with_words: bool, exact: bool
) -> tuple[Any, Any]:
    """Schema and indexes of passages, or where there is no dimension, of articles."""
    from pymilvus import DataType, Function, FunctionType

    schema, index = client.create_schema(auto_id=False), client.prepare_index_params()
    schema.add_field("id", DataType.INT64, is_primary=True)
    for name in ("article", "seq", "day"):
        schema.add_field(name, DataType.INT64)
    schema.add_field("source", DataType.VARCHAR, max_length=_LONGEST_SOURCE)
    if dimension is not None:
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        kind, params = ("FLAT", {}) if exact else ("HNSW", _HNSW)
        index.add_index("vector", index_type=kind, metric_type="IP", params=params)
    if with_words:
        # The terms are ours already: the server only parts them at the spaces.
        schema.add_field(
            "terms",
            DataType.VARCHAR,
            max_length=LONGEST_TEXT,
            enable_analyzer=True,
            analyzer_params={"tokenizer": "standard"},
        )
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(Function("bm25", FunctionType.BM25, ["terms"], ["words"]))
        index.add_index(
            "words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=_BM25
        )
    return schema, index


def expression(where: Filter) -> str:
    """The filter in Milvus's language; rows without a day have day 0."""
    asked = []
    if where.since is not None:
        asked.append(f"day >= {where.since.toordinal()}")
    if where.until is not None:
        asked.append(f"day >= 1 and day <= {where.until.toordinal()}")
    if where.sources:
        keys = [source_of(key) for key in where.source_keys]
        asked.append(f"source in {json.dumps(keys, ensure_ascii=False)}")
    return " and ".join(asked)
