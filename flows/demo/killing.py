"""Killing a worker while the store stands still, so that what it held at that moment is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from engine.model.states import StepState
from engine.store.database import Database
from engine.store.schema import steps
from engine.store.workers import owned_steps
from flows.demo.fleet import WorkerProcess

StepKey = tuple[str, int]


@dataclass(frozen=True)
class Death:
    """How a worker died, and how things stood: times in microseconds of the database's clock."""

    worker: WorkerProcess
    at_us: int
    held: dict[StepKey, int]
    """The steps it was at, with the number of the attempt."""
    finished: dict[StepKey, int]
    """The steps that any worker had finished by then, with the number of the attempt that did it."""


def kill(database: Database, worker: WorkerProcess, least_held: int) -> Death | None:
    """End a worker with SIGKILL; None, and it lives on, if it holds fewer than ``least_held`` steps just now."""
    # The open write transaction keeps both workers from recording or claiming anything meanwhile.
    with database.write() as tx:
        held = {(execution_id, seq): attempt for execution_id, seq, attempt in owned_steps(tx, worker.id)}
        if len(held) < least_held:
            return None
        done = select(steps.c.execution_id, steps.c.seq, steps.c.attempt).where(steps.c.state == StepState.COMPLETED)
        finished = {(row[0], row[1]): row[2] for row in tx.connection.execute(done)}
        worker.process.kill()
        worker.process.wait()
        return Death(worker, tx.dialect.now(tx.connection), held, finished)
