"""PostgreSQL: one statement per batch, advisory locks for liveness, NOTIFY for hints."""

from __future__ import annotations

import contextlib
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, Text, any_, bindparam, event, func, select, tuple_
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from engine.store.dialects.base import Dialect

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Table
    from sqlalchemy.exc import DBAPIError

    from engine.store.batches import BatchInsert, BatchUpdate, Row

LIVENESS_CLASS = 0x4D50
"""First key of the advisory locks, so that they meet no other application's."""
MIGRATION_KEY = 0
"""Second key of the lock on the tables as such; the ids of workers begin at 1."""
MIGRATION_WAIT = "60s"
IDLE_TRANSACTION_SECONDS = 10
"""How long a transaction may lie idle before the server ends it: as long as a worker's lease is by default. Peers
would wait for the locks of a worker that fell silent in the middle of one for as long as its session lives."""
_IDLE = "idle_in_transaction_session_timeout"
# Every statement of the hot path finds its rows by a key, or by an index of unfinished steps. Plans that were made, and
# kept, while the tables were small would read them whole: what the planner knows of a table may be minutes old.
_PLANNING = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off"}
# Of a host that vanished, neither side learns in any other way: after 11 seconds, like a lease.
_SERVER_KEEPALIVES = {
    "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3", "tcp_user_timeout": "11s",
}  # fmt: skip
_SETTINGS = ", ".join(
    f"set_config('{name}', '{value}', false)" for name, value in (_SERVER_KEEPALIVES | _PLANNING).items()
)
# A limit on idle transactions that the server or the role has set already, and that is shorter, stays.
_PREPARE_SESSION = f"""\
SELECT {_SETTINGS}, set_config(
    '{_IDLE}',
    CASE WHEN allowed = interval '0' OR allowed > interval '{IDLE_TRANSACTION_SECONDS} s'
    THEN '{IDLE_TRANSACTION_SECONDS}s' ELSE current_setting('{_IDLE}') END,
    false
) FROM (SELECT current_setting('{_IDLE}')::interval AS allowed) AS idle"""
_CLIENT_KEEPALIVES = {
    "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 11_000,
    "connect_timeout": 10,
}  # fmt: skip


class PostgreSQLDialect(Dialect):
    """Batches travel as arrays, one per column, in the binary format, and become rows by ``unnest``."""

    name = "postgresql"
    placeholder = "%s"
    now_sql = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    # Serialization failure, deadlock, lock not available; the server stopping, starting, out of connections, memory or
    # disk; a standby that was promoted elsewhere, or reads only; a session that was idle in a transaction for too long.
    transient_codes = frozenset(
        {"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53000", "53100", "53200", "53300", "58030", "25006"}
        | {"25P03", "08000", "08001", "08003", "08004", "08006"}
    )

    missing_table_codes = frozenset({"42P01"})

    def engine_options(self) -> dict[str, Any]:
        # Our locks are explicit and our guards are conditions on current rows: read committed is what they assume,
        # whatever the server's default is.
        return {"isolation_level": "READ COMMITTED"}

    def prepare_engine(self, engine: Engine) -> None:
        @event.listens_for(engine, "do_connect")
        def _connecting(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
            for name, value in _CLIENT_KEEPALIVES.items():
                # What the URL says goes before.
                parameters.setdefault(name, value)

        @event.listens_for(engine, "connect")
        def _connected(connection: Any, _record: Any) -> None:
            # Prepare a statement at its second use: there are a dozen, each used for the life of the connection.
            connection.prepare_threshold = 1
            connection.execute(_PREPARE_SESSION)
            connection.commit()

    def insert(self, connection: Connection, statement: BatchInsert, rows: Sequence[Row]) -> None:
        if rows:
            connection.exec_driver_sql(_insert_sql(statement), tuple(map(list, zip(*rows, strict=True))))

    def update(self, connection: Connection, statement: BatchUpdate, rows: Sequence[Row]) -> set[int]:
        if not rows:
            return set()
        result = connection.exec_driver_sql(_update_sql(statement), tuple(map(list, zip(*rows, strict=True))))
        return {row[0] - 1 for row in result}

    def lock_by_id(
        self, connection: Connection, columns: Sequence[Column[Any]], table: Table, ids: Sequence[str]
    ) -> Sequence[Any]:
        # One text however many ids there are, so that it is prepared once; and so with the conditions below.
        names = ", ".join(column.name for column in columns)
        sql = f"SELECT {names} FROM {table.name} WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE"
        return connection.exec_driver_sql(sql, (list(ids),)).all()

    def among(self, columns: Sequence[Column[Any]], name: str) -> ColumnElement[bool]:
        arrays = [_array(column, f"{name}_{place}") for place, column in enumerate(columns)]
        names = [f"v{place}" for place in range(len(columns))]
        values = func.unnest(*arrays).table_valued(*names, name="v").render_derived()
        return tuple_(*columns).in_(select(*(values.c[name] for name in names)))

    def bound(self, name: str, rows: Collection[Row]) -> dict[str, Any]:
        return {f"{name}_{place}": list(values) for place, values in enumerate(zip(*rows, strict=True))}

    def one_of(self, column: Column[Any], name: str) -> ColumnElement[bool]:
        return column == any_(_array(column, name))

    def code_of(self, error: DBAPIError) -> str:
        return getattr(error.orig, "sqlstate", None) or ""

    @contextlib.contextmanager
    def unhurried(self, connection: Connection) -> Generator[None]:
        limit = connection.exec_driver_sql(f"SELECT current_setting('{_IDLE}')").scalar_one()
        connection.exec_driver_sql(f"SET LOCAL {_IDLE} = 0")
        for name in _PLANNING:
            connection.exec_driver_sql(f"SET LOCAL {name} TO DEFAULT")
        yield
        connection.exec_driver_sql(f"SET LOCAL {_IDLE} = '{limit}'")

    @contextlib.contextmanager
    def migrating(self, connection: Connection) -> Generator[None]:
        # Both end with the transaction.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{MIGRATION_WAIT}'")
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, %s)", (LIVENESS_CLASS, MIGRATION_KEY))
        yield

    def hold_liveness(self, connection: Connection, worker_id: int) -> None:
        connection.exec_driver_sql("SELECT pg_advisory_lock(%s, %s)", (LIVENESS_CLASS, worker_id))
        connection.commit()

    def surely_dead(self, connection: Connection, worker_id: int) -> bool:
        # Taken for the length of this transaction at most; a living worker holds it for its whole session.
        row = connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(%s, %s)", (LIVENESS_CLASS, worker_id))
        return bool(row.scalar_one())

    def notify(self, connection: Connection, channel: str, payload: str) -> None:
        connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (channel, payload))


def _array(column: Column[Any], name: str) -> ColumnElement[Any]:
    """Return one parameter, cast to an array of the column's type: one text however many values there are."""
    plain = Text() if isinstance(column.type, String) else column.type
    return sql_cast(bindparam(name, type_=ARRAY(plain)), ARRAY(plain))


def _array_type(table: Table, column: str) -> str:
    """Return the array type of a column; text for every kind of string, so that no cast to a length happens."""
    rendered = table.c[column].type.compile(dialect=postgresql.dialect())
    if rendered.startswith("VARCHAR"):
        rendered = "text"
    return f"{rendered}[]"


def _unnest(table: Table, columns: Sequence[str]) -> str:
    return "unnest(" + ", ".join(f"%b::{_array_type(table, column)}" for column in columns) + ")"


@cache
def _insert_sql(statement: BatchInsert) -> str:
    source = _unnest(statement.table, statement.columns)
    return f"INSERT INTO {statement.table.name} ({', '.join(statement.columns)}) SELECT * FROM {source}"


@cache
def _update_sql(statement: BatchUpdate) -> str:
    names = [f"v{index}" for index in range(len(statement.columns))]
    keys = len(statement.keys)
    fences = keys + len(statement.fences)
    assignments = [f"{column} = v.{names[fences + i]}" for i, column in enumerate(statement.sets)]
    if statement.fixed:
        assignments.append(statement.fixed)
    conditions = [f"t.{column} = v.{names[i]}" for i, column in enumerate(statement.keys)]
    # A fence is a condition on the row that the key found. The addition keeps the planner from looking rows up by the
    # index on ``owner``, which its statistics, taken at a quiet moment, can make look cheaper than the primary key.
    conditions += [f"t.{column} + 0 = v.{names[keys + i]}" for i, column in enumerate(statement.fences)]
    if statement.guard:
        conditions.append(f"({statement.guard})")
    return (
        f"UPDATE {statement.table.name} AS t SET {', '.join(assignments)}"
        f" FROM {_unnest(statement.table, statement.columns)} WITH ORDINALITY AS v({', '.join(names)}, n)"
        f" WHERE {' AND '.join(conditions)} RETURNING v.n"
    )
