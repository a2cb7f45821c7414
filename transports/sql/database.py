"""Connections and transactions, and what their errors mean."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import create_engine, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from transports.errors import NoTransport, Refused, TooLarge, TransportError, Unavailable, UnknownQueue
from transports.sql.dialect import Dialect, Trouble, first_line
from transports.sql.mysql import MySQLDialect
from transports.sql.postgresql import PostgreSQLDialect
from transports.sql.schema import metadata
from transports.sql.sqlite import SQLiteDialect

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from sqlalchemy import URL, Connection

T = TypeVar("T")

_DIALECTS: dict[str, type[Dialect]] = {
    "sqlite": SQLiteDialect,
    "postgresql": PostgreSQLDialect,
    "postgres": PostgreSQLDialect,
    "mysql": MySQLDialect,
    "mariadb": MySQLDialect,
}
_TRIES = 5
"""How often a transaction that met another one is tried."""


class Database:
    """A database with the transport's tables. Connects when it is first used; safe to use from several threads."""

    def __init__(self, url: str, rng: random.Random, busy_seconds: float, *, makes_tables: bool = True) -> None:
        self._rng = rng
        self.stop = threading.Event()
        """Set to end whatever waits for this database."""
        parsed = _parse(url)
        dialect_class = _DIALECTS[parsed.drivername.partition("+")[0]]
        self.dialect = dialect_class(rng, busy_seconds)
        parsed = self.dialect.url(parsed)
        try:
            self.engine = create_engine(parsed, **self.dialect.engine_options(parsed))
        except ModuleNotFoundError as error:
            raise NoTransport(
                f"sql+{parsed.get_backend_name()}:// needs the module {error.name!r}, which is not installed: "
                f"pip install 'milepost[{self.dialect.extra}]'"
            ) from error
        except (ArgumentError, NoSuchModuleError, TypeError, ValueError) as error:
            raise Refused(f"the URL of the database cannot be used: {first_line(error)}") from error
        self.dialect.prepare_engine(self.engine)
        self._tables_lock = threading.Lock()
        self.makes_tables = makes_tables
        """Whether tables and queues may be made; else they are there or not."""
        self._tables_made = False
        self.losses = 0
        """How often the tables were found to be gone: what was known about their contents is void."""

    @property
    def url(self) -> URL:
        """Where the database is; its text form hides the password."""
        return self.engine.url

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        lost: type[TransportError] = Unavailable,
        stop: threading.Event | None = None,
    ) -> T:
        """Do the work in one transaction that writes, again where the database asks for that.

        Raises ``lost`` when the connection broke while it was committing, so that nobody knows whether it did.
        ``stop`` ends the waiting for a turn, in place of the one that closing sets.
        """
        tries = 1
        while True:
            try:
                return self._write_once(work, lost, stop or self.stop)
            except DBAPIError as error:
                trouble = self.dialect.trouble(error)
                if not _worth_another_try(trouble, error, tries):
                    raise self.problem(error) from error
                if trouble is Trouble.AGAIN:
                    self.stop.wait(0.002 * tries * self._rng.random())
            except PoolTimeout as error:
                raise self._away(error) from error
            tries += 1

    def _write_once(self, work: Callable[[Connection], T], lost: type[TransportError], stop: threading.Event) -> T:
        with self.engine.connect() as connection:
            self.dialect.begin_write(connection, stop)
            result = work(connection)
            try:
                connection.commit()
            except DBAPIError as error:
                if self.dialect.trouble(error) is not Trouble.AWAY:
                    raise
                raise lost(
                    f"the database on {self.url!r} went away while it was committing, so it may have done so or not: "
                    f"{first_line(error)}"
                ) from error
            return result

    def read(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads."""
        tries = 1
        while True:
            try:
                with self.engine.connect() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not _worth_another_try(self.dialect.trouble(error), error, tries):
                    raise self.problem(error) from error
            except PoolTimeout as error:
                raise self._away(error) from error
            tries += 1

    def problem(self, error: DBAPIError) -> TransportError:
        """Return the transport's error for one of the database."""
        match self.dialect.trouble(error):
            case Trouble.AGAIN | Trouble.AWAY:
                return self._away(error)
            case Trouble.NO_TABLE:
                self._tables_made = False
                self.losses += 1
                return UnknownQueue(
                    f"the transport's tables are not there in {self.url!r}, and so no queues: declare the queues, "
                    "without passive=yes"
                )
            case Trouble.TOO_LARGE:
                return TooLarge(f"the database on {self.url!r} takes no message of that size: {_text(error)}")
            case Trouble.REFUSED:
                return Refused(f"the database on {self.url!r} refuses: {_text(error)}")

    def _away(self, error: SQLAlchemyError) -> Unavailable:
        return Unavailable(f"the database on {self.url!r} is not available: {_text(error)}")

    def make_tables(self, *, again: bool = False) -> None:
        """Make the tables unless they are there; raises Refused if there are others of their names.

        Looks for them once, and when it is told to look ``again``. Does nothing where none are to be made.
        """
        if not self.makes_tables or (self._tables_made and not again):
            return
        with self._tables_lock:
            if not self._tables_fit():
                self._create_tables()
            self._tables_made = True

    def _tables_fit(self) -> bool:
        """Tell whether all tables are there with all their columns, in as few questions as possible."""

        def look(connection: Connection) -> bool:
            self.dialect.check_server(connection)
            try:
                for table in metadata.tables.values():
                    connection.execute(select(table).limit(0))
            except DBAPIError as error:
                if self.dialect.trouble(error) is Trouble.AWAY:
                    raise
                return False
            return True

        return self.read(look)

    def _create_tables(self) -> None:
        for attempt in range(_TRIES):
            try:
                self.write(self._create_and_check)
            except Refused:
                # Somebody else may have made one between the look and the making.
                if attempt == _TRIES - 1:
                    raise
                self.stop.wait(0.05 * self._rng.random())
            else:
                return

    def _create_and_check(self, connection: Connection) -> None:
        self.dialect.before_tables(connection)
        metadata.create_all(connection)
        inspector = inspect(connection)
        for table in metadata.tables.values():
            missing = {column.name for column in table.columns} - {
                column["name"] for column in inspector.get_columns(table.name)
            }
            if missing:
                raise Refused(
                    f"the database on {self.url!r} has a table {table.name} of another kind, without "
                    f"{', '.join(sorted(missing))}: use another database, or move that table away"
                )

    def close(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        known = parsed.drivername.partition("+")[0] in _DIALECTS
    except (ArgumentError, ValueError):
        raise Refused(
            "the URL of the database cannot be read: it looks like sql+sqlite:///file.db or "
            "sql+postgresql://user:password@host/database"
        ) from None
    if not known:
        raise Refused(f"messages cannot be kept on {parsed.drivername!r}: use sqlite, postgresql, mysql or mariadb")
    return parsed


def _worth_another_try(trouble: Trouble, error: DBAPIError, tries: int) -> bool:
    if trouble is Trouble.AGAIN:
        return tries < _TRIES
    # A connection that had been idle was found dead: the server may have been back for long.
    return trouble is Trouble.AWAY and error.connection_invalidated and tries == 1


def _text(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None)
    return first_line(cause if isinstance(cause, BaseException) else error)
