"""The real store on SQLite in memory, whose transactions can be lost, or not answered, and have boundaries."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.errors import StoreUnavailable
from engine.store.database import Database, Transaction
from engine.store.schema import metadata

if TYPE_CHECKING:
    from tests.simulation.scenario import Rates
    from tests.simulation.world import World

LEDGER = "CREATE TABLE sim_ledger (execution_id VARCHAR(26), seq INTEGER, attempt INTEGER)"
"""What the application keeps in the same database: its transactional steps add a row each."""
NO_ANSWER = "an injected fault: the connection broke"


class SimulatedDatabase(Database):
    """One database for all simulations of this process; ``enter`` empties it for the next one."""

    def __init__(self) -> None:
        super().__init__("sqlite://")
        with self.engine.begin() as connection:
            metadata.create_all(connection)
            connection.exec_driver_sql(LEDGER)
        raw = self.engine.raw_connection().driver_connection
        assert isinstance(raw, sqlite3.Connection)
        self.raw = raw
        """For looking at the rows, without any of the store's own code."""
        # To check connections out and in again takes longer than most transactions do.
        self._writing, self._reading = self._writer.connect(), self.engine.connect()
        self._world: World | None = None
        self.down_until_us = 0

    def enter(self, world: World) -> None:
        """Begin a simulation with no rows, and with its clock."""
        self._world = world
        self._clock = world.database_now_us
        self.down_until_us = 0
        for connection in (self._writing, self._reading):
            connection.rollback()
        for name in [*metadata.tables, "sim_ledger"]:
            self.raw.execute(f"DELETE FROM {name}")

    @contextmanager
    def write(self) -> Generator[Transaction]:
        world = self._world
        assert world is not None
        at = world.jobs.at
        at("before the transaction")
        self._check(world)
        lost, unanswered = _draw(world.chance, world.rates) if world.jobs.current is not None else (False, False)
        try:
            with self._translated(), self._writing.begin():
                yield Transaction(self._writing, self.dialect, self._now)
                at("in the transaction", may_stop=False)
                if lost:
                    world.fire("commit lost")
                    raise StoreUnavailable(NO_ANSWER)
        except BaseException:
            world.witness.look_again(world.actor())
            raise
        world.witness.look(world.actor())
        at("after the commit")
        if unanswered:
            world.fire("commit not answered")
            raise StoreUnavailable(NO_ANSWER)

    @contextmanager
    def read(self) -> Generator[Transaction]:
        world = self._world
        assert world is not None
        world.jobs.at("before reading")
        self._check(world)
        with self._translated(), self._reading.begin():
            yield Transaction(self._reading, self.dialect, self._now)

    def _check(self, world: World) -> None:
        if world.now_us() < self.down_until_us:
            world.fire("store away")
            raise StoreUnavailable("an injected fault: the store is away")


def _draw(chance: random.Random, rates: Rates) -> tuple[bool, bool]:
    """Return whether a transaction is lost, and whether it is not answered."""
    drawn = chance.random()
    return drawn < rates.lost, rates.lost <= drawn < rates.lost + rates.unanswered
