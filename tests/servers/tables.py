"""What a ``conftest.py`` imports whose tests are to find our tables made: a fresh database of any kind has them."""

from __future__ import annotations

import pytest


@pytest.fixture
def sqlite_url(sqlite_tables: str) -> str:
    """The URL of an SQLite file with our tables, all of them empty."""
    return sqlite_tables


@pytest.fixture
def postgresql_url(postgresql_tables: str) -> str:
    """The URL of a PostgreSQL database with our tables, all of them empty."""
    return postgresql_tables


@pytest.fixture
def mysql_url(mysql_tables: str) -> str:
    """The URL of a MariaDB database with our tables, all of them empty."""
    return mysql_tables
