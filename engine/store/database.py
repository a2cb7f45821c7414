"""Connections and transactions: the edge between the store and the database."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from engine.errors import ConfigError, StoreUnavailable
from engine.store.dialects import dialect_named

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sqlalchemy import URL, Connection

    from engine.store.dialects.base import Dialect

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


class Transaction:
    """One open transaction: its connection, its dialect, and the database's time when it began."""

    __slots__ = ("_clock", "_turns", "connection", "dialect", "now_us")

    def __init__(self, connection: Connection, dialect: Dialect, clock: Callable[[Connection], int]) -> None:
        self.connection = connection
        self.dialect = dialect
        self._clock = clock
        self.now_us = clock(connection)
        self._turns = 0

    def later_us(self) -> int:
        """Return the database's time now, which is later than when the transaction began if it had to wait."""
        return self._clock(self.connection)

    def turn_us(self) -> int:
        """Return the time since when one more step is ready: what becomes ready together still has an order."""
        self._turns += 1
        return self.now_us + self._turns - 1


class Database:
    """A database that holds the engine's tables.

    ``pool_size`` connections are kept, ``pool_overflow`` more may be opened while those are in use; whoever finds none
    free waits ``pool_timeout`` seconds at most. A connection is replaced after ``pool_recycle`` seconds. ``clock``
    replaces the database's time by the result of a call (microseconds since 1970): for tests that must say what time it
    is.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_overflow: int = 10,
        pool_timeout: float = 30.0,
        pool_recycle: float = 1800.0,
        clock: Callable[[], int] | None = None,
    ) -> None:
        parsed = parse_store_url(url)
        self.dialect = dialect_named(parsed.get_backend_name())
        self._clock = clock
        options: dict[str, Any] = self.dialect.engine_options()
        if _is_memory(parsed):
            # One connection for everybody, or every thread would see a database of its own.
            options |= {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
        else:
            options |= {
                "pool_size": pool_size,
                "max_overflow": pool_overflow,
                "pool_timeout": pool_timeout,
                "pool_recycle": int(pool_recycle),
            }
        try:
            self.engine = create_engine(parsed, **options)
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get(parsed.get_backend_name(), "")
            raise ConfigError(
                f"the driver for {parsed.drivername} is not installed ({error.name}): pip install 'milepost[{extra}]'"
            ) from error
        self.dialect.prepare_engine(self.engine)
        self._writer = self.engine.execution_options(milepost_write=True)

    @property
    def url(self) -> URL:
        """Where the database is; its text form hides the password."""
        return self.engine.url

    @property
    def in_memory(self) -> bool:
        """Whether it is an SQLite database that ends with this process."""
        return _is_memory(self.engine.url)

    @contextlib.contextmanager
    def write(self) -> Generator[Transaction]:
        """Open a transaction that writes; commits at the end, rolls back on any error.

        Raises StoreUnavailable when the database cannot be reached or asks to try again.
        """
        with self._translated(), self._writer.begin() as connection:
            yield Transaction(connection, self.dialect, self._now)

    @contextlib.contextmanager
    def read(self) -> Generator[Transaction]:
        """Open a transaction that only reads."""
        with self._translated(), self.engine.begin() as connection:
            yield Transaction(connection, self.dialect, self._now)

    @contextlib.contextmanager
    def connection(self) -> Generator[Connection]:
        """Open a transaction that only reads, and does not need to know the time."""
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            if self.dialect.is_transient(error) or _cannot_connect(error):
                raise StoreUnavailable(
                    f"the store on {self.url!r} is not available: {self.dialect.message_of(error)}"
                ) from error
            raise
        except PoolTimeout as error:
            raise StoreUnavailable(
                f"no connection to the store on {self.url!r} became free; raise store.pool_size or store.pool_overflow"
            ) from error

    def _now(self, connection: Connection) -> int:
        return self._clock() if self._clock is not None else self.dialect.now(connection)

    def close(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()


def parse_store_url(url: str) -> URL:
    """Read a store's URL and choose the driver; ConfigError if it cannot be used."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "the store's URL cannot be read: write sqlite:///file.db or postgresql://user:password@host/database, "
            "with every special character of the password as %XX"
        ) from None
    if parsed.drivername in _DRIVERS:
        parsed = parsed.set(drivername=_DRIVERS[parsed.drivername])
    try:
        parsed.get_dialect()
    except NoSuchModuleError:
        raise ConfigError(
            f"the store cannot be on {parsed.drivername!r}: use sqlite, postgresql, mysql or mariadb"
        ) from None
    except ModuleNotFoundError:
        pass
    return parsed


def _is_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _cannot_connect(error: DBAPIError) -> bool:
    """A failed attempt to connect has no code in most drivers: it is an operational error without a statement."""
    return type(error).__name__ == "OperationalError" and error.statement is None
