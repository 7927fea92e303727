"""The process between a front and the replicas of its reader on Ray: see rag/ray_reader.py."""

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from typing import Any, TextIO

from rag.checkpoint import load_reader
from rag.errors import DatelineError, ModelMismatchError
from rag.ray_cluster import ray_cluster
from rag.ray_reader import patience_s, read_here

_LONGEST_LINE = 1 << 28
# A replica that died is missed after that long, and a new one started.
_HEALTH_S = 2.0
_GONE_S = 0.2
_DRAIN_S = 5.0


class Replica:
    """A reader on some node."""

    def __init__(self, name: str, quantize: bool | None, expected: str) -> None:
        self._reader = load_reader(name, quantize)
        if self._reader.name != expected:
            raise ModelMismatchError(
                f"a node has reader '{self._reader.name}', the server '{expected}': install the "
                "same Dateline on all"
            )

    async def read(self, request: dict[str, Any]) -> dict[str, Any]:
        return read_here(self._reader, request)


def main() -> None:
    """Serve the socket that the argument names until stdin ends; "ready" on stdout, or why not."""
    options = json.loads(sys.argv[1])
    front = os.fdopen(os.dup(1), "w", buffering=1)  # Ray may print on stdout
    threading.Thread(target=_interrupt_at_the_end, daemon=True).start()
    try:
        with ray_cluster(options["address"], at_least=options["replicas"]):
            _serve(options, front)
    except DatelineError as error:
        print(error, file=front)
        sys.exit(1)
    except KeyboardInterrupt:
        pass


def _interrupt_at_the_end() -> None:
    """Whatever is being done when the front ends."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)


def _serve(options: dict[str, Any], front: TextIO) -> None:
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    serve.start(proxy_location="Disabled", logging_config={"log_level": "ERROR"})
    deployment = serve.deployment(
        Replica,
        num_replicas=options["replicas"],
        max_ongoing_requests=1,  # it has one CPU
        ray_actor_options={"num_cpus": 1},
        health_check_period_s=_HEALTH_S,
        graceful_shutdown_wait_loop_s=_GONE_S,
        graceful_shutdown_timeout_s=_DRAIN_S,
    )
    app = deployment.bind(options["reader"], options["quantize"], options["expected"])
    try:
        handle = serve.run(app, name=options["app"], route_prefix=None)
        asyncio.run(_listen(options["socket"], handle, front))
    except RuntimeError as error:
        print(f"no reader on Ray: {' '.join(str(error).split())}", file=front)
        sys.exit(1)
    finally:
        serve.delete(options["app"])


async def _listen(path: str, handle: Any, front: TextIO) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await reader.readline())
            writer.write(json.dumps(await _read(handle, request)).encode() + b"\n")
            await writer.drain()
        finally:
            writer.close()

    if os.path.exists(path):  # of one that was killed
        os.unlink(path)
    async with await asyncio.start_unix_server(answer, path, limit=_LONGEST_LINE) as server:
        print("ready", file=front)
        await server.serve_forever()


async def _read(handle: Any, request: dict[str, Any]) -> dict[str, Any]:
    """A replica's answer; if it dies of it or meanwhile, another's."""
    from ray.exceptions import RayError, RayTaskError
    from ray.serve.exceptions import RayServeException

    try:
        async with asyncio.timeout(patience_s(len(request["passages"]))):
            while True:
                try:
                    answer: dict[str, Any] = await handle.read.remote(request)
                    return answer
                except RayTaskError as error:
                    return {"failed": f"a replica of the reader failed: {error}"}
                except (RayError, RayServeException):
                    await asyncio.sleep(_GONE_S)
    except TimeoutError:
        return {"busy": "no replica of the reader answers: ask again"}
