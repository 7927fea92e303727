"""Small runs to compare and to draw."""

from typing import Any

from eval.records import Prediction, Run


def prediction(id: str, f1: float | None = 1.0, **fields: Any) -> Prediction:
    """Right when `f1` is 1; what it says is told by its `prediction`."""
    return {
        "id": id,
        "question": f"{id}?",
        "kind": None,
        "answers": ["Ann"],
        "prediction": f"said {f1}",
        "candidate": f"said {f1}",
        "confidence": 0.5,
        "exact_match": None if f1 is None else float(f1 == 1),
        "f1": f1,
        "forced_f1": f1,
        "docs": ["a"],
        "retrieved": ["a"],
        "gold_rank": 1,
        "cited": [],
        "blame": None if f1 == 1 else "reading",
        "latency_ms": 1.0,
        "error": None,
        **fields,
    }


def run(*predictions: Prediction, **fields: Any) -> Run:
    """As an older Dateline wrote it: only the keys that every run has."""
    shares = {"exact_match": 0.5, "f1": 0.5}
    return {
        "mode": "end-to-end",
        "questions": len(predictions),
        **shares,
        "answerable": {"questions": len(predictions), **shares, "answered": 1.0},
        "unanswerable": {"questions": 0, "abstained": None},
        "forced": shares,
        "retrieval": {"recall@1": 1.0, "recall@5": 1.0, "recall@10": 1.0, "mrr": 1.0},
        "citations": {"precision": None, "recall": None},
        "when": {"questions": 0, "accuracy": None},
        "calibration": {"ece": 0.1, "auroc": None, "aurc": 0.2},
        "blame": {"retrieval": 0, "reading": 1, "abstention": 0, "error": 0},
        "latency_ms": {"p50": 1.0, "p95": 1.0, "p99": 1.0},
        "intervals_95": {"exact_match": [0.1, 0.9], "f1": [0.1, 0.9], "forced_f1": None},
        "predictions": list(predictions),
        **fields,
    }
