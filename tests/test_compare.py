import json
from typing import Any

import pytest
from runs import prediction, run

from eval.compare import compare, require_pairs
from eval.metrics import bootstrap_interval
from eval.records import parse_run
from rag.errors import InputError


def test_the_difference_is_reckoned_pair_by_pair() -> None:
    old = run(prediction("a", 0.0), prediction("b", 1.0), prediction("c", 0.5), prediction("d"))
    new = run(prediction("d"), prediction("c", 0.7), prediction("b", 0.0), prediction("a", 1.0))
    f1 = compare(old, new, "old.json")["measures"]["f1"]
    assert f1["old"] == pytest.approx(2.5 / 4)
    assert f1["new"] == pytest.approx(2.7 / 4)
    assert f1["difference"] == pytest.approx(0.2 / 4)
    assert (f1["questions"], f1["won"], f1["lost"], f1["tied"]) == (4, 2, 1, 1)
    paired = bootstrap_interval([0.0, 0.7 - 0.5, -1.0, 1.0])
    assert f1["interval_95"] == pytest.approx(paired)


def test_a_run_against_itself_is_tied() -> None:
    same = run(prediction("a", 0.0), prediction("b"))
    comparison = compare(same, same, "same.json")
    assert comparison["changed"] == []
    for difference in comparison["measures"].values():
        assert difference["difference"] == difference["won"] == difference["lost"] == 0
        assert difference["interval_95"] == [0, 0]


def test_questions_without_a_pair_are_counted_and_left_out() -> None:
    old = run(prediction("a"), prediction("b"), prediction("reworded", question="What?"))
    new = run(prediction("a"), prediction("reworded"), prediction("c"), prediction("d"))
    comparison = compare(old, new, "old.json")
    assert comparison["questions"] == comparison["measures"]["f1"]["questions"] == 1
    assert (comparison["only_old"], comparison["only_new"]) == (2, 3)


def test_other_gold_answers_are_counted() -> None:
    old = run(prediction("a", answers=["Ann", "Bob"]), prediction("b", answers=["Ann", "Bob"]))
    new = run(prediction("a", answers=["Bob", "Ann"]), prediction("b", answers=["Bob"]))
    assert compare(old, new, "old.json")["gold_changed"] == 1


def test_recall_is_compared_where_both_runs_say_where_the_gold_stood() -> None:
    old = run(prediction("a", gold_rank=None), prediction("b", gold_rank=11))
    new = run(prediction("a", gold_rank=10), prediction("b", gold_rank=11))
    recall = compare(old, new, "old.json")["measures"]["recall@10"]
    assert (recall["old"], recall["new"], recall["won"]) == (0, 1 / 2, 1)
    del old["predictions"][0]["gold_rank"]
    assert compare(old, new, "old.json")["measures"]["recall@10"]["questions"] == 1
    assert "recall@10" not in compare(old, new | {"mode": "reader"}, "old.json")["measures"]


def test_runs_of_retrieval_compare_only_recall() -> None:
    nothing = {"f1": None, "forced_f1": None, "exact_match": None, "prediction": None}
    old = run(prediction("a", **nothing, gold_rank=None), mode="retrieval")
    new = run(prediction("a", **nothing, gold_rank=3), mode="retrieval")
    comparison = compare(old, new, "old.json")
    assert list(comparison["measures"]) == ["recall@10"]
    change = comparison["changed"][0]
    assert (change["old"], change["new"]) == ("(not found)", "(found at place 3)")


def test_what_changed_most_comes_first_and_each_question_once() -> None:
    old = run(prediction("won"), prediction("little"), prediction("lost"), prediction("same"))
    old["predictions"][0].update(f1=0.0, exact_match=0.0, forced_f1=0.0)
    old["predictions"][1].update(f1=0.7, exact_match=0.0, forced_f1=0.7)
    new = run(prediction("won"), prediction("little"), prediction("lost", 0.0), prediction("same"))
    changed = compare(old, new, "old.json")["changed"]
    assert [change["id"] for change in changed] == ["lost", "won", "little"]
    assert [change["difference"] for change in changed] == [-1, 1, pytest.approx(0.3)]
    assert (changed[0]["old"], changed[0]["new"]) == ("said 1.0", "said 0.0")


def test_a_change_of_the_candidate_alone_is_told() -> None:
    held_back = {"prediction": None, "exact_match": 0.0}
    old = run(prediction("a", 0.0, **held_back, candidate="Bob") | {"forced_f1": 0.0})
    new = run(prediction("a", 0.0, **held_back, candidate="Ann") | {"forced_f1": 1.0})
    change = compare(old, new, "old.json")["changed"][0]
    assert (change["measure"], change["difference"]) == ("forced_f1", 1)
    assert (change["old"], change["new"]) == ("(not given: Bob)", "(not given: Ann)")


def test_runs_of_other_gold_are_refused_by_name() -> None:
    old, new = run(prediction("a"), prediction("b")), run(prediction("c"))
    with pytest.raises(InputError, match=r"old\.json: none of its 2 .*'a'.* the 1 here .*'c'"):
        compare(old, new, "old.json")
    with pytest.raises(InputError, match=r"none of its 2"):
        require_pairs(old, [("c", "c?")], "old.json")
    with pytest.raises(InputError, match="none at all"):
        compare(old, run(), "old.json")


def test_a_run_survives_its_json() -> None:
    before = run(prediction("a"), prediction("b", None), gold="gold.jsonl")
    before["comparison"] = compare(before, before, "before.json")
    assert parse_run(json.dumps(before), "run.json") == before


@pytest.mark.parametrize("text", ["", "{", '{"id": "1"}\n{"id": "2"}', "[]", '{"data": []}'])
def test_what_is_no_run_is_left_to_others(text: str) -> None:
    assert parse_run(text, "gold.jsonl") is None


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"mode": "oracle"}, "mode"),
        ({"questions": 2}, "2 questions, but 1 predictions"),
        ({"predictions": [{"id": "a"}]}, r"predictions\.0\.question"),
        ({"f1": "high"}, "f1"),
    ],
)
def test_a_damaged_run_is_refused_by_name(damage: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=rf"run\.json: a damaged run \(.*{told}"):
        parse_run(json.dumps(run(prediction("a")) | damage), "run.json")
