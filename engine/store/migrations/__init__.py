"""Bringing the tables of a database to what this release works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from engine.errors import SchemaMismatch
from engine.store.schema import metadata

if TYPE_CHECKING:
    from engine.store.database import Database


def migrate(database: Database) -> None:
    """Create what is missing. Several processes may do it at once."""
    try:
        metadata.create_all(database.engine)
    except DBAPIError:
        # Another process was creating the same tables; what it has not made is made now.
        metadata.create_all(database.engine)


def check_schema(database: Database) -> None:
    """Raise SchemaMismatch unless every table is there."""
    missing = sorted(set(metadata.tables) - set(inspect(database.engine).get_table_names()))
    if missing:
        raise SchemaMismatch(f"the database has no table {missing[0]}: run 'engine migrate' once")


def prepare_schema(database: Database, auto: Literal["auto"] | bool) -> None:
    """Migrate if the settings say so ("auto": on SQLite), then check."""
    if auto is True or (auto == "auto" and database.dialect.name == "sqlite"):
        migrate(database)
    check_schema(database)
