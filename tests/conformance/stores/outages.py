"""Losing the database at a chosen moment, for real: sessions are ended by the server itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from tests.conformance.stores.subject import Store

_SESSION = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


def session_of(connection: Connection) -> int:
    """Return the server's number of a session."""
    return int(connection.exec_driver_sql(_SESSION[connection.dialect.name]).scalar_one())


def end_session(store: Store, session: int) -> None:
    """Have the server end a session."""
    with store.database.read() as tx:
        tx.connection.exec_driver_sql(_END[store.kind].format(session))


@contextmanager
def once_before(database: Any, moment: str, what: Callable[[Connection], None]) -> Iterator[list[int]]:
    """Call something once, before the first commit (``moment="commit"``) or before a statement that holds a text."""
    happened: list[int] = []

    def commit(connection: Connection) -> None:
        if not happened:
            happened.append(1)
            what(connection)

    def execute(connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if moment in statement and not happened:
            happened.append(1)
            what(connection)

    name, listener = ("commit", commit) if moment == "commit" else ("before_cursor_execute", execute)
    event.listen(database.engine, name, listener)
    try:
        yield happened
    finally:
        event.remove(database.engine, name, listener)
