"""Ray: started on this machine for as long as it is needed, or joined where a cluster runs.

A cluster is joined from one of its nodes, with the address that `ray start --head` told. Every
node needs the same Python, Ray and Dateline; the models come with the package. Whoever reaches
Ray's ports can run code on the nodes: what is started here listens on 127.0.0.1 alone, has no
dashboard and reports nothing to Ray's makers.
"""

import importlib.util
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from embeddings.runtime import usable_cores
from rag.errors import InputError, MissingExtraError, UnavailableError

# Both parts of Ray that are used here need little: batches of articles, and questions.
_OBJECT_STORE_BYTES = 256 << 20
_CONNECT_S = 5.0


@contextmanager
def ray_cluster(address: str | None, at_least: int = 1) -> Iterator[None]:
    """Ray in this process: the cluster at `address` (host:port), or one of this machine.

    The latter has a CPU for each core, and `at_least` so many. Meanwhile stdout leads to stderr,
    for Ray tells there of nodes that died. Raises MissingExtraError, and UnavailableError for a
    cluster that cannot be joined.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray", "ray")
    # Read when it starts. Its workers would give way to whatever else the machine does, as if
    # nobody waited for them.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what fails is raised here too
    if address is None:
        # Else it takes 127.0.0.1 for another name of this machine's address, and listens there.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    else:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")  # of 20, each up to half a minute
    import ray

    options: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": False,
    }
    if address is None:
        options |= {
            "address": "local",
            "num_cpus": max(usable_cores(), at_least),
            "object_store_memory": _OBJECT_STORE_BYTES,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
        }
    else:
        _check_reachable(address)
        options["address"] = address
    with _redirected(1, 2):
        try:
            with open(os.devnull, "wb") as nowhere, _redirected(2, nowhere.fileno()):
                # Its native code says on stderr how it was configured. What fails it raises.
                ray.init(**options)
        except (ray.exceptions.RayError, ConnectionError, RuntimeError, TimeoutError) as error:
            where = "on this machine" if address is None else f"at {address}"
            raise UnavailableError(
                f"no Ray {where} ({_one_line(error)}): a cluster is joined from one of its nodes, "
                "with the address that 'ray status' shows, the same Python, Ray and RAY_AUTH_MODE",
                retry_after=10,
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _redirected(descriptor: int, to: int) -> Iterator[None]:
    """What is written to a file descriptor goes to another."""
    _flush()
    kept = os.dup(descriptor)
    os.dup2(to, descriptor)
    try:
        yield
    finally:
        _flush()
        os.dup2(kept, descriptor)
        os.close(kept)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def _check_reachable(address: str) -> None:
    """Ray itself would try for a minute, and say nothing meanwhile."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise InputError(f"'{address}' is no address of a Ray cluster: write it as HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except OSError as error:
        raise UnavailableError(
            f"no Ray cluster at {address} ({error.strerror or error}): start it with "
            "'ray start --head', which tells the address",
            retry_after=10,
        ) from error


def _one_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
