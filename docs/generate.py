"""The reference pages, written from the code when the site is built.

A line `[generated: NAME]` of a page stands for what the function of that name here returns.
"""

import dataclasses
import inspect
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

import rag
import rag.errors
from api.app import create_app
from api.cli import app as command_line
from rag.engine import Dateline
from rag.settings import Settings

ROOT = Path(__file__).parent.parent
_PLACE = re.compile(r"^\[generated: (\w+)\]$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this for each page."""
    return _PLACE.sub(lambda place: _GENERATED[place[1]](), markdown)


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    lines = ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells]
    return "\n".join(lines) + "\n\n" if rows else ""


# --- the command line


def cli() -> str:
    """Every command with its options and examples."""
    return "".join(_commands(typer.main.get_command(command_line), "dateline"))


def _commands(group: Any, name: str) -> Iterator[str]:
    for command in group.commands.values():
        full = f"{name} {command.name}"
        if hasattr(command, "commands"):
            yield from _commands(command, full)
        else:
            yield _command(command, full)


def _command(command: Any, name: str) -> str:
    rows = [_parameter(parameter) for parameter in command.params]
    examples = re.sub(r"Examples?:\s*", "", command.epilog or "").split("\n\n")
    shown = "\n".join(example for example in examples if example)
    return (
        f"## {name}\n\n{inspect.cleandoc(command.help or '')}\n\n"
        + _table(["", "", "default"], rows)
        + f"```sh\n{shown}\n```\n\n"
    )


def _parameter(parameter: Any) -> list[str]:
    if parameter.param_type_name == "argument":
        spelt = parameter.metavar or f"{parameter.name}".upper()
    else:
        spelt = ", ".join(parameter.opts)
    meaning = parameter.help or ""
    if parameter.envvar:
        meaning += f" Also `{parameter.envvar}`."
    default = parameter.show_default if isinstance(parameter.show_default, str) else ""
    if not default and parameter.default not in (None, False) and not callable(parameter.default):
        default = str(parameter.default)
    return [f"`{spelt}`", meaning, "required" if parameter.required else default]


# --- HTTP


def http() -> str:
    """Every route and every schema of the service, from its OpenAPI document."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Dateline.open(Settings(data_dir=Path(folder, "data")), create=True) as engine,
    ):
        document = create_app(engine).openapi()
    routes = [
        _route(method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = document["components"]["schemas"].items()
    return "".join(routes) + "".join(_schema(*schema) for schema in schemas)


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = [
        [f"`{p['name']}`", p["in"], _type(p["schema"]), p["schema"].get("description", "")]
        for p in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {}).get("content", {})
    answers = [
        [
            status,
            response["description"],
            ", ".join(f"{_content(m, c)}" for m, c in content.items()),
        ]
        for status, response in operation["responses"].items()
        for content in [response.get("content", {})]
    ]
    taken = "".join(f"Takes {_content(media, content)}.\n\n" for media, content in body.items())
    return (
        f"## {method} {path}\n\n{operation.get('description', '')}\n\n"
        + _table(["parameter", "in", "type", ""], parameters)
        + taken
        + _table(["status", "", "returns"], answers)
    )


def _content(media: str, content: dict[str, Any]) -> str:
    return f"{_type(content.get('schema', {}))} (`{media}`)"


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        [
            f"`{field}`",
            _type(of),
            "required" if field in required else "",
            of.get("description", ""),
        ]
        for field, of in schema.get("properties", {}).items()
    ]
    return f"### {name}\n\n{schema.get('description', '')}\n\n" + _table(
        ["field", "type", "", ""], rows
    )


def _type(schema: dict[str, Any]) -> str:
    """As it would be written in Python; schemas are linked."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(_type(one) for one in schema.get("anyOf") or schema["oneOf"])
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")


# --- Python


def python() -> str:
    """What `import rag` offers: signatures and docstrings."""
    names = sorted(rag.__all__, key=lambda name: (name != "Dateline", name))
    return "".join(_described(name, getattr(rag, name)) for name in names)


def _described(name: str, thing: Any) -> str:
    heading = f"## {name}\n\n"
    if name == "Settings":
        return f"{heading}{inspect.getdoc(thing)} See [Settings](settings.md).\n\n"
    if not inspect.isclass(thing):
        return heading + _signature(name, thing)
    if issubclass(thing, Exception):
        return f"{heading}{inspect.getdoc(rag.errors)}\n\n"
    fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
    lines = "".join(f"    {field.name}: {_named(field.type)}\n" for field in fields)
    record = f"```python\nclass {name}:\n{lines}```\n\n" if lines else ""
    known = {field.name for field in fields}
    own = {n: of for n, of in vars(thing).items() if not n.startswith("_") and n not in known}
    members = [_member(name, own_name, member) for own_name, member in own.items()]
    return f"{heading}{inspect.getdoc(thing)}\n\n{record}" + "".join(members)


def _member(owner: str, name: str, member: Any) -> str:
    """A property or a method; those that are not described are not for use."""
    doc = inspect.getdoc(member)
    if doc is None:
        return ""
    heading = f"### {owner}.{name}\n\n"
    function = getattr(member, "__func__", member)
    return heading + (_signature(name, function) if inspect.isfunction(function) else f"{doc}\n\n")


def _signature(name: str, function: Any) -> str:
    signature = re.sub(
        r"\b(?:rag\.\w+|collections\.abc|datetime|pathlib)\.", "", str(inspect.signature(function))
    )
    signature = re.sub(r"\((?:self|cls)(?:, )?", "(", signature)
    return f"```python\n{name}{signature}\n```\n\n{inspect.getdoc(function)}\n\n"


def _named(kind: Any) -> str:
    return kind.__name__ if inspect.isclass(kind) else str(kind).replace("rag.types.", "")


# --- settings and the model card


def settings() -> str:
    """The variables of `rag.settings`, and those that options read."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default is None else f"`{field.default}`"
        rows.append([f"`DATELINE_{name.upper()}`", default, field.description or ""])
    known = {row[0] for row in rows}
    for command in typer.main.get_command(command_line).commands.values():  # type: ignore[attr-defined]
        for parameter in command.params:
            variable = f"`{parameter.envvar}`"
            if parameter.envvar and variable not in known:
                known.add(variable)
                use = f"`{command.name} {parameter.opts[0]}`"
                rows.append(
                    [variable, f"`{parameter.default}`", f"{parameter.help} The same as {use}."]
                )
    return _table(["variable", "default", ""], rows)


def model_card() -> str:
    """The card that is packaged with the reader."""
    return (ROOT / "rag" / "models" / "reader" / "README.md").read_text(encoding="utf-8")


_GENERATED = {f.__name__: f for f in (cli, http, python, settings, model_card)}
