"""The API keys of a collection: made, known again, and revoked.

A key is 32 random bytes, shown once; only its SHA-256 is kept. That needs no salt and no slow hash,
as nobody can guess a key. The functions on a connection work within the caller's transaction.
"""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import sqlalchemy as sa

from rag import database as tables
from rag.errors import InputError, NotFoundError

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Each may do what those before it may."""

_PREFIX = "dateline_"  # lets scanners for leaked secrets know one
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Key:
    """What is kept of a key; `sha256` is 32 bytes."""

    name: str
    scope: Scope
    created: date
    sha256: bytes

    def allows(self, scope: Scope) -> bool:
        """Whether the key may do what needs this scope."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


def create(connection: sa.Connection, name: str, scope: Scope) -> str:
    """Add a key and return it: it cannot be had again. InputError if the name cannot be used."""
    shown = name.strip()
    if not 1 <= len(shown) <= _LONGEST_NAME or any(
        unicodedata.category(character).startswith("C") for character in shown
    ):
        raise InputError(
            f"a key cannot be named {name!a}: expected 1 to {_LONGEST_NAME} characters, "
            "no control characters"
        )
    if any(key.name == shown for key in read(connection)):
        raise InputError(f"there is a key '{shown}': revoke it first, or choose another name")
    secret = _PREFIX + secrets.token_urlsafe(32)
    row = {"name": shown, "scope": scope, "created": date.today(), "sha256": _digest(secret)}
    connection.execute(sa.insert(tables.keys), [row])
    return secret


def read(connection: sa.Connection) -> list[Key]:
    """All keys, by name."""
    rows = connection.execute(sa.select(tables.keys).order_by(tables.keys.c.name))
    return [Key(row.name, row.scope, row.created, row.sha256) for row in rows]


def revoke(connection: sa.Connection, name: str) -> None:
    """Forget a key. NotFoundError if there is none of that name."""
    gone = connection.execute(sa.delete(tables.keys).where(tables.keys.c.name == name))
    if not gone.rowcount:
        raise NotFoundError(f"no key '{name}': 'dateline keys list' shows the names")


def find(keys: Iterable[Key], presented: bytes) -> Key | None:
    """The key that was presented, as the bytes that were sent; takes as long whichever it is."""
    digest = hashlib.sha256(presented).digest()
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest):
            found = key
    return found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
