"""The kinds of columns that the tables are made of.

The schema and its migrations share them, so what one of them means never changes: a new meaning takes a new name, and a
migration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from sqlalchemy.dialects.mysql.base import MySQLTypeCompiler


class _MySQLText(mysql.VARCHAR):
    """Short text on MySQL and MariaDB: their usual collations take no notice of blanks at the end."""


@compiles(_MySQLText, "mysql", "mariadb")
def _mysql_text(type_: _MySQLText, compiler: MySQLTypeCompiler, **_options: Any) -> str:
    collation = "utf8mb4_nopad_bin" if compiler.dialect.is_mariadb else "utf8mb4_0900_bin"
    return f"VARCHAR({type_.length}) CHARACTER SET utf8mb4 COLLATE {collation}"


def short_text(length: int) -> String:
    """Short text that compares by its bytes everywhere, so that ids and queues sort and match the same on every
    database."""
    return (
        String(length)
        .with_variant(postgresql.VARCHAR(length, collation="C"), "postgresql")
        .with_variant(_MySQLText(length), "mysql", "mariadb")
    )


def long_text() -> Text:
    """Text of any length; MySQL's plain TEXT ends at 64 KiB."""
    return Text().with_variant(mysql.LONGTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb")


def identity() -> BigInteger:
    """A number the database hands out; SQLite does that only for INTEGER."""
    return BigInteger().with_variant(Integer(), "sqlite")
