"""How retrieval grows with the collection: recall, latency, memory, time to build, size.

python -m eval.scale --passages 10000 100000 1000000 --articles FOLDER --gold GOLD --work DIR

The articles (by default the sample collection) are embedded first; where they run out, passages
are made from them (eval/scale_data.py). What is in DIR already is used again. Measured on one
core, in a process of its own, on Linux; an index is built on all cores.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from embeddings.encoder import Vectors, load_encoder
from embeddings.index import VectorIndex
from eval.gold import load_gold
from eval.scale_data import FIRST_DAY, Nearest, Real, collection, moved, read_real, write
from rag import generations
from rag.collection import DATABASE_FILE, INDEX
from rag.engine import Dateline
from rag.formats import read_articles
from rag.index import EmbeddedIndex, rebuild
from rag.passage_store import EVERYTHING, Filter
from rag.retriever import Retriever
from rag.settings import Settings
from rag.store import Store

_SAMPLE = Path(__file__).parent / "sample"
_K = 10
_DEPTH = 50
_QUERIES = 500
_SEED = 1
_RECKONED = 100_000_000
_RECKONED_FROM = 1_000_000

Figures = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--articles", nargs="+", default=[str(_SAMPLE / "articles")])
    parser.add_argument("--gold", default=str(_SAMPLE / "gold.jsonl"))
    parser.add_argument("--work", type=Path, default=Path("scale"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--step", choices=_STEPS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.step is not None:
        print(json.dumps(_STEPS[args.step](args.work)))
        return
    questions = list(dict.fromkeys(q.question for q in load_gold(args.gold).questions))[:_QUERIES]
    real = _embedded(args.articles, args.work / "real")
    rows = [_row(real, questions, passages, args.work) for passages in sorted(args.passages)]
    report = {
        "real": {"passages": len(real.vectors), "near": real.near, "far": real.far},
        "noise": real.noise,
        "questions": len(questions),
        "rows": rows,
    }
    if args.json is not None:
        args.json.write_text(json.dumps(report, indent=1))
    print(describe(report))


def _embedded(articles: list[str], folder: Path) -> Real:
    _say(f"embedding {' '.join(articles)}, as far as it is not in {folder}")
    with Dateline.open(Settings(data_dir=folder), create=True) as dateline:
        for _ in dateline.ingest(read_articles(articles)):
            pass
    with Store.open(folder) as store:
        return read_real(store, np.random.default_rng(_SEED))


def _row(real: Real, questions: list[str], passages: int, work: Path) -> Figures:
    folder = work / str(passages)
    asked = folder.with_suffix(".json")
    if not asked.exists():
        _say(f"{passages:,} passages: writing them")
        _make(real, questions, passages, folder, asked)
    _say(f"{passages:,} passages: building the index")
    built = _run("build", folder)
    _say(f"{passages:,} passages: measuring")
    exact = _run("exact", folder, cores=1)
    return {"passages": passages, **built, **exact, **_run("measure", folder, cores=1)}


def _make(real: Real, questions: list[str], passages: int, folder: Path, asked: Path) -> None:
    encoder = load_encoder(Settings().encoder)
    rng = np.random.default_rng(_SEED)
    embedded = np.stack([encoder.encode_query(question) for question in questions])
    near = moved(real, rng.integers(0, len(real.vectors), len(questions)), rng)
    nearest = Nearest(np.concatenate([embedded, near]), _K)
    Store.create(folder, encoder.name).close()
    write(folder, collection(real, passages, rng), nearest)
    said = {"questions": questions, "near": near.tolist(), "nearest": nearest.ids}
    asked.write_text(json.dumps(said))


def _run(step: str, folder: Path, cores: int | None = None) -> Figures:
    """A step's figures, from a process of its own."""
    environment = os.environ | ({} if cores is None else {"OMP_NUM_THREADS": str(cores)})
    pin = None
    if cores is not None and hasattr(os, "sched_setaffinity"):
        chosen = sorted(os.sched_getaffinity(0))[:cores]
        pin = lambda: os.sched_setaffinity(0, chosen)  # noqa: E731
    done = subprocess.run(
        [sys.executable, "-m", "eval.scale", "--step", step, "--work", str(folder)],
        stdout=subprocess.PIPE,
        check=True,
        env=environment,
        preexec_fn=pin,
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def _build(folder: Path) -> Figures:
    with Store.open(folder) as store:
        began = time.monotonic()
        rebuild(folder / INDEX, store)
        seconds, worked = time.monotonic() - began, time.process_time()
    (generation,) = (folder / INDEX).glob("gen-*")
    files = {p: p.stat().st_size for p in generation.rglob("*") if p.is_file()}
    vectors = files[generation / generations.VECTORS_FILE]
    return {
        "build_s": seconds,
        "build_cpu_s": worked,
        "build_peak_mb": _most_resident_mb(),
        "vectors_mb": vectors / 1e6,
        "lexical_mb": (sum(files.values()) - vectors) / 1e6,
        "database_mb": (folder / DATABASE_FILE).stat().st_size / 1e6,
    }


def _exact(folder: Path) -> Figures:
    """What comparing every vector would take; any vectors do."""
    with Store.open(folder) as store:
        _, passages = store.counts()
        dimension = store.dimension or 0
    index, rng = VectorIndex(dimension), np.random.default_rng(_SEED)
    for first in range(0, passages, 10_000):
        ids = range(first, min(first + 10_000, passages))
        index.add(ids, rng.standard_normal((len(ids), dimension), dtype=np.float32))
    queries = rng.standard_normal((50, dimension), dtype=np.float32)
    return _timed("exact", lambda query: index.search(query, _K), queries)


def _measure(folder: Path) -> Figures:
    said = json.loads(folder.with_suffix(".json").read_text())
    encoder = load_encoder(Settings().encoder)
    questions = said["questions"]
    asked = np.stack([encoder.encode_query(question) for question in questions])
    near = np.array(said["near"], dtype=np.float32)
    day = FIRST_DAY + timedelta(days=500)
    narrow = Filter(since=day, until=day)
    with Store.open(folder) as store:
        before = _resident_mb()
        began = time.monotonic()
        index = EmbeddedIndex(folder / INDEX, store, encoder.dimension)
        opening = time.monotonic() - began
        retriever = Retriever(store, index, encoder)
        figures: Figures = {
            "without_mb": before,
            "open_s": opening,
            **_timed("dense", lambda vector: index.dense(vector, _K), asked),
            **_timed("dense_50", lambda vector: index.dense(vector, _DEPTH), asked),
            "recall_questions": _recall(index, asked, said["nearest"]),
            "recall_near": _recall(index, near, said["nearest"][len(asked) :]),
            "dense_mb": _resident_mb(),
            **_timed("lexical", lambda question: index.lexical(question, _DEPTH), questions),
            **_timed("encode", encoder.encode_query, questions),
            **_timed("retrieve", lambda q: retriever.retrieve(q, _K, EVERYTHING), questions),
            **_timed("narrow", lambda q: retriever.retrieve(q, _K, narrow), questions),
            "narrow_passages": len(store.passages_passing(narrow)),
            "all_mb": _resident_mb(),
        }
    return figures


def _timed(
    name: str, search: Callable[[Any], object], queries: Iterable[Any]
) -> dict[str, list[float]]:
    """[median, 99th percentile] in ms, after a warm-up: as the clock says, and of the processor,
    which is what counts where the machine does other work beside."""
    queries = list(queries)
    for query in queries[:_K]:
        search(query)
    taken, worked = [], []
    for query in queries:
        began, began_work = time.perf_counter(), time.process_time()
        search(query)
        worked.append(1000 * (time.process_time() - began_work))
        taken.append(1000 * (time.perf_counter() - began))
    return {
        f"{name}_ms": np.percentile(taken, [50, 99]).tolist(),
        f"{name}_cpu_ms": np.percentile(worked, [50, 99]).tolist(),
    }


def _recall(index: EmbeddedIndex, queries: Vectors, nearest: list[list[int]]) -> float:
    found = ({i for i, _ in index.dense(query, _K)} for query in queries)
    shares = [len(ids & set(best)) / _K for ids, best in zip(found, nearest, strict=False)]
    return float(np.mean(shares))


def _resident_mb() -> float:
    """Of this process, mapped files included as far as they are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _most_resident_mb() -> float:
    """So far. (getrusage tells what the parent process had at the fork.)"""
    (line,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) * 1024 / 1e6


_STEPS: dict[str, Callable[[Path], Figures]] = {
    "build": _build,
    "exact": _exact,
    "measure": _measure,
}
_COLUMNS: dict[str, str] = {
    "recall_questions": "recall@10, questions",
    "recall_near": "recall@10, made queries",
    "dense_ms": "10 nearest, ms",
    "dense_cpu_ms": "10 nearest, processor's ms",
    "dense_50_cpu_ms": "50 nearest, processor's ms",
    "exact_cpu_ms": "10 nearest by comparing all, processor's ms",
    "lexical_cpu_ms": "50 by words, processor's ms",
    "retrieve_ms": "whole search, ms",
    "retrieve_cpu_ms": "whole search, processor's ms",
    "narrow_cpu_ms": "whole search of one day, processor's ms",
    "dense_mb": "resident after searching vectors, MB",
    "all_mb": "resident after everything, MB",
    "open_s": "opening the index, s",
    "build_s": "building the index, s",
    "build_cpu_s": "building the index, processor's s",
    "build_peak_mb": "building the index, most resident, MB",
    "vectors_mb": "vectors' file, MB",
    "lexical_mb": "words' files, MB",
    "database_mb": "database, MB",
}


def describe(report: Figures) -> str:
    """The report as Markdown; latencies are median / 99th percentile on one core."""
    real, rows = report["real"], report["rows"]
    columns = [_number(row["passages"]) for row in rows]
    if rows[-1]["passages"] >= _RECKONED_FROM:
        columns.append(f"{_number(_RECKONED)}, reckoned")
        rows = [*rows, reckon(rows[-1])]
    lines = [
        f"{real['passages']:,} passages are real. Where more are wanted, each is a real one's "
        f"vector moved by {report['noise']:.2f} of the difference of two others: as far from where "
        f"it was (cosine {real['near']:.2f}) as a real passage from the nearest of another "
        f"article. {report['questions']} questions. Times: median / 99th percentile, one core.",
        "",
        f"| | {' | '.join(columns)} |",
        "|---|" + "---:|" * len(columns),
    ]
    for key, title in _COLUMNS.items():
        cells = [_cell(row.get(key)) for row in rows]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def reckon(row: Figures) -> Figures:
    """A row for 100 million passages, from the largest that was measured.

    Files and resident memory beyond that of a process without an index grow with the passages,
    and so does what is compared in exact search and found by words. The cells, and the passages
    in each, grow with the square root, and with it a dense search; a passage's place is sought
    among all cells, so that building grows with the power 1.5. Recall is not reckoned.
    """
    times = _RECKONED / row["passages"]
    linear = ("vectors_mb", "lexical_mb", "database_mb", "open_s")
    reckoned: Figures = {key: row[key] * times for key in linear}
    for key in ("dense_mb", "all_mb"):
        reckoned[key] = row["without_mb"] + (row[key] - row["without_mb"]) * times
    for key in ("dense_cpu_ms", "dense_50_cpu_ms"):
        reckoned[key] = [value * times**0.5 for value in row[key]]
    for key in ("exact_cpu_ms", "lexical_cpu_ms"):
        reckoned[key] = [value * times for value in row[key]]
    reckoned["build_cpu_s"] = row["build_cpu_s"] * times**1.5
    return reckoned


def _number(value: int) -> str:
    return f"{value // 1_000_000} M" if value >= 1_000_000 else f"{value // 1000} k"


def _cell(value: float | list[float] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " / ".join(f"{part:,.1f}" for part in value)
    return f"{value:.3f}" if value <= 1 else f"{value:,.0f}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
