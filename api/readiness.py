"""Whether what a question depends on is there: each is asked, and none is waited for long."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future

from api.daemon import in_daemon
from rag.engine import Dateline
from rag.errors import DatelineError, UnavailableError
from rag.ray_reader import RayReader

LIMIT_S = 2.0
"""For all of them together: a probe has its own patience, often of a few seconds."""
_RETRY_S = 5


class Readiness:
    """The database, the index and the reader of one engine, which may be on other machines."""

    def __init__(self, engine: Dateline) -> None:
        def reader() -> None:
            if isinstance(engine.reader, RayReader):
                engine.reader.check()

        self._dependencies = (
            _Dependency("database", lambda: engine.index_state().store_seq),
            _Dependency("index", engine.index.check),
            _Dependency("reader", reader),
        )

    async def check(self) -> None:
        """Raise what keeps a question from being answered; UnavailableError for what is silent."""
        asked = {d.name: asyncio.wrap_future(d.ask()) for d in self._dependencies}
        await asyncio.wait(asked.values(), timeout=LIMIT_S)
        for name, answer in asked.items():
            if not answer.done():
                answer.cancel()  # the thread goes on, and nobody listens
                raise UnavailableError(
                    f"the {name} does not answer within {LIMIT_S:.0f} s: see that it runs",
                    _RETRY_S,
                )
            error = answer.result()
            if isinstance(error, DatelineError):
                raise error
            if error is not None:
                raise UnavailableError(
                    f"the {name} cannot be used ({type(error).__name__})", _RETRY_S
                ) from error


class _Dependency:
    """One of them. However many want to know, and however long it hangs, one thread asks it."""

    def __init__(self, name: str, check: Callable[[], object]) -> None:
        self.name = name
        self._check = check
        self._answer: Future[Exception | None] | None = None

    def ask(self) -> "Future[Exception | None]":
        """What it raises, None if nothing. To be called on the event loop."""
        if self._answer is None or self._answer.done():
            self._answer = in_daemon(self._error, "dateline-readiness")
        return self._answer

    def _error(self) -> Exception | None:
        try:
            self._check()
        except Exception as error:
            return error
        return None
