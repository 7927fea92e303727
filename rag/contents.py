"""What articles hold, as numbers that can be compared where the articles are not at hand."""

import hashlib
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from rag import database as tables
from rag.types import Article

_PORTION = 1000


def content_hash(article: Article | sa.Row[Any]) -> int:
    """64 bits of the hash of all that an article holds, but for its id and the file it came from.

    Of an article, or of its row of `articles`, with or without the text: its hash stands for it.
    """
    held = (
        article.sha256,
        article.title,
        article.published,
        article.published_from,
        article.byline,
        article.source,
        article.url,
        article.language,
        tuple(article.removed),
    )
    digest = hashlib.sha256(repr(held).encode(errors="backslashreplace")).digest()
    return int.from_bytes(digest[:8], "little")


def read(connection: sa.Connection) -> NDArray[np.uint64]:
    """The hash of each stored article, ascending."""
    columns = [column for column in tables.articles.c if column.name != "text"]
    rows = connection.execution_options(yield_per=_PORTION).execute(sa.select(*columns))
    return np.unique(np.fromiter((content_hash(row) for row in rows), dtype=np.uint64))
