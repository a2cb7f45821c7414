"""The store that each test of the suite is about, on every kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.store.database import Database
from engine.store.migrations import migrate
from engine.store.schema import metadata
from tests.conformance.stores.soundness import faults
from tests.conformance.stores.subject import Store
from tests.servers.databases import DatabaseServer
from tests.servers.tables import sqlite_url

__all__ = ["sqlite_url"]

_SERVERS = [pytest.param(name, marks=pytest.mark.servers) for name in ("postgresql", "mysql")]

_connected: dict[str, Database] = {}
"""The databases of servers, by their URLs: connecting takes as long as a short test."""


@contextmanager
def _migrated(server: DatabaseServer | None) -> Iterator[str | None]:
    """Make one database with our tables, for all tests of the suite: making one takes longer than most of them."""
    if server is None:
        yield None
        return
    with server.fresh_database() as url:
        database = _connected[url] = Database(url)
        migrate(database)
        yield url
        _connected.pop(url).close()


def _emptied(url: str) -> str:
    with _connected[url].write() as tx:
        for table in metadata.sorted_tables:
            tx.connection.execute(table.delete())
    return url


@pytest.fixture(scope="session")
def _stores_postgresql(postgresql_server: DatabaseServer | None) -> Iterator[str | None]:
    with _migrated(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def _stores_mysql(mysql_server: DatabaseServer | None) -> Iterator[str | None]:
    with _migrated(mysql_server) as url:
        yield url


@pytest.fixture
def postgresql_url(_stores_postgresql: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a PostgreSQL database with our tables, all of them empty."""
    # Without a server, the fixture of all tests knows what to do.
    return _emptied(_stores_postgresql) if _stores_postgresql else request.getfixturevalue("postgresql_url")


@pytest.fixture
def mysql_url(_stores_mysql: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a MariaDB database with our tables, all of them empty."""
    return _emptied(_stores_mysql) if _stores_mysql else request.getfixturevalue("mysql_url")


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    made = Store(url, _connected.get(url))
    try:
        yield made
        if made.sound:
            assert faults(made.database) == []
    finally:
        made.close()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store: the test runs once for each kind of database. Its rows must be in order when the test ends."""
    with _opened(store_url) as made:
        yield made


@pytest.fixture(params=["sqlite", _SERVERS[0]])
def partial_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store on a database that has partial indexes."""
    with _opened(str(request.getfixturevalue(f"{request.param}_url"))) as made:
        yield made


@pytest.fixture(params=_SERVERS)
def server_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store on a server, where transactions of several connections run side by side."""
    with _opened(str(request.getfixturevalue(f"{request.param}_url"))) as made:
        yield made


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """An empty store on SQLite."""
    with _opened(sqlite_url) as made:
        yield made
