"""What each ability is worth: saved runs, each with one of them off, as a Markdown table.

run() { dateline eval gold.jsonl --articles articles/ --json "$@"; }
run all.json
for ability in stories merging conflict dates names questions stopping; do
    run without-$ability.json --without $ability
done
python -m eval.ablation all.json without-*.json
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from eval.records import Run, load_run

COLUMNS: dict[str, Callable[[Run], float | None]] = {
    "F1": lambda run: run["f1"],
    "abstained": lambda run: run["unanswerable"]["abstained"],
    "when": lambda run: run["when"]["accuracy"],
    "sources": lambda run: run.get("independent_sources", {}).get("accuracy"),
    "disputed": lambda run: run.get("disputed", {}).get("recall"),
    "recall@5": lambda run: run["retrieval"]["recall@5"],
}


def ablation_table(runs: Sequence[Run]) -> str:
    """A Markdown table, one row a run, shares 0..1: F1 over all questions, unanswerable ones left
    unanswered, days right, sources counted rightly, disputes seen, recall@5."""
    lines = [
        f"| without | {' | '.join(COLUMNS)} |",
        "|---|" + "---:|" * len(COLUMNS),
    ]
    for run in runs:
        values = [of(run) for of in COLUMNS.values()]
        shown = ["–" if value is None else f"{value:.3f}" for value in values]
        off = ", ".join(run.get("without", [])) or "(all on)"
        lines.append(f"| {off} | {' | '.join(shown)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(ablation_table([load_run(path) for path in sys.argv[1:]]))
