"""Two short articles, and what tests of a whole collection do with it."""

from pathlib import Path

from conftest import FakeEncoder, FakeReader, article

from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.store import Store
from rag.types import Article, Ingested, Skipped

STORM = article("The storm came. answer: Tuesday 2 it was.", "storm", title="Storm")
VOTE = article("The vote was lost. answer: Friday 1 they said.", "vote", title="Vote")
NEWS = [STORM, VOTE]


def ingest(dateline: Dateline, *items: Article | Skipped) -> list[tuple[str, str]]:
    """(id, what became of it) of each article."""
    return [(f.article_id, f.status) for f in dateline.ingest(items) if isinstance(f, Ingested)]


def ids(dateline: Dateline) -> list[str]:
    return sorted(a.id for a in dateline.articles(limit=1000))


def answered(
    dateline: Dateline, question: str = "When did the storm come?", **how: object
) -> list[str]:
    return [a.text for a in dateline.ask(question, **how).answers]


def open_again(folder: Path, **how: object) -> Dateline:
    """A second Dateline on the collection, as another process has it."""
    store, encoder = Store.open(folder), FakeEncoder()
    index = EmbeddedIndex(folder / "index", store, encoder.dimension)
    return Dateline(store, index, encoder, FakeReader, **how)
