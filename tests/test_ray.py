"""Ray's part that needs no Ray: what goes over the wire, and what is told where there is none."""

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import FakeEncoder, FakeReader, article, whole
from processes import free_port

from api.app import create_app
from embeddings.runtime import usable_cores
from rag import ray_cluster
from rag.contents import content_hash
from rag.engine import Dateline
from rag.errors import InputError, MissingExtraError, UnavailableError
from rag.ray_ingest import read_on_ray
from rag.ray_reader import RayReader, read_here
from rag.reader import read_so_far
from rag.store import Embedded, Store
from rag.types import Article, Passage


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[RayReader]:
    """Behind a socket that a thread serves as the process that is connected to Ray does."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            request: dict[str, Any] = json.loads(self.rfile.readline())
            reply = read_here(FakeReader(), request)
            if request["question"] == "busy?":
                reply = {"busy": "no replica"}
            if request["question"] == "broken?":
                reply = {"failed": "a mistake of ours"}
            self.wfile.write(json.dumps(reply).encode() + b"\n")

    path = str(tmp_path / "reader")
    with socketserver.ThreadingUnixStreamServer(path, Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield RayReader(path, FakeReader.name, FakeReader.calibration)
        server.shutdown()


def test_spans_come_back_as_the_reader_found_them(reader: RayReader) -> None:
    long = article("Nothing here. answer: Tuesday 3.5 and answer: Friday 1.25, it was 雪.", "x/ü")
    passages = [Passage(long, 14, len(long.text), 7), Passage(article("answer: May 2"), 0, 13, 9)]
    here = FakeReader().read("When?", passages)
    before = read_so_far.passages
    assert reader.read("When?", passages) == here
    assert read_so_far.passages - before == 2


def test_no_replica_is_a_refusal_and_a_mistake_is_none(reader: RayReader) -> None:
    with pytest.raises(UnavailableError, match="no replica") as refused:
        reader.read("busy?", [])
    assert refused.value.retry_after == 5
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        reader.read("broken?", [])


def test_a_lost_connection_is_a_refusal(tmp_path: Path) -> None:
    lost = RayReader(str(tmp_path / "gone"), FakeReader.name, FakeReader.calibration)
    with pytest.raises(UnavailableError, match="ask again"):
        lost.read("When?", [])


def test_workers_find_the_reader_of_their_parent(
    reader: RayReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATELINE_RAY_READER", raising=False)
    assert RayReader.from_environment() is None
    monkeypatch.setenv("DATELINE_RAY_READER", "")  # put back as it was afterwards
    reader.to_environment()
    assert RayReader.from_environment() == reader


def test_a_worker_asks_its_replica_one_question_at_a_time(
    reader: RayReader, dateline: Dateline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert create_app(dateline).state.inference.limits.at_once >= 2
    monkeypatch.setenv("DATELINE_RAY_READER", "")
    reader.to_environment()
    assert create_app(dateline).state.inference.limits.at_once == 1


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster.importlib.util, "find_spec", lambda _: None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'dateline\[ray\]'"),
        ray_cluster.ray_cluster(None),
    ):
        pass


def test_a_cluster_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(UnavailableError, match=r"no Ray cluster at 127.0.0.1:.*ray start --head"):
        ray_cluster._check_reachable(f"127.0.0.1:{free_port()}")


@pytest.mark.parametrize("address", ["cluster", "cluster:", ":6379", "ray://cluster:x"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        ray_cluster._check_reachable(address)


def test_standard_input_is_refused(store: Store) -> None:
    stored = store.content_hashes()
    with pytest.raises(InputError, match="leave out --ray"):
        next(read_on_ray(["-"], "fake-encoder", "fake-encoder", stored))


class Counting(FakeEncoder):
    """Counts the texts that it embeds."""

    embedded = 0

    def encode_passages(self, texts: Any) -> Any:
        self.embedded += len(texts)
        return super().encode_passages(texts)


def test_what_comes_embedded_is_not_embedded_again(dateline: Dateline) -> None:
    counting = Counting()
    dateline.embed_through(counting)
    items: list[Article | Embedded] = [whole(article("A storm.", "a")), article("A vote.", "b")]
    fates = list(dateline.ingest(items))
    assert [(fate.article_id, fate.status) for fate in fates] == [("a", "added"), ("b", "added")]
    assert counting.embedded == 1
    assert {hit.passage.text for hit in dateline.search("storm")} == {"A storm.", "A vote."}


def test_the_embedded_article_gets_the_id_that_the_collection_gives(dateline: Dateline) -> None:
    counting = Counting()
    dateline.embed_through(counting)
    one = whole(article("A storm.", "news", origin="/one/news.txt"))
    other = whole(article("A vote.", "news", origin="/other/news.txt"))
    first, second = dateline.ingest([one, other])
    assert first.article_id == "news" != second.article_id  # type: ignore[union-attr]
    assert counting.embedded == 0
    assert dateline.search("vote")[0].passage.article.id == second.article_id  # type: ignore[union-attr]


def test_the_stored_are_known_by_all_that_they_hold(store: Store) -> None:
    kept = article("A storm.", "a", title="Storm", removed=("Share",), origin="/x.txt")
    store.put([whole(kept)])
    hashes = store.content_hashes().tolist()
    assert hashes == [content_hash(kept)]
    same = article("A storm.", "b", title="Storm", removed=("Share",))
    assert content_hash(same) in hashes
    other = article("A storm.", "a", title="Storms", removed=("Share",), origin="/x.txt")
    assert content_hash(other) not in hashes


@pytest.mark.parametrize(("lent", "cores"), [("1", 1), ("100000", None), ("", None), ("0", None)])
def test_a_scheduler_lends_cores(
    lent: str, cores: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    everything = usable_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", lent)
    assert usable_cores() == (everything if cores is None else cores)
