"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from transports.errors import Refused
from transports.sql.dialect import CONNECT_SECONDS, RECHECK_SECONDS, SILENCE_SECONDS, Dialect, Trouble

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError

_AGAIN = frozenset({1020, 1205, 1213})
"""Changed since it was read, lock wait timeout, deadlock."""
_AWAY = frozenset(
    {1040, 1053, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1317, 1927, 2002, 2003, 2006, 2013, 2055}
)
"""Too many connections, shutting down, killed, cannot connect, gone, lost; also where it happens while connecting."""
_SHORTEST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.25


class MySQLDialect(Dialect):
    """Needs ``SKIP LOCKED``: MySQL 8.0.1, MariaDB 10.6 or newer."""

    extra = "mysql"

    def url(self, url: URL) -> URL:
        """Use PyMySQL."""
        return url.set(drivername=f"{url.drivername}+pymysql") if "+" not in url.drivername else url

    def engine_options(self, url: URL) -> dict[str, Any]:
        """Bound every wait for the server."""
        defaults = {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": SILENCE_SECONDS,
            "write_timeout": SILENCE_SECONDS,
        }
        arguments = {name: value for name, value in defaults.items() if name not in url.query}
        # Repeatable read would lock the gaps between rows, and consumers would stand in each other's way.
        return {"isolation_level": "READ COMMITTED", "pool_recycle": 3600, "connect_args": arguments}

    def check_server(self, connection: Connection) -> None:
        """Raise Refused for a server that cannot skip locked rows."""
        version = connection.dialect.server_version_info or ()
        maria = bool(getattr(connection.dialect, "is_mariadb", False))
        if version < ((10, 6) if maria else (8, 0, 1)):
            what = "MariaDB 10.6" if maria else "MySQL 8.0.1"
            has = ".".join(map(str, version))
            raise Refused(f"the server has version {has} and cannot skip locked rows: use {what} or newer")

    def watcher(self, engine: Engine) -> PollingWatcher:
        """Poll."""
        return PollingWatcher()

    def trouble(self, error: DBAPIError) -> Trouble:
        """Go by the number of the error."""
        arguments: tuple[Any, ...] = getattr(error.orig, "args", ())
        code = arguments[0] if arguments else None
        if code == 1146:
            return Trouble.NO_TABLE
        if code == 1153:
            return Trouble.TOO_LARGE
        if code in _AGAIN:
            return Trouble.AGAIN
        # PyMySQL says 0 where a connection that it uses is closed already.
        return Trouble.AWAY if code in _AWAY or code == 0 or error.connection_invalidated else Trouble.REFUSED


class PollingWatcher:
    """The server tells nobody of changes: look again after pauses, which grow while there is nothing."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._pause_seconds = _SHORTEST_PAUSE_SECONDS

    def arm(self) -> bool:
        """There is nothing to get ready."""
        return False

    def wait(self, seconds: float, queues: Collection[str]) -> None:
        """Wait for one pause."""
        if seconds > 0 and self._woken.wait(min(self._pause_seconds, seconds, RECHECK_SECONDS)):
            self._woken.clear()
        self._pause_seconds = min(self._pause_seconds * 1.5, _LONGEST_PAUSE_SECONDS)

    def found(self) -> None:
        """Start again with the shortest pause."""
        self._pause_seconds = _SHORTEST_PAUSE_SECONDS

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def close(self) -> None:
        """There is nothing to let go of."""
