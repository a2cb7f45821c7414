"""Fixtures that give tests a fresh database of every kind, and the word at the end about what was not tried."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from engine.store.database import Database
from engine.store.migrations import migrate
from tests.servers.databases import DatabaseServer
from tests.servers.recipes import ELASTICMQ, KAFKA, MARIADB, MOTO, POSTGRESQL, RABBITMQ, REDIS, SERVICEBUS, Recipe
from tests.servers.running import RunningServer, start
from tests.servers.stores import MariaDBStores, PostgreSQLStores, Stores

Server = TypeVar("Server")
_NOT_TRIED = "not tried"
"""The property of a skipped test that names the server it would have needed; reports carry it between processes."""
_running: pytest.StashKey[dict[str, RunningServer]] = pytest.StashKey()


def servers_are_required(environment: os._Environ[str] | dict[str, str] = os.environ) -> bool:
    """Tell whether a server that is missing fails the tests: in CI, or where MILEPOST_REQUIRE_SERVERS asks for it."""
    return any(
        environment.get(name, "").strip().lower() in {"1", "true", "yes", "on"}
        for name in ("CI", "MILEPOST_REQUIRE_SERVERS")
    )


@contextmanager
def database_server(recipe: Recipe) -> Iterator[DatabaseServer | None]:
    """Use the server that the recipe's variable names, or start one; None where it is not installed."""
    if given := os.environ.get(recipe.variable):
        server = DatabaseServer(given)
        try:
            server.check()
            yield server
        finally:
            server.close()
        return
    if recipe.missing() is not None:
        yield None
        return
    running = start(recipe)
    try:
        server = DatabaseServer(running.url)
        try:
            yield server
        finally:
            server.close()
    finally:
        running.stop()


def _require(server: Server | None, recipe: Recipe, request: pytest.FixtureRequest) -> Server:
    if server is not None:
        return server
    reason = f"{recipe.title} is not installed here ({recipe.missing()} was not found)"
    if servers_are_required():
        pytest.fail(f"{reason}, and this run requires it: {recipe.advice}, or set {recipe.variable}", pytrace=False)
    request.node.user_properties.append((_NOT_TRIED, recipe.name))
    pytest.skip(reason)


def _server_url(recipe: Recipe, config: pytest.Config) -> Iterator[str | None]:
    """Use the server that the recipe's variable names, or start one; None where it cannot be run."""
    if given := os.environ.get(recipe.variable):
        yield given
    elif recipe.missing() is not None:
        yield None
    else:
        running = start(recipe)
        config.stash.setdefault(_running, {})[recipe.name] = running
        try:
            yield running.url
        finally:
            running.stop()


def running_server(recipe: Recipe, config: pytest.Config) -> RunningServer:
    """Return the server that this session has started; skips the test where it uses one that is not its own."""
    running = config.stash.get(_running, {}).get(recipe.name)
    if running is None:
        pytest.skip(f"{recipe.title} is not this session's own to restart: {recipe.variable} names it")
    return running


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[DatabaseServer | None]:
    """The PostgreSQL server of this session; None where none is installed."""
    with database_server(POSTGRESQL) as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[DatabaseServer | None]:
    """The MariaDB server of this session; None where none is installed."""
    with database_server(MARIADB) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of this session's Kafka; None where it cannot be run."""
    yield from _server_url(KAFKA, request.config)


@pytest.fixture
def kafka_url(kafka_server: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a Kafka broker that tests share: each keeps to a prefix of its own."""
    return _require(kafka_server, KAFKA, request)


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of this session's Redis; None where it is not installed."""
    yield from _server_url(REDIS, request.config)


@pytest.fixture
def redis_url(redis_server: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a Redis that tests share: each uses a database of its own."""
    return _require(redis_server, REDIS, request)


@pytest.fixture(scope="session")
def elasticmq_server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of this session's ElasticMQ; None where it cannot be run."""
    yield from _server_url(ELASTICMQ, request.config)


@pytest.fixture
def elasticmq_url(elasticmq_server: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of an ElasticMQ that tests share: each keeps to a prefix of its own."""
    return _require(elasticmq_server, ELASTICMQ, request)


@pytest.fixture(scope="session")
def moto_server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of this session's moto; None where it is not installed."""
    yield from _server_url(MOTO, request.config)


@pytest.fixture
def moto_url(moto_server: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a moto server that tests share: each keeps to a prefix of its own."""
    return _require(moto_server, MOTO, request)


@pytest.fixture
def postgresql_url(empty_postgresql_url: str) -> str:
    """The URL of a fresh, empty PostgreSQL database."""
    return empty_postgresql_url


@pytest.fixture
def empty_postgresql_url(postgresql_server: DatabaseServer | None, request: pytest.FixtureRequest) -> Iterator[str]:
    """The same, also where ``tables.py`` gives every fresh database our tables."""
    with _require(postgresql_server, POSTGRESQL, request).fresh_database() as url:
        yield url


@pytest.fixture
def mysql_url(empty_mysql_url: str) -> str:
    """The URL of a fresh, empty MariaDB database."""
    return empty_mysql_url


@pytest.fixture
def empty_mysql_url(mysql_server: DatabaseServer | None, request: pytest.FixtureRequest) -> Iterator[str]:
    """The same, also where ``tables.py`` gives every fresh database our tables."""
    with _require(mysql_server, MARIADB, request).fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def rabbitmq_server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of this session's RabbitMQ; None where it is not installed."""
    yield from _server_url(RABBITMQ, request.config)


@pytest.fixture
def rabbitmq_url(rabbitmq_server: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a RabbitMQ that tests share: each uses a virtual host of its own."""
    return _require(rabbitmq_server, RABBITMQ, request)


@pytest.fixture(scope="session")
def servicebus_server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of this session's test server for Azure Service Bus; None where it cannot be run."""
    yield from _server_url(SERVICEBUS, request.config)


@pytest.fixture
def servicebus_url(servicebus_server: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a test server for Azure Service Bus that tests share: each keeps to a prefix of its own."""
    return _require(servicebus_server, SERVICEBUS, request)


@pytest.fixture
def sqlite_url(empty_sqlite_url: str) -> str:
    """The URL of an SQLite database in a file that does not exist yet."""
    return empty_sqlite_url


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The same, also where ``tables.py`` gives every fresh database our tables."""
    return f"sqlite:///{tmp_path / 'milepost.db'}"


# -- with our tables made already: for tests that are not about making them (see ``tables.py``) ------------------------


@pytest.fixture(scope="session")
def postgresql_stores(postgresql_server: DatabaseServer | None) -> Iterator[Stores | None]:
    """Who lends databases of PostgreSQL; None where it is not installed."""
    yield from _stores(PostgreSQLStores, postgresql_server)


@pytest.fixture(scope="session")
def mysql_stores(mysql_server: DatabaseServer | None) -> Iterator[Stores | None]:
    """Who lends databases of MariaDB; None where it is not installed."""
    yield from _stores(MariaDBStores, mysql_server)


def _stores(kind: type[Stores], server: DatabaseServer | None) -> Iterator[Stores | None]:
    if server is None:
        yield None
        return
    stores = kind(server)
    yield stores
    stores.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with our tables, to be copied."""
    file = tmp_path_factory.mktemp("tables") / "empty.db"
    database = Database(f"sqlite:///{file}")
    migrate(database)
    database.close()
    return file


@pytest.fixture
def postgresql_tables(postgresql_stores: Stores | None, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a PostgreSQL database with our tables, all of them empty."""
    with _require(postgresql_stores, POSTGRESQL, request).lent(lambda: request.session.testsfailed) as url:
        yield url


@pytest.fixture
def mysql_tables(mysql_stores: Stores | None, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a MariaDB database with our tables, all of them empty."""
    with _require(mysql_stores, MARIADB, request).lent(lambda: request.session.testsfailed) as url:
        yield url


@pytest.fixture
def sqlite_tables(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of an SQLite file with our tables, all of them empty."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'milepost.db')}"


_each_kind = pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.servers),
        pytest.param("mysql", marks=pytest.mark.servers),
    ]
)


@_each_kind
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty database: the test runs once for each kind of database."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@_each_kind
def empty_url(request: pytest.FixtureRequest) -> str:
    """The same, also where ``tables.py`` gives every fresh database our tables."""
    return str(request.getfixturevalue(f"empty_{request.param}_url"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which servers were not tried, so that nobody takes a green run for more than it is."""
    skipped = terminalreporter.stats.get("skipped", [])
    counts = Counter(value for report in skipped for name, value in report.user_properties if name == _NOT_TRIED)
    for recipe in (POSTGRESQL, MARIADB, KAFKA, REDIS, ELASTICMQ, MOTO, RABBITMQ, SERVICEBUS):
        if tests := counts[recipe.name]:
            terminalreporter.section(f"NOT TRIED: {recipe.title}", sep="!", red=True, bold=True)
            terminalreporter.write_line(f"{tests} test(s) were skipped: {recipe.title} is not installed here.")
            terminalreporter.write_line(f"To run them, {recipe.advice},")
            terminalreporter.write_line(f"or set {recipe.variable} to the URL of a server that may be written to.")
