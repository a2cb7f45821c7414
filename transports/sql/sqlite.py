"""SQLite: one file, several processes, one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import event

from transports.errors import Closed, Refused, Unavailable
from transports.sql.dialect import RECHECK_SECONDS, Dialect, Trouble, first_line

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import PoolProxiedConnection

_SHORTEST_PAUSE_SECONDS = 0.0003
_LONGEST_PAUSE_SECONDS = 0.004
_GLANCE_SECONDS = 0.003
_LONGEST_GLANCE_SECONDS = 0.02


def _use_write_ahead_log(cursor: sqlite3.Cursor, busy_seconds: float) -> None:
    """Switch the file over. SQLite does not wait for others who do so at the same moment, whatever its timeout says."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            threading.Event().wait(_LONGEST_PAUSE_SECONDS)
        else:
            return


class SQLiteDialect(Dialect):
    """Write-ahead log with full synchronisation: a commit that returned is on disk."""

    # Only one connection writes at a time, so nobody asks for that turn in vain.
    looks_first = True

    def url(self, url: URL) -> URL:
        """Refuse a database that lives in memory."""
        if url.database in (None, "", ":memory:"):
            raise Refused("an SQLite database in memory is nobody else's: name a file, or use memory://NAME")
        return url

    def engine_options(self, url: URL) -> dict[str, Any]:
        """SQLite's transactions are serializable as they are."""
        return {}

    def prepare_engine(self, engine: Engine) -> None:
        """Take transactions into our own hands, and choose how the file is written."""
        busy_ms = int(self.busy_seconds * 1000)

        @event.listens_for(engine, "connect")
        def _connected(connection: DBAPIConnection, _record: Any) -> None:
            driver = cast("sqlite3.Connection", connection)
            # The driver would begin transactions on its own, and never the kind that takes the write lock at once.
            driver.isolation_level = None
            cursor = driver.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {busy_ms}")
            _use_write_ahead_log(cursor, self.busy_seconds)
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.close()

    def begin_write(self, connection: Connection, stop: threading.Event) -> None:
        """Begin a transaction that holds the write lock from its start.

        SQLite's own waiting grows to 100 ms a step, which leaves the lock unused while two processes take turns.
        """
        driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
        deadline = time.monotonic() + self.busy_seconds
        pause = _SHORTEST_PAUSE_SECONDS
        cursor = driver.cursor()
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            while not _try_begin(connection, cursor):
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"another process held the write lock of the SQLite file for {self.busy_seconds:g} s: end the "
                        "transaction that keeps it, or use a database server for this load"
                    )
                if stop.wait(pause * (0.5 + self.rng.random())):
                    raise Closed
                pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {int(self.busy_seconds * 1000)}")
            cursor.close()

    def watcher(self, engine: Engine) -> FileWatcher:
        """Watch the file."""
        return FileWatcher(engine)

    def trouble(self, error: DBAPIError) -> Trouble:
        """Go by the name of SQLite's error."""
        name = getattr(error.orig, "sqlite_errorname", None) or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_PROTOCOL")):
            return Trouble.AWAY
        if name == "SQLITE_TOOBIG":
            return Trouble.TOO_LARGE
        return Trouble.NO_TABLE if "no such table" in str(error.orig) else Trouble.REFUSED


def _try_begin(connection: Connection, cursor: sqlite3.Cursor) -> bool:
    try:
        cursor.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorname", None) or "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return False
        # Callers know SQLAlchemy's errors, not the driver's.
        raise wrap(connection.engine, error) from error
    return True


def wrap(engine: Engine, error: Exception) -> Exception:
    """Return SQLAlchemy's error for one of the driver."""
    from sqlalchemy.exc import DBAPIError

    return DBAPIError.instance(None, None, error, engine.dialect.loaded_dbapi.Error, dialect=engine.dialect)


class FileWatcher:
    """Looks every few milliseconds whether any other connection has changed the file, which costs next to nothing.

    Where the file changes all the time for other reasons, it looks less often.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: PoolProxiedConnection | None = None
        self._version = 0
        self._in_vain = 0
        self._woken = threading.Event()

    def arm(self) -> bool:
        """Take note of how the file is now."""
        if self._connection is not None:
            return False
        self._connection = self._engine.raw_connection()
        self._version = self._look()
        return True

    def wait(self, seconds: float, queues: Collection[str]) -> None:
        """Wait for a change to the file."""
        deadline = time.monotonic() + min(seconds, RECHECK_SECONDS)
        glance = min(_GLANCE_SECONDS * 1.2**self._in_vain, _LONGEST_GLANCE_SECONDS)
        while (remaining := deadline - time.monotonic()) > 0:
            if self._woken.wait(min(glance, remaining)):
                self._woken.clear()
                return
            version = self._look()
            if version != self._version:
                self._version = version
                self._in_vain = min(self._in_vain + 1, 50)
                return
        self._in_vain = 0

    def _look(self) -> int:
        assert self._connection is not None
        try:
            cursor = self._connection.cursor()
            cursor.execute("PRAGMA data_version")
            row = cursor.fetchone()
            cursor.close()
        except sqlite3.Error as error:
            self.close()
            raise Unavailable(f"the SQLite file cannot be read: {first_line(error)}") from error
        return int(cast("tuple[int]", row)[0])

    def found(self) -> None:
        """Look often again."""
        self._in_vain = 0

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def close(self) -> None:
        """Close the connection that was used for looking."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
