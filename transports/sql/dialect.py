"""What the SQL transport asks of a database, with the answers that suit most of them."""

from __future__ import annotations

import enum
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError

CONNECT_SECONDS = 5
"""How long a server may take to accept a connection."""
SILENCE_SECONDS = 10
"""How long a server that was reached may say nothing before the connection counts as lost."""
RECHECK_SECONDS = 1.0
"""The longest time between two looks at the tables, for deliveries whose consumer's time is up."""


class Trouble(enum.Enum):
    """What an error of the database means for the one who asked."""

    AGAIN = enum.auto()
    """The transaction met another one and was rolled back: it may succeed when it is tried again at once."""
    AWAY = enum.auto()
    """The database cannot be reached or does not serve just now."""
    NO_TABLE = enum.auto()
    """The tables of the transport are not there."""
    TOO_LARGE = enum.auto()
    """The database does not take a statement of that size."""
    REFUSED = enum.auto()
    """It will not work however often it is tried."""


class Watcher(Protocol):
    """Tells a consumer that has nothing to do when to look again. One thread waits; any may wake it."""

    def arm(self) -> bool:
        """Get ready to notice what happens from now on; True if it was not ready before."""
        ...

    def wait(self, seconds: float, queues: Collection[str]) -> None:
        """Wait until there may be something new in these queues, or a broadcast, for at most so long."""
        ...

    def found(self) -> None:
        """Take note that the last look was worth it."""
        ...

    def wake(self) -> None:
        """End the wait that is going on, or the next one."""
        ...

    def close(self) -> None:
        """Let go of everything; the waiting thread has left."""
        ...


class Dialect:
    """Where databases differ."""

    extra = ""
    """The extra of this package that brings the driver."""
    looks_first = False
    """True where taking messages is costly even if there are none."""

    def __init__(self, rng: random.Random, busy_seconds: float) -> None:
        self.rng = rng
        self.busy_seconds = busy_seconds

    def url(self, url: URL) -> URL:
        """Return the URL with the driver to use, where it names none; raises Refused for one that cannot serve."""
        return url

    def engine_options(self, url: URL) -> dict[str, Any]:
        """Options for SQLAlchemy's ``create_engine``."""
        # Locks are explicit here, and conditions are on current rows.
        return {"isolation_level": "READ COMMITTED"}

    def prepare_engine(self, engine: Engine) -> None:
        """Attach what every new connection needs."""

    def check_server(self, connection: Connection) -> None:
        """Raise Refused if the server is too old."""

    def begin_write(self, connection: Connection, stop: threading.Event) -> None:
        """Start a transaction that is going to write. ``stop`` ends any waiting."""

    def before_tables(self, connection: Connection) -> None:
        """Keep others from making the same tables until this transaction ends."""

    def notify(self, engine: Engine, queues: Iterable[str]) -> None:
        """Tell consumers of these queues that something is there, after it is committed."""

    def notify_broadcast(self, engine: Engine) -> None:
        """Tell subscribers that there is a broadcast, after it is committed."""

    def watcher(self, engine: Engine) -> Watcher:
        """Return what tells a consumer of new messages."""
        raise NotImplementedError

    def trouble(self, error: DBAPIError) -> Trouble:
        """Say what an error means."""
        raise NotImplementedError


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or the name of its class where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
