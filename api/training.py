"""The `train` command: gold files in, a reader in a folder out."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

from api.progress import progress_bar, say
from embeddings.encoder import DEFAULT_ENCODER, packaged_model_folder
from embeddings.runtime import quiet, usable_cores
from eval.examples import dev_questions, find_among, training_examples
from eval.gold import Question, load_gold
from eval.metrics import exact_match, f1, mean
from rag.checkpoint import DEFAULT_READER, checkpoint_folder, checkpoint_tokenizer, packaged_model
from rag.counted import counted
from rag.engine import Dateline
from rag.errors import InputError
from rag.formats import read_articles
from rag.network import ReaderModel
from rag.reader import ExtractiveReader, ReaderConfig
from rag.settings import Settings
from rag.training.dev import TorchRunner
from rag.training.examples import Example, unanswerable_twins
from rag.training.loop import Progress, Recipe, Trainer, has_bf16
from rag.training.prepare import OnProgress, collect, mine
from rag.types import Article, Passage, Skipped

_ANSWER_TOKENS = 25


Dev = tuple[Question, Article]
"""A question to measure on, and the article to read for it."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for; `negatives` and `twins` are shares of the questions."""

    gold: Sequence[Path]
    out: Path
    articles: Sequence[str]
    dev: Sequence[Path]
    negatives: float
    twins: float
    device: str
    recipe: Recipe


def run_training(settings: Settings, wanted: Wanted) -> None:
    """Train to the end, or until Ctrl-C: the same command then goes on where it stopped."""
    device = _device(wanted.device)
    torch.set_num_threads(usable_cores())
    torch.manual_seed(wanted.recipe.seed)  # for heads that a base does not bring
    with quiet():
        model, tokenizer = _load_base(wanted.recipe.base)
    examples, dev = _load(settings, wanted)
    try:
        wanted.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {wanted.out}: {error.strerror}") from error
    examples = _prepare(settings, wanted, examples)
    hard, silent = sum(bool(e.negatives) for e in examples), sum(not e.spans for e in examples)
    say(
        f"{counted(len(examples), 'question')}: {hard} with a hard negative, "
        f"{silent} without an answer"
    )
    trainer = Trainer(wanted.out, model, tokenizer, examples, wanted.recipe, device)
    if trainer.updates:
        say(f"going on after {counted(trainer.updates, 'update')}")
    config = ReaderConfig(wanted.recipe.max_length, wanted.recipe.stride, _ANSWER_TOKENS)
    reader = ExtractiveReader(
        TorchRunner(model, device, has_bf16(device)), tokenizer, config, "training"
    )
    before = trainer.updates
    try:
        _train(trainer, reader, dev, wanted.recipe.checkpoint_minutes)
    except KeyboardInterrupt:
        done = counted(trainer.updates, "update")
        say(f"interrupted after {done}; the same command goes on from there")
        raise
    if trainer.updates == before and (wanted.out / "reader").exists():
        say(f"{wanted.out} was done: its reader stays as it is")
        return
    _save(wanted.out / "reader", model, tokenizer, config)
    say(f"wrote {wanted.out / 'reader'}: ask it with DATELINE_READER={wanted.out / 'reader'}")
    say("its confidence is not fitted yet: dateline calibrate does that")


def _train(
    trainer: Trainer,
    reader: ExtractiveReader,
    dev: Sequence[Dev],
    minutes: float,
) -> None:
    # Closed at once on Ctrl-C: that is when the run writes its last checkpoint.
    with ExitStack() as stack:
        progress = stack.enter_context(progress_bar("questions"))
        task = progress.add_task("Training", total=None)
        losses: list[float] = []
        reported = time.monotonic()
        for step in stack.enter_context(closing(trainer.run())):
            losses.append(step.loss)
            progress.update(
                task,
                total=step.total,
                completed=step.seen,
                description=f"Training, loss {mean(losses[-100:]):.2f}",
            )
            if time.monotonic() - reported > 60 * minutes:
                progress.console.print(_report(step, losses, reader, dev), highlight=False)
                losses.clear()
                reported = time.monotonic()
    say(f"trained{_dev_figures(reader, dev)}")


def _report(
    step: Progress,
    losses: Sequence[float],
    reader: ExtractiveReader,
    dev: Sequence[Dev],
) -> str:
    return (
        f"{step.seen}/{step.total} questions, loss {mean(losses):.3f}, "
        f"{step.tokens_per_second:.0f} tokens/s{_dev_figures(reader, dev)}"
    )


def _dev_figures(reader: ExtractiveReader, dev: Sequence[Dev]) -> str:
    """The best span of each article against its gold answers, whatever its confidence."""
    if not dev:
        return ""
    exact, overlap = [], []
    for question, article in dev:
        spans = reader.read(question.question, [Passage(article, 0, len(article.text))])
        text = spans[0].text if spans else ""
        exact.append(exact_match(text, question.answers))
        overlap.append(f1(text, question.answers))
    return f"; dev exact match {mean(exact):.3f}, F1 {mean(overlap):.3f}"


# --- questions and articles


def _load(settings: Settings, wanted: Wanted) -> tuple[list[Example], list[Dev]]:
    """What to learn and what to measure on, with a line for each file."""
    golds = {file: load_gold(file, unique=False) for file in (*wanted.gold, *wanted.dev)}
    with ExitStack() as stack:
        if wanted.articles or all(gold.articles for gold in golds.values()):
            find = find_among(_read(wanted.articles))
        else:
            find = stack.enter_context(Dateline.open(settings)).find_articles
        examples: list[Example] = []
        for file in wanted.gold:
            learned = training_examples(golds[file], str(file), find)
            asked = counted(len(golds[file].questions), "question")
            say(f"{file}: {asked}, {counted(len(learned), 'example')}")
            examples += learned
        dev = [pair for file in wanted.dev for pair in dev_questions(golds[file], str(file), find)]
    if not any(example.spans for example in examples):
        raise InputError("no question has an answer: there is nothing to learn to mark")
    return examples, dev


def _read(paths: Sequence[str]) -> list[Article]:
    articles = []
    for article in read_articles(paths):
        if isinstance(article, Skipped):
            raise InputError(f"{article.where}: {article.reason}")
        articles.append(article)
    return articles


def _prepare(settings: Settings, wanted: Wanted, examples: list[Example]) -> list[Example]:
    seed = wanted.recipe.seed
    twins = unanswerable_twins(examples, wanted.twins, seed)
    if wanted.negatives:
        at = settings.apart(wanted.out / "collection")
        with Dateline.open(at, create=True) as engine:
            with _progress("articles", "Ingesting", len({e.article.id for e in examples})) as done:
                collect(engine, examples, done)
            with _progress("questions", "Looking for negatives", len(examples)) as done:
                examples = mine(engine, examples, wanted.negatives, seed, wanted.out, done)
    return examples + twins


@contextmanager
def _progress(unit: str, description: str, total: int) -> Iterator[OnProgress]:
    with progress_bar(unit) as progress:
        task = progress.add_task(description, total=total)
        yield lambda more: progress.advance(task, more)


# --- models


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU here; leave it out to train on the CPU")
    return torch.device(name)


def _load_base(name: str) -> tuple[ReaderModel, Tokenizer]:
    if name in (DEFAULT_READER, DEFAULT_ENCODER):
        folder = packaged_model_folder()
        model = (
            packaged_model() if name == DEFAULT_READER else ReaderModel.load(folder, new_heads=True)
        )
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        folder = checkpoint_folder(name)
        model = ReaderModel.load(folder, new_heads=True)
        tokenizer = checkpoint_tokenizer(folder)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return model, tokenizer


def _save(folder: Path, model: ReaderModel, tokenizer: Tokenizer, config: ReaderConfig) -> None:
    """The reader's folder, whole or not at all."""
    partial = folder.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save(partial)
    tokenizer.save(str(partial / "tokenizer.json"))
    config.save(partial / "dateline.json")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
