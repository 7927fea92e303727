"""Start the HTTP service on an address."""

import os
import socket

import uvicorn

from api.app import create_app
from rag.collection import DATABASE_FILE, quick_check
from rag.engine import Dateline
from rag.errors import InputError
from rag.settings import Settings


def run(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serve until interrupted. InputError if the address cannot be had."""
    _check_free(host, port)
    database = settings.data_dir.expanduser() / DATABASE_FILE
    if database.exists():
        quick_check(database)
    engine = Dateline.open(settings, create=True)
    engine.reader  # noqa: B018 - a reader that does not load is told here, in one line
    articles, _ = engine.counts()
    print(
        f"Dateline serves {articles} articles from {settings.data_dir} on http://{host}:{port} "
        f"(API page: http://{host}:{port}/docs)"
    )
    if workers == 1:
        uvicorn.run(create_app(engine), host=host, port=port, log_level="warning")
        return
    engine.close()
    # Each worker opens the collection for itself, by the settings in the environment.
    os.environ["DATELINE_DATA_DIR"] = str(settings.data_dir)
    uvicorn.run(
        "api.app:app_from_settings",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
    )


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
