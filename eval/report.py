"""The figures of a run, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text


def format_table(result: Mapping[str, Any], worst: int = 10) -> Group:
    """What `evaluate` returned, for a terminal: the figures, then the `worst` worst misses."""
    figures = Table(title=f"{result['mode']}: {result['questions']} questions")
    figures.add_column("figure")
    figures.add_column("value", justify="right")
    figures.add_column("95% interval", justify="right")
    intervals = result["intervals_95"]
    figures.add_row("exact match", _share(result["exact_match"]), _range(intervals["exact_match"]))
    figures.add_row("F1", _share(result["f1"]), _range(intervals["f1"]))
    figures.add_row("forced F1", _share(result["forced"]["f1"]), _range(intervals["forced_f1"]))
    figures.add_row("forced exact match", _share(result["forced"]["exact_match"]))
    for group in ("answerable", "unanswerable", "retrieval", "citations", "when", "calibration"):
        figures.add_section()
        for name, value in result[group].items():
            is_count = name == "questions"
            figures.add_row(f"{group}: {name}", str(value) if is_count else _share(value))
    figures.add_section()
    for name, count in result["blame"].items():
        figures.add_row(f"missed by {name}", str(count))
    figures.add_section()
    for name, value in result["latency_ms"].items():
        figures.add_row(f"latency {name}", "–" if value is None else f"{value:.1f} ms")

    misses = [p for p in result["predictions"] if p["blame"] is not None]
    if not misses or worst < 1:
        return Group(figures)
    # Worst is wrong and sure of it. Text, because a question may hold what rich takes for markup.
    misses.sort(key=lambda p: (p["f1"] or 0.0, -(p["confidence"] or 0.0)))
    table = Table(title=f"the worst {min(worst, len(misses))} of {len(misses)} misses")
    for column in ("question", "gold", "prediction", "confidence", "missed by"):
        table.add_column(column)
    for miss in misses[:worst]:
        gold = " | ".join(miss["answers"]) or "(no answer)"
        cells = (miss["question"], gold, _told(miss), _share(miss["confidence"]), miss["blame"])
        table.add_row(*(Text(cell) for cell in cells))
    return Group(figures, table)


def _told(prediction: Mapping[str, Any]) -> str:
    if prediction["error"] is not None:
        return f"(error: {prediction['error']})"
    if prediction["prediction"] is not None:
        return str(prediction["prediction"])
    candidate = prediction["candidate"]
    return "(none)" if candidate is None else f"(not given: {candidate})"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _range(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"
