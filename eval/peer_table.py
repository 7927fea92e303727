"""The figures of `eval.peers`, and the Markdown table of them."""

from __future__ import annotations

from collections.abc import Mapping

# pydantic cannot check the TypedDict of Python 3.11's own typing.
from typing_extensions import TypedDict

from eval.bench_record import Machine, Spread


class ReadBy(TypedDict):
    """Milliseconds of a question, and shares 0..1 over the answerable ones, always answering."""

    ms: Spread
    exact_match: float
    f1: float


class Peers(TypedDict):
    """All figures of one run, by arm: "ours", "ours-untyped", "haystack", "txtai", ..."""

    machine: Machine
    articles: int
    passages: int
    asked: int
    ask: dict[str, ReadBy]
    read: dict[str, ReadBy] | None
    questions_per_second: dict[str, float]
    cold_ms: dict[str, Spread]
    passages_per_second: dict[str, float]
    memory_mb: dict[str, float | None] | None
    served: dict[str, int] | None


ARMS = ("ours", "ours-untyped", "haystack", "txtai", "txtai-joined")


def markdown(peers: Peers) -> str:
    """Two tables: what must be equal, accuracy, and then the speeds with Dateline's advantage.

    An advantage is how many times faster, or smaller, Dateline is: above 1 it is better.
    """
    read = peers["read"]
    lines = ["| accuracy, always answering: EM / F1 | " + " | ".join(ARMS) + " |"]
    lines += ["|---|" + "---:|" * len(ARMS)]
    for name, by in (
        (f"{peers['asked']} questions to the collection", peers["ask"]),
        ("reading", read),
    ):
        if by is not None:
            cells = (_accuracy(by.get(arm)) for arm in ARMS)
            lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "| | Dateline | Haystack | advantage | txtai | advantage |",
        "|---|---:|---:|---:|---:|---:|",
        _row("warm ask, 10 passages, median ms", _medians(peers["ask"]), less=True),
    ]
    if read is not None:
        lines.append(_row("reading one paragraph, median ms", _medians(read), less=True))
    rates = peers["passages_per_second"]
    lines += [
        _row("questions/s, 16 clients", peers["questions_per_second"], less=False),
        _row("cold ask in a terminal, median ms", _percentile(peers["cold_ms"]), less=True),
        _row("ingest, passages/s", rates, less=False),
    ]
    if peers["memory_mb"] is not None and peers["served"] is not None:
        held = {arm: mb for arm, mb in peers["memory_mb"].items() if mb is not None}
        name = "resident MB, serving {articles:,} articles".format_map(peers["served"])
        lines.append(_row(name, held, less=True))
    encode, theirs = rates["encode"], rates["sentence-transformers"]
    lines += [
        "",
        f"Encoding alone: {encode:.0f} passages/s, sentence-transformers' default {theirs:.0f}: "
        f"{encode / theirs:.1f} times as many. txtai joined, which reads what fits of the ten: "
        f"{peers['ask']['txtai-joined']['ms']['p50']:.0f} ms.",
    ]
    return "\n".join(lines)


def _accuracy(by: ReadBy | None) -> str:
    return "–" if by is None else f"{100 * by['exact_match']:.1f} / {100 * by['f1']:.1f}"


def _medians(by: Mapping[str, ReadBy]) -> dict[str, float]:
    return {arm: figures["ms"]["p50"] for arm, figures in by.items()}


def _percentile(by: Mapping[str, Spread]) -> dict[str, float]:
    return {arm: figures["p50"] for arm, figures in by.items()}


def _row(name: str, values: Mapping[str, float], less: bool) -> str:
    ours = values.get("ours")
    cells = [_shown(ours)]
    for peer in ("haystack", "txtai"):
        theirs = values.get(peer)
        cells.append(_shown(theirs))
        if not ours or not theirs:
            cells.append("–")
        else:
            cells.append(f"{theirs / ours if less else ours / theirs:.1f}x")
    return f"| {name} | {' | '.join(cells)} |"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
