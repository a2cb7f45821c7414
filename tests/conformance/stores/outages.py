"""Losing the database at a chosen moment, for real: sessions are ended by the server itself."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from tests.conformance.stores.subject import Store
from tests.conformance.transports.helpers import SECONDS, until

SESSION = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}
_THERE = {
    "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE pid = {}",
    "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE id = {}",
}
_BLOCKED = {
    "postgresql": "SELECT cardinality(pg_blocking_pids({}))",
    "mysql": "SELECT COUNT(*) FROM information_schema.innodb_trx "
    "WHERE trx_mysql_thread_id = {} AND trx_state = 'LOCK WAIT'",
}
LOOK_SECONDS = 0.2
"""From look to look: InnoDB says the same again to whoever asks within a tenth of a second."""


def session_of(connection: Connection) -> int:
    """Return the server's number of a session."""
    return int(connection.exec_driver_sql(SESSION[connection.dialect.name]).scalar_one())


def end_session(store: Store, session: int) -> None:
    """Have the server end a session, and wait until it has: what comes in before may still be done."""
    database = store.open()

    def count(sql: str) -> int:
        with database.read() as tx:
            return int(tx.connection.exec_driver_sql(sql.format(session)).scalar_one())

    with database.read() as tx:
        tx.connection.exec_driver_sql(_END[store.kind].format(session))
    until(lambda: count(_THERE[store.kind]) == 0, f"the end of session {session}")


def wait_until_blocked(store: Store, session: int) -> None:
    """Wait until a session waits for a lock that another one holds."""
    pause, database = threading.Event(), store.open()
    for _ in range(int(SECONDS / LOOK_SECONDS)):
        with database.read() as tx:
            if tx.connection.exec_driver_sql(_BLOCKED[store.kind].format(session)).scalar_one():
                return
        pause.wait(LOOK_SECONDS)
    raise AssertionError(f"session {session} waits for no lock")


@contextmanager
def unanswered_commit(store: Store, *, happens: bool) -> Iterator[None]:
    """Break the connection of the store's next commit off: before the server does it, or before it can say so."""
    dialect = store.database.engine.dialect
    genuine, broken = dialect.do_commit, [False]

    def commit(connection: Any) -> None:
        if broken[0]:
            genuine(connection)
            return
        broken[0] = True
        if happens:
            genuine(connection)
        if store.kind == "sqlite":
            if not happens:
                dialect.do_rollback(connection)
            raise sqlite3.OperationalError("disk I/O error")
        cursor = connection.cursor()
        cursor.execute(SESSION[store.kind])
        end_session(store, cursor.fetchone()[0])
        # The driver finds out for itself.
        cursor.execute("SELECT 1")

    dialect.do_commit = commit  # type: ignore[method-assign]
    try:
        yield
        assert broken[0], "nothing was committed"
    finally:
        del dialect.do_commit


@contextmanager
def session_ends_after(store: Store, count: int) -> Iterator[list[str]]:
    """End the session that has executed so many statements since; they are listed in what this gives."""
    seen: list[str] = []
    # A session is asked for its number with a statement that is not counted.
    asking = [False]

    def executed(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if asking[0]:
            return
        seen.append(statement)
        if len(seen) == count:
            asking[0] = True
            session = session_of(connection)
            asking[0] = False
            end_session(store, session)

    event.listen(store.database.engine, "after_cursor_execute", executed)
    try:
        yield seen
    finally:
        event.remove(store.database.engine, "after_cursor_execute", executed)
