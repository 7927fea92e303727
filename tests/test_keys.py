"""API keys: how they are made, known again and revoked, and the commands that do it."""

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest
from conftest import FakeEncoder
from typer.testing import CliRunner

from api import serve
from api.cli import app
from api.security import check_host
from rag.collection import DATABASE_FILE
from rag.engine import Dateline
from rag.errors import InputError, NotFoundError
from rag.keys import SCOPES, Key, Scope, find
from rag.store import Store


def test_a_key_is_kept_as_its_hash_only(store: Store, tmp_path: Path) -> None:
    secret = store.create_key("desk", "write")
    (key,) = store.keys()
    assert (key.name, key.scope, key.sha256) == (
        "desk",
        "write",
        hashlib.sha256(secret.encode()).digest(),
    )
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    assert not any(secret.encode() in path.read_bytes() for path in files)


def test_keys_are_long_and_never_the_same(store: Store) -> None:
    secrets = {store.create_key(f"key {n}", "read") for n in range(10)}
    assert len(secrets) == 10
    assert min(map(len, secrets)) >= 43  # 32 bytes in base64


@pytest.mark.parametrize("presented", [b"", b"dateline_", b"\xff\xfe", "schlüssel".encode()])
def test_what_is_no_key_is_not_found(store: Store, presented: bytes) -> None:
    store.create_key("desk", "read")
    assert find(store.keys(), presented) is None


def test_each_key_is_found_by_its_secret(store: Store) -> None:
    secrets = {name: store.create_key(name, "read") for name in ("a", "b", "c")}
    for name, secret in secrets.items():
        found = find(store.keys(), secret.encode())
        assert found is not None
        assert found.name == name


def test_a_revoked_key_is_gone_and_its_name_is_free(store: Store) -> None:
    old = store.create_key("desk", "read")
    store.revoke_key("desk")
    assert store.keys() == []
    assert store.create_key("desk", "read") != old
    with pytest.raises(NotFoundError, match="no key 'other'"):
        store.revoke_key("other")


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "a\x1b[2J"])
def test_a_name_that_cannot_be_shown_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InputError, match="cannot be named"):
        store.create_key(name, "read")


def test_a_name_is_given_once(store: Store) -> None:
    store.create_key("desk", "read")
    with pytest.raises(InputError, match="there is a key 'desk'"):
        store.create_key(" desk ", "write")


def test_a_scope_includes_those_before_it(store: Store) -> None:
    allowed: dict[Scope, list[Scope]] = {}
    for scope in SCOPES:
        store.create_key(scope, scope)
    keys = store.keys()
    for key in keys:
        allowed[key.scope] = [scope for scope in SCOPES if key.allows(scope)]
    assert allowed == {
        "read": ["read"],
        "write": ["read", "write"],
        "admin": ["read", "write", "admin"],
    }


# --- the commands


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> str:
    return str(tmp_path / "data")


def test_create_prints_the_key_alone_on_stdout(store: Store, folder: str) -> None:
    done = CliRunner().invoke(app, ["keys", "create", "desk", "--data-dir", folder])
    assert done.exit_code == 0
    found = find(store.keys(), done.stdout.strip().encode())
    assert isinstance(found, Key)
    assert (found.name, found.scope) == ("desk", "read")
    assert "not shown again" in done.stderr


def test_list_and_revoke_name_keys_and_never_show_them(store: Store, folder: str) -> None:
    secret = store.create_key("desk", "admin")
    run = CliRunner()
    listed = run.invoke(app, ["keys", "list", "--json", "--data-dir", folder])
    (row,) = json.loads(listed.stdout)["keys"]
    assert (row["name"], row["scope"]) == ("desk", "admin")
    shown = run.invoke(app, ["keys", "list", "--data-dir", folder])
    assert "admin  desk" in shown.stdout
    revoked = run.invoke(app, ["keys", "revoke", "desk", "--data-dir", folder])
    assert revoked.exit_code == 0
    assert "this machine only" in revoked.stderr
    assert store.keys() == []
    digest = hashlib.sha256(secret.encode()).hexdigest()
    assert not any(s in r.output for s in (secret, digest) for r in (listed, shown, revoked))


def test_a_wrong_scope_is_wrong_usage(folder: str) -> None:
    arguments = ["keys", "create", "desk", "--scope", "root", "--data-dir", folder]
    assert CliRunner().invoke(app, arguments).exit_code == 2


# --- the address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_is_served_without_a_key(dateline: Dateline, host: str) -> None:
    check_host(host, dateline)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "dateline.example", ""])
def test_others_are_served_with_a_key_only(dateline: Dateline, store: Store, host: str) -> None:
    with pytest.raises(InputError, match="dateline keys create NAME"):
        check_host(host, dateline)
    store.create_key("desk", "read")
    check_host(host, dateline)


def test_serve_refuses_before_it_listens(
    dateline: Dateline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve.Dateline, "open", lambda *_, **__: dateline)
    monkeypatch.setattr(serve.uvicorn, "run", lambda *_, **__: pytest.fail("it listens"))
    with pytest.raises(InputError, match="without a key"):
        serve.run(serve.Settings(), "0.0.0.0", 0, 1)


def test_a_collection_of_an_older_schema_is_not_taken_for_one_without_keys(
    store: Store, tmp_path: Path
) -> None:
    """No table of keys must never read as "no key is needed"."""
    assert FakeEncoder.name == store.encoder
    with sqlite3.connect(tmp_path / "data" / DATABASE_FILE) as connection:
        connection.execute("DROP TABLE keys")
    connection.close()
    with pytest.raises(Exception, match="no such table"):
        store.keys()
