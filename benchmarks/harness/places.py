"""Where a measurement takes place: a store, perhaps a broker, and the servers whose cost counts."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url

from benchmarks.harness.counters import Counts, counts_of
from benchmarks.harness.errors import BenchmarkError
from benchmarks.harness.servers import server_of
from engine.messaging import EMBEDDED
from engine.store.database import Database, parse_store_url
from engine.store.migrations import migrate
from tests.servers.databases import DatabaseServer
from tests.servers.recipes import RECIPES, Recipe
from tests.servers.running import start

SQL_TRANSPORT = "sql+"
BESIDE = "sql+store"
"""A broker's URL that stands for the SQL transport on the store's own server, or in a file beside an SQLite store."""


@dataclass(frozen=True)
class Place:
    """A store that is ready for use. ``servers`` are the processes of its server and the broker's, None: not known."""

    store: str
    broker: str
    database: Database
    messages: Engine | None
    servers: set[int] | None

    @property
    def transport(self) -> str:
        """What carries the steps: ``sql`` for the queue inside the store, else the scheme of the broker's URL."""
        return self.broker.partition("://")[0]

    def counts(self) -> Counts:
        """Return what has been counted so far."""
        return counts_of(self.database, self.messages)

    def require_idle(self) -> None:
        """Raise BenchmarkError if there is unfinished work, which would be measured too."""
        query = "SELECT id FROM milepost_executions WHERE state IN ('running', 'paused', 'parked') LIMIT 1"
        with self.database.read() as tx:
            if tx.connection.exec_driver_sql(query).first() is not None:
                raise BenchmarkError("the store holds unfinished executions: give another one")


@contextmanager
def opened(store: str, broker: str = EMBEDDED, server_pids: Collection[int] = ()) -> Generator[Place]:
    """Open a store by its URL, or make one: ``sqlite``, ``postgresql`` or ``mysql``, on a server started for it.

    ``server_pids`` are servers that cannot be found by themselves, such as brokers.
    """
    with ExitStack() as stack:
        if "://" not in store:
            store = stack.enter_context(_fresh(store))
        if broker == BESIDE:
            broker = SQL_TRANSPORT + (f"{store}-messages" if store.startswith("sqlite") else store)
        database = Database(store)
        stack.callback(database.close)
        migrate(database)
        messages = _engine_of(broker)
        if messages is not None:
            stack.callback(messages.dispose)
        servers = _servers(database, broker, messages, set(server_pids))
        place = Place(store, broker, database, messages, servers)
        place.require_idle()
        yield place


@contextmanager
def server_for(kind: str) -> Generator[DatabaseServer]:
    """Start a server of this kind, for databases to be made on."""
    recipe = _recipe(kind)
    running = start(recipe)
    try:
        server = DatabaseServer(running.url)
        try:
            yield server
        finally:
            server.close()
    finally:
        running.stop()


@contextmanager
def _fresh(kind: str) -> Generator[str]:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="milepost-benchmark-") as directory:
            yield f"sqlite:///{Path(directory) / 'milepost.db'}"
        return
    with server_for(kind) as server, server.fresh_database() as url:
        yield url


def _recipe(kind: str) -> Recipe:
    recipe = RECIPES.get(kind)
    if recipe is None:
        raise BenchmarkError(f"there is no store {kind!r}: give a URL, or one of sqlite, {', '.join(RECIPES)}")
    if program := recipe.missing():
        raise BenchmarkError(f"{recipe.title} is not installed ({program} was not found): {recipe.advice}")
    return recipe


def _engine_of(broker: str) -> Engine | None:
    """Return connections to the database of an SQL transport; None for any other broker."""
    if not broker.startswith(SQL_TRANSPORT):
        return None
    # What stands in the query may be the transport's own options.
    address = make_url(broker.removeprefix(SQL_TRANSPORT)).set(query={}).render_as_string(hide_password=False)
    return create_engine(parse_store_url(address))


def _servers(database: Database, broker: str, messages: Engine | None, named: set[int]) -> set[int] | None:
    found = [server_of(database.engine)]
    if messages is not None:
        found.append(server_of(messages))
    elif broker != EMBEDDED:
        found.append(None)
    known = {pid for pids in found if pids is not None for pid in pids}
    # Whoever names a server knows better which ones there are.
    return known | named if named or None not in found else None
