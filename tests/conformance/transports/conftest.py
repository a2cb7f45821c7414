"""The subject that each test of the suite is about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.transports.chosen import chosen
from tests.conformance.transports.subject import Subject
from tests.conformance.transports.subjects import PARTLY, PARTLY_IN, RESTARTING, SUBJECTS
from tests.servers.databases import DatabaseServer
from tests.servers.recipes import POSTGRESQL, REDIS
from tests.servers.running import RunningServer, start

_NEED_SERVERS = ("azureservicebus", "kafka", "rabbitmq", "redis", "sql-mysql", "sql-postgresql", "sqs")


def _params(names: list[str]) -> list[object]:
    return [
        pytest.param(name, marks=[pytest.mark.servers] if name.startswith(_NEED_SERVERS) else [])
        for name in chosen(names)
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if item.path.stem in PARTLY_IN or _subject_of(item) not in PARTLY]


def _subject_of(item: pytest.Item) -> object:
    call = getattr(item, "callspec", None)
    return call and call.params.get("subject")


def _subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with (SUBJECTS | PARTLY | RESTARTING)[request.param](request) as subject:
        try:
            yield subject
        finally:
            subject.close()


@pytest.fixture(params=_params([*SUBJECTS, *PARTLY]))
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """One transport, on a broker that is fresh for this test."""
    yield from _subject(request)


@pytest.fixture(params=_params([*SUBJECTS, *PARTLY, *RESTARTING]))
def outage_subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """One transport, also on brokers that are there to be restarted."""
    yield from _subject(request)


@pytest.fixture(scope="session")
def _transports_postgresql(postgresql_server: DatabaseServer | None) -> Iterator[str | None]:
    if postgresql_server is None:
        yield None
        return
    with postgresql_server.fresh_database() as url:
        yield url


@pytest.fixture
def transports_postgresql_url(_transports_postgresql: str | None, request: pytest.FixtureRequest) -> str:
    """The URL of a PostgreSQL database that the tests of this suite use one after the other."""
    # Without a server, the fixture of all tests knows what to do.
    return _transports_postgresql or request.getfixturevalue("postgresql_url")


@pytest.fixture(scope="session")
def private_postgresql() -> Iterator[RunningServer]:
    """A PostgreSQL server that nobody else uses, so that it may be crashed."""
    if POSTGRESQL.missing() is not None:
        pytest.skip(f"{POSTGRESQL.title} is not installed here")
    server = start(POSTGRESQL)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def private_redis() -> Iterator[RunningServer]:
    """A Redis that nobody else uses, so that it may be crashed."""
    if REDIS.missing() is not None:
        pytest.skip(f"{REDIS.title} is not installed here")
    server = start(REDIS)
    try:
        yield server
    finally:
        server.stop()
