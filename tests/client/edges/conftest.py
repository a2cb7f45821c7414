from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.client import Client
from tests.client.edges.stores import made
from tests.worker import sample_flows
from tests.worker.serving import serving


@pytest.fixture
def client(store_url: str) -> Iterator[Client]:
    """A client that knows no flows by name, on each kind of database."""
    with Client(made(store_url)) as client:
        yield client


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Client]:
    """The same on SQLite, for what does not depend on the database."""
    with Client(made(sqlite_url)) as client:
        yield client


@pytest.fixture
def served(client: Client, store_url: str) -> Iterator[Client]:
    """A client of a store that a worker serves."""
    with serving(store_url):
        yield client


@pytest.fixture(autouse=True)
def _fresh_flows() -> Iterator[None]:
    sample_flows.CALLS.clear()
    sample_flows.GATE.clear()
    yield
    sample_flows.GATE.set()
