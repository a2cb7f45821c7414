from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.store.database import Database
from tests.conformance.stores.soundness import faults
from tests.servers.tables import mysql_url, postgresql_url, sqlite_url
from tests.store.rerun.sample_flows import calls, registry
from tests.store.rerun.working import Clock, Engine

__all__ = ["mysql_url", "postgresql_url", "sqlite_url"]


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    """A worker on an empty store, whose rows are in order at the end."""
    calls.clear()
    clock = Clock()
    database = Database(url, clock=clock)
    yield Engine(database, clock, registry())
    assert faults(database) == []
    database.close()


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[Engine]:
    """A worker on SQLite."""
    with _engine(sqlite_url) as made:
        yield made


@pytest.fixture
def any_engine(store_url: str) -> Iterator[Engine]:
    """A worker on every kind of database, one after the other."""
    with _engine(store_url) as made:
        yield made
