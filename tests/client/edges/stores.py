"""Stores with their tables, and a worker for them."""

from __future__ import annotations

from sqlalchemy import Connection, text

from engine.store.database import Database
from engine.store.migrations import migrate


def made(url: str) -> str:
    """Make the tables in an empty database, as an operator does."""
    database = Database(url)
    migrate(database)
    database.close()
    return url


def end_sessions(admin: Connection) -> None:
    """End every other session of this PostgreSQL database, and wait until they are gone."""
    admin.execute(
        text(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )
