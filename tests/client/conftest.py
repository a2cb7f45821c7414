from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Client, Registry, load_modules
from engine.store.migrations import migrate
from tests.worker.serving import serving

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


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Client]:
    """A client of an empty SQLite store that knows no flows, for what every database does alike."""
    with Client(sqlite_url) as made:
        migrate(made.database)
        yield made


@pytest.fixture
def served(client: Client, store_url: str) -> Iterator[Client]:
    """A client of a store from which a worker in this process runs the flows of the tests of the worker."""
    with serving(store_url):
        yield client
