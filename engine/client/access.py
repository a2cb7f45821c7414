"""How a client reaches the store: nothing of the driver leaks, and tables of another release are refused."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from engine.errors import ConfigError, MilepostError, SchemaMismatch, StoreError
from engine.store.migrations.revisions import refuse_other, revision_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from engine.store.database import Database, Transaction


class Access:
    """The transactions of a client. Every error is a MilepostError of one line, without the password."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._checked = False
        self._closed = False

    @contextlib.contextmanager
    def read(self) -> Generator[Transaction]:
        """Open a transaction that only reads."""
        with self._explained():
            self._check()
            with self._database.read() as tx:
                yield tx

    @contextlib.contextmanager
    def write(self) -> Generator[Transaction]:
        """Open a transaction that writes; commits at the end, rolls back on any error."""
        with self._explained():
            self._check()
            with self._database.write() as tx:
                yield tx

    def close(self) -> None:
        """Refuse whatever is asked for from now on."""
        self._closed = True

    def _check(self) -> None:
        """Look once which release made the tables: what another one recorded might be misread, or damaged.

        Two threads may both look; that does no harm.
        """
        if self._closed:
            raise MilepostError("the client is closed; make another one")
        if self._checked:
            return
        try:
            found = revision_of(self._database)
        except TypeError as error:
            # Some drivers take the query of the URL as keyword arguments.
            raise ConfigError(f"the store's URL has an option that its driver does not know: {error}") from error
        if found is not None:
            refuse_other(found)
        # Tables without a revision are a matter for the first query that misses one.
        self._checked = True

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            dialect = self._database.dialect
            if dialect.is_missing_table(error):
                self._checked = False
                raise SchemaMismatch(
                    f"the database {self._database.url!r} does not have the tables of Milepost: "
                    f"run 'engine migrate' once"
                ) from error
            raise StoreError(f"the store on {self._database.url!r} refused: {dialect.message_of(error)}") from error
