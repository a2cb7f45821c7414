"""Everything that a database says of the tables in it, as plain text to compare."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from engine.store.migrations.revisions import VERSION_TABLE

_POSTGRESQL = {
    "columns": """
        SELECT c.table_name, c.column_name, c.ordinal_position, c.data_type, c.character_maximum_length,
               c.collation_name, c.is_nullable, c.column_default, c.is_identity, c.identity_generation
        FROM information_schema.columns c WHERE c.table_schema = 'public'""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace""",
    "tables": "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
}
_MYSQL = {
    "columns": """
        SELECT table_name, column_name, ordinal_position, column_type, character_set_name, collation_name, is_nullable,
               column_default, extra
        FROM information_schema.columns WHERE table_schema = database()""",
    "indexes": """
        SELECT table_name, index_name, seq_in_index, column_name, non_unique, sub_part
        FROM information_schema.statistics WHERE table_schema = database()""",
    "tables": """
        SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = database()""",
}


def snapshot(connection: Connection) -> set[tuple[Any, ...]]:
    """Return what the database's own catalogue says, column by column and index by index."""
    if connection.dialect.name == "sqlite":
        found = _sqlite(connection)
    else:
        queries = _POSTGRESQL if connection.dialect.name == "postgresql" else _MYSQL
        found = {(what, *row) for what, query in queries.items() for row in connection.execute(text(query))}
    return {row for row in found if not any(VERSION_TABLE in str(value) for value in row)}


def _sqlite(connection: Connection) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = set()
    for kind, name, table, sql in connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master")):
        if kind == "table":
            found.add(("table", name))
            found |= {("column", name, *row) for row in connection.exec_driver_sql(f"PRAGMA table_info({name})")}
        else:
            # The text of an index has its condition; that of a key is made by the database.
            found.add((kind, table, name, sql))
            found |= {("index", name, *row) for row in connection.exec_driver_sql(f"PRAGMA index_info({name})")}
    return found
