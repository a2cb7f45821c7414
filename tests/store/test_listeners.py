"""Listeners on PostgreSQL: whatever happens as they are closed, they keep no connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg import Connection, OperationalError

from engine.store.database import Database
from engine.store.wakeups import READY_CHANNEL, open_listener

pytestmark = pytest.mark.servers


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    with closing(Database(postgresql_url)) as made:
        yield made


def test_one_that_is_closed_while_it_connects(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = open_listener(database, [READY_CHANNEL])
    raw_connection = database.engine.raw_connection
    made: list[Any] = []

    def slowly() -> Any:
        connection = raw_connection()
        made.append(connection.dbapi_connection)
        listener.close()
        return connection

    monkeypatch.setattr(database.engine, "raw_connection", slowly)
    listener.wait(0.1)
    assert [connection.closed for connection in made] == [True]
    assert listener.wait(0.1) == set()


def test_one_that_is_closed_where_the_server_does_not_answer_in_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(_connection: Any, *, timeout: float) -> None:
        raise OperationalError(f"not cancelled within {timeout} s")

    listener: Any = open_listener(database, [READY_CHANNEL])
    listener.wait(0.1)
    connection = listener._raw
    monkeypatch.setattr(Connection, "cancel_safe", too_late)
    listener.close()
    assert connection.closed
    assert listener.wait(0.1) == set()
