"""SQLite: one file, several processes, one writer at a time."""

from __future__ import annotations

import random
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, event
from sqlalchemy.pool import StaticPool

from engine.errors import StoreUnavailable
from engine.store.dialects.base import Dialect

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Engine
    from sqlalchemy.exc import DBAPIError

    from engine.store.batches import Row

BUSY_SECONDS = 30.0
"""How long a writer waits for its turn before the database counts as unavailable."""
_SHORTEST_PAUSE_SECONDS = 0.0003
_LONGEST_PAUSE_SECONDS = 0.004


class SQLiteDialect(Dialect):
    """Write-ahead log with full synchronisation: a commit that returned is on disk."""

    name = "sqlite"
    placeholder = "?"
    now_sql = "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"
    locks_rows = False
    # Locked by others; a disk that is full, or that fails; a file that cannot be opened, or written, for now.
    transient_codes = frozenset(
        {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY"}
        | {"SQLITE_CANTOPEN"}
    )

    def prepare_engine(self, engine: Engine) -> None:
        in_memory = isinstance(engine.pool, StaticPool)

        @event.listens_for(engine, "connect")
        def _connected(connection: sqlite3.Connection, _record: Any) -> None:
            # The driver would begin transactions on its own, and never the kind that takes the write lock at once.
            connection.isolation_level = None
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            if not in_memory:
                _use_write_ahead_log(cursor)
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA cache_size = -65536")
            # Waiting for the write lock is done in begin_write, in shorter steps than SQLite's own.
            cursor.close()

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            if not connection.get_execution_options().get("milepost_write"):
                connection.exec_driver_sql("BEGIN")
                return
            begin_immediate(connection.connection.dbapi_connection)  # type: ignore[arg-type]

    def is_missing_table(self, error: DBAPIError) -> bool:
        return "no such table" in str(error.orig)

    def among(self, columns: Sequence[Column[Any]], name: str) -> ColumnElement[bool]:
        # Of columns together it makes a list to compare every row with. Each by itself it looks up by an index.
        each = [self.one_of(column, f"{name}_{place}") for place, column in enumerate(columns)]
        return and_(*each, super().among(columns, name))

    def bound(self, name: str, rows: Collection[Row]) -> dict[str, Any]:
        each = {f"{name}_{place}": list(set(values)) for place, values in enumerate(zip(*rows, strict=True))}
        return each | super().bound(name, rows)

    def code_of(self, error: DBAPIError) -> str:
        # SQLITE_BUSY_SNAPSHOT and its like say more of what SQLITE_BUSY says.
        name = getattr(error.orig, "sqlite_errorname", None) or ""
        return "_".join(name.split("_")[:2])


def _use_write_ahead_log(cursor: sqlite3.Cursor) -> None:
    """Switch the file over. SQLite does not wait for others who do so at the same moment, whatever its timeout says."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not (error.sqlite_errorname or "").startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
        # No thread calls this off: the file is switched over once, and by whoever comes first.
        time.sleep(_LONGEST_PAUSE_SECONDS)  # noqa: TID251 - the wait of a spinning writer


def begin_immediate(connection: sqlite3.Connection) -> None:
    """Begin a transaction that holds the write lock from its start.

    SQLite's own waiting grows to 100 ms a step, which leaves the lock unused while two workers take turns; this one
    stays below 4 ms. Raises StoreUnavailable after ``BUSY_SECONDS``.
    """
    cursor = connection.cursor()
    deadline = time.monotonic() + BUSY_SECONDS
    pause = _SHORTEST_PAUSE_SECONDS
    cursor.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not (error.sqlite_errorname or "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                    raise
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"another process held the SQLite file's write lock for {BUSY_SECONDS:.0f} s; end "
                        "the transaction that keeps it, or use a database server for this load"
                    ) from error
            # No thread calls this off: the wait is a few milliseconds.
            time.sleep(pause * (0.5 + random.random()))  # noqa: TID251 - the wait of a spinning writer
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
    finally:
        cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
        cursor.close()
