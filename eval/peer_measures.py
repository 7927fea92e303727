"""How Dateline and its peers are measured beside one another; `eval.peers` says what it means."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import numpy as np

from embeddings.encoder import Vectors
from eval.bench import spread
from eval.bench_record import Spread
from eval.gold import Question
from eval.metrics import exact_match, f1
from eval.peer_environment import Spec
from eval.peer_table import ReadBy
from eval.serving import Address, environment, load, resident_mb, serving
from rag.chunking import sentences, split
from rag.embedding import embedded_text
from rag.engine import Dateline
from rag.settings import Settings
from rag.types import Article, Reply

WORKER = Path(__file__).parent / "peer_worker.py"
CLIENTS = 16
ROUNDS = 3
# Whether clients are served one at a time. Several threads at once in txtai end its process.
_WAYS = {"haystack": (True, False), "txtai": (True,)}
_SENTENCES = 8  # of an article that is made of others': about two passages

Arm = Callable[[Question], tuple[str | None, float]]
"""The best answer to a question, whatever its confidence, and the milliseconds it took."""


def say(message: str) -> None:
    print(f"peers: {message}", file=sys.stderr, flush=True)


def worker_command(python: Path) -> list[str | Path]:
    """What starts a worker; -P: its neighbours here are no modules of the peers' environment."""
    return [python, "-P", "-W", "ignore", WORKER]


class Worker:
    """One peer in its process."""

    def __init__(self, python: Path, name: str, spec: Spec) -> None:
        self._process = subprocess.Popen(
            [*worker_command(python), name, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.name = name
        self._answer()

    def do(self, what: str, **values: Any) -> tuple[Any, float]:
        """What it gave, and the milliseconds it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **values}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        return answer["result"], answer["ms"]

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with exit code {self._process.wait()}")
        return json.loads(line)

    @property
    def resident_mb(self) -> float | None:
        return resident_mb(self._process.pid)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def asks(worker: Worker) -> Arm:
    return lambda question: worker.do("ask", question=question.question)


def reads(worker: Worker, articles: Mapping[str, Article]) -> Arm:
    """From the article that the gold names, and no other."""
    return lambda question: worker.do(
        "read", question=question.question, text=articles[question.docs[0]].text
    )


def we_ask(engine: Dateline) -> Arm:
    return _timed(lambda question: engine.ask(question.question))


def we_read(engine: Dateline, articles: Mapping[str, Article]) -> Arm:
    """As `reads`."""
    return _timed(lambda q: engine.read(q.question, [articles[q.docs[0]]]))


def _timed(reply: Callable[[Question], Reply]) -> Arm:
    def answer(question: Question) -> tuple[str | None, float]:
        began = time.perf_counter()
        answers = reply(question).answers
        return answers[0].text if answers else None, 1000 * (time.perf_counter() - began)

    return answer


def taking_turns(
    questions: Sequence[Question], arms: Mapping[str, Arm], what: str
) -> dict[str, ReadBy]:
    """Every arm on every question, each time another first; the first question is not timed."""
    names = list(arms)
    said: dict[str, list[str | None]] = {name: [] for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for number, question in enumerate(questions):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            answer, ms = arms[name](question)
            said[name].append(answer)
            if number:
                times[name].append(ms)
        if number % 25 == 0:
            say(f"{what}: {number} of {len(questions)} questions")
    return {
        name: {
            "ms": spread(times[name]),
            "exact_match": fmean(map(_exact_match, said[name], questions)),
            "f1": fmean(map(_f1, said[name], questions)),
        }
        for name in names
    }


def _exact_match(said: str | None, question: Question) -> float:
    return exact_match(said or "", question.answers)


def _f1(said: str | None, question: Question) -> float:
    return f1(said or "", question.answers)


def made_articles(articles: Sequence[Article], count: int) -> list[Article]:
    """So many articles, each of eight sentences of the given ones, drawn at random.

    As long as short news, and few enough of one's sentences in another not to be its reprint.
    """
    chance = Random(0)
    pool = [a.text[start:end] for a in articles for start, end in sentences(a.text)]
    return [
        replace(
            chance.choice(articles),
            id=f"made-{n}",
            text=" ".join(chance.sample(pool, _SENTENCES)),
            origin=None,
        )
        for n in range(count)
    ]


def passages(engine: Dateline, articles: Sequence[Article]) -> list[str]:
    """The texts of the passages, as we cut them and nobody else has to; each once."""
    cut = (p.text for a in articles for p in split(a, engine.encoder.count_tokens))
    return list(dict.fromkeys(cut))


def settings_for(folder: Path, reader: str = "") -> Settings:
    given = {"reader": reader, "quantize": True} if reader else {}
    return Settings().model_copy(update={"data_dir": folder, **given})


class RandomEncoder:
    """Unit vectors at random: memory does not depend on which they are, and they cost no time."""

    name = "random"

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._chance = np.random.default_rng(0)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        drawn = self._chance.standard_normal((len(texts), self.dimension), dtype=np.float32)
        unit: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return unit

    def encode_query(self, query: str) -> Vectors:
        vector: Vectors = self.encode_passages([query])[0]
        return vector

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [0] * len(texts)


# --- the measurements


def throughputs(
    settings: Settings, workers: Sequence[Worker], questions: Sequence[str], seconds: float
) -> dict[str, float]:
    """Questions a second of 16 clients, medians: ours over HTTP, by `dateline serve`; the peers'
    in their process, without HTTP, Haystack's one at a time or all at once, whichever is faster."""
    rates: dict[tuple[str, bool], list[float]] = {}
    with serving(settings) as (_, port):
        for n in range(ROUNDS):
            part = questions[n::ROUNDS]
            ours = load(Address(port), part, CLIENTS, seconds)
            rates.setdefault(("ours", True), []).append(ours["questions_per_second"])
            for worker in workers:
                for serial in _WAYS[worker.name]:
                    given = {"clients": CLIENTS, "seconds": seconds, "serial": serial}
                    got, _ = worker.do("throughput", questions=part, **given)
                    rates.setdefault((worker.name, serial), []).append(got["questions_per_second"])
            say(f"{CLIENTS} clients: round {n + 1} of {ROUNDS}")
    found: dict[str, float] = {}
    for (name, _), values in rates.items():
        found[name] = max(float(np.median(values)), found.get(name, 0.0))
    return found


def ingests(
    engine: Dateline, workers: Sequence[Worker], encoder: Worker, articles: Sequence[Article]
) -> dict[str, float]:
    """Passages a second, medians: "ours" and each peer's whole ingest, and by the encoders alone
    "encode" of ours and of sentence-transformers."""
    rates: dict[str, list[float]] = {}

    def rate(name: str, count: int, ms: float) -> None:
        rates.setdefault(name, []).append(1000 * count / ms)

    for n in range(ROUNDS):
        some = articles[n::ROUNDS]
        cut = [p for article in some for p in split(article, engine.encoder.count_tokens)]
        embedded = [embedded_text(passage) for passage in cut]
        began = time.perf_counter()
        engine.encoder.encode_passages(embedded)
        rate("encode", len(cut), 1000 * (time.perf_counter() - began))
        _, ms = encoder.do("index", texts=embedded, vectors=None)
        rate("sentence-transformers", len(cut), ms)
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            with Dateline.open(settings_for(Path(folder)), create=True) as copy:
                opened = time.perf_counter()
                list(copy.ingest(some))
                rate("ours", copy.counts()[1], 1000 * (time.perf_counter() - opened))
        texts = [passage.text for passage in cut]
        for worker in workers:
            rate(worker.name, len(texts), worker.do("index", texts=texts, vectors=None)[1])
        say(f"ingest: round {n + 1} of {ROUNDS}")
    return {name: float(np.median(values)) for name, values in rates.items()}


def cold_starts(commands: Mapping[str, Sequence[str | Path]], data: Path) -> dict[str, Spread]:
    """Milliseconds of a process that starts, asks once and ends; the first round does not count."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(1 + ROUNDS):
        for name, command in commands.items():
            began = time.perf_counter()
            done = subprocess.run(
                command, env=environment(settings_for(data)), capture_output=True, check=False
            )
            if done.returncode not in (0, 3):
                raise RuntimeError(f"{name}: {done.stderr.decode(errors='replace')[-500:]}")
            if number:
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: spread(taken) for name, taken in times.items()}


def memories(
    folder: Path, python: Path, spec: Spec, articles: Sequence[Article], questions: Sequence[str]
) -> tuple[dict[str, float | None], int]:
    """Megabytes of each while it serves the articles, after some questions; and the passages.

    Each serves from a process that loaded what another one had saved.
    """
    found: dict[str, float | None] = {}
    data = folder / "ours"
    with Dateline.open(settings_for(data), create=True) as engine:
        engine.embed_through(RandomEncoder(engine.encoder.dimension))
        for done, _ in enumerate(engine.ingest(articles)):
            if done % 1000 == 0:
                say(f"memory: {done} of {len(articles)} articles taken in")
        texts = passages(engine, articles)
        vectors = folder / "vectors"
        RandomEncoder(engine.encoder.dimension).encode_passages(texts).tofile(vectors)
    with serving(settings_for(data)) as (process, port):
        for question in questions:
            connection = Address(port).connect()
            Address(port).ask(connection, question)
            connection.close()
        found["ours"] = resident_mb(process.pid)
    for name in ("haystack", "txtai"):
        with Worker(python, name, spec) as worker:
            worker.do("index", texts=texts, vectors=str(vectors))
            worker.do("save", folder=str(folder))
        with Worker(python, name, spec) as worker:
            worker.do("load", folder=str(folder))
            for question in questions:
                worker.do("ask", question=question)
            found[name] = worker.resident_mb
    return found, len(texts)
