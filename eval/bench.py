"""How fast a collection answers, by stage and under many clients, takes in articles, and starts.

No question is asked twice of one process, so that nothing kept from the first time flatters it.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import takewhile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from embeddings.runtime import usable_cores
from eval.bench_record import Machine, Spread, StageTimes, StartUp, TakenIn
from rag.chunking import sentences
from rag.engine import Dateline
from rag.errors import DatelineError, InputError
from rag.types import Article, Skipped

WARM_UP = 3  # questions asked before those that count
MOST_QUESTIONS = 1000
_TITLES = 500  # articles whose sentences questions are made of
_PACKAGES = ("dateline", "onnxruntime", "faiss-cpu", "tantivy", "tokenizers", "numpy")
_QUESTION_WORDS = range(5, 13)
HEAVY = ("torch", "transformers", "sentence_transformers")
"""What no answer may need."""


def spread(values: Sequence[float]) -> Spread:
    """Median, 95th and 99th percentile."""
    median, p95, p99 = np.percentile(values, [50, 95, 99])
    return {"count": len(values), "p50": float(median), "p95": float(p95), "p99": float(p99)}


def machine() -> Machine:
    """What the figures were measured on, and when."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _cpu() -> str:
    try:
        named = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        named = None
    return named[1] if named else platform.processor()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a checkout
            found[name] = "not installed"
    return found


def made_questions(articles: Sequence[Article]) -> list[str]:
    """Questions made of the articles' own sentences, at most 1,000, the same each time.

    They are as long as questions are and find their sentence, but are good only to be timed.
    """
    found = [
        words
        for article in articles
        for start, end in sentences(article.text)
        if len(words := article.text[start:end].rstrip(".!?”\"'").split()) in _QUESTION_WORDS
    ]
    asked = list(dict.fromkeys(f"When was it that {' '.join(words)}?" for words in found))
    Random(0).shuffle(asked)
    return asked[:MOST_QUESTIONS]


def newest_articles(engine: Dateline, most: int = _TITLES) -> list[Article]:
    """At most so many articles of the collection; InputError if it has none."""
    articles = engine.articles(limit=most)
    if not articles:
        raise InputError("the collection is empty: ingest articles before measuring it")
    return articles


# --- asking


@contextmanager
def timed(owner: object, method: str) -> Iterator[list[float]]:
    """Milliseconds of each call of the method meanwhile."""
    original: Callable[..., Any] = getattr(owner, method)
    taken: list[float] = []

    def measured(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*arguments, **named)
        finally:
            taken.append(1000 * (time.perf_counter() - began))

    setattr(owner, method, measured)
    try:
        yield taken
    finally:
        delattr(owner, method)


def ask_times(
    engine: Dateline,
    questions: Sequence[str],
    seconds: float,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[StageTimes]:
    """Milliseconds by stage of each question, until `seconds` are over.

    The first three only warm it up, where there are more. "encode" is the question's vector,
    "search" the rest of the retrieval, "rest" what becomes of the spans: answers, merged, dated.
    """
    warm = min(WARM_UP, len(questions) - 1)
    for question in questions[:warm]:
        engine.ask(question)
    times: list[StageTimes] = []
    deadline = time.monotonic() + seconds
    with timed(engine.encoder, "encode_query") as encoding:
        for question in questions[warm:]:
            encoding.clear()
            spent = engine.ask(question).timings
            encode = sum(encoding)
            times.append(
                {
                    "encode": encode,
                    "search": max(0.0, spent.retrieve - encode),
                    "read": spent.read,
                    "rest": max(0.0, spent.total - spent.retrieve - spent.read),
                    "total": spent.total,
                }
            )
            on_progress(len(times))
            if time.monotonic() > deadline:
                break
    return times


# --- articles in


def take_in(
    engine: Dateline,
    articles: Sequence[Article],
    seconds: float,
    on_progress: Callable[[int], None] = lambda done: None,
) -> TakenIn:
    """How fast an empty collection takes in the articles, or those it manages in `seconds`."""
    began = time.monotonic()
    in_time = takewhile(lambda _: time.monotonic() - began < seconds, articles)
    for done, fate in enumerate(engine.ingest(in_time), start=1):
        if isinstance(fate, Skipped):
            raise DatelineError(f"{fate.where}: {fate.reason}")
        on_progress(done)
    took = time.monotonic() - began
    taken, passages = engine.counts()
    return {
        "articles": taken,
        "passages": passages,
        "seconds": took,
        "articles_per_second": taken / took,
        "passages_per_second": passages / took,
    }


# --- starting


def start_up(
    ask: Sequence[str], modules: Sequence[str], environment: dict[str, str], rounds: int
) -> StartUp:
    """What a process takes that starts, answers one question and ends.

    `ask` is its command; `modules` the same under Python's -X importtime. The system has read the
    files before: one process goes ahead that does not count.
    """
    times = []
    for _ in range(1 + rounds):
        began = time.perf_counter()
        _run(ask, environment)
        times.append(1000 * (time.perf_counter() - began))
    imported = imports(_run(modules, environment))
    slowest = sorted(imported, key=lambda name: -imported[name])[:5]
    return {
        "ask_ms": spread(times[1:]),
        "modules": len(imported),
        "imports_ms": sum(imported.values()),
        "slowest_ms": {name: imported[name] for name in slowest},
        "heavy": [name for name in HEAVY if name in imported],
    }


def imports(written: str) -> dict[str, float]:
    """Module -> milliseconds of its own, of what -X importtime wrote."""
    lines = re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", written, re.MULTILINE)
    return {name: int(own) / 1000 for own, name in lines}


def _run(command: Sequence[str], environment: dict[str, str]) -> str:
    """What it wrote to stderr; exit code 3, no answer, is one too."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 3):
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise DatelineError(f"a process that should answer a question ended: {last[0]}")
    return done.stderr
