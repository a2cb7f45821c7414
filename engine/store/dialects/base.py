"""What the store asks of a database, with the answers that suit most of them."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal, select, tuple_
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Select, Table

    from engine.store.batches import BatchInsert, BatchUpdate, Row, Upsert


class Dialect:
    """The parts of SQL and of sessions that differ. Statements are rendered once and kept."""

    name = "generic"
    placeholder = "?"
    now_sql = ""
    """SQL for the time now, in microseconds since 1970."""
    on_conflict = "ON CONFLICT ({keys}) DO UPDATE SET"
    """SQL that says what is changed of a row that is there already."""
    offered = "excluded.{column}"
    """SQL for the value that was to be inserted, within that."""
    locks_rows = True
    """False where a write transaction has the whole database to itself."""
    transient_codes: frozenset[str] = frozenset()
    """Codes of errors after which the same transaction may succeed when it is tried again."""
    missing_table_codes: frozenset[str] = frozenset()
    """Codes of errors that say that a table does not exist."""

    def engine_options(self) -> dict[str, Any]:
        """Options for SQLAlchemy's ``create_engine``."""
        return {}

    def prepare_engine(self, engine: Engine) -> None:
        """Attach what every new connection needs."""

    def begin_write(self, connection: Connection) -> None:
        """Start a transaction that is going to write."""

    def now(self, connection: Connection) -> int:
        """Return the database's time, in microseconds since 1970."""
        return int(connection.exec_driver_sql("SELECT " + self.now_sql).scalar_one())

    def insert(self, connection: Connection, statement: BatchInsert, rows: Sequence[Row]) -> None:
        """Insert all rows, or raise."""
        if rows:
            connection.exec_driver_sql(insert_sql(statement, self.placeholder), list(rows))

    def update(self, connection: Connection, statement: BatchUpdate, rows: Sequence[Row]) -> set[int]:
        """Update rows one by one, in order; return the indexes of those whose fences and guard held."""
        if not rows:
            return set()
        sql = update_sql(statement, self.placeholder)
        # Values in the order of the statement's text: what is set first, then what is matched.
        matched = len(statement.keys) + len(statement.fences)
        cursor = connection.connection.cursor()
        accepted: set[int] = set()
        try:
            for index, row in enumerate(rows):
                cursor.execute(sql, row[matched:] + row[:matched])
                if cursor.rowcount:
                    accepted.add(index)
        except Exception as error:
            # A cursor of the driver raises the driver's own errors; callers know SQLAlchemy's.
            raise self.wrap_error(connection, error, sql) from error
        finally:
            cursor.close()
        return accepted

    def upsert(self, connection: Connection, statement: Upsert, row: Row) -> None:
        """Insert a row, or change the one that is there; whoever else does so waits for this transaction's end."""
        connection.exec_driver_sql(upsert_sql(statement, self.placeholder, self.on_conflict, self.offered), row)

    def lock_by_id(
        self, connection: Connection, columns: Sequence[Column[Any]], table: Table, ids: Sequence[str]
    ) -> Sequence[Any]:
        """Return these columns of the rows with these ids, locked in the order of ids where rows can be locked."""
        query = _by_id(tuple(columns), table, locked=self.locks_rows)
        return connection.execute(query, {"ids": list(ids)}).all()

    def by_index(self, query: Select[*tuple[Any, ...]], table: Table, index: str) -> Select[*tuple[Any, ...]]:
        """Return a query that locks what it finds, told which index to find it by where the planner needs telling."""
        return query

    def passing_over(
        self, query: Select[*tuple[Any, ...]], table: Table, index: str | None = None
    ) -> Select[*tuple[Any, ...]]:
        """Return a query that locks what it finds in a table, and passes over what others have locked."""
        if not self.locks_rows:
            return query
        if index is not None:
            query = self.by_index(query, table, index)
        return query.with_for_update(skip_locked=True, of=table)

    def among(self, columns: Sequence[Column[Any]], name: str) -> ColumnElement[bool]:
        """Return the condition that these columns together have the values of one of the rows that ``bound`` binds."""
        return tuple_(*columns).in_(bindparam(name, expanding=True))

    def bound(self, name: str, rows: Collection[Row]) -> dict[str, Any]:
        """Return the parameters that bind rows to the name under which ``among`` knows them."""
        return {name: list(rows)}

    def one_of(self, column: Column[Any], name: str) -> ColumnElement[bool]:
        """Return the condition that this column has one of the values in a list, the parameter of this name."""
        return column.in_(bindparam(name, expanding=True))

    def exists(self, connection: Connection, table: Table, values: Mapping[str, Any]) -> bool:
        """Tell whether there is a row with these values."""
        query = select(literal(1)).select_from(table).where(*(table.c[name] == value for name, value in values.items()))
        return connection.execute(query.limit(1)).first() is not None

    def wrap_error(self, connection: Connection, error: Exception, sql: str) -> Exception:
        """Return SQLAlchemy's error for one that came from the driver itself."""
        dbapi = connection.dialect.loaded_dbapi
        if not isinstance(error, dbapi.Error):
            return error
        return DBAPIError.instance(
            sql,
            None,
            error,
            dbapi.Error,
            connection_invalidated=connection.dialect.is_disconnect(error, None, None),
            dialect=connection.dialect,
        )

    def is_transient(self, error: BaseException) -> bool:
        """Tell whether trying the same transaction again may succeed: a lost connection, a deadlock, a lock timeout."""
        if not isinstance(error, DBAPIError):
            return False
        return bool(error.connection_invalidated) or self.code_of(error) in self.transient_codes

    def code_of(self, error: DBAPIError) -> str:
        """Return the database's own code of an error, as text."""
        return ""

    def message_of(self, error: DBAPIError) -> str:
        """Return what a database says of an error, in one line."""
        lines = str(error.orig).strip().splitlines()
        return lines[0] if lines else type(error.orig).__name__

    def is_missing_table(self, error: DBAPIError) -> bool:
        """Tell whether an error says that a table does not exist."""
        return self.code_of(error) in self.missing_table_codes

    @contextlib.contextmanager
    def unhurried(self, connection: Connection) -> Generator[None]:
        """Let code that is not the engine's take its time within a transaction, where idle ones are ended."""
        yield

    # -- migrations --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def migrating(self, connection: Connection) -> Generator[None]:
        """Keep every other process from changing the tables, within a transaction that writes."""
        yield

    # -- liveness of workers: a lock that falls the moment its session ends ------------------------------------------

    def hold_liveness(self, connection: Connection, worker_id: int) -> None:
        """Take, on a connection kept for it alone, the lock that proves this worker alive."""

    def surely_dead(self, connection: Connection, worker_id: int) -> bool:
        """Tell whether nobody holds the worker's liveness lock. False where there are no such locks."""
        return False

    # -- hints: being told of changes without asking again and again -------------------------------------------------

    def notify(self, connection: Connection, channel: str, payload: str) -> None:
        """Tell listeners on any host that something changed; a hint that may be lost."""


@cache
def _by_id(columns: tuple[Column[Any], ...], table: Table, *, locked: bool) -> Select[*tuple[Any, ...]]:
    query = select(*columns).where(table.c.id.in_(bindparam("ids", expanding=True))).order_by(table.c.id)
    return query.with_for_update() if locked else query


@cache
def insert_sql(statement: BatchInsert, placeholder: str) -> str:
    """Render an insert of one row with the driver's placeholder."""
    marks = ", ".join([placeholder] * len(statement.columns))
    return f"INSERT INTO {statement.table.name} ({', '.join(statement.columns)}) VALUES ({marks})"


@cache
def update_sql(statement: BatchUpdate, placeholder: str) -> str:
    """Render an update of one row with the driver's placeholder."""
    assignments = [f"{column} = {placeholder}" for column in statement.sets]
    if statement.fixed:
        assignments.append(statement.fixed)
    conditions = [f"{column} = {placeholder}" for column in statement.keys + statement.fences]
    if statement.guard:
        conditions.append(f"({statement.guard})")
    return f"UPDATE {statement.table.name} SET {', '.join(assignments)} WHERE {' AND '.join(conditions)}"


@cache
def upsert_sql(statement: Upsert, placeholder: str, on_conflict: str, offered: str) -> str:
    """Render an insert of one row, or a change of the one that is there, with the driver's placeholder."""
    marks = ", ".join([placeholder] * len(statement.columns))
    assignments = [f"{column} = {offered.format(column=column)}" for column in statement.sets]
    if statement.fixed:
        assignments.append(statement.fixed)
    return (
        f"INSERT INTO {statement.table.name} ({', '.join(statement.columns)}) VALUES ({marks})"
        f" {on_conflict.format(keys=', '.join(statement.keys))} {', '.join(assignments)}"
    )
