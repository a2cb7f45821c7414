"""Databases with our tables and nothing in them, lent to one test after the other.

To make a database, migrate it and drop it takes a third of a second of the processor; to empty one, a twentieth of
that. A database is lent again only if nobody can tell it from a new one: the test has passed, whoever was connected
has gone, nothing about its tables has been changed, all rows are gone, and ids begin at 1 again.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import text

from engine.store.database import Database
from engine.store.migrations import migrate
from engine.store.migrations.revisions import VERSION_TABLE
from engine.store.schema import metadata
from tests.servers.databases import DatabaseServer

PATIENCE_SECONDS = 1.0
"""How long sessions may take to end after their clients have gone."""
_FIRST_OF_OURS = 16384
"""The first number that PostgreSQL gives to what it does not bring along itself."""


class Lent(NamedTuple):
    """A database, and what its tables were when they had been made."""

    url: str
    name: str
    shape: Any


class Stores(ABC):
    """Lends databases of one server."""

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self._free: list[Lent] = []
        self._tables = [table.name for table in metadata.sorted_tables]
        self._counted = [table.name for table in metadata.sorted_tables if table.autoincrement_column is not None]

    @contextmanager
    def lent(self, failures: Callable[[], int]) -> Iterator[str]:
        """Give the URL of a database with our tables and nothing in them. ``failures``: how many there were so far."""
        lent = self._free.pop() if self._free else self._made()
        before, again = failures(), False
        try:
            yield lent.url
            again = failures() == before and self._is_deserted(lent) and self._emptied(lent)
        finally:
            if again:
                self._free.append(lent)
            else:
                self._server.drop(lent.name)

    def close(self) -> None:
        """Drop the databases."""
        while self._free:
            self._server.drop(self._free.pop().name)

    def _made(self) -> Lent:
        name, url = self._server.make()
        database = Database(url)
        try:
            migrate(database)
        finally:
            database.close()
        return Lent(url, name, self._shape(url, name))

    def _is_deserted(self, lent: Lent) -> bool:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while self._server._admin.execute(self._sessions, {"name": lent.name}).scalar():
            if time.monotonic() > deadline:
                return False
            pause.wait(0.01)
        return True

    _sessions = text("SELECT count(*) FROM information_schema.processlist WHERE db = :name")

    @abstractmethod
    def _shape(self, url: str, name: str) -> Any:
        """Return what is not the same any more when anything but rows has been changed."""

    @abstractmethod
    def _emptied(self, lent: Lent) -> bool:
        """Delete all rows, unless the shape has been changed."""


class PostgreSQLStores(Stores):
    """Lends databases of a PostgreSQL server."""

    _sessions = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND backend_type = 'client backend'")
    # Each row of a catalogue says which transaction wrote it.
    _catalogues = " UNION ALL ".join(
        [
            f"SELECT '{catalogue}', oid, xmin FROM {catalogue} WHERE oid >= {_FIRST_OF_OURS}"
            for catalogue in (
                "pg_class", "pg_constraint", "pg_attrdef", "pg_trigger", "pg_rewrite", "pg_proc", "pg_type",
            )
        ]
        + [
            f"SELECT 'columns', attrelid, xmin FROM pg_attribute WHERE attrelid >= {_FIRST_OF_OURS}",
            "SELECT 'schemas', oid, xmin FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'",
            "SELECT 'settings', setrole, xmin FROM pg_db_role_setting",
            f"SELECT version_num, 0, xmin FROM {VERSION_TABLE}",
        ]
    )  # fmt: skip
    _query = f"SELECT md5(string_agg(CAST(one AS text), ',' ORDER BY CAST(one AS text))) FROM ({_catalogues}) AS one"

    def _shape(self, url: str, name: str) -> Any:
        with _connected(url) as connection:
            return self._shape_seen(connection)

    def _shape_seen(self, connection: psycopg.Connection[Any]) -> Any:
        return connection.execute(self._query.encode()).fetchone()

    def _emptied(self, lent: Lent) -> bool:
        with _connected(lent.url) as connection:
            if self._shape_seen(connection) != lent.shape:
                return False
            for table in connection.execute(_filled(self._tables)).fetchall():
                connection.execute(f"DELETE FROM {table[0]}".encode())
            restarts = (f"setval(pg_get_serial_sequence('{table}', 'id'), 1, false)" for table in self._counted)
            connection.execute(f"SELECT {', '.join(restarts)}".encode())
        return True


class MariaDBStores(Stores):
    """Lends databases of a MariaDB server."""

    _queries = (
        (
            "SELECT table_name, column_name, column_type, is_nullable, column_default, ordinal_position "
            "FROM information_schema.columns WHERE table_schema = '{name}'"
        ),
        (
            "SELECT table_name, index_name, seq_in_index, column_name, non_unique "
            "FROM information_schema.statistics WHERE table_schema = '{name}'"
        ),
        "SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema = '{name}'",
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = '{name}'",
        "SELECT event_name FROM information_schema.events WHERE event_schema = '{name}'",
        "SELECT grantee, privilege_type FROM information_schema.schema_privileges WHERE table_schema = '{name}'",
        f"SELECT version_num FROM {{name}}.{VERSION_TABLE}",
    )

    def _run(self, sql: str) -> list[Any]:
        result = self._server._admin.exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []

    def _shape(self, url: str, name: str) -> Any:
        return [sorted(self._run(query.format(name=name)), key=repr) for query in self._queries]

    def _emptied(self, lent: Lent) -> bool:
        if self._shape(lent.url, lent.name) != lent.shape:
            return False
        for table in self._run(_filled([f"{lent.name}.{table}" for table in self._tables]).decode()):
            self._run(f"DELETE FROM {table[0]}")
        counted = "SELECT table_name FROM information_schema.tables WHERE table_schema = '{}' AND auto_increment > 1"
        for table in self._run(counted.format(lent.name)):
            self._run(f"ALTER TABLE {lent.name}.{table[0]} AUTO_INCREMENT = 1")
        return True


def _connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True)


def _filled(tables: list[str]) -> bytes:
    return " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables).encode()
