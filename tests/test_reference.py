"""The page of the API: all that its document tells, and nothing from elsewhere."""

import html
import json
import re

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.web.pages import HEADERS
from api.web.reference import operations, schemas, type_of
from rag.engine import Dateline


@pytest.fixture
def client(dateline: Dateline) -> TestClient:
    return TestClient(create_app(dateline))


def test_the_page_names_every_operation_status_and_record(client: TestClient) -> None:
    page = html.unescape(client.get("/docs").text)
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f'data-method="{method.upper()}" data-path="{path}"' in page
            assert operation["description"] in page
            for status in operation["responses"]:
                assert f"<dt>{status}</dt>" in page
    for name, schema in document["components"]["schemas"].items():
        assert f'id="{name}"' in page
        for field in schema.get("properties", {}):
            assert f"<dt><code>{field}</code></dt>" in page


def test_the_page_has_every_example_as_it_is_to_be_sent(client: TestClient) -> None:
    page = client.get("/docs").text
    bodies = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    bodies += re.findall(r'class="example" value="(.*?)"', page, re.DOTALL)
    shown = [json.loads(html.unescape(body)) for body in bodies]
    document = client.get("/openapi.json").json()
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation.get("requestBody", {}).get("content", {})
            for example in content.get("application/json", {}).get("examples", {}).values():
                assert example["value"] in shown


def test_the_page_asks_nothing_of_other_hosts(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text)


def test_parameters_and_schemas_are_told_as_the_document_has_them(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    (listing,) = (o for o in operations(document) if (o.method, o.path) == ("GET", "/v1/articles"))
    assert [(p.name, p.type, p.where) for p in listing.parameters] == [
        ("limit", "integer", "query"),
        ("offset", "integer", "query"),
    ]
    (asked,) = (s for s in schemas(document) if s.name == "AskRequest")
    assert [(f.name, f.type) for f in asked.fields if f.required] == [("question", "string")]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/AnswerOut"}, "AnswerOut"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "date or null"),
        ({"enum": ["added", "skipped"]}, '"added" or "skipped"'),
        ({"const": "ok"}, '"ok"'),
        ({}, "anything"),
    ],
)
def test_types_are_told_in_a_few_words(schema: dict[str, object], words: str) -> None:
    assert type_of(schema) == words
