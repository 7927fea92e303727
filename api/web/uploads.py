"""Files that a reader adds: read and stored behind the request, with a progress to look at."""

import logging
import re
import secrets
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from rag.engine import Dateline
from rag.errors import DatelineError, InputError, NotFoundError
from rag.formats import total_articles
from rag.sandbox import read_safely
from rag.types import Article, Ingested, Skipped

logger = logging.getLogger("dateline")

_KEPT = 50
_AT_ONCE = 4
_LONGEST_NAME = 120


@dataclass
class Upload:
    """Some files on their way in. `total` is an upper estimate of their articles."""

    id: str
    total: int
    fates: list[Ingested | Skipped] = field(default_factory=list)
    done: bool = False
    error: str | None = None

    def count(self, status: str) -> int:
        """How many articles had this fate."""
        return sum(_status(fate) == status for fate in self.fates)

    @property
    def skipped(self) -> list[Skipped]:
        return [fate for fate in self.fates if isinstance(fate, Skipped)]

    @property
    def stored(self) -> list[Ingested]:
        return [fate for fate in self.fates if isinstance(fate, Ingested)]


class Uploads:
    """The uploads of this process, the last few of them; what they added is in the collection."""

    def __init__(self, engine: Dateline) -> None:
        self._engine = engine
        self._known: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def get(self, upload_id: str) -> Upload:
        """NotFoundError if it is unknown, or of long ago."""
        upload = self._known.get(upload_id)
        if upload is None:
            raise NotFoundError("this upload is not known any more: see the list of articles")
        return upload

    def start(self, files: Sequence[tuple[str, bytes]]) -> Upload:
        """Begin to add files, each a name and its content. InputError if there is no file."""
        if not files:
            raise InputError("no file was chosen: choose one or more, then add them")
        folder = tempfile.TemporaryDirectory(prefix="dateline-")
        paths = list(_write(Path(folder.name), files))
        upload = Upload(secrets.token_urlsafe(9), total_articles(paths) or len(paths))
        with self._lock:
            running = sum(not other.done for other in self._known.values())
            if running < _AT_ONCE:
                self._known[upload.id] = upload
                for old in list(self._known)[:-_KEPT]:
                    del self._known[old]
        if running >= _AT_ONCE:
            folder.cleanup()
            raise InputError("other files are being added: try again when they are in")
        run = threading.Thread(target=self._run, args=(upload, folder, paths), daemon=True)
        run.start()
        return upload

    def _run(
        self, upload: Upload, folder: "tempfile.TemporaryDirectory[str]", paths: list[Path]
    ) -> None:
        try:
            for item in self._engine.ingest(self._read(paths)):
                upload.fates.append(item)
        except DatelineError as error:
            upload.error = str(error)
        except Exception as error:  # the thread's end is all that a reader would see of it
            logger.error("adding files failed", exc_info=error)
            upload.error = "something went wrong; it was logged"
        finally:
            folder.cleanup()
            upload.done = True

    def _read(self, paths: Iterable[Path]) -> Iterator[Article | Skipped]:
        names = {str(path): path.name for path in paths}
        for item in read_safely(names):
            if isinstance(item, Skipped):
                path = next((p for p in names if item.where.startswith(p)), "")
                yield replace(item, where=item.where.replace(path, names.get(path, "")))
            else:
                yield self._as_uploaded(item)

    def _as_uploaded(self, article: Article) -> Article:
        """Without the path that it had on its way; beside, not over, another file of its name."""
        if article.origin is None:
            return article
        article = replace(article, origin=None)
        (known,) = self._engine.find_articles([article.id])[:1] or [article]
        if known.sha256 == article.sha256:
            return article
        return replace(article, id=f"{article.id}-{article.sha256[:8]}")


def _write(folder: Path, files: Iterable[tuple[str, bytes]]) -> Iterator[Path]:
    """Each file under its name in a folder of its own: two may have one name."""
    for number, (name, content) in enumerate(files):
        own = folder / str(number)
        own.mkdir()
        path = own / safe_name(name)
        path.write_bytes(content)
        yield path


def safe_name(name: str) -> str:
    """A file's name without folders, control characters and glob signs; never empty."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = re.sub(r"[^\w.,()&+'’ -]", "_", last).strip(" .")
    return plain[-_LONGEST_NAME:] or "file"


def _status(fate: Ingested | Skipped) -> str:
    return "skipped" if isinstance(fate, Skipped) else fate.status
