import json
from pathlib import Path

import pytest
from runs import prediction, run

from eval.ablation import ablation_table
from eval.records import load_run
from rag.errors import InputError


def test_a_row_for_every_run() -> None:
    on = run(
        prediction("a"),
        unanswerable={"questions": 2, "abstained": 0.5},
        when={"questions": 3, "accuracy": 1 / 3},
        independent_sources={"questions": 4, "accuracy": 0.75},
        disputed={"questions": 5, "precision": 1.0, "recall": 0.2},
    )
    off = run(prediction("a"), without=["stories", "names"], f1=0.25)
    assert ablation_table([on, off]).splitlines() == [
        "| without | F1 | abstained | when | sources | disputed | recall@5 |",
        "|---|---:|---:|---:|---:|---:|---:|",
        "| (all on) | 0.500 | 0.500 | 0.333 | 0.750 | 0.200 | 1.000 |",
        "| stories, names | 0.250 | – | – | – | – | 1.000 |",
    ]


def test_a_run_is_read_from_its_file(tmp_path: Path) -> None:
    saved = run(prediction("a"), without=["dates"])
    (tmp_path / "run.json").write_text(json.dumps(saved))
    (tmp_path / "gold.jsonl").write_text("{}")
    assert load_run(tmp_path / "run.json") == saved
    with pytest.raises(InputError, match=r"gold\.jsonl: not a run; expected what 'dateline eval"):
        load_run(tmp_path / "gold.jsonl")
