"""The figures of a run, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from eval import breakdown
from eval.compare import said
from eval.records import Comparison, Prediction, Run

# Figures of a group whose interval goes by another name; the others' by their own.
INTERVAL_OF = {
    ("answerable", "exact_match"): "answerable_exact_match",
    ("answerable", "f1"): "answerable_f1",
    ("when", "accuracy"): "when",
    ("when", "accuracy_of_right"): "when_of_right",
    ("independent_sources", "accuracy"): "independent_sources",
    ("disputed", "precision"): "disputed_precision",
    ("disputed", "recall"): "disputed_recall",
}


def format_table(run: Run, worst: int = 10) -> Group:
    """The figures, by kind where the gold tells kinds apart, the comparison where there is one,
    and the `worst` worst misses."""
    parts = [_figures(run)]
    kinds = breakdown.groups(run["predictions"], lambda p: p["kind"])
    if kinds:
        parts.append(_kinds(kinds))
    if "comparison" in run:
        parts += _comparison(run["comparison"])
    ranked = misses(run["predictions"])
    if ranked and worst > 0:
        parts.append(_misses(ranked, worst))
    return Group(*parts)


def misses(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Those that missed, the worst first: wrong and sure of it."""
    missed = [p for p in predictions if p["blame"] is not None]
    return sorted(missed, key=lambda p: (p["f1"] or 0.0, -(p["confidence"] or 0.0)))


def figure_rows(run: Run) -> list[tuple[str, str, str]]:
    """(name, value, 95% interval) of every figure, as they are shown."""
    return [row for section in _sections(run) for row in section]


def _figures(run: Run) -> Table:
    table = Table(title=f"{run['mode']}: {run['questions']} questions{switched_off(run)}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("95% interval", justify="right")
    for section in _sections(run):
        for row in section:
            table.add_row(*row)
        table.add_section()
    return table


def _sections(run: Run) -> list[list[tuple[str, str, str]]]:
    intervals, forced = run["intervals_95"], run["forced"]
    forced_em = intervals.get("forced_exact_match")
    sections = [
        [
            ("exact match", _share(run["exact_match"]), _range(intervals["exact_match"])),
            ("F1", _share(run["f1"]), _range(intervals["f1"])),
            ("forced F1", _share(forced["f1"]), _range(intervals["forced_f1"])),
            ("forced exact match", _share(forced["exact_match"]), _range(forced_em)),
        ]
    ]
    groups = {
        "answerable": run["answerable"],
        "unanswerable": run["unanswerable"],
        "retrieval": run["retrieval"],
        "citations": run["citations"],
        "when": run["when"],
        "independent_sources": run.get("independent_sources", {}),
        "disputed": run.get("disputed", {}),
        "calibration": run["calibration"],
    }
    for group, values in groups.items():
        section: list[tuple[str, str, str]] = []
        for name, value in values.items():
            shown = str(value) if name == "questions" else _share(value)
            interval = intervals.get(INTERVAL_OF.get((group, name), name))
            section.append((f"{group}: {name}", shown, _range(interval)))
        sections.append(section)
    sections.append([(f"missed by {name}", str(n), "") for name, n in run["blame"].items()])
    sections.append(
        [
            (f"latency {name}", "–" if value is None else f"{value:.1f} ms", "")
            for name, value in run["latency_ms"].items()
        ]
    )
    return sections


def switched_off(run: Run) -> str:
    """ ", without stories" where the abilities of that name were off, or nothing."""
    off = run.get("without", [])
    return f", without {' and '.join(off)}" if off else ""


def _kinds(kinds: Sequence[breakdown.Group]) -> Table:
    table = Table(title="by the gold's own kinds")
    table.add_column("kind")
    for column in ("questions", "F1", "95% interval", "forced F1"):
        table.add_column(column, justify="right")
    for kind in kinds:
        f1, interval = _share(kind.f1), _range((kind.low, kind.high))
        table.add_row(Text(kind.name), str(kind.questions), f1, interval, _share(kind.forced_f1))
    return table


def _comparison(comparison: Comparison) -> list[Table]:
    table = Table(
        title=f"against {Text(comparison['against']).markup}: {comparison['questions']} questions",
        caption=comparison_caption(comparison),
    )
    for column in ("measure", "old", "new", "difference", "95% interval", "won", "lost", "tied"):
        justify: JustifyMethod = "left" if column == "measure" else "right"
        table.add_column(column, justify=justify, no_wrap=True)
    for name, difference in comparison["measures"].items():
        table.add_row(
            name,
            _share(difference["old"]),
            _share(difference["new"]),
            f"{difference['difference']:+.3f}",
            "{:+.3f}, {:+.3f}".format(*difference["interval_95"]),
            *(str(difference[count]) for count in ("won", "lost", "tied")),
        )
    changes = comparison["changed"][:10]
    if not changes:
        return [table]
    changed = Table(title="what changed most")
    for column in ("question", "gold", "old", "new", "measure", "change"):
        changed.add_column(column)
    for change in changes:
        gold = " | ".join(change["answers"]) or "(no answer)"
        moved = f"{change['difference']:+.2f}"
        cells = (change["question"], gold, change["old"], change["new"], change["measure"], moved)
        changed.add_row(*(Text(cell) for cell in cells))
    return [table, changed]


def comparison_caption(comparison: Comparison) -> str | None:
    """What the pairing left out or should make one wary of; None when nothing."""
    remarks = {
        "asked only in the old run": comparison["only_old"],
        "asked only in the new run": comparison["only_new"],
        "with other gold answers than before": comparison["gold_changed"],
    }
    told = [f"{count} {remark}" for remark, count in remarks.items() if count]
    return ", ".join(told) or None


def _misses(ranked: Sequence[Prediction], worst: int) -> Table:
    table = Table(title=f"the worst {min(worst, len(ranked))} of {len(ranked)} misses")
    for column in ("question", "gold", "prediction", "confidence", "missed by"):
        table.add_column(column)
    for miss in ranked[:worst]:
        gold = " | ".join(miss["answers"]) or "(no answer)"
        cells = (miss["question"], gold, said(miss), _share(miss["confidence"]), miss["blame"])
        # Text, because a question may hold what rich takes for markup.
        table.add_row(*(Text(cell or "") for cell in cells))
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _range(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else f"{interval[0]:.3f}–{interval[1]:.3f}"
