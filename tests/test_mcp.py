"""An assistant's tools, called by the SDK's own client: in memory, over stdio and over HTTP."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from conftest import article
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent, Tool

from api.assistant import _loopback
from api.mcp import make_server
from api.schemas import AskResponse, FullArticleOut, SearchResponse, VerifyResponse
from rag.engine import Dateline
from rag.errors import InputError

ROOT = Path(__file__).parent.parent
STORM = article("The storm came. answer: Tuesday 3 it was.", "storm", title="Storm")
DEPTH = "At what depth did the wreck of the Skerry Dawn lie?"

Use = Callable[[Client], Awaitable[Any]]


def using(server: Any, use: Use) -> Any:
    """What `use` returns of a client of the server."""

    async def talk() -> Any:
        async with Client(server) as client:
            return await use(client)

    return anyio.run(talk)


@pytest.fixture
def call(dateline: Dateline) -> Callable[..., CallToolResult]:
    """Calls a tool over a collection of fakes that holds the storm."""
    list(dateline.ingest([STORM]))
    server = make_server(dateline)

    def call(name: str, **arguments: object) -> CallToolResult:
        result: CallToolResult = using(server, lambda client: client.call_tool(name, arguments))
        return result

    return call


def told(result: CallToolResult) -> str:
    """The text of a tool's error."""
    assert result.is_error
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def test_the_tools_say_what_they_take_and_return(dateline: Dateline) -> None:
    async def listed(client: Client) -> list[Tool]:
        return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in using(make_server(dateline), listed)}
    assert set(tools) == {"ask", "search", "get_article", "verify"}
    for tool in tools.values():
        assert tool.description
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert all("description" in field for field in tool.input_schema["properties"].values())
    schemas = {"ask": AskResponse, "search": SearchResponse, "get_article": FullArticleOut}
    for name, schema in {**schemas, "verify": VerifyResponse}.items():
        output = tools[name].output_schema
        assert output is not None
        assert output["properties"].keys() == schema.model_fields.keys()


def test_an_answer_is_structured_as_on_the_wire(call: Callable[..., CallToolResult]) -> None:
    result = call("ask", question="When did the storm come?")
    assert not result.is_error
    assert result.structured_content is not None
    reply = AskResponse.model_validate(result.structured_content)
    assert reply.answer == "Tuesday"
    citation = reply.answers[0].citations[0]
    assert STORM.text[citation.start : citation.end] == citation.quote == "Tuesday"
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert json.loads(content.text) == result.structured_content


def test_a_citation_goes_from_ask_through_verify_to_its_article(
    call: Callable[..., CallToolResult],
) -> None:
    asked = call("ask", question="When did the storm come?").structured_content
    assert asked is not None
    citation = asked["answers"][0]["citations"][0]
    held = call("verify", citations=[citation]).structured_content
    assert held is not None
    assert held["valid"] is True
    forged = call("verify", citations=[{**citation, "quote": "Monday"}]).structured_content
    assert forged is not None
    assert forged["valid"] is False
    read = call("get_article", article_id=citation["article_id"]).structured_content
    assert read is not None
    assert read["text"] == STORM.text
    found = call("search", query="storm", limit=1).structured_content
    assert found is not None
    assert [hit["article_id"] for hit in found["hits"]] == ["storm"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("get_article", {"article_id": "nope"}, "'nope'"),
        ("ask", {"question": " "}, "the question is empty"),
        ("ask", {"question": "When?", "top_k": 0}, "top_k"),
        ("ask", {"question": "When?", "since": "last week"}, "since"),
        ("search", {"query": ""}, "empty"),
        ("verify", {"citations": []}, "citations"),
        ("verify", {"citations": [{"quote": "Tuesday"}]}, "article_id"),
    ],
)
def test_an_error_is_the_tool_s_and_says_what_is_wrong(
    call: Callable[..., CallToolResult], name: str, arguments: dict[str, object], said: str
) -> None:
    assert said in told(call(name, **arguments))


def test_a_crash_is_told_without_its_details(
    dateline: Dateline,
    call: Callable[..., CallToolResult],
    caplog: pytest.LogCaptureFixture,
) -> None:
    dateline.search = None  # type: ignore[assignment,method-assign]
    with caplog.at_level(logging.CRITICAL):
        assert "NoneType" not in told(call("search", query="storm"))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:8001", ("127.0.0.1", 8001)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:8001", ("::1", 8001)),
    ],
)
def test_http_is_served_on_this_machine(address: str, expected: tuple[str, int]) -> None:
    assert _loopback(address) == expected


@pytest.mark.parametrize(
    "address", ["0.0.0.0:8001", ":8001", "8001", "127.0.0.1", "localhost:", "host:80", "::1:x"]
)
def test_http_for_other_machines_is_refused(address: str) -> None:
    with pytest.raises(InputError, match=r"expected 127\.0\.0\.1:PORT"):
        _loopback(address)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> StdioServerParameters:
    """`dateline mcp` over one article, as an assistant's settings would start it."""
    kept = {name: value for name, value in os.environ.items() if name != "DATELINE_DATA_DIR"}
    environment = kept | {"DATELINE_DATA_DIR": str(tmp_path_factory.mktemp("mcp") / "data")}
    path = ROOT / "eval" / "sample" / "articles" / "harbourwire-ferry-raised.html"
    article_ = next(iter(path.parent.glob(f"{path.stem}.*")))
    arguments = ["-m", "api.cli"]
    subprocess.run(
        [sys.executable, *arguments, "ingest", str(article_)],
        env=environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return StdioServerParameters(
        command=sys.executable, args=[*arguments, "mcp"], env=environment, cwd=ROOT
    )


async def ask_depth(client: Client) -> Any:
    result = await client.call_tool("ask", {"question": DEPTH})
    assert result.structured_content is not None
    return result.structured_content["answer"]


@pytest.mark.real
def test_an_assistant_starts_the_command_and_asks(command: StdioServerParameters) -> None:
    assert using(command, ask_depth) == "34 metres"


@pytest.mark.real
def test_an_assistant_asks_over_http(command: StdioServerParameters) -> None:
    from test_real import free_port

    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [command.command, *command.args, "--http", address],
        env=command.env,
        cwd=command.cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert (
            process.stderr.readline()
            == f"dateline: an assistant finds it at http://{address}/mcp\n"
        )
        wait_until_listening(*address.split(":"))
        assert using(f"http://{address}/mcp", ask_depth) == "34 metres"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait_until_listening(host: str, port: str) -> None:
    import socket

    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {host}:{port}")
