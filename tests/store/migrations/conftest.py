from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import make_url

from engine.store.database import Database


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """An empty database: the test runs once for each kind."""
    made = Database(store_url)
    yield made
    made.close()


@pytest.fixture
def another(store_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Make one more empty database of the same kind."""
    with ExitStack() as stack:

        def make() -> Database:
            backend = make_url(store_url).get_backend_name()
            if backend == "sqlite":
                url = f"sqlite:///{tmp_path / 'another.db'}"
            else:
                server = request.getfixturevalue("postgresql_server" if backend == "postgresql" else "mysql_server")
                url = stack.enter_context(server.fresh_database())
            opened = Database(url)
            stack.callback(opened.close)
            return opened

        yield make
