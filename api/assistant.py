"""The command that lets an assistant use the collection."""

import sys
from typing import Annotated

import typer

from api.options import DataDir, open_collection
from rag.errors import InputError

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n"
    "dateline mcp  (what an assistant's settings name as the command)\n\n"
    "dateline mcp --http 127.0.0.1:8001"
)
def mcp(
    data_dir: DataDir = None,
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve HTTP there instead, on this machine only."),
    ] = None,
) -> None:
    """Let an assistant ask, search, read and verify, over the Model Context Protocol.

    On stdin and stdout, or with --http at http://HOST:PORT/mcp. Needs the extra `mcp`.
    """
    address = None if http is None else _loopback(http)
    try:
        from api.mcp import make_server
        from api.serve import check_free
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        raise InputError("needs the library mcp: pip install 'dateline[mcp]'") from error

    with open_collection(data_dir) as engine:
        server = make_server(engine)
        if address is None:
            server.run("stdio")
            return
        host, port = address
        check_free(host, port)
        print(f"dateline: an assistant finds it at http://{http}/mcp", file=sys.stderr)
        server.run("streamable-http", host=host, port=port, stateless_http=True, json_response=True)


def _loopback(address: str) -> tuple[str, int]:
    """(host, port); InputError unless it is an address of this machine alone."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if host not in ("127.0.0.1", "::1", "localhost") or not port.isdecimal():
        raise InputError(
            f"--http {address}: expected 127.0.0.1:PORT, as in 127.0.0.1:8001; there are no keys, "
            "so other machines are not let in"
        )
    return host, int(port)
