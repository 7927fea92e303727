"""A run as one HTML page that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eval import plots
from eval.breakdown import groups, operating_point, question_word, recall_curve, sure
from eval.compare import said
from eval.outcome import BLAMES
from eval.records import Interval, Prediction, Run
from eval.table import comparison_caption, figure_rows, misses, switched_off

MOST_MISSES = 500  # more make a page that phones do not scroll
MOST_KINDS = 20
CALIBRATION = ("ece", "auroc", "aurc", "ece_all", "aurc_all")  # older runs have not all
MEANINGS = {
    "retrieval": "no passage of a gold article was read, or none that holds a gold answer.",
    "reading": "a passage that holds a gold answer was read, and something else chosen.",
    "abstention": "the right candidate was held back, or something was said where there is "
    "nothing to say.",
    "gold": "the gold articles do not hold the gold answer, so that no quotation could be right: "
    "look at the gold first.",
    "error": "the question failed.",
}


@dataclass(frozen=True)
class Card:
    """One headline figure. `value` and `interval` are shares 0..1."""

    name: str
    value: float
    interval: Interval | None
    what: str

    @property
    def shown(self) -> str:
        return percent(self.value)


def render(run: Run) -> str:
    """The page: style and drawings inside, nothing fetched, no script."""
    environment = Environment(
        loader=PackageLoader("eval"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent, score=score, css=_css, direction=_direction, said=said, meta=_meta
    )
    return environment.get_template("report.html.j2").render(_view(run))


def _view(run: Run) -> dict[str, Any]:
    predictions = run["predictions"]
    ranked = misses(predictions)
    comparison = run.get("comparison")
    has_traps = any(not p["answers"] for p in predictions)
    return {
        "run": run,
        "title": run.get("gold", "Gold questions"),
        "lead": _lead(run),
        "about": _about(run),
        "cards": _cards(run),
        "comparison": comparison,
        "remarks": comparison and comparison_caption(comparison),
        "blames": list(BLAMES),
        "blame_intro": _blame_intro(predictions),
        "meanings": MEANINGS,
        "has_traps": has_traps,
        "calibration": {name: score(run["calibration"].get(name)) for name in CALIBRATION},
        "mrr": score(run["retrieval"]["mrr"]),
        "plots": {name: Markup(svg) for name, svg in _plots(run, has_traps).items()},
        "missed": len(ranked),
        "misses": ranked[:MOST_MISSES],
        "chips": _chips(ranked[:MOST_MISSES]),
        "rows": [row for row in figure_rows(run) if row[1] != "–"],
    }


def _plots(run: Run, has_traps: bool) -> dict[str, str]:
    """Those that the run has something for; "" for the others."""
    predictions = run["predictions"]
    everything, answerable = sure(predictions, False), sure(predictions, True)
    beside = answerable if has_traps and answerable.right else None
    curve = recall_curve(predictions) if run["mode"] != "reader" else []
    latencies = [p["latency_ms"] for p in predictions if p["latency_ms"] is not None]
    words = groups(predictions, lambda p: question_word(p["question"]))
    kinds = groups(predictions, lambda p: p["kind"])[:MOST_KINDS]
    given = operating_point(predictions, False)
    drawn = {"risk": "", "reliability": "", "recall": "", "latency": "", "words": "", "kinds": ""}
    if everything.right:
        drawn["risk"] = plots.plot_risk_coverage(everything, beside, given)
        drawn["reliability"] = plots.plot_reliability(everything, beside)
    if curve:
        drawn["recall"] = plots.plot_recall(curve)
    if latencies:
        drawn["latency"] = plots.plot_latency(latencies, run["latency_ms"])
    if words:
        drawn["words"] = plots.plot_groups(words, "words")
    if kinds:
        drawn["kinds"] = plots.plot_groups(kinds, "kinds")
    drawn["blame"] = plots.plot_blame(run["blame"]) if any(run["blame"].values()) else ""
    comparison = run.get("comparison")
    drawn["differences"] = plots.plot_differences(comparison["measures"]) if comparison else ""
    return drawn


def _lead(run: Run) -> str:
    """The run in a sentence or two."""
    predictions, answerable = run["predictions"], run["answerable"]["questions"]
    asked = _count(run["questions"], "question")
    traps = run["unanswerable"]["questions"]
    if traps:
        asked += f", {traps} of which the collection cannot answer"
    if run["mode"] == "retrieval":
        found = run["retrieval"]["recall@10"]
        return f"{asked}: for {percent(found)} of those that name their articles, one is found."
    right = sum(p["exact_match"] == 1 for p in predictions)
    text = f"{asked}: {percent(right / max(1, len(predictions)))} come out exactly right"
    if traps:
        text += ", counting silence where silence is right"
    forced = run["forced"]["f1"]
    if answerable and forced is not None:
        text += f". Made to answer always, its words overlap with the gold’s by {percent(forced)}"
    return text + "."


def _about(run: Run) -> str:
    models = run.get("models", {})
    parts = [f"{name} {model}" for name, model in models.items() if model]
    return " · ".join(parts) + switched_off(run)


def _cards(run: Run) -> list[Card]:
    intervals = run["intervals_95"]
    wanted = [
        ("Exact match", run["exact_match"], "exact_match", "over all questions"),
        ("F1", run["f1"], "f1", "shared words, over all questions"),
        ("Forced F1", run["forced"]["f1"], "forced_f1", "the best candidate, given or not"),
        ("Answered", run["answerable"]["answered"], "answered", "of what can be answered"),
        ("Abstained", run["unanswerable"]["abstained"], "abstained", "of what cannot"),
        ("Recall at 1", run["retrieval"]["recall@1"], "recall@1", "a gold article comes first"),
        ("Recall at 10", run["retrieval"]["recall@10"], "recall@10", "is among the first ten"),
        ("Calibration error", run["calibration"]["ece"], "", "confidence against truth"),
        ("Cited rightly", run["citations"]["precision"], "", "of the articles cited, gold"),
        ("Dated rightly", run["when"]["accuracy"], "when", "with exactly the right days"),
        (
            "Sources counted",
            run.get("independent_sources", {}).get("accuracy"),
            "independent_sources",
            "rightly, where the answer is right",
        ),
        (
            "Disputes seen",
            run.get("disputed", {}).get("recall"),
            "disputed_recall",
            "of those in the gold",
        ),
    ]
    return [
        Card(name, value, intervals.get(key), what)
        for name, value, key, what in wanted
        if value is not None
    ]


def _blame_intro(predictions: Sequence[Prediction]) -> str:
    missed = [p for p in predictions if p["blame"] is not None]
    if not missed:
        return "Nobody: not one question was missed."
    text = f"{len(missed)} of {_count(len(predictions), 'question')} missed."
    abstention = [p for p in missed if p["blame"] == "abstention"]
    held_back = sum(bool(p["answers"]) for p in abstention)
    if abstention:
        text += (
            f" Of the {len(abstention)} by abstention, {held_back} held back a right answer and"
            f" {len(abstention) - held_back} answered what has none."
        )
    return text


def _chips(ranked: Sequence[Prediction]) -> dict[str, int]:
    counts = {blame: sum(p["blame"] == blame for p in ranked) for blame in BLAMES}
    return {"all": len(ranked)} | {blame: count for blame, count in counts.items() if count}


def _meta(prediction: Prediction) -> str:
    """The small print of a miss: its id, its kind, and where the gold stood."""
    parts = [prediction["id"]] + ([prediction["kind"]] if prediction["kind"] else [])
    if prediction["retrieved"] and prediction["answers"] and prediction["docs"]:
        rank, of = prediction.get("gold_rank"), len(prediction["retrieved"])
        parts.append(f"gold at {rank} of {of}" if rank else f"gold not among {of} found")
    return " · ".join(parts)


def _css(share: float) -> str:
    return f"{100 * share:.2f}%"


def _direction(difference: float) -> str:
    """The CSS class that colours a gain or a loss."""
    return "up" if difference > 0 else "down" if difference < 0 else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float | None, decimals: int = 1) -> str:
    """0.616 as 61.6%."""
    return "–" if share is None else f"{100 * share:.{decimals}f}%"


def score(value: float | None, decimals: int = 3) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"
