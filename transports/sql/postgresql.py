"""PostgreSQL: idle consumers are woken by NOTIFY."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import time
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import DBAPIError

from transports.errors import Unavailable
from transports.sql.dialect import CONNECT_SECONDS, RECHECK_SECONDS, SILENCE_SECONDS, Dialect, Trouble, first_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import psycopg
    from sqlalchemy import URL, Connection, Engine

_MESSAGES = "milepost_messages"
_BROADCASTS = "milepost_broadcasts"
_MAKING_TABLES = 0x4D505442
"""Key of the advisory lock that is held while tables are made."""
_LONGEST_PAYLOAD = 7000
"""In bytes; the server takes less than 8000."""
_AGAIN = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock not available."""
_AWAY_CLASSES = ("08", "53", "57", "58", "25006")
"""Connection, resources, operator intervention, input and output, and a standby that took over too early."""
_REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "not permitted", "permission denied")
"""Parts of what the server says when it turns a connection away for good. libpq passes no code on for these."""


class PostgreSQLDialect(Dialect):
    """Any version that the driver speaks to."""

    extra = "postgresql"

    def url(self, url: URL) -> URL:
        """Use psycopg."""
        if url.drivername == "postgres":
            url = url.set(drivername="postgresql")
        return url.set(drivername="postgresql+psycopg") if "+" not in url.drivername else url

    def engine_options(self, url: URL) -> dict[str, Any]:
        """Notice a server that fell silent."""
        defaults = {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": SILENCE_SECONDS * 1000,
        }
        arguments = {name: value for name, value in defaults.items() if name not in url.query}
        return super().engine_options(url) | {"connect_args": arguments}

    def before_tables(self, connection: Connection) -> None:
        """Take turns: two sessions that make the same table at once make one of them fail."""
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_MAKING_TABLES,))

    def notify(self, engine: Engine, queues: Iterable[str]) -> None:
        """Notify once for all of the queues; for none, do not even connect."""
        names = sorted(queues)
        if names:
            payload = json.dumps(names)
            _notify(engine, _MESSAGES, payload if len(payload) <= _LONGEST_PAYLOAD else "")

    def notify_broadcast(self, engine: Engine) -> None:
        """Notify of a broadcast."""
        _notify(engine, _BROADCASTS, "")

    def watcher(self, engine: Engine) -> NotificationWatcher:
        """Listen."""
        return NotificationWatcher(engine)

    def trouble(self, error: DBAPIError) -> Trouble:
        """Go by the SQLSTATE, or by the text where a connection was turned away."""
        code: str | None = getattr(error.orig, "sqlstate", None)
        if code is None:
            refused = error.statement is None and any(part in str(error.orig) for part in _REFUSALS)
            return Trouble.REFUSED if refused else Trouble.AWAY
        if code in _AGAIN:
            return Trouble.AGAIN
        if code == "42P01":
            return Trouble.NO_TABLE
        if code == "54000":
            return Trouble.TOO_LARGE
        return Trouble.AWAY if code.startswith(_AWAY_CLASSES) or error.connection_invalidated else Trouble.REFUSED


def _notify(engine: Engine, channel: str, payload: str) -> None:
    # A transaction of its own: one that notifies and writes would hold up every other commit on the server.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (channel, payload))


class NotificationWatcher:
    """Listens on a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)

    def arm(self) -> bool:
        """Start listening."""
        if self._connection is not None:
            return False
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            connection.exec_driver_sql(f"LISTEN {_MESSAGES}")
            connection.exec_driver_sql(f"LISTEN {_BROADCASTS}")
        except DBAPIError:
            connection.close()
            raise
        self._connection = connection
        return True

    def wait(self, seconds: float, queues: Collection[str]) -> None:
        """Wait for a notification that concerns these queues, or for one of a broadcast."""
        if self._connection is None:
            return
        driver = cast("psycopg.Connection[Any]", self._connection.connection.dbapi_connection)
        deadline = time.monotonic() + min(seconds, RECHECK_SECONDS)
        try:
            while not _concerned(driver, queues):
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._rings(driver, remaining):
                    return
        except self._engine.dialect.loaded_dbapi.Error as error:
            self._drop()
            raise Unavailable(f"the connection that listens was lost: {first_line(error)}") from error

    def _rings(self, driver: psycopg.Connection[Any], seconds: float) -> bool:
        """Wait for something to read; tell whether it is the bell."""
        with selectors.DefaultSelector() as selector:
            selector.register(driver.fileno(), selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            rings = any(key.fileobj is self._ear for key, _ in selector.select(seconds))
        self._silence()
        return rings

    def _silence(self) -> None:
        try:
            while self._ear.recv(64):
                pass
        except BlockingIOError:
            pass

    def found(self) -> None:
        """Nothing depends on it."""

    def wake(self) -> None:
        """End the wait."""
        # Full, it rings already; closed, nobody waits.
        with contextlib.suppress(OSError):
            self._bell.send(b"!")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # It listens, which the next user of a pooled connection would not expect.
            connection.invalidate()
            connection.close()

    def close(self) -> None:
        """Stop listening."""
        self._drop()
        self._ear.close()
        self._bell.close()


def _concerned(driver: psycopg.Connection[Any], queues: Collection[str]) -> bool:
    """Read the notifications that have come, and tell whether one is a reason to look."""
    concerned = False
    for notification in driver.notifies(timeout=0):
        if notification.channel == _BROADCASTS or not notification.payload:
            concerned = True
        elif not concerned:
            concerned = not set(queues).isdisjoint(_named(notification.payload) or queues)
    return concerned


def _named(payload: str) -> list[str] | None:
    """Read the queues that a notification names; None if anybody else sent it."""
    try:
        named: object = json.loads(payload)
    except ValueError:
        return None
    return cast("list[str]", named) if isinstance(named, list) else None
