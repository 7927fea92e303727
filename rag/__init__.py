"""Dateline from Python: what stands in `__all__` is meant to be used.

    from pathlib import Path
    from rag import Dateline, Settings, read_articles

    with Dateline.open(Settings(data_dir=Path("news")), create=True) as news:
        list(news.ingest(read_articles(["my-articles/"])))
        reply = news.ask("Who visited Tehran?")

Each name is imported when it is first asked for: `import rag` alone loads no model and no library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag.engine import Dateline, Verdict
    from rag.errors import DatelineError
    from rag.formats import read_articles
    from rag.settings import Settings
    from rag.types import (
        Answer,
        Article,
        Citation,
        Hit,
        Ingested,
        Interval,
        Passage,
        Reply,
        Skipped,
        Story,
    )

__all__ = [
    "Answer",
    "Article",
    "Citation",
    "Dateline",
    "DatelineError",
    "Hit",
    "Ingested",
    "Interval",
    "Passage",
    "Reply",
    "Settings",
    "Skipped",
    "Story",
    "Verdict",
    "read_articles",
]

_HOMES = {
    "Dateline": "engine",
    "DatelineError": "errors",
    "Settings": "settings",
    "Verdict": "engine",
    "read_articles": "formats",
}
"""The modules of the names; those that are not listed are records of `rag.types`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'rag' has no attribute {name!r}")
    return getattr(import_module(f"rag.{_HOMES.get(name, 'types')}"), name)
