"""Haystack and txtai beside Dateline, in one run: same weights, same passages, same scoring.

python -m eval.peers FOLDER --json peers.json --squad dev.json.gz

The peers live in an environment of their own, made in FOLDER, which borrows torch from ours; their
telemetry and the hub are off. Each is a process; they take turns at every question. All read our
reader's weights and embed by ours: the peers in fp32 on torch, as they come, we as we ship. One
more of ours has its token types made equal, since Haystack passes none.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from embeddings.encoder import packaged_model_folder
from eval.bench import machine
from eval.gold import Question, load_gold
from eval.peer_environment import Spec, make_environment, save_readers
from eval.peer_measures import (
    Worker,
    asks,
    cold_starts,
    ingests,
    made_articles,
    memories,
    passages,
    reads,
    say,
    settings_for,
    taking_turns,
    throughputs,
    we_ask,
    we_read,
    worker_command,
)
from eval.peer_table import Peers, ReadBy, markdown
from rag.engine import Dateline
from rag.formats import read_articles
from rag.types import Article, Skipped

SAMPLE = Path(__file__).parent / "sample"
TOP_K = 10
_ASKED_FOR_MEMORY = 20


@contextmanager
def collection(folder: Path, articles: Sequence[Article], reader: str = "") -> Iterator[Dateline]:
    """A collection of the articles in the folder."""
    with Dateline.open(settings_for(folder, reader), create=True) as engine:
        for fate in engine.ingest(articles):
            assert not isinstance(fate, Skipped), fate
        engine.reader  # noqa: B018 - loaded here, not in the first question
        yield engine


def answerable(path: Path, most: int) -> list[Question]:
    """At most so many questions that have an answer, evenly chosen."""
    found = [question for question in load_gold(path).questions if question.answers]
    return found[:: max(1, len(found) // most)][:most]


def read_squad(
    path: Path, most: int, ours: dict[str, Dateline], workers: Sequence[Worker]
) -> dict[str, ReadBy]:
    """Reading alone: each question with its own paragraph."""
    articles = {article.id: article for article in load_gold(path).articles}
    arms = {name: we_read(engine, articles) for name, engine in ours.items()}
    arms |= {worker.name: reads(worker, articles) for worker in workers}
    return taking_turns(answerable(path, most), arms, "read")


def main(
    folder: Annotated[Path, typer.Argument(help="For the peers' environment; kept for next time.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures.")] = None,
    articles: Annotated[list[str] | None, typer.Option(help="Instead of the sample's.")] = None,
    gold: Annotated[Path, typer.Option(help="Questions to ask.")] = SAMPLE / "gold.jsonl",
    squad: Annotated[Path | None, typer.Option(help="SQuAD file to read, too.")] = None,
    questions: Annotated[int, typer.Option(help="At most so many of each.")] = 100,
    seconds: Annotated[float, typer.Option(help="Of each round of the 16 clients.")] = 15.0,
    ingested: Annotated[int, typer.Option(help="Articles to time the ingest by.")] = 150,
    served: Annotated[int, typer.Option(help="Articles held for the memory; 0: none.")] = 10_000,
) -> None:
    """Measure, and print the table as Markdown. Takes about 20 minutes on two quiet cores."""
    python = make_environment(folder, say)
    save_readers(folder)
    spec: Spec = {
        "reader": str(folder / "reader"),
        "encoder": str(packaged_model_folder()),
        "top_k": TOP_K,
    }
    found = read_articles(articles or [SAMPLE / "articles"])
    given = [article for article in found if isinstance(article, Article)]
    everything = [question.question for question in load_gold(gold).questions]
    asked = answerable(gold, questions)
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reader = str(folder / "reader-untyped")
        ours = {
            "ours": stack.enter_context(collection(temporary / "ours", given)),
            "ours-untyped": stack.enter_context(collection(temporary / "untyped", given, reader)),
        }
        haystack, txtai, joined, encoder = (
            stack.enter_context(Worker(python, name, spec))
            for name in ("haystack", "txtai", "txtai-joined", "sentence-transformers")
        )
        texts = passages(ours["ours"], given)
        for worker in (haystack, txtai, joined):
            worker.do("index", texts=texts, vectors=None)
            worker.do("save", folder=str(temporary))
        arms = {name: we_ask(engine) for name, engine in ours.items()}
        arms |= {worker.name: asks(worker) for worker in (haystack, txtai, joined)}
        by_asking = taking_turns(asked, arms, "ask")
        say(f"ask: {by_asking}")
        by_reading = None
        if squad is not None:
            by_reading = read_squad(squad, questions, ours, [haystack, txtai])
            say(f"read: {by_reading}")
        settings = settings_for(temporary / "ours")
        many = throughputs(settings, [haystack, txtai], everything, seconds)
        say(f"questions a second: {many}")
        ask_once = [sys.executable, "-m", "api.cli", "ask", everything[0]]
        once = {
            name: [*worker_command(python), name, json.dumps(spec), temporary, everything[0]]
            for name in (haystack.name, txtai.name)
        }
        cold = cold_starts({"ours": ask_once, **once}, temporary / "ours")
        say(f"cold: {cold}")
        made = made_articles(given, ingested)
        rates = ingests(ours["ours"], [haystack, txtai], encoder, made)
        say(f"passages a second: {rates}")
    resident, held = None, None
    if served:
        with tempfile.TemporaryDirectory() as name:
            made = made_articles(given, served)
            resident, count = memories(
                Path(name), python, spec, made, everything[:_ASKED_FOR_MEMORY]
            )
        held = {"articles": served, "passages": count}
    figures: Peers = {
        "machine": machine(),
        "articles": len(given),
        "passages": len(texts),
        "asked": len(asked),
        "ask": by_asking,
        "read": by_reading,
        "questions_per_second": many,
        "cold_ms": cold,
        "passages_per_second": rates,
        "memory_mb": resident,
        "served": held,
    }
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(markdown(figures))


if __name__ == "__main__":
    typer.run(main)
