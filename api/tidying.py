"""The thread that tidies the index up behind the requests, whoever wrote what is due."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool

from rag.engine import Dateline
from rag.outage import Outage

_LOOK_S = 10.0
_STOP_S = 2.0
"""How long the end of the service waits for it: what is half written then is no loss."""


@asynccontextmanager
async def running(engine: Dateline) -> AsyncIterator[None]:
    """Tidy up meanwhile, now and then, if something was written since the last time."""
    over = threading.Event()

    def work(tidy: Callable[[], None]) -> None:
        tidied = None
        outage = Outage("the index is not tidied up for now", "the index is tidied up again")
        while not over.wait(_LOOK_S):
            try:
                seq = engine.index_state().store_seq
                if seq != tidied:
                    tidy()
                    tidied = seq
            except Exception as error:
                if not over.is_set():
                    outage.goes_on(error)
            else:
                outage.is_over()

    with engine.tidied_behind() as tidy:
        thread = threading.Thread(target=work, args=(tidy,), name="dateline-tidying", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            await run_in_threadpool(thread.join, _STOP_S)
