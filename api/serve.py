"""Start the HTTP service on an address."""

import ctypes
import logging.config
import os
import signal
import socket
import sys
from contextlib import AbstractContextManager, ExitStack
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn

from api import metrics
from api.app import create_app
from api.limits import TimedProtocol
from api.logs import log_config
from api.security import Access, check_host
from rag.collection import DATABASE_FILE
from rag.counted import counted
from rag.engine import Dateline
from rag.errors import InputError
from rag.ray_reader import RayReader, reading_on_ray
from rag.settings import Settings
from rag.sqlite import quick_check

_DRAIN_SECONDS = 10
_IDLE_S = 75
"""For which an unused connection is kept: longer than proxies and clients keep theirs, for what
they send while it is being closed is lost to them."""
_M_ARENA_MAX = -8  # of malloc.h


def run(settings: Settings, host: str, port: int, workers: int, on_ray: bool = False) -> None:
    """Serve until told to end, by Ctrl-C or SIGTERM; InputError if the address cannot be had.

    What was admitted by then is answered, for at most 10 seconds. `on_ray` has the passages read
    by the settings' replicas, and at least as many workers, which ask them one question each.
    """
    check_free(host, port)
    database = settings.folder / DATABASE_FILE
    if settings.url is None and database.exists():
        quick_check(database)
    _share_memory_among_threads()
    logging_as = log_config(settings.log_format)
    logging.config.dictConfig(logging_as)
    engine = Dateline.open(settings, create=True)
    check_host(host, engine)
    engine.reader  # noqa: B018 - a reader that does not load is told here, in one line
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": TimedProtocol,
        "log_config": logging_as,
        "access_log": False,
        "timeout_keep_alive": _IDLE_S,
        "timeout_graceful_shutdown": _DRAIN_SECONDS,
    }
    with ExitStack() as stack:
        if on_ray:
            reader = stack.enter_context(_reading_on_ray(engine, settings))
            reader.to_environment()
            engine.read_through(reader)
            workers = max(workers, settings.ray_replicas)
        # Once it has shut down, uvicorn raises the signal again, for whoever wants to know of it.
        # An end that was asked for is no failure.
        signal.signal(signal.SIGTERM, lambda *_: None)
        articles, _ = engine.counts()
        print(
            f"Dateline serves {counted(articles, 'article')} from {settings.data_dir} on "
            f"http://{host}:{port} (API page: http://{host}:{port}/docs)"
        )
        if workers == 1:
            uvicorn.run(create_app(engine, settings, Access.of(settings)), **options)
            return
        engine.close()
        # Each worker opens the collection for itself, by the settings in the environment.
        os.environ["DATELINE_DATA_DIR"] = str(settings.data_dir)
        os.environ[metrics.MULTIPROCESS] = stack.enter_context(
            TemporaryDirectory(prefix="dateline-metrics-")
        )
        uvicorn.run("api.app:app_from_settings", factory=True, workers=workers, **options)


def _reading_on_ray(engine: Dateline, settings: Settings) -> AbstractContextManager[RayReader]:
    replicas, address = settings.ray_replicas, settings.ray_address
    return reading_on_ray(engine.reader, settings.reader, settings.quantize, replicas, address)


def _share_memory_among_threads() -> None:
    """Let glibc keep two heaps instead of eight a core.

    Every write to the lexical index takes new threads, each of which would leave tens of megabytes
    behind in a heap of its own. Who sets MALLOC_ARENA_MAX has chosen otherwise.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        os.environ["MALLOC_ARENA_MAX"] = "2"  # for the workers
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not every libc has it
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 2)


def check_free(host: str, port: int) -> None:
    """Told before the models are loaded, and in one line."""
    try:
        family, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}:{port} ({error.strerror or error}): "
            "choose another with --port or --host"
        ) from error
