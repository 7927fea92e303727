"""What the Dockerfile, compose.yaml and the systemd unit say exists, and they agree."""

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from conftest import FakeEncoder, FakeReader
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import app as cli
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.settings import Settings
from rag.store import Store

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICE = COMPOSE["services"]["dateline"]
UNIT = (ROOT / "deploy" / "dateline.service").read_text()


def stages() -> list[list[tuple[str, str]]]:
    """(instruction, argument) of each stage of the Dockerfile, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
    found: list[list[tuple[str, str]]] = []
    for name, argument in re.findall(r"^([A-Z]+) (.+)$", joined, re.MULTILINE):
        if name == "FROM":
            found.append([])
        found[-1].append((name, argument))
    return found


def image(name: str) -> str:
    """The one argument of an instruction of the image that is served."""
    (argument,) = (a for n, a in stages()[-1] if n == name)
    return argument


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(image("ENV")))


def unit(key: str) -> list[str]:
    """The values that the unit's lines give for a key."""
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def parse(words: Sequence[str]) -> dict[str, Any]:
    """The values of a command's arguments and options; fails as the command line would."""
    command: Any = typer.main.get_command(cli)
    rest = list(words)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    parameters: dict[str, Any] = command.make_context("dateline", rest).params
    return parameters


def commands() -> list[list[str]]:
    """Every `dateline ...` of the three files, those in comments too, without its first word."""
    found = [json.loads(image("CMD")), SERVICE["command"]]
    for text in (DOCKERFILE, (ROOT / "compose.yaml").read_text(), UNIT):
        for line in re.sub(r"\\\n\s*", "", text).splitlines():
            calls = re.findall(r"[ /=]dateline ((?:ingest|ask|serve)\b.*?)(?= && |$)", line)
            found += [shlex.split(call) for call in calls]
    return found


def test_the_commands_were_found() -> None:
    names = [command[0] for command in commands()]
    assert {name: names.count(name) for name in names} == {"serve": 3, "ingest": 4, "ask": 1}


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_one_that_the_command_line_takes(command: list[str]) -> None:
    assert parse(command)


def test_every_setting_is_one_that_dateline_reads() -> None:
    serve: Any = typer.main.get_command(cli)
    read = {f"DATELINE_{name.upper()}" for name in Settings.model_fields}
    read |= {option.envvar for option in serve.commands["serve"].params if option.envvar}
    read |= {"DATELINE_CACHE_DIR"}
    text = DOCKERFILE + yaml.safe_dump(COMPOSE) + UNIT
    assert set(re.findall(r"\bDATELINE_[A-Z_]+\b", text)) - read == set()


def test_the_formats_that_logs_are_set_to_exist() -> None:
    chosen = {SERVICE["environment"]["DATELINE_LOG_FORMAT"]}
    chosen |= {v.split("=")[1] for v in unit("Environment") if v.startswith("DATELINE_LOG_FORMAT")}
    assert chosen == {"json"}
    assert Settings(log_format="json").log_format == "json"


# --- the image


def test_the_wheel_of_torch_is_the_one_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pinned,) = re.findall(r"torch==[\d.]+", DOCKERFILE)
    assert pinned in project["dependencies"]
    (extras,) = re.findall(r'pip install .*"\.\[(.+)\]"', DOCKERFILE)
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    (version,) = set(re.findall(r"^FROM python:([\d.]+)", DOCKERFILE, re.MULTILINE))
    assert f">={version}" == project["requires-python"]


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [
        source
        for name, argument in stages()[0]
        if name == "COPY"
        for source in argument.split()[:-1]
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {
        p for p in project["tool"]["setuptools"]["packages"]["find"]["include"] if "." not in p
    }
    assert packages <= set(copied)
    assert ignored[0] == "*"
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored


def test_nothing_is_written_outside_the_volume_and_root_is_left() -> None:
    environment = image_environment()
    assert environment["DATELINE_DATA_DIR"] == image("VOLUME")
    (prepared,) = (a for n, a in stages()[0] if n == "ENV" and "CACHE" in a)
    assert f"DATELINE_CACHE_DIR={environment['DATELINE_CACHE_DIR']}" == prepared
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert int(image("USER")) > 0


def test_the_health_check_asks_a_route_that_exists_on_the_port_that_is_served(
    store: Store, index: EmbeddedIndex
) -> None:
    port = image("EXPOSE")
    assert image_environment()["DATELINE_PORT"] == port
    (asked, path) = re.findall(r"127\.0\.0\.1:(\d+)(/\w+)", image("HEALTHCHECK"))[0]
    assert asked == port
    engine = Dateline(store, index, FakeEncoder(), FakeReader)
    assert TestClient(create_app(engine)).get(path).status_code == 200
    (command,) = re.findall(r"CMD (\[.*\])", image("HEALTHCHECK"))
    compile(json.loads(command)[2], "HEALTHCHECK", "exec")


# --- compose


def test_the_container_is_confined() -> None:
    assert SERVICE["read_only"] is True
    assert SERVICE["cap_drop"] == ["ALL"]
    assert SERVICE["security_opt"] == ["no-new-privileges:true"]
    assert SERVICE["mem_limit"] == "3g"
    assert SERVICE["tmpfs"][0].startswith("/tmp:")
    assert "privileged" not in SERVICE


def test_the_container_serves_this_machine_and_keeps_its_collection() -> None:
    (port,) = SERVICE["ports"]
    assert port == f"127.0.0.1:{image('EXPOSE')}:{image('EXPOSE')}"
    (volume,) = SERVICE["volumes"]
    name, _, folder = volume.partition(":")
    assert name in COMPOSE["volumes"]
    assert folder == image("VOLUME")


# --- systemd


def test_the_unit_writes_where_systemd_lets_it() -> None:
    environment = dict(value.split("=", 1) for value in unit("Environment"))
    assert environment["DATELINE_DATA_DIR"] == f"/var/lib/{unit('StateDirectory')[0]}"
    assert environment["DATELINE_CACHE_DIR"] == f"/var/cache/{unit('CacheDirectory')[0]}"
    assert unit("ProtectSystem") == ["strict"]
    assert unit("StateDirectoryMode") == ["0700"]


def test_the_unit_is_reached_from_this_machine_only() -> None:
    (command,) = unit("ExecStart")
    arguments = shlex.split(command)[1:]
    assert parse(arguments)["host"] == "127.0.0.1"
    assert arguments == ["serve"]  # an option would beat what /etc/dateline.env says
    assert unit("IPAddressDeny") == ["any"]
    assert unit("IPAddressAllow") == ["localhost"]


def test_the_unit_drops_its_rights_and_is_bounded() -> None:
    for key in ("NoNewPrivileges", "PrivateDevices", "ProtectHome", "RestrictSUIDSGID"):
        assert unit(key) == ["yes"]
    assert unit("CapabilityBoundingSet") == [""]
    assert unit("User") == ["dateline"]
    assert unit("MemoryMax")
    assert unit("Restart") == ["on-failure"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "dateline"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "dateline.service"
    copy.write_text(UNIT.replace("/opt/dateline/bin/dateline serve", f"{program} serve"))
    done = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
