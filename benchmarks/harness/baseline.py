"""What the store's disk allows: commits of one row each, one after the other, by one connection.

An ``INSERT`` that commits by itself is the least that a durable record of one thing can cost on this store.
"""

from __future__ import annotations

import time
from typing import Any

from engine.store.database import Database

TABLE = "milepost_benchmark"


def commits_per_second(database: Database, seconds: float) -> float:
    """Measure it with the connection settings of the store itself."""
    with database.write() as tx:
        tx.connection.exec_driver_sql(f"CREATE TABLE {TABLE} (n BIGINT)")
    try:
        return _measure(database, seconds)
    finally:
        with database.write() as tx:
            tx.connection.exec_driver_sql(f"DROP TABLE {TABLE}")


def _measure(database: Database, seconds: float) -> float:
    pooled = database.engine.raw_connection()
    # It is changed, so it must not go back into the pool.
    pooled.detach()
    connection: Any = pooled.dbapi_connection
    try:
        _commit_by_itself(connection, database.dialect.name)
        cursor = connection.cursor()
        insert = f"INSERT INTO {TABLE} VALUES ({database.dialect.placeholder})"
        cursor.execute(insert, (0,))
        count, elapsed, began = 0, 0.0, time.perf_counter()
        # One at least, however short the time is.
        while count == 0 or elapsed < seconds:
            count += 1
            cursor.execute(insert, (count,))
            elapsed = time.perf_counter() - began
        cursor.close()
        return count / elapsed
    finally:
        pooled.close()


def _commit_by_itself(connection: Any, dialect: str) -> None:
    # The store's connections to SQLite are so anyway: it begins its transactions in words.
    if dialect == "postgresql":
        connection.autocommit = True
    elif dialect == "mysql":
        connection.autocommit(True)
