"""What is PostgreSQL's own about a collection's database: how it is reached, and what its errors
mean.

The database may be shared by several machines, each of which keeps an index of its own. Writers
wait for one another by a lock on the table `meta`, which readers do not notice.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from rag import database as tables
from rag.errors import (
    CollectionError,
    CorruptError,
    DatelineError,
    InputError,
    StorageFullError,
    UnavailableError,
)

SETTING = "DATELINE_DATABASE_URL"
_CREATING = 0x44544C4E
"""Of the advisory lock under which the tables are made."""
_STATEMENT_S = 300
_RETRY_S = 5
# A machine that vanishes in the middle of a write would keep the others from writing, and a server
# that vanishes would keep us waiting, for as long as the network's own patience: hours.
_SESSION = {
    "lock_timeout": f"{tables.PATIENCE_S}s",
    "statement_timeout": f"{_STATEMENT_S}s",
    "idle_in_transaction_session_timeout": f"{tables.PATIENCE_S}s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_LINK = {
    "client_encoding": "utf8",
    "connect_timeout": "5",
    "fallback_application_name": "dateline",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


def connect(url: str) -> sa.Engine:
    """An engine on the database of that URL. A transaction sees one state of it (REPEATABLE READ);
    writing ones (`execution_options(write=True)`) wait for one another.

    Connections that broke are replaced before they are used. Of PostgreSQL's errors those that a
    person can mend are raised as a DatelineError. InputError for what is no such URL.
    """
    parsed = _parse(url)
    try:
        engine = sa.create_engine(
            parsed,
            isolation_level="REPEATABLE READ",
            pool_pre_ping=True,
            max_overflow=-1,  # no thread waits for another's: there are not many
            # An error that is logged must not take the articles' texts into the log.
            hide_parameters=True,
        )
    except ImportError as error:
        raise CollectionError(
            f"{SETTING} needs psycopg: pip install 'dateline[postgres]'"
        ) from error
    tables.keep_to_process(engine)

    @sa.event.listens_for(engine, "handle_error")
    def _on_error(context: sa.engine.ExceptionContext) -> None:
        if context.is_pre_ping:  # a new connection is tried first
            return
        error = context.original_exception
        lost = context.connection is None or context.is_disconnect
        told = _unreachable(name(parsed), error) if lost else explained(name(parsed), error)
        if told is not None:
            raise told from error

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        # Before anything is read: the state that the transaction sees is the one after the lock.
        if connection.get_execution_options().get("write", False):
            connection.exec_driver_sql("LOCK TABLE meta IN SHARE ROW EXCLUSIVE MODE")

    return engine


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    # A driver's prefix is PostgreSQL's too: both are what its other programs take.
    if parsed is None or parsed.drivername not in (
        "postgresql+psycopg",
        "postgresql",
        "postgres",
    ):
        # What was given may hold a password: it is not repeated, also not as the error's cause.
        raise InputError(
            f"{SETTING} is not the URL of a PostgreSQL database: expected "
            "postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for an @ in the "
            "password and the like"
        )
    session = " ".join(f"-c {key}={value}" for key, value in _SESSION.items())
    options = f"{session} {parsed.query.get('options', '')}".strip()
    return parsed.set(
        drivername="postgresql+psycopg", query={**_LINK, **parsed.query, "options": options}
    )


def _unreachable(shown: str, error: BaseException) -> DatelineError | None:
    if not hasattr(error, "sqlstate"):  # no error of the driver's
        return None
    why = " ".join(str(error).split())
    return UnavailableError(
        f"{shown} cannot be reached ({why}): start the server or mend {SETTING}, and send again "
        "what was not confirmed",
        _RETRY_S,
    )


def explained(shown: str, error: BaseException) -> DatelineError | None:
    """PostgreSQL's error as one that names the mend; None if it is a mistake of ours."""
    why = str(error).split("\n")[0]  # the other lines may quote a text
    state = getattr(error, "sqlstate", None) or ""
    match state:
        case "53100":
            return StorageFullError(
                f"no room for {shown}: free some of its server's disk and send again what was not "
                "confirmed"
            )
        case "55P03":
            return CollectionError(
                f"{shown} was in use by another process for {tables.PATIENCE_S} s: try again later"
            )
        case "57014":
            return UnavailableError(
                f"{shown} did not answer within {_STATEMENT_S} s: try again later", _RETRY_S
            )
        case "25006":
            return CollectionError(
                f"{shown} cannot be written ({why}): name the primary server in {SETTING}"
            )
        case "42501":
            return CollectionError(
                f"{shown} does not let us ({why}): GRANT it to the user of {SETTING}, who must be "
                "able to make and to change tables"
            )
        case "22021" | "22P05":
            return InputError(f"{shown} cannot hold this text ({why}): take the character out")
        case "XX001" | "XX002":
            return CorruptError(
                f"{shown} is damaged ({why}): bring it back with pg_restore, or ingest the "
                f"articles again into another {SETTING}"
            )
    if state[:2] in ("53", "57", "58"):  # resources, an operator, the system around the server
        return UnavailableError(f"{shown} cannot serve ({why}): try again later", _RETRY_S)
    if not state and "NUL" in why:
        return InputError("a text holds a NUL character, which PostgreSQL cannot: take it out")
    return None


# --- the tables


def make_tables(engine: sa.Engine, values: dict[str, str]) -> None:
    """Make the tables of a collection, with these values in `meta`, unless they are there.

    CollectionError for a database in which they have no place.
    """
    # The state that is looked at is to be the one after the lock.
    committed = engine.execution_options(isolation_level="READ COMMITTED")
    with committed.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
        names, shown = _names(connection), name(engine.url)
        if _are_ours(names):  # another machine was faster
            return
        if taken := names & set(tables.metadata.tables):
            raise CollectionError(
                f"{shown} has a table '{min(taken)}' and is no collection of Dateline: name a new "
                f"database in {SETTING}"
            )
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        if encoding != "UTF8":
            raise CollectionError(
                f"{shown} has the encoding {encoding}: make a database with ENCODING 'UTF8'"
            )
        tables.create(connection, values)


def has_collection(engine: sa.Engine) -> bool:
    """Whether the tables of a collection, of any schema, are there: all are made at once."""
    with engine.connect() as connection:
        return _are_ours(_names(connection))


def _are_ours(names: set[str]) -> bool:
    return {table.name for table in (tables.meta, tables.alembic_version, tables.tellings)} <= names


def _names(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())


def give_ids_after(connection: sa.Connection, table: sa.Table, last: int) -> None:
    """Have the ids of a table, which are given in their order, go on after that one."""
    if last:
        (column,) = table.primary_key.columns
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(sa.select(sa.func.setval(sa.cast(sequence, postgresql.REGCLASS), last)))


# --- as rag/backends.py asks for it


def name(url: sa.URL) -> str:
    host = url.host or url.query.get("host") or "this machine"
    return f"database '{url.database or url.username or ''}' on {host}"


def incarnation(connection: sa.Connection) -> str:
    # pg_restore brings back the id of the collection, and then ids of passages that were given
    # since the dump are given again: an index from before must not be taken for one of now.
    server = sa.text("(SELECT system_identifier FROM pg_control_system())")
    table = sa.text("'meta'::regclass::oid")
    return "-{}-{}".format(*connection.execute(sa.select(server, table)).one())


def written(_engine: sa.Engine) -> int | None:
    return None


def size(connection: sa.Connection) -> int:
    sizes = (f"pg_total_relation_size('{t.name}')" for t in tables.metadata.sorted_tables)
    return connection.exec_driver_sql(f"SELECT {' + '.join(sizes)}").scalar() or 0


def faults(_connection: sa.Connection) -> list[str]:
    return []  # the server's own work: checksums of its pages, pg_amcheck


def last_passage_id(connection: sa.Connection) -> int:
    sequence = "pg_get_serial_sequence('passages', 'id')::regclass"
    return connection.exec_driver_sql(f"SELECT pg_sequence_last_value({sequence})").scalar() or 0


def reindex(connection: sa.Connection) -> None:
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    for table in tables.metadata.sorted_tables:
        connection.exec_driver_sql(f"REINDEX TABLE {table.name}")


def vacuum(engine: sa.Engine) -> None:
    names = ", ".join(table.name for table in tables.metadata.sorted_tables)
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql(f"VACUUM FULL {names}")
