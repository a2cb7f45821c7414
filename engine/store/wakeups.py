"""Hints that something changed, so that nobody has to ask again and again. A lost hint costs time, never correctness.

PostgreSQL tells listeners through ``NOTIFY``; SQLite shows in a counter whether another connection has written;
anywhere
else the wait just ends after a short while, and the caller looks for itself.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.store.database import Database

READY_CHANNEL = "milepost_ready"
"""Steps became ready; the payload names their queues, with commas between."""
DONE_CHANNEL = "milepost_done"
"""Executions ended; the payload holds their ids, with commas between."""
CHANGED_CHANNEL = "milepost_changed"
"""What workers hold copies of has changed; the payload is a topic behind a space, which the name of no queue holds."""

SQLITE_POLL_SECONDS = 0.004
POLL_SECONDS = 0.05
RECONNECT_SECONDS = 1.0
MAX_PAYLOAD_BYTES = 7900
"""PostgreSQL refuses payloads of 8000 bytes."""


class Listener(Protocol):
    """Waits for hints; used by one thread, closed from any."""

    def wait(self, timeout_seconds: float) -> set[str]:
        """Return the payloads that came, or an empty set after the timeout; ``{""}``: something changed somewhere."""
        ...

    def close(self) -> None:
        """End a wait that is going on, and release the connection."""
        ...


def open_listener(database: Database, channels: Iterable[str]) -> Listener:
    """Return a listener for these channels, of the kind that suits the database."""
    name = database.dialect.name
    if name == "postgresql":
        return _NotifyListener(database, list(channels))
    if name == "sqlite" and database.url.database not in (None, "", ":memory:"):
        return _CounterListener(database)
    return _PollListener()


def hints_say_what(database: Database) -> bool:
    """Tell whether hints are sent, and say what they are about."""
    return database.dialect.name == "postgresql"


def send_hint(database: Database, channel: str, values: Iterable[str]) -> None:
    """Tell every listener of a channel. Failures are passed over: a hint may be lost.

    It has a transaction of its own: within a write transaction, PostgreSQL would take a lock for it that every other
    commit with a hint waits for, through its write to disk.
    """
    if not hints_say_what(database):
        return
    with contextlib.suppress(Exception), database.read() as tx:
        for payload in _payloads(values):
            tx.dialect.notify(tx.connection, channel, payload)


def send_change(database: Database, topic: str) -> None:
    """Tell every worker that listens of a change. Failures are passed over, like those of hints."""
    send_hint(database, CHANGED_CHANNEL, [f" {topic}"])


def changes_in(heard: Iterable[str]) -> set[str]:
    """Return the topics among what a listener has heard."""
    return {payload[1:] for payload in heard if payload.startswith(" ")}


def _payloads(values: Iterable[str]) -> list[str]:
    payloads: list[str] = []
    for value in values:
        if payloads and len(payloads[-1]) + len(value) + 1 < MAX_PAYLOAD_BYTES:
            payloads[-1] += "," + value
        else:
            payloads.append(value)
    return payloads


class _PollListener:
    """For databases that cannot tell: says after a short while that something may have changed."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def wait(self, timeout_seconds: float) -> set[str]:
        self._closed.wait(min(timeout_seconds, POLL_SECONDS))
        return {""}

    def close(self) -> None:
        self._closed.set()


class _CounterListener:
    """SQLite: ``PRAGMA data_version`` changes when another connection has committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._closed = threading.Event()
        self._cursor: Any = None
        self._seen = -1
        self._released = False

    def wait(self, timeout_seconds: float) -> set[str]:
        if self._cursor is None:
            if self._closed.is_set():
                return set()
            self._connection = self._database.engine.raw_connection()
            self._cursor = self._connection.cursor()
            return {""}
        deadline = time.monotonic() + timeout_seconds
        while not self._closed.is_set():
            version = self._cursor.execute("PRAGMA data_version").fetchone()[0]
            if version != self._seen:
                self._seen = version
                return {""}
            if time.monotonic() >= deadline:
                return set()
            self._closed.wait(SQLITE_POLL_SECONDS)
        if not self._released:
            self._released = True
            self._connection.close()
        return set()

    def close(self) -> None:
        self._closed.set()


class _NotifyListener:
    """PostgreSQL: a connection of its own that listens; reconnects when it is lost."""

    def __init__(self, database: Database, channels: list[str]) -> None:
        self._database = database
        self._channels = channels
        self._closed = threading.Event()
        self._raw: Any = None

    def wait(self, timeout_seconds: float) -> set[str]:
        if self._closed.is_set():
            return set()
        try:
            if self._raw is None:
                self._connect()
                if self._closed.is_set():
                    # Whoever closed it found no connection yet.
                    self._let_go()
                # Whatever was said before this connection listened has been missed.
                return {""}
            heard: set[str] = set()
            for notice in self._raw.notifies(timeout=timeout_seconds, stop_after=1):
                heard.update(notice.payload.split(","))
            return heard
        except Exception as error:
            if self._closed.is_set():
                return set()
            if not isinstance(error, DBAPIError | OSError) and type(error).__module__.split(".")[0] != "psycopg":
                raise
            self._let_go()
            self._closed.wait(min(timeout_seconds, RECONNECT_SECONDS))
            return {""}

    def _connect(self) -> None:
        connection = self._database.engine.raw_connection()
        connection.detach()
        raw: Any = connection.dbapi_connection
        try:
            raw.autocommit = True
            for channel in self._channels:
                raw.execute(f"LISTEN {channel}")
        except BaseException:
            raw.close()
            raise
        self._raw = raw

    def close(self) -> None:
        self._closed.set()
        raw = self._raw
        if raw is not None:
            # By itself: a server that takes its time to cancel is no reason to keep the connection.
            with contextlib.suppress(Exception):
                raw.cancel_safe(timeout=1.0)
            self._let_go()

    def _let_go(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            with contextlib.suppress(Exception):
                raw.close()
