"""The figures of a run, reckoned from what became of its questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from eval.metrics import (
    RANK_MEASURES,
    aurc,
    auroc,
    bootstrap_interval,
    expected_calibration_error,
    mean,
    percentiles,
    rank_measures,
)
from eval.outcome import BLAMES, RIGHT_F1, Outcome, is_relevant, names
from eval.records import Figures, Interval, Mode, Run


def figures(outcomes: Sequence[Outcome], mode: Mode) -> Run:
    """All of them; see `eval.run.evaluate`.

    Of the days, the count of sources and the dispute, gold says where they are to be judged.
    "when": share of the questions that are given an answer with exactly the gold's days;
    "accuracy_of_right" the same of the best candidates that are right (F1 >= 0.5), given or not.
    "independent_sources": share of the best candidates that are right whose count is the gold's.
    "disputed": "questions" are those that the gold calls so; recall is the share of them whose
    best candidate is called so, precision the share of the best candidates called so that are.

    Every figure that is a mean over questions has an interval. ECE, AUROC and AURC are none:
    resampling makes bins noisier, which raises every resampled ECE above the real one.
    """
    # Without answers there is nothing to score: every mean over these is then None.
    scored = [] if mode == "retrieval" else outcomes
    answerable = [o for o in scored if o.answerable]
    unanswerable = [o for o in scored if not o.answerable]
    dated = [o for o in answerable if o.question.when is not None]
    # A wrong answer may have the right number of sources: what is said of it proves nothing.
    counted = [o for o in answerable if o.right and o.question.independent_sources is not None]
    judged = [o for o in answerable if o.question.disputed is not None]
    answerable_count = sum(o.answerable for o in outcomes)
    blames = Counter(o.blame for o in outcomes)
    means = {
        "exact_match": [o.exact_match for o in scored],
        "f1": [o.f1 for o in scored],
        "answerable_exact_match": [o.exact_match for o in answerable],
        "answerable_f1": [o.f1 for o in answerable],
        "answered": [float(o.given is not None) for o in answerable],
        "abstained": [float(o.abstained) for o in unanswerable],
        "forced_exact_match": [o.forced_exact_match for o in answerable],
        "forced_f1": [o.forced_f1 for o in answerable],
        "when": [float(o.when_right) for o in dated],
        "when_of_right": [float(o.candidate_when_right) for o in dated if o.right],
        "independent_sources": [float(o.sources_right) for o in counted],
        "disputed_precision": [float(o.question.disputed or 0) for o in judged if o.says_disputed],
        "disputed_recall": [float(o.says_disputed) for o in judged if o.question.disputed],
        **_ranks([o for o in outcomes if o.ranking_judged]),
    }
    value = {name: mean(values) for name, values in means.items()}
    return {
        "mode": mode,
        "models": _models(outcomes),
        "questions": len(outcomes),
        "exact_match": value["exact_match"],
        "f1": value["f1"],
        "answerable": {
            "questions": answerable_count,
            "exact_match": value["answerable_exact_match"],
            "f1": value["answerable_f1"],
            "answered": value["answered"],
        },
        "unanswerable": {
            "questions": len(outcomes) - answerable_count,
            "abstained": value["abstained"],
        },
        "forced": {"exact_match": value["forced_exact_match"], "f1": value["forced_f1"]},
        "retrieval": {name: value[name] for name in RANK_MEASURES},
        "citations": _citations(answerable if mode == "end-to-end" else []),
        "when": {
            "questions": len(dated),
            "accuracy": value["when"],
            "accuracy_of_right": value["when_of_right"],
        },
        "independent_sources": {
            "questions": len(counted),
            "accuracy": value["independent_sources"],
        },
        "disputed": {
            "questions": len(means["disputed_recall"]),
            "precision": value["disputed_precision"],
            "recall": value["disputed_recall"],
        },
        "calibration": _calibration(scored),
        "blame": {blame: blames[blame] for blame in BLAMES},
        "latency_ms": percentiles([o.latency_ms for o in outcomes if o.latency_ms is not None]),
        "intervals_95": {name: _interval(values) for name, values in means.items()},
        "predictions": [o.as_prediction() for o in outcomes],
    }


def _interval(values: Sequence[float]) -> Interval | None:
    interval = bootstrap_interval(values)
    return None if interval is None else list(interval)


def _models(outcomes: Sequence[Outcome]) -> dict[str, str | None]:
    replies = [o.reply for o in outcomes if o.reply is not None]
    return {
        "encoder": replies[0].encoder if replies else None,
        "reader": replies[0].reader if replies else None,
    }


def _ranks(judged: Sequence[Outcome]) -> dict[str, list[float]]:
    """RANK_MEASURES of every question. The docs themselves stand for those that nobody found."""
    return rank_measures(
        [o.ranked_ids for o in judged], [{*o.relevant_ids, *o.question.docs} for o in judged]
    )


def _calibration(scored: Sequence[Outcome]) -> Figures:
    """Is the confidence what it says: the probability that the best candidate matches exactly?

    "ece" and "aurc" look at the answerable questions, where it can be right; "ece_all" and
    "aurc_all" at all, where any candidate for an unanswerable question is wrong. "auroc": does
    the confidence tell the answerable questions from the others? A question without a candidate
    has confidence 0.
    """
    answerable = [o for o in scored if o.answerable]
    sure = [o.confidence for o in answerable]
    right = [o.forced_exact_match for o in answerable]
    all_sure = [o.confidence for o in scored]
    all_right = [o.forced_exact_match if o.answerable else 0.0 for o in scored]
    return {
        "ece": expected_calibration_error(sure, right),
        "auroc": auroc(all_sure, [o.answerable for o in scored]),
        "aurc": aurc(sure, right),
        "ece_all": expected_calibration_error(all_sure, all_right),
        "aurc_all": aurc(all_sure, all_right),
    }


def _citations(answerable: Sequence[Outcome]) -> Figures:
    """Means over the answers given that are right (F1 >= 0.5) and whose question names articles.

    precision: share of the articles cited, reprints included, that the question names.
    recall: share of the articles named that are cited.
    """
    precisions, recalls = [], []
    for outcome in answerable:
        docs = outcome.question.docs
        if outcome.given is None or outcome.f1 < RIGHT_F1 or not docs:
            continue
        cited = outcome.cited
        hits = [float(is_relevant(article, docs)) for article in cited]
        precisions.append(mean(hits) or 0.0)
        recalls.append(sum(any(names(d, article) for article in cited) for d in docs) / len(docs))
    return {"precision": mean(precisions), "recall": mean(recalls)}
