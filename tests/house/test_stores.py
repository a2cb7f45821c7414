"""Databases that are lent to one test after the other cannot be told from new ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text

from engine.store.database import Database
from engine.store.workers import register_worker
from tests.servers import stores
from tests.servers.databases import DatabaseServer
from tests.servers.stores import MariaDBStores, PostgreSQLStores, Stores

pytestmark = pytest.mark.servers


@pytest.fixture(params=["postgresql", "mysql"])
def lending(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    # On a busy machine, a session ends long after its client has gone.
    monkeypatch.setattr(stores, "PATIENCE_SECONDS", 60.0)
    request.getfixturevalue(f"{request.param}_url")
    server: DatabaseServer = request.getfixturevalue(f"{request.param}_server")
    made = PostgreSQLStores(server) if request.param == "postgresql" else MariaDBStores(server)
    yield made
    made.close()


def no_failures() -> int:
    return 0


def changed(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def registered(url: str) -> int:
    with closing(Database(url)) as database, database.write() as tx:
        return register_worker(tx, "worker", ["default"], 1_000_000)


def test_one_that_was_written_to_is_empty_again(lending: Stores) -> None:
    with lending.lent(no_failures) as first:
        assert [registered(first), registered(first)] == [1, 2]
    with lending.lent(no_failures) as second:
        assert second == first, "it is lent again"
        assert registered(second) == 1, "and ids begin at 1, with nobody there"


def test_two_at_a_time_are_not_the_same(lending: Stores) -> None:
    with lending.lent(no_failures) as first, lending.lent(no_failures) as second:
        assert first != second


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE another (id INTEGER PRIMARY KEY)",
        "ALTER TABLE milepost_workers ADD COLUMN more INTEGER",
        "ALTER TABLE milepost_workers DROP COLUMN name",
        "DROP TABLE milepost_workers",
        "CREATE INDEX another ON milepost_workers (name)",
        "UPDATE milepost_schema SET version_num = '0000'",
    ],
)
def test_one_that_was_changed_is_not_lent_again(lending: Stores, statement: str) -> None:
    with lending.lent(no_failures) as first:
        changed(first, statement)
    with lending.lent(no_failures) as second:
        assert second != first


def test_nor_one_whose_test_failed(lending: Stores) -> None:
    failures = iter([0, 1, 1, 1])
    with lending.lent(lambda: next(failures)) as first:
        pass
    with lending.lent(lambda: next(failures)) as second:
        assert second != first


def test_nor_one_that_somebody_is_connected_to(lending: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PATIENCE_SECONDS", 0.1)
    with lending.lent(no_failures) as first:
        engine = create_engine(first)
        connection = engine.connect()
    with lending.lent(no_failures) as second:
        assert second != first
    connection.invalidate()
    engine.dispose()
