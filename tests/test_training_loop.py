"""A run lowers the loss, and one that was interrupted goes on as if nothing had happened."""

import json
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny import example, tiny_model, tiny_tokenizer

from rag.errors import InputError
from rag.training.examples import Example
from rag.training.loop import Recipe, Trainer, has_bf16, learning_rate

CPU = torch.device("cpu")
RECIPE = Recipe(
    epochs=3.0, learning_rate=3e-3, batch_tokens=128, max_length=32, stride=8, warmup=0.1
)
EXAMPLES = [
    example(
        f"Who {verb} {number}?",
        f"{'rain ' * (number * 7 % 30)}snow {verb} {'wind ' * number}",
        ["snow"] if number % 4 else [],
        id=str(number),
    )
    for number in range(6)
    for verb in ("won", "lost")
]


def make_trainer(folder: Path, recipe: Recipe = RECIPE, seed: int = 0) -> Trainer:
    """A run from a model whose weights depend on the seed."""
    return Trainer(folder, tiny_model(seed), tiny_tokenizer(), EXAMPLES, recipe, CPU)


def losses(trainer: Trainer, updates: int | None = None) -> list[float]:
    """Of so many updates, after which the run is interrupted; else of all to the end."""
    with closing(trainer.run()) as run:
        return [progress.loss for progress in islice(run, updates)]


# --- the learning rate


@pytest.mark.parametrize(
    ("warmup", "decay", "done", "expected"),
    [
        # Up over a tenth, level, down over the last fifth.
        (0.1, 0.2, 0.0, 0.0),
        (0.1, 0.2, 0.05, 0.5),
        (0.1, 0.2, 0.1, 1.0),
        (0.1, 0.2, 0.5, 1.0),
        (0.1, 0.2, 0.8, 1.0),
        (0.1, 0.2, 0.95, 0.25),
        (0.1, 0.2, 1.0, 0.0),
        (0.1, 0.2, 1.01, 0.0),
        # Without warm-up, without decay, and with both at once.
        (0.0, 0.5, 0.0, 1.0),
        (0.5, 0.0, 1.0, 1.0),
        (1.0, 1.0, 0.25, 0.25),
        (1.0, 1.0, 0.75, 0.25),
    ],
)
def test_learning_rate(warmup: float, decay: float, done: float, expected: float) -> None:
    recipe = Recipe(learning_rate=2.0, warmup=warmup, decay=decay)
    assert learning_rate(recipe, done) == pytest.approx(2 * expected)


# --- a whole run


def test_a_run_lowers_the_loss(tmp_path: Path) -> None:
    found = losses(make_trainer(tmp_path, replace(RECIPE, epochs=12)))
    assert sum(found[-5:]) < 0.5 * sum(found[:5])


def test_progress_goes_through_all_questions(tmp_path: Path) -> None:
    reports = list(make_trainer(tmp_path).run())
    assert {report.total for report in reports} == {36}
    seen = [report.seen for report in reports]
    assert seen == sorted(set(seen))
    assert (seen[0] > 0, seen[-1]) == (True, 36)
    assert all(report.tokens_per_second > 0 for report in reports)


def test_a_part_of_an_epoch_may_be_asked_for(tmp_path: Path) -> None:
    for epochs, total in [(0.5, 6), (0.01, 1)]:
        recipe = replace(RECIPE, epochs=epochs)
        reports = list(make_trainer(tmp_path / str(epochs), recipe).run())
        assert (reports[-1].seen, reports[-1].total) == (total, total)


def test_word_embeddings_stay_and_all_else_learns(tmp_path: Path) -> None:
    before = tiny_model().tensors()
    losses(make_trainer(tmp_path))
    after = load_file(tmp_path / "checkpoint" / "model.safetensors")
    kept = {name for name, tensor in after.items() if torch.equal(tensor, before[name])}
    assert kept == {"bert.embeddings.word_embeddings.weight"}


def test_two_half_batches_accumulated_are_one_batch(tmp_path: Path) -> None:
    alike = [example("Who won?", "snow won", ["snow"], id=str(n)) for n in range(8)]
    size = len(tiny_tokenizer().encode("Who won?", "snow won").ids)
    found = []
    for batch, accumulate in [(4, 1), (2, 2)]:
        recipe = replace(RECIPE, batch_tokens=batch * size, accumulate=accumulate)
        model = tiny_model(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
        folder = tmp_path / str(accumulate)
        trainer = Trainer(folder, model, tiny_tokenizer(), alike, recipe, CPU)
        found.append([(report.seen, report.loss) for report in trainer.run()])
    whole, halves = found
    assert [seen for seen, _ in whole] == [seen for seen, _ in halves] == list(range(4, 25, 4))
    assert [loss for _, loss in halves] == pytest.approx([loss for _, loss in whole], rel=0.02)


# --- going on


@pytest.mark.parametrize("updates", [1, 7])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path: Path, updates: int) -> None:
    expected = losses(make_trainer(tmp_path / "whole"))
    found = losses(make_trainer(tmp_path / "parts"), updates)
    # Whatever the weights and random numbers are before the checkpoint is read.
    resumed = make_trainer(tmp_path / "parts", seed=7)
    assert resumed.updates == updates
    assert found + losses(resumed) == expected
    for name in ("model.safetensors", "optimizer.safetensors", "state.json"):
        whole, parts = (tmp_path / run / "checkpoint" / name for run in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    recipe = replace(RECIPE, checkpoint_minutes=0.0)
    expected = []
    for report in make_trainer(tmp_path / "whole", recipe).run():
        expected.append(report.loss)
        if len(expected) == 5:  # the checkpoint after this update is not written yet
            shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    resumed = make_trainer(tmp_path / "killed", recipe)
    assert resumed.updates == 4
    assert losses(resumed) == expected[4:]


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path) -> None:
    losses(make_trainer(tmp_path))
    before = (tmp_path / "checkpoint" / "model.safetensors").read_bytes()
    assert losses(make_trainer(tmp_path, seed=7)) == []
    assert (tmp_path / "checkpoint" / "model.safetensors").read_bytes() == before


def test_a_checkpoint_leaves_nothing_else_in_the_folder(tmp_path: Path) -> None:
    losses(make_trainer(tmp_path), 2)
    losses(make_trainer(tmp_path), 2)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_a_run_killed_between_the_renames_goes_on(tmp_path: Path) -> None:
    losses(make_trainer(tmp_path), 3)
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    assert make_trainer(tmp_path).updates == 3


def test_a_run_killed_at_the_renames_twice_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses(make_trainer(tmp_path), 3)
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    trainer = make_trainer(tmp_path)

    def killed(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        trainer.save()
    assert make_trainer(tmp_path).updates == 3


def test_an_update_cut_short_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = losses(make_trainer(tmp_path / "whole"))
    found = losses(make_trainer(tmp_path / "cut"), 3)
    trainer = make_trainer(tmp_path / "cut")
    step = torch.optim.AdamW.step

    def cut_short(*arguments: Any) -> None:
        step(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", cut_short)
    with pytest.raises(KeyboardInterrupt):
        losses(trainer)
    monkeypatch.undo()
    assert found + losses(make_trainer(tmp_path / "cut")) == expected


@pytest.mark.parametrize(
    ("recipe", "examples", "told"),
    [
        (replace(RECIPE, seed=5), EXAMPLES, "seed 0, now 5"),
        (replace(RECIPE, epochs=2.0, stride=4), EXAMPLES, "epochs 3.0, now 2.0, stride 8, now 4"),
        (RECIPE, EXAMPLES[:-2], "12 examples, now 10"),
        (RECIPE, EXAMPLES[::-1], "other questions or negatives"),
    ],
)
def test_another_run_does_not_go_on_in_the_same_folder(
    tmp_path: Path, recipe: Recipe, examples: Sequence[Example], told: str
) -> None:
    losses(make_trainer(tmp_path), 1)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path} holds another run ({told})")):
        Trainer(tmp_path, tiny_model(), tiny_tokenizer(), examples, recipe, CPU)


def test_a_run_of_an_older_version_says_what_its_recipe_lacks(tmp_path: Path) -> None:
    losses(make_trainer(tmp_path), 1)
    path = tmp_path / "checkpoint" / "state.json"
    state = json.loads(path.read_text())
    del state["recipe"]["stride"]
    path.write_text(json.dumps(state))
    with pytest.raises(InputError, match="stride None, now 8"):
        make_trainer(tmp_path)


# --- bf16


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, False),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"arm_bf16": True}, True),
    ],
)
def test_bf16_is_used_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_bf16(CPU) is expected
    assert has_bf16(torch.device("meta")) is False


@pytest.mark.parametrize("able", [False, True])
def test_training_works_with_and_without_bf16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    trainer = make_trainer(tmp_path)
    assert len(losses(trainer, 3)) == 3
    saved = load_file(tmp_path / "checkpoint" / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
