"""Fakes whose arithmetic can be done by eye, and a collection built from them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import postgres_server
import pytest

from embeddings.encoder import Vectors
from rag.confidence import Calibration
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.jobs import Jobs
from rag.reader import read_so_far
from rag.store import Embedded, Store
from rag.types import Article, Passage, Span

# A busy machine makes single examples slow; that is no fault of the code.
hypothesis.settings.register_profile("dateline", deadline=None)
hypothesis.settings.load_profile("dateline")


class FakeEncoder:
    """A text is (how often "storm", how often "vote", how often "match", 1), made unit length.

    A token is what stands between spaces.
    """

    name = "fake-encoder"
    dimension = 4
    words = ("storm", "vote", "match")

    def encode_query(self, query: str) -> Vectors:
        vector: Vectors = self.encode_passages([query])[0]
        return vector

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.ones((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row, :3] = [text.lower().count(word) for word in self.words]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


class FakeReader:
    """In "answer: Tuesday 3.5", the word after the marker answers, with the score after it."""

    name = "fake-reader"
    calibration = Calibration(0.0, scale=1.0, threshold=0.5)
    marked = re.compile(r"answer: (\S+) (-?\d+(?:\.\d+)?)")

    def read(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        read_so_far.passages += len(passages)
        spans = [
            Span(p, p.start + m.start(1), p.start + m.end(1), float(m[2]), 0.0)
            for p in passages
            for m in self.marked.finditer(p.text)
        ]
        return sorted(spans, key=lambda span: -span.score)


def article(text: str, id: str = "a", **fields: Any) -> Article:
    """An article; the first argument is the one that tests are about."""
    return Article(id, text, **fields)


def whole(article: Article) -> Embedded:
    """The article as one passage, embedded by the fake."""
    return Embedded(
        article,
        (Passage(article, 0, len(article.text)),),
        FakeEncoder().encode_passages([article.text]),
    )


def at(degrees: float) -> Vectors:
    """The unit vector in that direction of the first quadrant's first two dimensions."""
    radians = np.radians(degrees)
    return np.array([np.cos(radians), np.sin(radians), 0.0, 0.0], dtype=np.float32)


def in_words(article: Article, first_degrees: float = 0.0, step: float = 0.1) -> Embedded:
    """Every word a passage; their vectors point `step` degrees further each."""
    passages = tuple(
        Passage(article, m.start(), m.end()) for m in re.finditer(r"\S+", article.text)
    )
    vectors = np.stack([at(first_degrees + step * i) for i in range(len(passages))])
    return Embedded(article, passages, vectors)


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.PostgresServer]:
    """A server that runs as long as the tests do."""
    programs = postgres_server.programs()
    if programs is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    with postgres_server.running(programs) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: postgres_server.PostgresServer) -> Iterator[str]:
    """A database that nobody has used."""
    with postgres.database() as url:
        yield url


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `every_database` and opens a collection runs on each of them; but for the
    routes of the service, which are the same whatever stands behind them."""
    wanted = metafunc.definition.get_closest_marker("every_database")
    names = metafunc.fixturenames
    if wanted and "database_url" in names and "client" not in names:
        metafunc.parametrize("database_url", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Where collections are: None is a file in their folder."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return None
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(tmp_path: Path, database_url: str | None) -> Iterator[Store]:
    """An empty collection in `tmp_path / "data"`, or in the database of `database_url`."""
    with Store.create(tmp_path / "data", FakeEncoder.name, database_url) as opened:
        yield opened


@pytest.fixture
def index(store: Store, tmp_path: Path) -> EmbeddedIndex:
    """The index of `store`, in `tmp_path / "data" / "index"`."""
    return EmbeddedIndex(tmp_path / "data" / "index", store, FakeEncoder.dimension)


@pytest.fixture
def dateline(store: Store, index: EmbeddedIndex, encoder: FakeEncoder) -> Dateline:
    """An empty collection that reads and embeds with the fakes."""
    return Dateline(store, index, encoder, FakeReader)


@pytest.fixture
def queue(store: Store) -> Jobs:
    """The ingest jobs of that collection; none yet."""
    return store.jobs
