"""Haystack, txtai or sentence-transformers in a process of its own, for `eval.peers` to measure.

Run by the interpreter of the peers' environment, which does not have Dateline: this file alone
must do. `peer_worker.py NAME SPEC` obeys a JSON object a line on stdin ({"do": ..., ...}) and
answers each with one on stdout; `peer_worker.py NAME SPEC FOLDER QUESTION` asks a saved
collection once and prints the answer, as a command line would.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

ENVIRONMENT = {
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",  # unset, it is lost after a fork, with a warning
    "CUDA_VISIBLE_DEVICES": "",
}


class Peer(Protocol):
    """What is measured of each."""

    def index(self, texts: list[str], vectors: Any) -> None:
        """Take in the passages; embeds them itself where `vectors` (texts, dimension) is None."""

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...

    def ask(self, question: str) -> str | None:
        """From the ten best passages."""

    def read(self, question: str, text: str) -> str | None:
        """From one text."""


class Haystack:
    """Embedding retriever and extractive reader, as its documentation joins them."""

    def __init__(self, spec: dict[str, Any]) -> None:
        from haystack import Pipeline
        from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
        from haystack.document_stores.in_memory import InMemoryDocumentStore
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersTextEmbedder,
        )
        from haystack_integrations.components.readers.transformers import (
            TransformersExtractiveReader,
        )

        self._spec = spec
        self._store = InMemoryDocumentStore()
        self._reader = TransformersExtractiveReader(
            model=spec["reader"], no_answer=False, max_seq_length=384, stride=128, max_batch_size=8
        )
        self._reader.warm_up()
        self._embedder = SentenceTransformersTextEmbedder(model=spec["encoder"], progress_bar=False)
        self._retriever = InMemoryEmbeddingRetriever(self._store, top_k=spec["top_k"])
        self._pipeline = Pipeline()
        self._pipeline.add_component("embedder", self._embedder)
        self._pipeline.add_component("retriever", self._retriever)
        self._pipeline.add_component("reader", self._reader)
        self._pipeline.connect("embedder.embedding", "retriever.query_embedding")
        self._pipeline.connect("retriever.documents", "reader.documents")
        self._pipeline.warm_up()
        self._documents: Any = None

    def index(self, texts: list[str], vectors: Any) -> None:
        from haystack import Document
        from haystack.document_stores.types import DuplicatePolicy
        from haystack_integrations.components.embedders.sentence_transformers import (
            SentenceTransformersDocumentEmbedder,
        )

        documents = [Document(content=text) for text in texts]
        if vectors is None:
            if self._documents is None:
                self._documents = SentenceTransformersDocumentEmbedder(
                    model=self._spec["encoder"], progress_bar=False
                )
                self._documents.warm_up()
            documents = self._documents.run(documents=documents)["documents"]
        else:
            documents = [
                Document(content=text, embedding=vector.tolist())
                for text, vector in zip(texts, vectors, strict=True)
            ]
        self._store.write_documents(documents, policy=DuplicatePolicy.OVERWRITE)

    def save(self, folder: Path) -> None:
        self._store.save_to_disk(str(folder / "haystack.json"))

    def load(self, folder: Path) -> None:
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        self._store = InMemoryDocumentStore.load_from_disk(str(folder / "haystack.json"))
        self._retriever.document_store = self._store

    def ask(self, question: str) -> str | None:
        given = {"embedder": {"text": question}, "reader": {"query": question}}
        return self._best(self._pipeline.run(given)["reader"])

    def read(self, question: str, text: str) -> str | None:
        from haystack import Document

        return self._best(self._reader.run(query=question, documents=[Document(content=text)]))

    def _best(self, result: dict[str, Any]) -> str | None:
        answers = result["answers"]
        return answers[0].data if answers else None


class Txtai:
    """Embeddings and its Questions pipeline, which reads one passage after the other.

    It has no score: the answer is that of the best passage that gives one. Where the null answer
    wins it raises TypeError, which counts as none.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        from txtai import Embeddings
        from txtai.pipeline import Questions

        self._spec = spec
        self._embeddings = Embeddings(path=spec["encoder"], content=True, gpu=False)
        self._questions = Questions(spec["reader"], gpu=False)

    def index(self, texts: list[str], vectors: Any) -> None:
        from txtai import Embeddings

        if vectors is not None:
            rows = dict(zip(texts, vectors, strict=True))

            def look_up(data: list[str]) -> Any:
                return [rows[text] for text in data]

            self._embeddings = Embeddings(method="external", transform=look_up, content=True)
        self._embeddings.index(texts)

    def save(self, folder: Path) -> None:
        if self._embeddings.config.get("method") == "external":
            del self._embeddings.config["method"], self._embeddings.config["transform"]
            self._embeddings.config["path"] = self._spec["encoder"]
        self._embeddings.save(str(folder / "txtai"))

    def load(self, folder: Path) -> None:
        self._embeddings.load(str(folder / "txtai"))

    def ask(self, question: str) -> str | None:
        found = self._embeddings.search(question, self._spec["top_k"])
        # All are read, as by the others: whether one answers is known only once it was read.
        answers = [self.read(question, passage["text"]) for passage in found]
        return next((answer for answer in answers if answer), None)

    def read(self, question: str, text: str) -> str | None:
        try:
            answer: str | None = self._questions([question], [text])[0]
        except TypeError:
            return None
        return answer


class JoinedTxtai(Txtai):
    """txtai's RAG pipeline: the ten passages are joined to one text, cut where the model ends."""

    def ask(self, question: str) -> str | None:
        found = self._embeddings.search(question, self._spec["top_k"])
        return self.read(question, " ".join(passage["text"] for passage in found))


class SentenceTransformers:
    """Its default `encode`, by which ingest is measured."""

    def __init__(self, spec: dict[str, Any]) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(spec["encoder"], device="cpu")

    def index(self, texts: list[str], vectors: Any) -> None:
        self._model.encode(texts)


PEERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "haystack": Haystack,
    "txtai": Txtai,
    "txtai-joined": JoinedTxtai,
    "sentence-transformers": SentenceTransformers,
}


def throughput(
    peer: Peer, questions: Iterable[str], clients: int, seconds: float, serial: bool
) -> dict[str, float]:
    """Answers a second to so many threads, `serial`ly or all at once; errors are told apart."""
    waiting = iter(list(questions))
    lock = threading.Lock()
    turn: contextlib.AbstractContextManager[Any] = (
        threading.Lock() if serial else contextlib.nullcontext()
    )
    done, errors = [0], [0]
    began = time.monotonic()

    def ask_on() -> None:
        while time.monotonic() - began < seconds:
            with lock:
                question = next(waiting, None)
            if question is None:
                return
            try:
                with turn:
                    peer.ask(question)
            except Exception:  # what a library does when threads meet in it is its own affair
                with lock:
                    errors[0] += 1
            else:
                with lock:
                    done[0] += 1

    threads = [threading.Thread(target=ask_on) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    return {"questions_per_second": done[0] / took, "errors": errors[0]}


def obey(peer: Peer, command: dict[str, Any]) -> Any:
    """What the command gives, as JSON can hold it."""
    match command:
        case {"do": "index", "texts": texts, "vectors": file}:
            vectors = None
            if file is not None:
                import numpy as np

                vectors = np.fromfile(file, dtype=np.float32).reshape(len(texts), -1)
            return peer.index(texts, vectors)
        case {"do": "ask", "question": question}:
            return peer.ask(question)
        case {"do": "read", "question": question, "text": text}:
            return peer.read(question, text)
        case {"do": "save", "folder": folder}:
            return peer.save(Path(folder))
        case {"do": "load", "folder": folder}:
            return peer.load(Path(folder))
        case {"do": "throughput"}:
            return throughput(peer, **{k: v for k, v in command.items() if k != "do"})
    raise ValueError(f"unknown command {command}")


@contextlib.contextmanager
def own_stdout() -> Iterator[Any]:
    """What we write to; all that the libraries print goes to stderr."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        yield out


def main() -> None:
    os.environ.update(ENVIRONMENT)
    name, spec = sys.argv[1], json.loads(sys.argv[2])
    with own_stdout() as out:
        peer = PEERS[name](spec)
        if len(sys.argv) > 3:
            peer.load(Path(sys.argv[3]))
            print(peer.ask(sys.argv[4]), file=out)
            return
        print(json.dumps("ready"), file=out, flush=True)
        for line in sys.stdin:
            began = time.perf_counter()
            result = obey(peer, json.loads(line))
            ms = 1000 * (time.perf_counter() - began)
            print(json.dumps({"result": result, "ms": ms}), file=out, flush=True)


if __name__ == "__main__":
    main()
