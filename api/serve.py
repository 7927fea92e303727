"""Start the HTTP service on an address."""

import ctypes
import logging.config
import os
import socket
import sys
from tempfile import TemporaryDirectory

import uvicorn

from api import metrics
from api.app import create_app
from api.logs import log_config
from rag.engine import Dateline
from rag.errors import InputError
from rag.settings import Settings

_M_ARENA_MAX = -8  # of malloc.h


def run(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serve until interrupted. InputError if the address cannot be had."""
    _check_free(host, port)
    _share_memory_among_threads()
    logging_as = log_config(settings.log_format)
    logging.config.dictConfig(logging_as)
    engine = Dateline.open(settings, create=True)
    engine.reader  # noqa: B018 - a reader that does not load is told here, in one line
    articles, _ = engine.counts()
    print(
        f"Dateline serves {articles} articles from {settings.data_dir} on http://{host}:{port} "
        f"(API page: http://{host}:{port}/docs)"
    )
    if workers == 1:
        app = create_app(engine, settings.log_questions)
        uvicorn.run(app, host=host, port=port, log_config=logging_as, access_log=False)
        return
    engine.close()
    # Each worker opens the collection for itself, by the settings in the environment.
    os.environ["DATELINE_DATA_DIR"] = str(settings.data_dir)
    with TemporaryDirectory(prefix="dateline-metrics-") as folder:
        os.environ[metrics.MULTIPROCESS] = folder
        uvicorn.run(
            "api.app:app_from_settings",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            log_config=logging_as,
            access_log=False,
        )


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


def _check_free(host: str, port: int) -> None:
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
