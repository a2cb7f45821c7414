from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.servers.tables import mysql_url, postgresql_url, sqlite_url
from tests.worker import sample_flows
from tests.worker.serving import Store
from transports.memory import forget_memory_broker

__all__ = ["mysql_url", "postgresql_url", "sqlite_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store, on each kind of database that workers are run on here."""
    made = Store(str(request.getfixturevalue(f"{request.param}_url")))
    sample_flows.CALLS.clear()
    sample_flows.GATE.clear()
    sample_flows.CANCELLED.clear()
    sample_flows.CHANGED["now"] = False
    sample_flows.PATCHED["now"] = True
    sample_flows.DONE.clear()
    sample_flows.AT_ONCE[:] = [0, 0]
    yield made
    sample_flows.GATE.set()
    made.close()


@pytest.fixture
def name() -> Iterator[str]:
    """The name of an in-memory broker of this test's own."""
    made = uuid.uuid4().hex
    yield made
    forget_memory_broker(made)
