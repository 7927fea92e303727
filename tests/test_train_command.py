"""The train and calibrate commands: what they take, refuse and leave behind."""

import json
from pathlib import Path

import pytest

from api.lab import calibrate
from api.training import Wanted, run_training
from rag.errors import InputError
from rag.settings import Settings
from rag.training.loop import Recipe

ARTICLES = [
    {"id": "ferry", "text": "The ferry Skerry Dawn sank on Tuesday off Port Ellan. Nobody died."},
    {"id": "treaty", "text": "Velmora and Ostrand signed the water treaty in Lake Serrin."},
]
GOLD = [
    {"id": "1", "question": "When did it sink?", "answers": ["Tuesday"], "docs": ["ferry"]},
    {"id": "2", "question": "Who signed?", "answers": ["Velmora and Ostrand"], "docs": ["treaty"]},
    {"id": "3", "question": "Who paid?", "answers": [], "docs": ["treaty"]},
]


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def articles(tmp_path: Path) -> str:
    return str(lines(tmp_path / "articles.jsonl", ARTICLES))


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    return lines(tmp_path / "gold.jsonl", GOLD)


def wanted(gold: Path, out: Path, articles: list[str], *, dev: bool = False) -> Wanted:
    recipe = Recipe(epochs=1.0, batch_tokens=256)
    return Wanted([gold], out, articles, [gold] if dev else [], 0.0, 0.0, "cpu", recipe)


@pytest.mark.real
def test_a_reader_is_trained_and_the_same_command_finds_it_done(
    gold: Path, articles: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    run_training(Settings(), wanted(gold, out, [articles], dev=True))
    said = capsys.readouterr().err
    assert "3 questions: 0 with a hard negative, 1 without an answer" in said
    assert "dev exact match" in said
    names = {path.name for path in (out / "reader").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "dateline.json"}
    weights = (out / "reader" / "model.safetensors").read_bytes()

    run_training(Settings(), wanted(gold, out, [articles]))
    assert "was done: its reader stays" in capsys.readouterr().err
    assert (out / "reader" / "model.safetensors").read_bytes() == weights


@pytest.mark.real
def test_gold_whose_articles_nobody_brought_is_refused(gold: Path, tmp_path: Path) -> None:
    other = str(lines(tmp_path / "other.jsonl", [{"id": "else", "text": "Another article."}]))
    with pytest.raises(InputError, match=r"none of its 3 questions .*--articles"):
        run_training(Settings(), wanted(gold, tmp_path / "run", [other]))


def test_a_gpu_that_is_not_there_is_refused(
    gold: Path, articles: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    asked = wanted(gold, tmp_path / "run", [articles])
    asked = Wanted(**{**vars(asked), "device": "cuda"})
    with pytest.raises(InputError, match="no GPU here"):
        run_training(Settings(), asked)


def test_a_folder_that_cannot_be_made_is_named(gold: Path, articles: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot make the folder"):
        run_training(Settings(), wanted(gold, tmp_path / "file" / "run", [articles]))


def test_calibrating_asks_which_reader(gold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATELINE_READER", raising=False)
    with pytest.raises(InputError, match="which reader"):
        calibrate([gold])
