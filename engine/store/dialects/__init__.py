"""The one place where databases differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import ConfigError
from engine.store.dialects.mysql import MySQLDialect
from engine.store.dialects.postgresql import PostgreSQLDialect
from engine.store.dialects.sqlite import SQLiteDialect

if TYPE_CHECKING:
    from engine.store.dialects.base import Dialect

_DIALECTS: dict[str, type[Dialect]] = {
    "sqlite": SQLiteDialect,
    "postgresql": PostgreSQLDialect,
    "mysql": MySQLDialect,
    "mariadb": MySQLDialect,
}


def dialect_named(name: str) -> Dialect:
    """Return the dialect for SQLAlchemy's name of a database; ConfigError for one that is not supported."""
    try:
        return _DIALECTS[name]()
    except KeyError:
        known = ", ".join(sorted(_DIALECTS))
        raise ConfigError(f"the store cannot be on {name!r}: use one of {known}") from None
