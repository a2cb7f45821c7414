from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Client, Registry, load_modules
from engine.store.migrations import migrate
from tests.servers.tables import mysql_url, postgresql_url, sqlite_url

__all__ = ["mysql_url", "postgresql_url", "sqlite_url"]

MODULE = "tests.client.client_flows"


@pytest.fixture(scope="session")
def flows() -> Registry:
    return load_modules([MODULE])


@pytest.fixture
def client(store_url: str, flows: Registry) -> Iterator[Client]:
    """A client of an empty store, on each kind of database."""
    with Client(store_url, registry=flows) as made:
        migrate(made.database)
        yield made
