"""A run against an older one, question by question."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eval.metrics import RETRIEVAL_DEPTH, bootstrap_interval, mean
from eval.records import Change, Comparison, Difference, Prediction, Run
from rag.errors import InputError

MOST_CHANGED = 50

Pair = tuple[Prediction, Prediction]  # old, new


def _recall_at_10(prediction: Prediction) -> float | None:
    # A run of an older Dateline does not say where the gold stood, and reader mode ranks nothing.
    if not prediction["answers"] or not prediction["docs"] or "gold_rank" not in prediction:
        return None
    rank = prediction["gold_rank"]
    return float(rank is not None and rank <= RETRIEVAL_DEPTH)


MEASURES: dict[str, Callable[[Prediction], float | None]] = {
    "exact_match": lambda p: p["exact_match"],
    "f1": lambda p: p["f1"],
    "forced_f1": lambda p: p["forced_f1"],
    "recall@10": _recall_at_10,
}


def compare(old: Run, new: Run, against: str) -> Comparison:
    """`new` less `old`, over the questions that both asked; `against` is what to call `old`.

    Two questions are a pair when id and wording agree. The intervals are BCa bootstraps of the
    paired differences, which are far narrower than those of two runs side by side. Raises
    InputError without a pair.
    """
    pairs = _pairs(old, new, against)
    readers = "reader" in (old["mode"], new["mode"])
    measures = {}
    changed: list[Change] = []
    for name, measure in MEASURES.items():
        if readers and name == "recall@10":
            continue
        judged = [(measure(a), measure(b), (a, b)) for a, b in pairs]
        both = [(a, b, pair) for a, b, pair in judged if a is not None and b is not None]
        if both:
            measures[name] = _difference([(a, b) for a, b, _ in both])
            changed += [_change(pair, name, b - a) for a, b, pair in both if a != b]
    return {
        "against": against,
        "questions": len(pairs),
        "only_old": len(old["predictions"]) - len(pairs),
        "only_new": len(new["predictions"]) - len(pairs),
        "gold_changed": sum(set(a["answers"]) != set(b["answers"]) for a, b in pairs),
        "measures": measures,
        "changed": _most_changed(changed),
    }


def said(prediction: Prediction) -> str:
    """What a person would be told the engine said."""
    if prediction["error"] is not None:
        return f"(error: {prediction['error']})"
    if prediction["prediction"] is not None:
        return prediction["prediction"]
    candidate = prediction["candidate"]
    return "(none)" if candidate is None else f"(not given: {candidate})"


def require_pairs(old: Run, asked: Sequence[tuple[str, str]], against: str) -> None:
    """Raise InputError when none of the (id, question) `asked` is among those of `old`."""
    before = {(p["id"], p["question"]) for p in old["predictions"]}
    if before.isdisjoint(asked):
        theirs = [p["id"] for p in old["predictions"]]
        raise InputError(
            f"{against}: none of its {len(theirs)} questions (such as {_first(theirs)}) is among"
            f" the {len(asked)} here (such as {_first([id for id, _ in asked])}): compare runs of"
            " the same gold"
        )


def _pairs(old: Run, new: Run, against: str) -> list[Pair]:
    require_pairs(old, [(p["id"], p["question"]) for p in new["predictions"]], against)
    before = {(p["id"], p["question"]): p for p in old["predictions"]}
    return [
        (before[p["id"], p["question"]], p)
        for p in new["predictions"]
        if (p["id"], p["question"]) in before
    ]


def _first(ids: Sequence[str]) -> str:
    return f"id {ids[0]!r}" if ids else "none at all"


def _difference(values: Sequence[tuple[float, float]]) -> Difference:
    differences = [new - old for old, new in values]
    interval = bootstrap_interval(differences)
    assert interval is not None
    return {
        "questions": len(values),
        "old": mean([old for old, _ in values]) or 0.0,
        "new": mean([new for _, new in values]) or 0.0,
        "difference": mean(differences) or 0.0,
        "interval_95": list(interval),
        "won": sum(difference > 0 for difference in differences),
        "lost": sum(difference < 0 for difference in differences),
        "tied": sum(difference == 0 for difference in differences),
    }


def _change(pair: Pair, measure: str, difference: float) -> Change:
    old, new = pair
    ranked = measure == "recall@10"
    return {
        "id": new["id"],
        "question": new["question"],
        "answers": new["answers"],
        "old": _place(old) if ranked else said(old),
        "new": _place(new) if ranked else said(new),
        "measure": measure,
        "difference": difference,
    }


def _place(prediction: Prediction) -> str:
    rank = prediction.get("gold_rank")
    return "(not found)" if rank is None else f"(found at place {rank})"


def _most_changed(changes: Sequence[Change]) -> list[Change]:
    """One change of each question, of the measure that says most; the largest first, and losses
    before gains."""
    order = ("f1", "forced_f1", "exact_match", "recall@10")
    chosen: dict[str, Change] = {}
    for change in sorted(changes, key=lambda c: order.index(c["measure"])):
        chosen.setdefault(change["id"], change)
    ranked = sorted(chosen.values(), key=lambda c: (-abs(c["difference"]), c["difference"]))
    return ranked[:MOST_CHANGED]
