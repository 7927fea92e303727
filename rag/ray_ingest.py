"""Bulk ingest on Ray: articles are read, cut and embedded all over a cluster, and written here.

Files are taken in groups. Tasks read the groups; as the articles of one come in, batch by batch,
actors that have loaded the encoder once each cut and embed them. What they have done is handed
out here in the order of the files, so that everything comes out as an ordinary ingest has it: the
batches of a group are those that `Dateline.ingest` would form of its files, and the last of two
articles with one id counts. Ray holds tasks back while what is done waits to be written, so that
memory is bounded however much there is to read, and does again what was lost with a node.

The store stays where it is, and this process its only writer. The nodes know hashes of the
articles that it holds: those are not embedded again. Whether an article is really unchanged is
decided here; if it is not, it is embedded here.

The files must be found under the same paths on every node, as in a shared folder.
"""

import json
import logging
import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embeddings.encoder import Encoder, load_encoder
from rag.contents import content_hash
from rag.embedding import batches, embed
from rag.errors import DatelineError, InputError, ModelMismatchError, UnavailableError
from rag.files import STDIN, find_files
from rag.ray_cluster import ray_cluster
from rag.sandbox import as_json, from_json, read_found
from rag.store import Embedded
from rag.types import Article, Passage, Skipped

if TYPE_CHECKING:
    import pyarrow

Item = Article | Embedded | Skipped

# A group is read by one task; less is not worth one.
_GROUP_FILES = 256
_GROUP_BYTES = 16 << 20
# One process reads for so many that embed: an article is read in a few milliseconds.
_CPUS_A_READER = 8
# Ray passes on what is done once it is that large: here, each batch by itself.
_BLOCK_BYTES = 1 << 16


def read_on_ray(
    paths: Iterable[str | Path],
    encoder: str,
    encoder_name: str,
    stored: NDArray[np.uint64],
    address: str | None = None,
) -> Iterator[Item]:
    """What `rag.sandbox.read_safely` finds, in its order, embedded unless it is `stored` already.

    `stored` are `content_hash`es, ascending; `encoder` is what the nodes load, `encoder_name` what
    it must turn out to be. Raises InputError for standard input, which only this process has,
    UnavailableError if there is no cluster or it is lost, and what `ray_cluster` raises.
    """
    groups = [json.dumps(group) for group in _groups(find_files(paths))]
    if not groups:
        return
    with ray_cluster(address):
        yield from _run(groups, _absolute(encoder), encoder_name, stored)


def _absolute(encoder: str) -> str:
    """A folder under the name that it has for the nodes, whose present folder is another."""
    return os.path.abspath(encoder) if os.path.isdir(encoder) else encoder


def _groups(found: Iterable[Path | Skipped]) -> Iterator[list[dict[str, Any] | str]]:
    """Runs of files (their paths), with what could not be found among them as JSON."""
    group: list[dict[str, Any] | str] = []
    size = 0
    for item in found:
        if item is STDIN:
            raise InputError("'-' cannot be read on a cluster: give files, or leave out --ray")
        group.append(as_json(item) if isinstance(item, Skipped) else str(item.absolute()))
        size += item.stat().st_size if isinstance(item, Path) and item.is_file() else 0
        if len(group) == _GROUP_FILES or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _run(
    groups: list[str], encoder: str, encoder_name: str, stored: NDArray[np.uint64]
) -> Iterator[Item]:
    import pyarrow
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = _BLOCK_BYTES
    cpus = max(1, int(ray.cluster_resources().get("CPU", 1)))
    done = (
        ray.data.from_items(groups, override_num_blocks=min(len(groups), 1000))
        .map_batches(
            _read,
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=0,
            compute=ray.data.TaskPoolStrategy(size=-(-cpus // _CPUS_A_READER)),
        )
        .map_batches(
            _Embedder,
            fn_constructor_args=(encoder, encoder_name, ray.put(stored)),
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=1,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=cpus, initial_size=cpus),
        )
    )
    try:
        for table in done.iter_batches(batch_size=None, batch_format="pyarrow"):
            assert isinstance(table, pyarrow.Table)
            for row in table.to_pylist():
                yield from _from_row(row)
    except ray.exceptions.RayError as error:
        raise _explained(error) from error


def _explained(error: Exception) -> DatelineError:
    """What a node raised of ours, or that the cluster failed."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DatelineError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if "No module named" in lines[-1]:
        return UnavailableError(
            f"a node of the cluster lacks a library ({lines[-1].strip()}): "
            "pip install 'dateline[ray]' there",
            retry_after=10,
        )
    return UnavailableError(
        f"the Ray cluster failed ({lines[-1].strip()}): what was counted is kept, and the same "
        "command goes on",
        retry_after=10,
    )


# --- on the nodes --------------------------------------------------------------------------------


def _read(groups: "pyarrow.Table") -> Iterator["pyarrow.Table"]:
    """The articles of some groups, a row for each batch."""
    import pyarrow

    for group in groups["item"].to_pylist():
        found = [Path(f) if isinstance(f, str) else Skipped(**f) for f in json.loads(group)]
        for batch in batches(read_found(found)):
            items = json.dumps([as_json(item) for item in batch])
            yield pyarrow.table({"items": [items]})


class _Embedder:
    """Cuts and embeds the articles of batches, those left out that the store holds."""

    def __init__(self, encoder: str, encoder_name: str, stored: Any) -> None:
        """`stored` is Ray's reference to the hashes."""
        import ray

        self._encoder: Encoder = load_encoder(encoder)
        self._stored = ray.get(stored)
        if self._encoder.name != encoder_name:
            raise ModelMismatchError(
                f"node {platform.node()} has encoder '{self._encoder.name}', the "
                f"collection was built with '{encoder_name}': install the same Dateline on it"
            )

    def __call__(self, table: "pyarrow.Table") -> "pyarrow.Table":
        import pyarrow

        rows = [self._row(json.loads(items)) for items in table["items"].to_pylist()]
        return pyarrow.Table.from_pylist(rows)

    def _row(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        articles = {n: a for n, i in enumerate(items) if isinstance(a := from_json(i), Article)}
        new = [n for n, article in articles.items() if not self._is_stored(article)]
        vectors = []
        for n, one in zip(new, embed(self._encoder, [articles[n] for n in new]), strict=True):
            items[n]["passages"] = [(passage.start, passage.end) for passage in one.passages]
            vectors.append(one.vectors.tobytes())
        return {
            "items": json.dumps(items),
            "vectors": b"".join(vectors),
            "dimension": self._encoder.dimension,
        }

    def _is_stored(self, article: Article) -> bool:
        wanted = content_hash(article)
        at = int(np.searchsorted(self._stored, wanted))
        return at < len(self._stored) and bool(self._stored[at] == wanted)


def _from_row(row: dict[str, Any]) -> Iterator[Item]:
    vectors = np.frombuffer(row["vectors"], dtype=np.float32).reshape(-1, row["dimension"])
    at = 0
    for fields in json.loads(row["items"]):
        bounds = fields.pop("passages", None)
        item = from_json(fields)
        if bounds is None or isinstance(item, Skipped):
            yield item
            continue
        passages = tuple(Passage(item, start, end) for start, end in bounds)
        yield Embedded(item, passages, vectors[at : at + len(passages)])
        at += len(passages)
