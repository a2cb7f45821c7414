"""Fresh databases on a running server, one for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.errors import ObjectInUse
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

PREFIX = "milepost_test_"

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}


def with_driver(url: str) -> URL:
    """Return the URL with the driver that the tests use, where it names none."""
    parsed = make_url(url)
    return parsed.set(drivername=_DRIVERS.get(parsed.drivername, parsed.drivername))


class DatabaseServer:
    """A server on which databases are made and dropped; it keeps one connection for that."""

    def __init__(self, url: str) -> None:
        self.url = with_driver(url)
        self._engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self._connection: Connection | None = None

    @property
    def _admin(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def check(self) -> None:
        """Raise what the driver raises if the server cannot be reached."""
        self._admin.execute(text("SELECT 1"))

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Make an empty database, give its URL (password included), and drop it afterwards."""
        name, url = self.make()
        try:
            yield url
        finally:
            self.drop(name)

    def make(self) -> tuple[str, str]:
        """Make an empty database; return its name and its URL."""
        name = PREFIX + secrets.token_hex(8)
        self.create(name)
        return name, self.url.set(database=name).render_as_string(hide_password=False)

    def create(self, name: str) -> None:
        """Make an empty database of that name."""
        if self._is_postgresql:
            self._admin.execute(text(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))
        else:
            self._admin.execute(text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))

    def drop(self, name: str) -> None:
        """Drop that database, whoever is still connected to it: a test that failed may have left sessions behind."""
        if self._is_postgresql:
            # The server ends sessions, and gives them 5 s for it, which is short on a busy machine.
            for again in (True, True, False):
                try:
                    self._admin.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                except OperationalError as error:
                    if not (again and isinstance(error.orig, ObjectInUse)):
                        raise
                else:
                    return
            return
        sessions = text("SELECT id FROM information_schema.processlist WHERE db = :name")
        for session_id in self._admin.execute(sessions, {"name": name}).scalars().all():
            # A session may end by itself in between.
            with suppress(OperationalError):
                self._admin.execute(text(f"KILL {session_id}"))
        self._admin.execute(text(f"DROP DATABASE IF EXISTS {name}"))

    def close(self) -> None:
        """Close the connection that databases are made with."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    @property
    def _is_postgresql(self) -> bool:
        return self.url.get_backend_name() == "postgresql"
