"""The page of the API: its operations and schemas, as its OpenAPI document tells them, to be tried.

A page of our own, and not Swagger UI, whose megabytes of script would come from another host.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from api.web.pages import PageRoute, render

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True)
class Field:
    """A parameter, or a member of a schema. `where` is path, query or header; "" in a schema."""

    name: str
    type: str
    description: str
    required: bool
    where: str = ""


@dataclass(frozen=True)
class Operation:
    """What a route does. `examples` are (what it is, the JSON to send)."""

    id: str
    method: str
    path: str
    description: str
    parameters: tuple[Field, ...]
    examples: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str, str], ...]
    """(status, what it means, the type of what is returned)."""


@dataclass(frozen=True)
class Schema:
    """A named record of JSON."""

    name: str
    description: str
    fields: tuple[Field, ...]


@router.get("/docs")
def docs(request: Request) -> Response:
    """The API, with examples that run."""
    document = request.app.openapi()
    return render(
        "docs.html.j2",
        operations=list(operations(document)),
        schemas=list(schemas(document)),
    )


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    """The operations of an OpenAPI document, in its order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            yield Operation(
                id=operation["operationId"],
                method=method.upper(),
                path=path,
                description=operation.get("description", ""),
                parameters=tuple(
                    Field(
                        parameter["name"],
                        type_of(parameter["schema"]),
                        parameter["schema"].get("description", ""),
                        parameter.get("required", False),
                        parameter["in"],
                    )
                    for parameter in operation.get("parameters", ())
                ),
                examples=tuple(
                    (example["summary"], json.dumps(example["value"], indent=2, ensure_ascii=False))
                    for example in body.get("examples", {}).values()
                ),
                answers=tuple(
                    (status, answer["description"], _returned(answer))
                    for status, answer in sorted(operation["responses"].items())
                ),
            )


def schemas(document: dict[str, Any]) -> Iterator[Schema]:
    """The records that the document names."""
    for name, schema in document["components"]["schemas"].items():
        required = schema.get("required", ())
        fields = schema.get("properties", {}).items()
        yield Schema(
            name,
            schema.get("description", ""),
            tuple(
                Field(field, type_of(of), of.get("description", ""), field in required)
                for field, of in fields
            ),
        )


def type_of(schema: dict[str, Any]) -> str:
    """A type in a few words, as "list of AnswerOut" or "date or null"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if either := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(type_of, either))
    if either := schema.get("enum"):
        return " or ".join(map(json.dumps, either))
    if "const" in schema:
        return json.dumps(schema["const"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")


def _returned(answer: dict[str, Any]) -> str:
    contents = answer.get("content", {}).items()
    return ", ".join(
        type_of(content["schema"]) if content.get("schema") else media
        for media, content in contents
    )
