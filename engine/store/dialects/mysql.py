"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from engine.errors import StoreUnavailable
from engine.store.dialects.base import Dialect

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from sqlalchemy import Connection, Engine, Select, Table
    from sqlalchemy.exc import DBAPIError

    from engine.store.batches import Row

_LOCK_PREFIX = "milepost-worker-"
_MIGRATION_LOCK_PREFIX = "milepost-tables-"
MIGRATION_WAIT_SECONDS = 60
IDLE_TRANSACTION_SECONDS = 10
"""How long a transaction may lie idle before MariaDB ends it, as on PostgreSQL. MySQL has no such limit."""
# A limit that is shorter already stays.
_LIMIT_IDLE_TRANSACTIONS = f"""\
SET idle_transaction_timeout = IF(@@idle_transaction_timeout BETWEEN 1 AND {IDLE_TRANSACTION_SECONDS}, \
@@idle_transaction_timeout, {IDLE_TRANSACTION_SECONDS})"""
_LIMITED = "milepost_idle_transactions_are_limited"
_UNKNOWN_VARIABLE = 1193


class MySQLDialect(Dialect):
    """Needs ``SKIP LOCKED`` and collations that do not pad: MySQL 8.0.17, MariaDB 10.6 or newer."""

    name = "mysql"
    placeholder = "%s"
    on_conflict = "ON DUPLICATE KEY UPDATE"
    offered = "VALUES({column})"
    now_sql = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"
    # Deadlock, lock wait timeout, and (MariaDB) a row that changed since it was read; too many connections, server
    # gone, lost, shutting down, a session that was ended; disk or table full, and a server that only reads.
    transient_codes = frozenset(
        {"1213", "1205", "1020", "1040", "1203", "2006", "2013", "2003", "2055", "1053", "1927", "1317", "4031"}
        | {"1021", "1114", "1290", "1836"}
    )

    missing_table_codes = frozenset({"1146"})

    def engine_options(self) -> dict[str, Any]:
        # Repeatable read would lock the gaps between rows, and workers that claim side by side would deadlock on them.
        return {"isolation_level": "READ COMMITTED"}

    def bound(self, name: str, rows: Collection[Row]) -> dict[str, Any]:
        listed = list(rows)
        if len(listed) == 1:
            # A single row would be read as a constant, and stay locked even if the rest of the condition excludes it.
            # No id is empty.
            listed.append(tuple("" if isinstance(value, str) else value for value in listed[0]))
        return super().bound(name, listed)

    def prepare_engine(self, engine: Engine) -> None:
        @event.listens_for(engine, "connect")
        def _connected(connection: Any, record: Any) -> None:
            with connection.cursor() as cursor:
                try:
                    cursor.execute(_LIMIT_IDLE_TRANSACTIONS)
                except Exception as error:
                    if error.args[:1] != (_UNKNOWN_VARIABLE,):
                        raise
                else:
                    record.info[_LIMITED] = True

    @contextlib.contextmanager
    def unhurried(self, connection: Connection) -> Generator[None]:
        if not connection.info.get(_LIMITED):
            yield
            return
        limit = connection.exec_driver_sql("SELECT @@idle_transaction_timeout").scalar_one()
        connection.exec_driver_sql("SET idle_transaction_timeout = 0")
        try:
            yield
        finally:
            # A session's variable does not go back by itself. A connection that broke is not used again.
            with contextlib.suppress(SQLAlchemyError):
                connection.exec_driver_sql(f"SET idle_transaction_timeout = {int(limit)}")

    def by_index(self, query: Select[*tuple[Any, ...]], table: Table, index: str) -> Select[*tuple[Any, ...]]:
        # InnoDB locks every row that it looks at. Where the planner prefers to sort, it would look at all that waits,
        # and the limit would come too late to leave anything to others.
        hint = f"FORCE INDEX ({index})"
        return query.with_hint(table, hint, "mysql").with_hint(table, hint, "mariadb")

    def code_of(self, error: DBAPIError) -> str:
        arguments = getattr(error.orig, "args", ())
        return str(arguments[0]) if arguments else ""

    def message_of(self, error: DBAPIError) -> str:
        arguments = getattr(error.orig, "args", ())
        return str(arguments[1]).splitlines()[0] if len(arguments) > 1 and arguments[1] else super().message_of(error)

    @contextlib.contextmanager
    def migrating(self, connection: Connection) -> Generator[None]:
        # A lock of the session: the commit that every change of a table brings along does not end it.
        name = _MIGRATION_LOCK_PREFIX + _database_of(connection)
        taken = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (name, MIGRATION_WAIT_SECONDS)).scalar()
        if taken != 1:
            raise StoreUnavailable(
                f"another process has been changing the tables for {MIGRATION_WAIT_SECONDS} s: try again later"
            )
        try:
            yield
            # What was written besides, before the next one looks at it.
            connection.exec_driver_sql("COMMIT")
        finally:
            # A connection that broke has let go of it.
            with contextlib.suppress(SQLAlchemyError):
                connection.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (name,))

    def hold_liveness(self, connection: Connection, worker_id: int) -> None:
        connection.exec_driver_sql("SELECT GET_LOCK(%s, 10)", (self._lock_name(connection, worker_id),))
        connection.commit()

    def surely_dead(self, connection: Connection, worker_id: int) -> bool:
        row = connection.exec_driver_sql("SELECT IS_FREE_LOCK(%s)", (self._lock_name(connection, worker_id),))
        return bool(row.scalar_one())

    def _lock_name(self, connection: Connection, worker_id: int) -> str:
        return f"{_LOCK_PREFIX}{_database_of(connection)}-{worker_id}"


def _database_of(connection: Connection) -> str:
    """Named locks are the server's, not the database's: two clusters on one server must not meet."""
    return (connection.engine.url.database or "")[-32:]
