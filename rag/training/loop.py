"""Fine-tune a reader: the loop, its checkpoints, and going on from one."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from rag.errors import InputError
from rag.network import ReaderModel
from rag.training.examples import Example
from rag.training.features import Batch, Windows
from rag.training.loss import reader_loss

_CHECKPOINT = "checkpoint"
_BETAS = (0.9, 0.98)
_WEIGHT_DECAY = 0.01
_CLIP = 1.0


@dataclass(frozen=True)
class Recipe:
    """What to begin with, and how to train.

    Lengths are in tokens; `warmup` and `decay` are shares of the whole run.

    The learning rate rises linearly over `warmup`, stays, and falls linearly to zero over
    `decay` (Hägele et al., 2024).
    """

    base: str = "dateline-reader"
    seed: int = 0
    epochs: float = 2.0
    learning_rate: float = 1e-4
    batch_tokens: int = 4096
    accumulate: int = 1
    warmup: float = 0.03
    decay: float = 0.6
    max_length: int = 256
    stride: int = 96
    checkpoint_minutes: float = 5.0


@dataclass(frozen=True)
class Progress:
    """After an update: questions seen of all, its loss, and how fast it was."""

    seen: int
    total: int
    loss: float
    tokens_per_second: float


def learning_rate(recipe: Recipe, done: float) -> float:
    """The rate when the share `done` of the run, 0..1, is behind."""
    rise = min(1.0, done / recipe.warmup) if recipe.warmup else 1.0
    fall = min(1.0, (1.0 - done) / recipe.decay) if recipe.decay else 1.0
    return recipe.learning_rate * max(0.0, min(rise, fall))


class Trainer:
    """One run in one folder. Begun anew, or exactly where its last checkpoint left it."""

    def __init__(
        self,
        folder: Path,
        model: ReaderModel,
        tokenizer: Tokenizer,
        examples: Sequence[Example],
        recipe: Recipe,
        device: torch.device,
    ) -> None:
        """The word embeddings stay as they are: they are most of a small model, and a packaged
        reader shares them with the encoder. Raises InputError if the folder holds another run.
        """
        self._folder = folder
        self._model = model.to(device)
        self._windows = Windows(tokenizer, recipe.max_length, recipe.stride)
        self._examples = examples
        self._recipe = recipe
        self._device = device
        self._bf16 = has_bf16(device)
        model.spans.get_input_embeddings().requires_grad_(False)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = (
                    0.0  # it costs a CPU half the time again, and gains a small model nothing
                )
        self._trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        matrices: list[torch.Tensor] = [p for p in self._trained.values() if p.ndim > 1]
        vectors: list[torch.Tensor] = [p for p in self._trained.values() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": matrices},
            {"params": vectors, "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(
            groups,
            lr=recipe.learning_rate,
            betas=_BETAS,
            weight_decay=_WEIGHT_DECAY,
            fused=True,
        )
        self._content = _digest(examples)
        self.updates = 0
        self._torn = False
        self._resume()

    def run(self) -> Generator[Progress, None, None]:
        """Train to the end, with a report after each update; checkpoints on the way.

        Closing the iterator (or Ctrl-C) writes a checkpoint: nothing is lost. Only if Ctrl-C
        cuts the optimizer's step itself, the checkpoint before stands.
        """
        recipe = self._recipe
        total = max(1, int(recipe.epochs * len(self._examples)))
        self._model.train()
        saved = time.monotonic()
        try:
            for before, seen, batches in islice(self._updates(total), self.updates, None):
                began = time.perf_counter()
                loss = self._update(batches, learning_rate(recipe, before / total))
                spent = time.perf_counter() - began
                tokens = sum(batch.ids.numel() for batch in batches)
                yield Progress(min(seen, total), total, loss, tokens / spent)
                if time.monotonic() - saved > 60 * recipe.checkpoint_minutes:
                    self.save()
                    saved = time.monotonic()
        finally:
            if not self._torn:
                self.save()

    def _updates(self, total: int) -> Iterator[tuple[int, int, list[Batch]]]:
        """(questions seen before, and after, the batches of one update) until `total` were seen."""
        recipe = self._recipe
        pending: list[Batch] = []
        before = 0
        epoch = 0
        while True:
            past = epoch * len(self._examples)
            for seen, batch in self._windows.batches(
                self._examples, recipe.seed, epoch, recipe.batch_tokens
            ):
                pending.append(batch)
                if len(pending) == recipe.accumulate:
                    yield before, past + seen, pending
                    pending = []
                    before = past + seen
                    if before >= total:
                        return
            epoch += 1

    def _update(self, batches: Sequence[Batch], rate: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad()
        total = 0.0
        for batch in batches:
            batch = batch.to(self._device)
            with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16):
                start, end, relevance = self._model(batch.ids, batch.mask, batch.types)
            loss = reader_loss(batch, start.float(), end.float(), relevance.float())
            torch.autograd.backward(loss / len(batches))
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self._trained.values(), _CLIP)
        self._torn = True
        self._optimizer.step()
        self.updates += 1
        self._torn = False
        return total / len(batches)

    # --- checkpoints

    def save(self) -> None:
        """Everything that going on needs, in place of the last checkpoint."""
        temporary = self._folder / f"{_CHECKPOINT}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        self._model.save(temporary)
        save_file(self._optimizer_tensors(), temporary / "optimizer.safetensors")
        state = {**self._identity(), "updates": self.updates}
        (temporary / "state.json").write_text(json.dumps(state, indent=1) + "\n")
        target = self._folder / _CHECKPOINT
        old = self._folder / f"{_CHECKPOINT}.old"
        if target.exists():  # else .old is the last one, after a kill between the two renames
            shutil.rmtree(old, ignore_errors=True)
            os.replace(target, old)
        os.replace(temporary, target)
        shutil.rmtree(old, ignore_errors=True)

    def _identity(self) -> dict[str, Any]:
        """What must be the same for going on to be the same run."""
        recipe = asdict(self._recipe)
        del recipe["checkpoint_minutes"]
        return {"recipe": recipe, "examples": len(self._examples), "content": self._content}

    def _optimizer_tensors(self) -> dict[str, torch.Tensor]:
        state = self._optimizer.state
        return {
            f"{name}.{key}": value.contiguous()
            for name, parameter in self._trained.items()
            for key, value in state[parameter].items()
        }

    def _resume(self) -> None:
        for name in (_CHECKPOINT, f"{_CHECKPOINT}.old"):  # a kill between two renames leaves .old
            path = self._folder / name
            if (path / "state.json").exists():
                break
        else:
            return
        state = json.loads((path / "state.json").read_text())
        for key, now in self._identity().items():
            if state[key] != now:
                raise InputError(
                    f"{self._folder} holds another run ({_differences(state[key], now)}): give the "
                    "same files and options to go on with it, or another --out"
                )
        self.updates = state["updates"]
        missing = self._model.load_tensors(load_file(path / "model.safetensors"))
        if missing:
            raise InputError(f"{path} lacks {missing[0]}: remove the folder to begin again")
        saved = load_file(path / "optimizer.safetensors")
        for name, parameter in self._trained.items():
            values: dict[str, Any] = {}
            for key in ("step", "exp_avg", "exp_avg_sq"):
                if f"{name}.{key}" in saved:
                    values[key] = saved[f"{name}.{key}"].to(self._device)
            if values:
                self._optimizer.state[parameter] = values


def _digest(examples: Sequence[Example]) -> str:
    """Tells runs apart that have the same options and other questions or negatives."""
    digest = hashlib.sha256()
    for example in examples:
        negatives = [(p.article.id, p.start, p.end) for p in example.negatives]
        digest.update(repr((example.id, example.question, example.spans, negatives)).encode())
    return digest.hexdigest()


def _differences(before: object, now: object) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        return ", ".join(
            f"{k} {before.get(k)}, now {now[k]}" for k in now if before.get(k) != now[k]
        )
    if isinstance(now, int):
        return f"{before} examples, now {now}"
    return "other questions or negatives"


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 is computed in hardware: emulated, it is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(
        able.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16")
    )
