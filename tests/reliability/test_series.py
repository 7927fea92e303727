"""Row 25: whatever clients send, the number of series at /metrics stays the same."""

import asyncio

from starlette.types import Message

from api import metrics
from api.app import create_app
from rag.engine import Dateline

REQUESTS = 10_000


def test_unknown_paths_and_methods_and_ids_make_no_series(dateline: Dateline) -> None:
    app = create_app(dateline)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        pass

    async def request(method: str, path: str) -> None:
        headers = [(b"x-request-id", path.encode()), (b"host", path[1:].encode())]
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        await app({**scope, "query_string": path.encode(), "root_path": ""}, receive, send)

    async def send_all(first: int, last: int) -> None:
        for n in range(first, last):
            await request("GET", f"/{n}/unknown")
            await request("GET", f"/v1/articles/{n}")
            await request(f"BREW{n}", f"/v1/{n}")
            await request(f"BREW{n}", f"/v1/articles/{n}")

    def series() -> int:
        lines = metrics.exposition(dateline).splitlines()
        return sum(not line.startswith(b"#") for line in lines)

    asyncio.run(send_all(0, 1))
    before = series()
    asyncio.run(send_all(1, 1 + REQUESTS // 4))
    after = series()
    print(
        f"row 25: {REQUESTS} unknown paths, methods and ids: {before} series before, {after} after"
    )
    assert before == after
