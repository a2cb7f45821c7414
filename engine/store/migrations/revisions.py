"""The revisions that this release knows, by name: to compare them with a database's takes one query and no Alembic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import String, column, select, table
from sqlalchemy.exc import DBAPIError

from engine.errors import SchemaMismatch

if TYPE_CHECKING:
    from engine.store.database import Database

VERSION_TABLE: Final = "milepost_schema"
"""Where the database keeps its revision, beside the ``alembic_version`` that an application may have."""
REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005")
"""In their order; the last one is what this release works with."""
_QUERY = select(column("version_num", String)).select_from(table(VERSION_TABLE))


def revision_of(database: Database) -> str | None:
    """Return the revision that the tables of a database are of; None where they were not made, or not to their end."""
    with database.connection() as connection:
        try:
            return connection.execute(_QUERY).scalar()
        except DBAPIError as error:
            if database.dialect.is_missing_table(error):
                return None
            raise


def refuse_other(found: str) -> None:
    """Raise SchemaMismatch unless a revision is the one that this release works with."""
    refuse_newer(found)
    if found != REVISIONS[-1]:
        raise SchemaMismatch(
            f"the tables in the database are of revision {found}, and this release works with {REVISIONS[-1]}: "
            f"run 'engine migrate'"
        )


def refuse_newer(found: str | None) -> None:
    """Raise SchemaMismatch for a revision that this release does not know."""
    if found is not None and found not in REVISIONS:
        raise SchemaMismatch(
            f"the tables in the database are of revision {found}, and this release of Milepost knows them up to "
            f"{REVISIONS[-1]} only: upgrade Milepost here"
        )
