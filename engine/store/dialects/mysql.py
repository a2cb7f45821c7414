"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.store.dialects.base import Dialect

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

_LOCK_PREFIX = "milepost-worker-"


class MySQLDialect(Dialect):
    """Needs ``SKIP LOCKED``: MySQL 8.0.1, MariaDB 10.6 or newer."""

    name = "mysql"
    placeholder = "%s"
    now_sql = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
    # Deadlock, lock wait timeout, too many connections, server gone, lost, shutting down, and (MariaDB) a row that
    # changed since it was read.
    transient_codes = frozenset({"1213", "1205", "1040", "2006", "2013", "2003", "1053", "1020", "1927", "1317"})

    def engine_options(self) -> dict[str, Any]:
        # Repeatable read would lock the gaps between rows, and workers that claim side by side would deadlock on them.
        return {"isolation_level": "READ COMMITTED", "pool_recycle": 3600}

    def code_of(self, error: DBAPIError) -> str:
        arguments = getattr(error.orig, "args", ())
        return str(arguments[0]) if arguments else ""

    def hold_liveness(self, connection: Connection, worker_id: int) -> None:
        connection.exec_driver_sql("SELECT GET_LOCK(%s, 10)", (self._lock_name(connection, worker_id),))
        connection.commit()

    def surely_dead(self, connection: Connection, worker_id: int) -> bool:
        row = connection.exec_driver_sql("SELECT IS_FREE_LOCK(%s)", (self._lock_name(connection, worker_id),))
        return bool(row.scalar_one())

    def _lock_name(self, connection: Connection, worker_id: int) -> str:
        # Named locks are the server's, not the database's: two clusters on one server must not meet.
        database = connection.engine.url.database or ""
        return f"{_LOCK_PREFIX}{database[-32:]}-{worker_id}"
