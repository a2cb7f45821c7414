"""The tables of the SQL transport. They are its own, and nobody else's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from transports.checks import MAX_QUEUE_CHARACTERS

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler


class DatabaseTime(FunctionElement[int]):
    """The database's time when the statement began, in microseconds since 1970."""

    type = BigInteger()
    inherit_cache = True


@compiles(DatabaseTime, "sqlite")
def _sqlite_time(_element: DatabaseTime, _compiler: SQLCompiler, **_options: Any) -> str:
    return "(CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER))"


@compiles(DatabaseTime, "postgresql")
def _postgresql_time(_element: DatabaseTime, _compiler: SQLCompiler, **_options: Any) -> str:
    return "((extract(epoch FROM statement_timestamp()) * 1000000)::bigint)"


@compiles(DatabaseTime, "mysql")
@compiles(DatabaseTime, "mariadb")
def _mysql_time(_element: DatabaseTime, _compiler: SQLCompiler, **_options: Any) -> str:
    return "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)))"


# SQLite counts up by itself only in a column of exactly the type INTEGER.
_Id = BigInteger().with_variant(Integer(), "sqlite")
# Names are compared exactly: the default collation of MySQL takes A and a for the same.
_Name = String(MAX_QUEUE_CHARACTERS).with_variant(
    mysql.VARCHAR(MAX_QUEUE_CHARACTERS, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
_LongText = Text().with_variant(mysql.LONGTEXT(charset="utf8mb4"), "mysql", "mariadb")
_Bytes = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")

metadata = MetaData()

queues = Table("milepost_queues", metadata, Column("name", _Name, primary_key=True))
"""The queues that were declared."""

messages = Table(
    "milepost_messages",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("queue", _Name, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("visible_us", BigInteger, nullable=False),
    # Nobody takes the message before this time: 0 for one that waits, else when its consumer's time is up.
    Column("consumer", String(32)),
    Column("deliveries", Integer, nullable=False),
    Column("sent_us", BigInteger, nullable=False, server_default=DatabaseTime()),
    # Key and id as JSON, since databases do not take every character in a text.
    Column("message_key", _LongText),
    Column("message_id", _LongText),
    Column("headers", _LongText),
    # A JSON object of strings; NULL if there are none.
    Column("body", _Bytes, nullable=False),
    sqlite_autoincrement=True,
)
"""The messages that nobody has acknowledged yet."""

in_order = Index("milepost_messages_in_order", messages.c.queue, messages.c.priority, messages.c.id)

broadcasts = Table(
    "milepost_broadcasts",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("topic", _Name, nullable=False),
    Column("sent_us", BigInteger, nullable=False, server_default=DatabaseTime(), index=True),
    Column("headers", _LongText),
    Column("body", _Bytes, nullable=False),
    # An id is never given out twice, or a subscriber would pass over the second broadcast that has it.
    sqlite_autoincrement=True,
)
"""What was broadcast lately. Every subscriber reads on from where it is; old rows are deleted by whoever broadcasts."""
