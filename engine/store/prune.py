"""Forgetting what has been finished for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from engine.model.ids import new_execution_id
from engine.model.states import TERMINAL
from engine.store.schema import attributes, executions, signals, steps, workers
from engine.store.workers import WorkerState

if TYPE_CHECKING:
    from engine.store.database import Transaction


def prune(tx: Transaction, finished_before_us: int, limit: int = 500) -> int:
    """Delete up to ``limit`` executions that finished before a time, with all that belongs to them; return how many.

    Call it again, each time in a transaction of its own, until it returns less than ``limit``. Their idempotency keys
    are free again afterwards. What another transaction is pruning is passed over.
    """
    # No execution finishes before it is created, and ids sort by the time of creation: so, once what is old is gone,
    # hardly anything is looked at to find that there is nothing to do.
    created_before = new_execution_id(finished_before_us, b"\xff" * 10)
    query = (
        select(executions.c.id)
        .where(executions.c.state.in_(sorted(TERMINAL)), executions.c.id <= created_before)
        .where(executions.c.finished_us < finished_before_us)
        .order_by(executions.c.id)
        .limit(limit)
    )
    if tx.dialect.locks_rows:
        query = query.with_for_update(skip_locked=True)
    ids = list(tx.connection.execute(query).scalars())
    if ids:
        for table in (steps, signals, attributes):
            tx.connection.execute(delete(table).where(table.c.execution_id.in_(ids)))
        tx.connection.execute(delete(executions).where(executions.c.id.in_(ids)))
    return len(ids)


def prune_workers(tx: Transaction, expired_before_us: int) -> int:
    """Delete workers that are dead or gone, hold nothing, and whose lease ended before a time; return how many."""
    owning = select(steps.c.owner).where(steps.c.owner == workers.c.id)
    query = (
        delete(workers)
        .where(workers.c.state != WorkerState.ALIVE, workers.c.expires_us < expired_before_us)
        .where(~owning.exists())
    )
    return tx.connection.execute(query).rowcount
