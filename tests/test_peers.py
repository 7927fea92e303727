"""Peers are measured fairly: in turns, on the same questions, by the same score."""

import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import article

from eval.gold import Question
from eval.peer_environment import Spec
from eval.peer_measures import (
    RandomEncoder,
    Worker,
    asks,
    made_articles,
    passages,
    reads,
    taking_turns,
    we_ask,
)
from eval.peer_table import Peers, markdown
from eval.peer_worker import obey, throughput
from eval.peers import answerable
from rag.engine import Dateline
from rag.stories import group_stories

SPEC: Spec = {"reader": "r", "encoder": "e", "top_k": 10}


def question(id: str, *answers: str) -> Question:
    return Question(id, f"{id}?", answers, ("a",))


def test_arms_take_turns_in_going_first_and_the_first_question_is_not_timed() -> None:
    order: list[str] = []

    def arm(name: str, ms: float) -> Any:
        def answer(asked: Question) -> tuple[str, float]:
            order.append(f"{asked.id}{name}")
            return "Ann", ms * 100 if asked.id == "p" else ms

        return answer

    asked = [question("p", "Ann"), question("q", "Ann Lee"), question("r", "Bob")]
    by = taking_turns(asked, {"x": arm("x", 1.0), "y": arm("y", 2.0)}, "test")
    assert order == ["px", "py", "qy", "qx", "rx", "ry"]
    assert by["y"]["ms"] == {"count": 2, "p50": 2.0, "p95": 2.0, "p99": 2.0}
    assert by["x"]["exact_match"] == pytest.approx(1 / 3)
    assert by["x"]["f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_who_says_nothing_is_wrong() -> None:
    by = taking_turns([question("p", "Ann")] * 2, {"x": lambda _: (None, 1.0)}, "test")
    assert by["x"]["f1"] == 0.0


def test_we_are_asked_for_our_best_candidate_however_sure_it_is(dateline: Dateline) -> None:
    list(dateline.ingest([article("The storm came. answer: Tuesday -9 it was.")]))
    answer, ms = we_ask(dateline)(Question("p", "When did the storm come?", (), ()))
    assert answer == "Tuesday"
    assert ms > 0


def test_questions_are_chosen_evenly_of_those_that_have_an_answer(tmp_path: Path) -> None:
    lines = [
        f'{{"id": "{n}", "question": "q", "answers": {["x"] * (n % 2)}, "docs": []}}'
        for n in range(20)
    ]
    (tmp_path / "gold.jsonl").write_text("\n".join(lines).replace("'", '"'))
    assert [q.id for q in answerable(tmp_path / "gold.jsonl", 5)] == ["1", "5", "9", "13", "17"]


def test_made_articles_are_of_given_sentences_and_no_reprints_of_one_another() -> None:
    given = [
        article(" ".join(f"Sentence {w} {n} of the news told {n} things." for n in range(40)), id=w)
        for w in ("first", "second", "third")
    ]
    made = made_articles(given, 30)
    assert made == made_articles(given, 30)
    assert len({one.id for one in made}) == 30
    assert made[0].text.split(". ")[1] in " ".join(one.text for one in given)
    assert len(group_stories(made)) == 30


def test_equal_passages_are_given_once(dateline: Dateline) -> None:
    assert passages(dateline, [article("One."), article("One.", id="b")]) == ["One."]


def test_random_vectors_are_unit_and_differ() -> None:
    vectors = RandomEncoder(8).encode_passages(["a", "a"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert not np.allclose(vectors[0], vectors[1])


# --- the worker


class FakePeer:
    """Answers with the question's first word; two threads at once are an error."""

    def __init__(self) -> None:
        self._busy = threading.Lock()

    def ask(self, question: str) -> str:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("Already borrowed")
        time.sleep(0.005)
        self._busy.release()
        return question.split()[0]


def test_answers_are_counted_and_errors_are_not_answers() -> None:
    one = throughput(FakePeer(), ["Who?"] * 20, clients=4, seconds=60, serial=True)  # type: ignore[arg-type]
    assert one["errors"] == 0
    assert one["questions_per_second"] <= 200
    many = throughput(FakePeer(), ["Who?"] * 20, clients=4, seconds=60, serial=False)  # type: ignore[arg-type]
    assert many["errors"] > 0


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(ValueError, match="fly"):
        obey(FakePeer(), {"do": "fly"})  # type: ignore[arg-type]


def test_a_worker_is_asked_over_its_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        textwrap.dedent("""
            import json, sys
            print(json.dumps("ready"), flush=True)
            for line in sys.stdin:
                told = json.loads(line)
                if told["do"] == "save":
                    sys.exit(7)
                print(json.dumps({"result": told.get("text", sys.argv[1]), "ms": 1.5}), flush=True)
        """)
    )
    monkeypatch.setattr("eval.peer_measures.WORKER", script)
    with Worker(Path(sys.executable), "fake", SPEC) as worker:
        assert asks(worker)(question("p")) == ("fake", 1.5)
        assert reads(worker, {"a": article("Text.")})(question("p")) == ("Text.", 1.5)
        with pytest.raises(RuntimeError, match="fake ended with exit code 7"):
            worker.do("save")


# --- the table


def test_an_advantage_above_one_is_ours() -> None:
    spread: Any = {"count": 1, "p50": 0.0, "p95": 0.0, "p99": 0.0}

    def by(**medians: float) -> Any:
        return {
            name.replace("_", "-"): {"ms": {**spread, "p50": ms}, "exact_match": 0.5, "f1": 0.625}
            for name, ms in medians.items()
        }

    peers: Peers = {
        "machine": {},  # type: ignore[typeddict-item]
        "articles": 40,
        "passages": 122,
        "asked": 6,
        "ask": by(ours=200, ours_untyped=201, haystack=900, txtai=700, txtai_joined=300),
        "read": None,
        "questions_per_second": {"ours": 8.0, "haystack": 2.0, "txtai": 4.0},
        "cold_ms": {n: {**spread, "p50": ms} for n, ms in (("ours", 1000), ("haystack", 9000))},
        "passages_per_second": {
            "encode": 90.0, "sentence-transformers": 30.0, "ours": 80.0, "haystack": 20.0,
        },
        "memory_mb": {"ours": 500.0, "haystack": 1000.0, "txtai": None},
        "served": {"articles": 10_000, "passages": 30_000},
    }  # fmt: skip
    table = markdown(peers)
    assert "| 6 questions to the collection | 50.0 / 62.5 | 50.0 / 62.5 |" in table
    assert "| warm ask, 10 passages, median ms | 200 | 900 | 4.5x | 700 | 3.5x |" in table
    assert "| questions/s, 16 clients | 8.0 | 2.0 | 4.0x | 4.0 | 2.0x |" in table
    assert "| cold ask in a terminal, median ms | 1,000 | 9,000 | 9.0x | – | – |" in table
    assert "| ingest, passages/s | 80.0 | 20.0 | 4.0x | – | – |" in table
    assert "| resident MB, serving 10,000 articles | 500 | 1,000 | 2.0x | – | – |" in table
    assert "90 passages/s, sentence-transformers' default 30: 3.0 times as many" in table
