"""The store in PostgreSQL: what differs from SQLite, and what is said when it cannot be used."""

import json
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event, Thread

import pytest
import sqlalchemy as sa
from conftest import FakeEncoder, article, in_words, whole
from postgres_server import PASSWORD, PostgresServer
from test_doctor import SAME, embed_with_fake
from test_migrations import NEXT
from typer.testing import CliRunner

from api.cli import app
from rag import database as tables
from rag import postgres as backend
from rag.backup import back_up
from rag.collection import open_collection
from rag.doctor import examine
from rag.errors import CollectionError, CorruptError, InputError, StorageFullError, UnavailableError
from rag.feedback import Judgement
from rag.index import _FEW_CHANGES, EmbeddedIndex
from rag.job_inputs import list_input
from rag.migrations import SCRIPTS, known_revisions, run, upgrade
from rag.repair import purge, repair
from rag.settings import Settings
from rag.store import Store


def database_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


@pytest.fixture
def shared(tmp_path: Path, postgres_url: str) -> Store:
    """An empty collection in PostgreSQL, its folder being `tmp_path / "data"`."""
    with Store.create(tmp_path / "data", FakeEncoder.name, postgres_url) as store:
        yield store


# --- the URL


@pytest.mark.parametrize(
    "url",
    [
        "news",
        "mysql://me:hunter2@host/news",
        "postgresql+psycopg2://me:hunter2@host/news",
        "postgresql://me:hunter2@host:port/news",
        "sqlite:///news",
    ],
)
def test_what_is_no_url_is_told_without_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match=r"DATELINE_DATABASE_URL is not .*psycopg://") as told:
        Store.open(tmp_path, url)
    assert "hunter2" not in "".join(traceback.format_exception(told.value))


def test_the_settings_do_not_show_the_url() -> None:
    settings = Settings(database_url=f"postgresql://me:{PASSWORD}@host/news")
    assert PASSWORD not in repr(settings)
    assert PASSWORD not in settings.model_dump_json()
    assert settings.url is not None
    assert PASSWORD in settings.url


def test_without_the_driver_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(CollectionError, match=r"pip install 'dateline\[postgres\]'"):
        Store.open(tmp_path, "postgresql://host/news")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace(f"@{url.split('@')[1]}", "@127.0.0.1:1/news"), "refused"),
        (lambda url: url.replace("dateline:", "nobody:"), "authentication failed"),
        (lambda url: f"{url}x", "does not exist"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_without_the_password(
    tmp_path: Path, postgres_url: str, change: Callable[[str], str], says: str
) -> None:
    for opening in (lambda p, u: Store.create(p, "e5", u), Store.open):
        with pytest.raises(UnavailableError, match=rf"{says}.*mend DATELINE_DATABASE_URL") as told:
            opening(tmp_path, change(postgres_url))
        assert PASSWORD not in str(told.value)
        assert "\n" not in str(told.value)
    assert not (tmp_path / "index").exists()


def test_a_socket_is_a_way_too(
    shared: Store, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    shared.put([whole(article("A storm came"))])
    host = f"127.0.0.1:{postgres.port}"
    url = postgres_url.replace(f"@{host}", "@") + f"?host={postgres.folder}&port={postgres.port}"
    with Store.open(tmp_path / "data", url) as store:
        assert store.counts() == (1, 1)


def test_collections_apart_are_in_files(tmp_path: Path) -> None:
    """Those of an evaluation and the like must not be the one that is shared."""
    apart = Settings(database_url="postgresql://host/news").apart(tmp_path)
    assert (apart.folder, apart.url) == (tmp_path, None)


# --- opening


def test_an_empty_database_is_no_collection(tmp_path: Path, postgres_url: str) -> None:
    with pytest.raises(CollectionError, match="run 'dateline ingest PATH' first") as told:
        Store.open(tmp_path, postgres_url)
    assert f"no collection in database '{database_of(postgres_url)}' on 127.0.0.1" in str(
        told.value
    )


def test_a_database_of_others_is_left_alone(
    tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    name = database_of(postgres_url)
    postgres.execute("CREATE TABLE articles (title text)", name)
    with pytest.raises(CollectionError, match="has a table 'articles' and is no collection"):
        Store.create(tmp_path, "e5", postgres_url)
    tables_there = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert postgres.execute(tables_there, name) == [("articles",)]


def test_a_database_of_another_encoding_is_refused(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    postgres.execute(
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc"
    )
    with pytest.raises(CollectionError, match=r"encoding LATIN1: make .* ENCODING 'UTF8'"):
        Store.create(tmp_path, "e5", postgres.url("latin"))


def test_a_lost_database_is_not_taken_for_a_new_one(
    shared: Store, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    EmbeddedIndex(tmp_path / "data" / "index", shared, FakeEncoder.dimension)
    postgres.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", database_of(postgres_url))
    for opening in (lambda p, u: Store.create(p, "e5", u), Store.open):
        with pytest.raises(CorruptError, match="though there was a collection: mend DATELINE_DATA"):
            opening(tmp_path / "data", postgres_url)


def test_a_folder_with_a_collection_of_its_own_gets_no_other_index(
    tmp_path: Path, postgres_url: str
) -> None:
    Store.create(tmp_path, "e5").close()
    with pytest.raises(CollectionError, match="a collection of its own: name another --data-dir"):
        Store.create(tmp_path, "e5", postgres_url)


def test_two_machines_that_make_it_at_once_make_one(tmp_path: Path, postgres_url: str) -> None:
    made: list[str] = []

    def make(name: str) -> None:
        with Store.create(tmp_path / name, "e5", postgres_url) as store:
            made.append(store.collection)

    threads = [Thread(target=make, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == 1


def test_a_schema_of_the_database_holds_a_collection_of_its_own(
    shared: Store, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    shared.put([whole(article("A storm came"))])
    postgres.execute("CREATE SCHEMA sport", database_of(postgres_url))
    sport = f"{postgres_url}?options=-csearch_path%3Dsport"
    with Store.create(tmp_path / "sport", "e5", sport) as store:
        assert store.counts() == (0, 0)
        assert store.collection != shared.collection


# --- what is stored


def test_a_nul_is_refused_and_changes_nothing(shared: Store) -> None:
    shared.put([whole(article("A storm came"))])
    for use in (
        lambda: shared.get("a\0"),
        lambda: shared.put([whole(article("A \0 vote", "b"))]),
        lambda: shared.find(["\0"]),
    ):
        with pytest.raises(InputError, match="NUL character"):
            use()
    assert shared.counts() == (1, 1)
    removed = replace(article("A vote", "b"), removed=("\0", "\ud800"))
    shared.put([whole(removed)])
    assert shared.get("b") == removed


def test_a_read_sees_one_state_while_others_write(shared: Store, postgres_url: str) -> None:
    shared.put([in_words(article("one two"))])
    with shared._reading() as connection:
        before = sa.select(sa.func.count()).select_from(tables.passages)
        assert connection.scalar(before) == 2
        shared.delete("a")
        assert connection.scalar(before) == 2
    assert shared.counts() == (0, 0)


# --- waiting


def patient(url: str, setting: str) -> str:
    return f"{url}?options=-c{setting}%3D200"


def test_a_writer_that_waits_too_long_says_so(
    shared: Store, tmp_path: Path, postgres_url: str
) -> None:
    held, done = Event(), Event()

    def hold() -> None:
        with shared._write():
            held.set()
            done.wait(30)

    holder = Thread(target=hold)
    holder.start()
    assert held.wait(30)
    with Store.open(tmp_path / "data", patient(postgres_url, "lock_timeout")) as other:
        assert other.counts() == (0, 0)  # readers do not wait
        with pytest.raises(CollectionError, match=r"in use by another process for .* try again"):
            other.put([whole(article("A storm came"))])
        done.set()
        holder.join()
        assert other.put([whole(article("A storm came"))])


def test_a_statement_that_takes_too_long_is_given_up(
    shared: Store, tmp_path: Path, postgres_url: str
) -> None:
    with Store.open(tmp_path / "data", patient(postgres_url, "statement_timeout")) as other:
        with other._reading() as connection, pytest.raises(UnavailableError, match="within"):
            connection.execute(sa.func.pg_sleep(5))
        assert other.counts() == (0, 0)


def test_a_writer_that_falls_silent_lets_the_others_write(
    shared: Store, tmp_path: Path, postgres_url: str
) -> None:
    idle = patient(postgres_url, "idle_in_transaction_session_timeout")
    with Store.open(tmp_path / "data", idle) as silent:
        connection = silent._engine.connect()
        connection.execution_options(write=True).begin()
        assert shared.put([whole(article("A storm came"))])  # once the server has had enough
        with pytest.raises(UnavailableError, match="send again"):
            connection.execute(sa.delete(tables.vectors))
        connection.close()
    assert shared.counts() == (1, 1)


def failing(code: str) -> str:
    return f"DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{code}'; END$$"


@pytest.mark.parametrize(
    ("statement", "kind", "says"),
    [
        ("SET ROLE pg_monitor; DELETE FROM vectors", CollectionError, "does not let us .*GRANT"),
        ("SET TRANSACTION READ ONLY; DELETE FROM vectors", CollectionError, "name the primary"),
        (failing("53100"), StorageFullError, "no room"),
        (
            failing("53200"),
            UnavailableError,
            "serve",
        ),
        (failing("XX001"), CorruptError, "damaged"),
    ],
)
def test_errors_that_can_be_mended_say_how(
    shared: Store, statement: str, kind: type[Exception], says: str
) -> None:
    with shared._reading() as connection, pytest.raises(kind, match=says) as told:
        connection.exec_driver_sql(statement)
    assert PASSWORD not in str(told.value)


def test_a_mistake_of_ours_stays_one_and_tells_no_text(shared: Store) -> None:
    with shared._reading() as connection, pytest.raises(sa.exc.ProgrammingError) as failed:
        connection.execute(sa.text("SELECT 1 FROM absent WHERE text = :text"), {"text": SAME})
    assert SAME not in str(failed.value)


# --- migrations


def test_the_migrations_make_the_tables_that_a_new_collection_has(
    shared: Store, postgres: PostgresServer, postgres_url: str
) -> None:
    with postgres.database() as url:
        engine = backend.connect(url)
        with engine.begin() as connection:
            tables.alembic_version.create(connection)
            run(connection, known_revisions())
        engine.dispose()
        options = ("--schema-only", "--no-comments")
        assert postgres.dump(url, *options) == postgres.dump(postgres_url, *options)


def _scripts(tmp_path: Path, then: str) -> Path:
    folder = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v0002_next.py").write_text(NEXT.format(then=then))
    return folder


def test_a_pending_migration_is_run_once_by_machines_that_start_together(
    shared: Store, tmp_path: Path, postgres_url: str
) -> None:
    shared.put([whole(article("A storm came"))])
    scripts = _scripts(tmp_path, "pass")
    engines = [open_collection(tmp_path / name, postgres_url) for name in "abc"]
    threads = [Thread(target=upgrade, args=(e, tmp_path / "a", scripts)) for e in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engines[0].connect() as connection:
        assert connection.exec_driver_sql("SELECT id, mood FROM articles").all() == [("a", None)]
        assert connection.exec_driver_sql("SELECT * FROM alembic_version").all() == [("0002",)]
    for engine in engines:
        engine.dispose()
    with pytest.raises(CollectionError, match=r"has schema 0002, .* reads up to 0001: update"):
        Store.open(tmp_path / "data", postgres_url)


def test_a_migration_that_fails_changes_nothing(
    shared: Store, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    before = postgres.dump(postgres_url)
    engine = open_collection(tmp_path / "data", postgres_url)
    with pytest.raises(RuntimeError, match="half way"):
        upgrade(engine, tmp_path / "data", _scripts(tmp_path, "raise RuntimeError('half way')"))
    engine.dispose()
    assert postgres.dump(postgres_url) == before


# --- looking after it


@pytest.fixture
def filled(shared: Store, tmp_path: Path) -> Store:
    """Three articles, two of one story, in a generation."""
    many = " ".join(f"w{i}" for i in range(_FEW_CHANGES + 1))
    shared.put([in_words(article(many)), whole(article(SAME, "b")), whole(article(SAME, "c"))])
    EmbeddedIndex(tmp_path / "data" / "index", shared, FakeEncoder.dimension)
    return shared


@pytest.mark.parametrize(
    ("statement", "check", "article_id"),
    [
        ("UPDATE articles SET text = text || 'x' WHERE id = 'b'", "articles", "b"),
        ("UPDATE vectors SET vector = '\\x00' WHERE passage_id = 502", "passages", "b"),
        ("DELETE FROM tellings WHERE article_id = 'c'", "stories", None),
        ("INSERT INTO fingerprints VALUES (1, 'ghost')", "stories", None),
        ("INSERT INTO passages VALUES (9000, 'ghost', 0, 1, 1)", "database", None),
        ("UPDATE meta SET value = '0' WHERE key = 'seq'", "database", None),
    ],
)
def test_damage_is_found_and_mended(
    filled: Store,
    tmp_path: Path,
    postgres: PostgresServer,
    postgres_url: str,
    statement: str,
    check: str,
    article_id: str | None,
) -> None:
    folder = tmp_path / "data"
    assert examine(folder, url=postgres_url) == []
    past_keys = "SET session_replication_role = replica"
    postgres.execute(f"{past_keys}; {statement}", database_of(postgres_url))
    problems = examine(folder, url=postgres_url)
    assert (check, article_id) in {(p.check, p.article_id) for p in problems}
    assert repair(folder, embed_with_fake, postgres_url)
    assert examine(folder, url=postgres_url) == []
    kept = {"a", "b", "c"} - ({"b"} if check == "articles" else set())
    assert {a.id for a in filled.page()} == kept


def test_an_index_of_passages_that_never_were_is_found(
    filled: Store, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    name = database_of(postgres_url)
    postgres.execute("SELECT setval('passages_id_seq', 400)", name)
    (problem,) = examine(tmp_path / "data", url=postgres_url)
    assert (problem.check, problem.what) == ("index", "it holds passages that never were")


def test_what_is_purged_gives_its_room_back(
    filled: Store, tmp_path: Path, postgres_url: str
) -> None:
    before = filled.overview().database_bytes
    filled.delete("a")
    purge(tmp_path / "data", postgres_url)
    assert 0 < filled.overview().database_bytes < before
    assert examine(tmp_path / "data", url=postgres_url) == []


def test_an_index_is_not_used_with_a_database_that_was_restored(
    filled: Store, tmp_path: Path, postgres: PostgresServer, postgres_url: str
) -> None:
    """It would find new passages by the vectors of those that had their ids after the dump."""
    dump = postgres.dump(postgres_url)
    filled.put([in_words(article("lost since then " * 600, "d"))])
    index = tmp_path / "data" / "index"
    EmbeddedIndex(index, filled, FakeEncoder.dimension)
    filled.close()
    name = database_of(postgres_url)
    postgres.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
    postgres.execute(dump, name)
    with Store.open(tmp_path / "data", postgres_url) as restored:
        restored.put([in_words(article("another one " * 900, "e"), 90.0)])
        found = EmbeddedIndex(index, restored, FakeEncoder.dimension)
        live = restored.passages([i for i, _ in found.lexical("lost", 10)])
        assert live == {}
        assert len(found) == restored.counts()[1]


# --- commands


@pytest.fixture
def command(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("DATELINE_DATABASE_URL", postgres_url)

    def run_(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*arguments, "--data-dir", str(tmp_path / "data")])
        return done.exit_code, done.stdout or str(done.exception)

    return run_


def test_commands_take_the_database_of_the_environment(
    filled: Store, command: Callable[..., tuple[int, str]]
) -> None:
    code, printed = command("stats", "--json")
    assert (code, json.loads(printed)["articles"]) == (0, 3)
    assert command("keys", "create", "desk")[0] == 0
    assert [key.name for key in Store.keys(filled)] == ["desk"]
    assert filled.written() is None
    code, printed = command("doctor", "--json")
    assert (code, json.loads(printed)["healthy"]) == (0, True)


def test_copies_are_left_to_postgres_own_programs(
    command: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, said = command("backup", str(tmp_path / "file"))
    assert code == 1
    assert "pg_dump" in said
    assert "pg_restore" in said


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of a collection in a file, in which there is something of everything."""
    file = tmp_path / "safe.sqlite3"
    with Store.create(tmp_path / "old", FakeEncoder.name) as store:
        dated = article(SAME, "b", published=date(2024, 2, 29), removed=("Share \0 this",))
        store.put([whole(dated), whole(article(SAME, "c")), in_words(article("one two three"))])
        store.delete("a")
        store.create_key("desk", "write")
        store.judge(Judgement("When?", "in the night", True, ("b",)))
        store.jobs.submit((list_input(b"[]"),), 0)
    back_up(tmp_path / "old", file)
    return file


def test_a_backup_of_a_file_becomes_the_collection(
    command: Callable[..., tuple[int, str]], tmp_path: Path, postgres_url: str, backup: Path
) -> None:
    before = backup.read_bytes()
    assert command("restore", str(backup)) == (0, "restored 2 articles into the database\n")
    assert backup.read_bytes() == before
    with Store.open(tmp_path / "old") as old, Store.open(tmp_path / "data", postgres_url) as new:
        assert new.page() == old.page()
        assert new.seq == old.seq == 2
        assert new.collection != old.collection
        assert Store.keys(new) == Store.keys(old)
        assert new.judgements() == old.judgements()
        assert new.jobs.page() == old.jobs.page()
        assert new.stories(["b"]) == old.stories(["b"])
        index = EmbeddedIndex(tmp_path / "data" / "index", new, FakeEncoder.dimension)
        assert len(index) == 2
        new.put([whole(article("A vote", "d"))])
        assert new.passage_ids(99).tolist() == [1, 2, 6]  # those of the deleted one stay used
        assert new.jobs.submit((list_input(b"[]"),), 0).id != new.jobs.page()[-1].id
    assert examine(tmp_path / "data", url=postgres_url) == []


def test_nothing_is_restored_over_something(
    shared: Store, command: Callable[..., tuple[int, str]], backup: Path
) -> None:
    shared.create_key("desk", "read")
    code, said = command("restore", str(backup))
    assert code == 1
    assert "holds keys already: name a new database" in said
    assert shared.counts() == (0, 0)
