"""Run a transformer on a plain CPU without importing torch.

A model is exported to ONNX and quantised to int8 once, when it is first used, and kept in the
cache folder under a hash of its files; from then on only tokenizers and onnxruntime are loaded.
"""

import hashlib
import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import platformdirs
from numpy.typing import NDArray

# Its wheels report to their maker from 1.29 on, and only this, set before the import, stops that.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

if TYPE_CHECKING:
    import torch

logger = logging.getLogger("dateline")

T = TypeVar("T")
R = TypeVar("R")

EXPORT_RECIPE = "onnx-opset17-int8-per-token-1"
"""Part of the hash of a cached model: change it when `_export` changes."""

# Encoder and reader may be loaded by two threads; torch exports one model at a time.
_exporting = threading.Lock()

BATCH_TOKENS = 256
"""Tokens that go through a model together, padding counted."""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def cache_folder() -> Path:
    """DATELINE_CACHE_DIR, or the platform's cache folder."""
    chosen = os.environ.get("DATELINE_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("dateline")


def files_hash(files: Sequence[Path]) -> str:
    """Hexadecimal SHA-256 over the names and bytes of some files."""
    digest = hashlib.sha256()
    for name, own in sorted((path.name.encode(), _file_hash(path)) for path in files):
        digest.update(name + own)
    return digest.hexdigest()


def _file_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _known_hash(files: Sequence[Path], folder: Path) -> str:
    """`files_hash`, remembered in the folder under where the files lie, their sizes and times.

    To read a model of 90 MB takes as long as everything else that a question needs of it.
    """
    stamps = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(files)]
    remembered = folder / f"{hashlib.sha256(repr(stamps).encode()).hexdigest()[:20]}.sha256"
    with suppress(OSError):
        known = remembered.read_text()
        if len(known) == hashlib.sha256().digest_size * 2:
            return known
    found = files_hash(files)
    with suppress(OSError):  # a folder that cannot be written is told where it matters
        folder.mkdir(parents=True, exist_ok=True)
        remembered.write_text(found)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Loading and exporting draw bars, warn of deprecations and log at the root: not for users."""
    from transformers.utils.logging import disable_progress_bar, enable_progress_bar

    previous = logging.root.manager.disable
    disable_progress_bar()  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(previous)
            enable_progress_bar()  # type: ignore[no-untyped-call]


def _export(
    build: Callable[[], "torch.nn.Module"], outputs: Sequence[str], quantize: bool, path: Path
) -> None:
    import torch

    from embeddings.quantization import quantize as quantize_model

    ids = torch.ones((2, 16), dtype=torch.long)
    with quiet(), tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / "exact.onnx" if quantize else path
        with torch.no_grad():
            torch.onnx.export(
                build().eval(),
                (ids, torch.ones_like(ids), torch.zeros_like(ids)),
                str(exact),
                input_names=list(INPUTS),
                output_names=list(outputs),
                dynamic_axes={
                    **{name: {0: "batch", 1: "length"} for name in INPUTS},
                    **{name: {0: "batch"} for name in outputs},
                },
                opset_version=17,
                dynamo=False,
            )
        if quantize:
            quantize_model(exact, path)


def install(
    name: str,
    files: Sequence[Path],
    outputs: Sequence[str],
    build: Callable[[], "torch.nn.Module"],
    quantize: bool = True,
) -> Path:
    """Path of the ONNX form of a model, exported now if the cache does not hold it yet.

    `files` are what the model is made of (their hash is the cache key) and `build` loads it as a
    module that maps `INPUTS`, each (batch, length) int64, to `outputs`.
    """
    precision = "int8" if quantize else "fp32"
    folder = cache_folder() / "models"
    made_of = f"{EXPORT_RECIPE} {' '.join(outputs)} {_known_hash(files, folder)}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:20]
    target = folder / f"{key}-{precision}.onnx"
    if not target.exists():
        logger.info("preparing %s for this machine (once, a few seconds)", name)
        folder.mkdir(parents=True, exist_ok=True)
        with _exporting, tempfile.TemporaryDirectory(dir=folder) as temporary:
            exported = Path(temporary) / target.name
            _export(build, outputs, quantize, exported)
            os.replace(exported, target)
    return target


def usable_cores() -> int:
    """Cores this process may run on; at most OMP_NUM_THREADS, which schedulers such as Ray set."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    lent = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(lent)) if lent.isdecimal() and int(lent) else cores


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="dateline-model")


def in_parallel(work: Callable[[T], R], portions: Sequence[T]) -> list[R]:
    """What `work` gives of each portion, in their order; as many at once as there are cores, for
    all callers together. A single portion is the caller's own work."""
    if len(portions) == 1:
        return [work(portions[0])]
    return list(_threads().map(work, portions))


def pad(
    sequences: Sequence[tuple[Sequence[int], Sequence[int]]], pad_id: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """`INPUTS` for some (token ids, token types), each (len(sequences), length of the longest)."""
    shape = (len(sequences), max(len(ids) for ids, _ in sequences))
    padded = np.full(shape, pad_id, dtype=np.int64)
    mask, padded_types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for row, (ids, types) in enumerate(sequences):
        padded[row, : len(ids)], mask[row, : len(ids)] = ids, 1
        padded_types[row, : len(ids)] = types
    return padded, mask, padded_types


def sums_exactly(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor is known to have VNNI, which adds int8 products in 32 bits.

    Others add pairs of them in 16 bits, where ours overflow.
    """
    with suppress(OSError), cpuinfo.open() as lines:
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
        return not {"avx512_vnni", "avx_vnni"}.isdisjoint(flags)
    return False


def session_options() -> onnxruntime.SessionOptions:
    """One thread, and int8 products that are exact on any processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not sums_exactly():
        # Takes a kernel that is exact and takes twice as long; the runtime would, on x86, also
        # with VNNI. On other processors it changes nothing.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


class OnnxModel:
    """An ONNX session over token ids. Safe to use from several threads.

    A batch is computed by the thread that asks for it: cores that share a batch this small wait
    for one another at every layer, and spin as they wait, while those with a batch each do not.
    """

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(
            path, session_options(), providers=["CPUExecutionProvider"]
        )
        self._inputs = {node.name for node in self._session.get_inputs()}

    def run(self, encodings: Sequence[Any], pad_id: int = 0) -> list[NDArray[np.float32]]:
        """All outputs for a padded batch of `tokenizers.Encoding`, each (len(encodings), ...)."""
        arrays = pad([(encoding.ids, encoding.type_ids) for encoding in encodings], pad_id)
        feed = dict(zip(INPUTS, arrays, strict=True))
        # An export drops inputs its model does not use (RoBERTa has no token types).
        return list(self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs}))


def length_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indices in batches of similar length: at most `budget` tokens each, padding counted.

    Longest first, so that the largest batch comes first and memory is known at once.
    """
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
