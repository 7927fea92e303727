"""Which of the two databases a collection is in, and what only that one can say of itself."""

from typing import Protocol

import sqlalchemy as sa

from rag import postgres, sqlite


class Backend(Protocol):
    """What rag/sqlite.py and rag/postgres.py do each in its own way."""

    def name(self, url: sa.URL) -> str:
        """What to call the database in a message, never with its password."""

    def incarnation(self, connection: sa.Connection) -> str:
        """What changes when the database is copied or restored by other means than ours."""

    def written(self, engine: sa.Engine) -> int | None:
        """When it was last written, by any process: nanoseconds, a file's clock. None where
        telling would take as long as looking."""

    def size(self, connection: sa.Connection) -> int:
        """Bytes on its disk."""

    def faults(self, connection: sa.Connection) -> list[str]:
        """What it finds wrong with its own structures, as far as it can tell."""

    def last_passage_id(self, connection: sa.Connection) -> int:
        """The largest id that a passage was given, also one that is deleted; 0 before there was
        one."""

    def reindex(self, connection: sa.Connection) -> None:
        """Build its own indexes again, in a transaction that may then remove broken rows."""

    def vacuum(self, engine: sa.Engine) -> None:
        """Overwrite what was deleted, or give its room back."""


def backend_of(bind: sa.Engine | sa.Connection) -> Backend:
    return sqlite if bind.dialect.name == "sqlite" else postgres
