"""The commands that make and revoke the keys of the HTTP service."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from api.options import AsJson, DataDir, print_json, read_settings
from rag.keys import Scope

if TYPE_CHECKING:
    from rag.settings import Settings
    from rag.store import Store

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke keys of the HTTP service.")

_SCOPES = (
    "read: ask, search and look; write: change articles too; admin: the service's figures too."
)


@app.command(epilog="Example: dateline keys create newsroom --scope write")
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    scope: Annotated[Scope, typer.Option(help=_SCOPES)] = "read",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once. From the first key on, every request needs one."""
    with _open(read_settings(data_dir)) as store:
        key = store.create_key(name, scope)
    if as_json:
        print_json(json.dumps({"name": name.strip(), "scope": scope, "key": key}))
    else:
        print(key)
        print(
            "dateline: keep it now, it is not shown again; send it as 'Authorization: Bearer ...'",
            file=sys.stderr,
        )


@app.command("list", epilog="Example: dateline keys list --json")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys: their names, scopes and days. The keys themselves are not kept."""
    with _open(read_settings(data_dir)) as store:
        keys = store.keys()
    if as_json:
        rows = [{"name": k.name, "scope": k.scope, "created": str(k.created)} for k in keys]
        print_json(json.dumps({"keys": rows}, ensure_ascii=False))
        return
    for key in keys:
        print(f"{key.created}  {key.scope:5}  {key.name}")
    if not keys:
        print("no keys: the service answers on this machine only")


@app.command(epilog="Example: dateline keys revoke newsroom")
def revoke(
    name: Annotated[str, typer.Argument(help="The key's name.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key; its next request is refused, in every worker."""
    with _open(read_settings(data_dir)) as store:
        store.revoke_key(name)
        left = len(store.keys())
    if as_json:
        print_json(json.dumps({"revoked": name}, ensure_ascii=False))
        return
    print(f"revoked {name}")
    if not left:
        print(
            "dateline: that was the last key: the service now answers on this machine only",
            file=sys.stderr,
        )


def _open(settings: "Settings") -> "Store":
    """The collection, made if missing: keys come before the first article on a server."""
    from embeddings.encoder import load_encoder
    from rag.collection import exists
    from rag.store import Store

    if exists(settings.folder, settings.url):
        return Store.open(settings.folder, settings.url)
    return Store.create(settings.folder, load_encoder(settings.encoder).name, settings.url)
