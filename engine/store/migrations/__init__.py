"""Bringing the tables of a database to what this release works with.

The revisions are in ``versions/``, run by Alembic. There is no way back: a downgrade would have to throw away what
newer code has recorded. Restore a backup instead.

To change the tables: change ``engine/store/schema.py``, write the same change as the next revision, with nothing that
may change later imported into it, and add its name to ``revisions.py``. A test compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from engine.errors import SchemaMismatch, StoreError
from engine.store.migrations.revisions import REVISIONS, refuse_other, revision_of

if TYPE_CHECKING:
    from engine.store.database import Database


def migrate(database: Database) -> None:
    """Bring the tables to this release. Several processes may do it at once: one does, and the others wait for it.

    Raises SchemaMismatch if the tables are of a newer release, and StoreError if the database does not let it.
    """
    try:
        if revision_of(database) == REVISIONS[-1]:
            return
        # Alembic takes longer to import than all of this takes, and most starts do not need it.
        from engine.store.migrations.running import upgrade

        with database.write() as tx, tx.dialect.migrating(tx.connection):
            upgrade(tx.connection)
    except DBAPIError as error:
        raise StoreError(
            f"the tables could not be made on {database.url!r}: {database.dialect.message_of(error)}; the user that "
            f"runs 'engine migrate' needs the right to create tables and to write to them"
        ) from error


def check_schema(database: Database) -> None:
    """Raise SchemaMismatch unless the tables are what this release works with. It takes one query."""
    try:
        found = revision_of(database)
    except DBAPIError as error:
        raise StoreError(
            f"the tables cannot be read on {database.url!r}: {database.dialect.message_of(error)}"
        ) from error
    if found is None:
        raise SchemaMismatch("the database does not have the tables of Milepost: run 'engine migrate' once")
    refuse_other(found)


def prepare_schema(database: Database, *, migrates: bool) -> None:
    """Migrate if that is wanted, then check."""
    if migrates:
        migrate(database)
    check_schema(database)
