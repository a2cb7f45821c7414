"""Making and checking the tables: alone, side by side, interrupted, beside an application's, and without the rights."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect, make_url, text

from engine.config import load_settings
from engine.errors import MilepostError, SchemaMismatch, StoreError
from engine.store.database import Database
from engine.store.migrations import check_schema, migrate, prepare_schema
from engine.store.migrations.revisions import REVISIONS, VERSION_TABLE
from engine.store.schema import metadata

ROOT = Path(__file__).resolve().parents[3]
PROCESSES = 3


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def set_revision(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :revision"), {"revision": revision})


def statements(database: Database) -> list[str]:
    """Every statement from now on, in order."""
    seen: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    return seen


def test_an_empty_database_gets_every_table(database: Database) -> None:
    migrate(database)
    assert tables(database) == {*metadata.tables, VERSION_TABLE}
    check_schema(database)


def test_migrating_again_changes_nothing_and_takes_one_query(database: Database) -> None:
    migrate(database)
    seen = statements(database)
    migrate(database)
    assert len(seen) == 1


def test_the_check_takes_one_query(database: Database) -> None:
    migrate(database)
    seen = statements(database)
    check_schema(database)
    assert len(seen) == 1


def test_the_check_needs_no_alembic() -> None:
    code = (
        "import sys; from engine.store.database import Database; from engine.store.migrations import check_schema\n"
        "try: check_schema(Database('sqlite://'))\n"
        "except Exception as error: print(error)\n"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "False"


def test_missing_tables_say_what_to_run(database: Database) -> None:
    with pytest.raises(SchemaMismatch, match="run 'engine migrate' once"):
        check_schema(database)


def test_tables_of_a_newer_release_ask_for_an_upgrade(database: Database) -> None:
    migrate(database)
    set_revision(database, "9999")
    for act in (check_schema, migrate):
        with pytest.raises(SchemaMismatch, match=f"9999.*{REVISIONS[-1]}.*upgrade Milepost"):
            act(database)


def test_tables_of_an_older_release_say_what_to_run(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(database)
    for module in ("engine.store.migrations", "engine.store.migrations.revisions"):
        monkeypatch.setattr(f"{module}.REVISIONS", (*REVISIONS, "9999"))
    with pytest.raises(SchemaMismatch, match=f"{REVISIONS[-1]}.*9999.*run 'engine migrate'"):
        check_schema(database)


def test_only_sqlite_is_migrated_by_itself(database: Database) -> None:
    url = database.url.render_as_string(hide_password=False)
    by_itself = load_settings(overrides={"store.url": url}, environment={}).store.migrates_itself
    if database.dialect.name == "sqlite":
        prepare_schema(database, migrates=by_itself)
        return
    with pytest.raises(SchemaMismatch):
        prepare_schema(database, migrates=by_itself)
    prepare_schema(database, migrates=True)


def test_nothing_is_made_where_the_settings_say_no(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with pytest.raises(SchemaMismatch):
        prepare_schema(database, migrates=False)
    assert tables(database) == set()
    database.close()


def test_a_database_in_memory_is_migrated() -> None:
    database = Database("sqlite://")
    migrate(database)
    check_schema(database)
    database.close()


# -- several at once ---------------------------------------------------------------------------------------------------

START_AT_ONCE = """
import sys
from engine.store.database import Database
from engine.store.migrations import migrate, check_schema
import engine.store.migrations.running
print("ready", flush=True)
sys.stdin.readline()
database = Database(sys.argv[1])
migrate(database)
check_schema(database)
database.close()
"""


def test_several_processes_may_migrate_at_once(store_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", START_AT_ONCE, store_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert errors == [""] * PROCESSES
    database = Database(store_url)
    check_schema(database)
    with database.engine.connect() as connection:
        assert connection.execute(text(f"SELECT count(*) FROM {VERSION_TABLE}")).scalar_one() == 1
    database.close()


def test_whoever_comes_second_waits(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one process is at the tables, another one gets nowhere."""
    monkeypatch.setattr("engine.store.dialects.postgresql.MIGRATION_WAIT", "100ms")
    monkeypatch.setattr("engine.store.dialects.mysql.MIGRATION_WAIT_SECONDS", 0)
    monkeypatch.setattr("engine.store.dialects.sqlite.BUSY_SECONDS", 0.1)
    with database.write() as tx, tx.dialect.migrating(tx.connection):
        second = Database(database.url.render_as_string(hide_password=False))
        with pytest.raises(StoreError) as refused:
            migrate(second)
        assert type(refused.value).__name__ == "StoreUnavailable"
        second.close()
    migrate(database)


# -- interrupted -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", range(1, 14))
def test_an_interrupted_migration_can_be_run_again(mysql_url: str, after: int) -> None:
    """MySQL commits with every CREATE: what was made stays, and is passed over."""
    _interrupt(mysql_url, after)


@pytest.mark.parametrize("after", [3, 8])
def test_an_interrupted_migration_leaves_nothing_where_that_can_be_had(store_url: str, after: int) -> None:
    left = _interrupt(store_url, after)
    assert bool(left) == store_url.startswith(("mysql", "mariadb"))


def _interrupt(url: str, after: int) -> set[str]:
    """Let the connection fail at some CREATE, run the migration again, and return what the first run had left."""
    broken = Database(url)
    count = 0

    @event.listens_for(broken.engine, "before_cursor_execute")
    def _fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal count
        if statement.lstrip().startswith("CREATE"):
            count += 1
            if count > after:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(broken)
    broken.close()
    database = Database(url)
    left = tables(database)
    with pytest.raises(SchemaMismatch, match="run 'engine migrate'"):
        check_schema(database)
    migrate(database)
    check_schema(database)
    assert set(metadata.tables) < tables(database)
    names = {index["name"] for table in metadata.tables for index in inspect(database.engine).get_indexes(table)}
    assert {index.name for table in metadata.tables.values() for index in table.indexes} <= names
    database.close()
    return left


# -- beside an application ---------------------------------------------------------------------------------------------


def test_an_application_keeps_its_tables_and_its_own_alembic(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('of the application')"))
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
    migrate(database)
    check_schema(database)
    assert tables(database) == {*metadata.tables, VERSION_TABLE, "alembic_version", "orders"}
    with database.engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    assert found == ["of the application"]


def test_it_can_be_called_from_a_migration_of_the_application(sqlite_url: str, tmp_path: Path) -> None:
    """Alembic's global ``op`` and ``context`` stay those of the application."""
    from alembic import op
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    own = Database(f"sqlite:///{tmp_path / 'application.db'}")
    database = Database(sqlite_url)
    with own.engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migrate(database)
        assert op.get_bind() is connection
        op.execute("CREATE TABLE orders (id INTEGER)")
    assert tables(own) == {"orders"}
    check_schema(database)
    database.close()
    own.close()


def test_logging_stays_as_it_is(sqlite_url: str) -> None:
    def state() -> Any:
        names = ("", "alembic", "alembic.runtime.migration", "sqlalchemy", "sqlalchemy.engine")
        loggers = [logging.getLogger(name) for name in names]
        return [(one.level, list(one.handlers), one.disabled, one.propagate) for one in loggers]

    database = Database(sqlite_url)
    before = state()
    migrate(database)
    assert state() == before
    database.close()


# -- without the rights ------------------------------------------------------------------------------------------------


@pytest.fixture
def without_rights(store_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database in which its user may make nothing."""
    url = make_url(store_url)
    if url.get_backend_name() == "sqlite":
        (tmp_path / "given.db").touch()
        yield f"sqlite:///file:{tmp_path / 'given.db'}?mode=ro&uri=true"
        return
    name = f"reader_{os.urandom(4).hex()}"
    database = Database(store_url)
    try:
        with database.engine.begin() as connection:
            if url.get_backend_name() == "postgresql":
                connection.execute(text("REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
                connection.execute(text(f"CREATE ROLE {name}"))
            else:
                connection.execute(text(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'reader'"))
                connection.execute(text(f"GRANT SELECT ON {url.database}.* TO '{name}'@'%'"))
        if url.get_backend_name() == "postgresql":
            yield url.update_query_dict({"options": f"-c role={name}"}).render_as_string(hide_password=False)
        else:
            yield url.set(username=name, password="reader").render_as_string(hide_password=False)
        with database.engine.begin() as connection:
            if url.get_backend_name() == "postgresql":
                connection.execute(text(f"DROP ROLE {name}"))
            else:
                connection.execute(text(f"DROP USER '{name}'@'%'"))
    finally:
        database.close()


def test_a_user_without_rights_is_told_in_one_line(without_rights: str) -> None:
    database = Database(without_rights)
    with pytest.raises(MilepostError) as refused:
        migrate(database)
    assert isinstance(refused.value, StoreError)
    assert "\n" not in str(refused.value)
    # SQLite cannot even open its file the way the store needs it.
    expected = "readonly database" if database.dialect.name == "sqlite" else "right to create tables"
    assert expected in str(refused.value)
    database.close()


def test_the_revisions_are_part_of_the_package() -> None:
    spec = importlib.util.find_spec("engine.store.migrations.versions")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).with_name("v0001_tables.py").is_file()
