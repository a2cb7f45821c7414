"""The store that each test of this suite is about, with a clock that the test sets, and workers built by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from engine.model.decisions import Command
from engine.model.history import Event
from engine.model.views import ExecutionView, StepView
from engine.model.work import Checkpoint, Claimed, Flush, Flushed, Pointer
from engine.store.database import Database, Transaction
from engine.store.flush import run_flush
from engine.store.history import load_histories
from engine.store.query import get_execution, get_history
from engine.store.schema import metadata
from engine.store.start import NewExecution, Started, start_executions
from engine.store.sweep import Swept, release_orphans, sweep_due
from engine.store.workers import register_worker
from tests.conformance.stores.values import SECOND, START_US, first_drive

P = ParamSpec("P")
R = TypeVar("R")

LEASE_US = 30 * SECOND


class Clock:
    """The time that the store is told."""

    def __init__(self) -> None:
        self.now_us = START_US

    def __call__(self) -> int:
        return self.now_us

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.now_us += round(seconds * SECOND)


class Store:
    """One store on a database that is empty when the test begins."""

    def __init__(self, url: str, database: Database | None = None) -> None:
        """``database``: one that is connected already, and stays so."""
        self.url = url
        self.clock = Clock()
        self.sound = True
        """Whether the rows must be in order when the test ends; False in tests that remove a guard."""
        self._opened: list[Database] = []
        self.database = database or self.open()
        self.database._clock = self.clock

    @property
    def kind(self) -> str:
        """The name of the store's dialect."""
        return self.database.dialect.name

    def open(self, **options: Any) -> Database:
        """Connect once more, as another process would; closed when the test ends."""
        database = Database(self.url, clock=self.clock, **options)
        self._opened.append(database)
        return database

    def close(self) -> None:
        """Close every connection."""
        for database in self._opened:
            database.close()

    def write(self, call: Callable[Concatenate[Transaction, P], R], *args: P.args, **options: P.kwargs) -> R:
        """Call a function of the store in a transaction of its own."""
        with self.database.write() as tx:
            return call(tx, *args, **options)

    def read(self, call: Callable[Concatenate[Transaction, P], R], *args: P.args, **options: P.kwargs) -> R:
        """Call a function of the store that only reads."""
        with self.database.read() as tx:
            return call(tx, *args, **options)

    def empty(self) -> None:
        """Delete every row."""
        with self.database.write() as tx:
            for table in metadata.sorted_tables:
                tx.connection.execute(table.delete())

    # -- executions --------------------------------------------------------------------------------------------------

    def start_all(self, *new: NewExecution, resend_us: int | None = None) -> list[Started]:
        """Start executions in one transaction."""
        return self.write(start_executions, new, resend_us)

    def start(self, **options: Any) -> str:
        """Start one execution; return its id."""
        return self.start_all(NewExecution("order", 1, "{}", **options))[0].id

    def running(self, worker: Worker, *commands: Command, **options: Any) -> str:
        """Start an execution that has been driven once, and has issued these commands."""
        execution_id = self.start(**options)
        worker.begin(execution_id, *commands)
        return execution_id

    def execution(self, execution_id: str) -> ExecutionView:
        """Return an execution."""
        return self.read(get_execution, execution_id)

    def step(self, execution_id: str, seq: int) -> StepView:
        """Return one step."""
        return self.steps(execution_id)[seq]

    def steps(self, execution_id: str) -> dict[int, StepView]:
        """Return the steps of an execution by their seq."""
        return {view.seq: view for view in self.read(get_history, execution_id)}

    def states(self, execution_id: str) -> dict[int, str]:
        """Return the states of the steps of an execution."""
        return {seq: view.state for seq, view in self.steps(execution_id).items()}

    def unread(self, execution_id: str) -> list[Event]:
        """Return the events that whoever loads the history now would be given."""
        return list(self.read(load_histories, {execution_id: 0})[execution_id].history.unread)

    # -- workers -----------------------------------------------------------------------------------------------------

    def worker(self, *queues: str, room: int = 100, database: Database | None = None) -> Worker:
        """Register a worker that serves these queues."""
        served = queues or ("default",)
        return Worker(self, self.write(register_worker, "worker", served, LEASE_US), served, room, database)

    def sweep(self, resend_us: int | None = None) -> Swept:
        """Sweep once, as every worker does: what is due, and what dead workers owned."""
        with self.database.write() as tx:
            swept = sweep_due(tx, resend_us)
            swept.offered += release_orphans(tx, resend_us).offered
        return swept


class Worker:
    """What the store sees of a worker: its flushes."""

    def __init__(
        self, store: Store, id: int, queues: tuple[str, ...], room: int, database: Database | None = None
    ) -> None:
        self.store = store
        self.id = id
        self.queues = queues
        self.room = room
        self.number = 0
        self.database = database or store.database

    def build(self, *checkpoints: Checkpoint, **options: Any) -> Flush:
        """Build the next flush."""
        self.number += 1
        settings: dict[str, Any] = {"room": self.room, "checkpoints": list(checkpoints)} | options
        return Flush(self.id, LEASE_US, self.queues, number=self.number, **settings)

    def run(self, flush: Flush) -> Flushed:
        """Run a flush in one transaction."""
        with self.database.write() as tx:
            return run_flush(tx, flush)

    def flush(self, *checkpoints: Checkpoint, **options: Any) -> Flushed:
        """Build a flush and run it."""
        return self.run(self.build(*checkpoints, **options))

    def claim(self, room: int | None = None) -> list[Claimed]:
        """Claim what is ready on the queues served."""
        return self.flush(claim_due=True, room=self.room if room is None else room).claimed

    def claim_one(self, execution_id: str, seq: int) -> Claimed:
        """Claim this step, whatever attempt it is at; fail if it cannot be had."""
        (claim,) = self.flush(pointers=[Pointer(execution_id, seq, -1, "default")]).claimed
        return claim

    def begin(self, execution_id: str, *commands: Command, **options: Any) -> Flushed:
        """Drive a new flow for the first time: it issues these commands."""
        flow = self.claim_one(execution_id, 0)
        return self.flush(first_drive(flow, *commands), **options)
