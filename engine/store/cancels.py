"""Requests to cancel an execution: a step at a place of its own, whose result the flow is given like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.model.states import CANCEL_SEQ, StepKind, StepState
from engine.store.schema import steps

if TYPE_CHECKING:
    from engine.store.database import Transaction
    from engine.store.executions import LockedExecution


def request_cancel(tx: Transaction, execution: LockedExecution | None) -> bool:
    """Record a request to cancel a locked execution, once; False if there is nothing left to cancel."""
    if execution is None or execution.terminal:
        return False
    if not tx.dialect.exists(tx.connection, steps, {"execution_id": execution.id, "seq": CANCEL_SEQ}):
        write_request(tx, execution.id, execution.queue, execution.priority)
        execution.unread += 1
    return True


def unread_request(tx: Transaction, execution_id: str) -> bool:
    """Tell whether there is a request to cancel an execution that its flow has not been given."""
    query = select(steps.c.seq).where(
        steps.c.execution_id == execution_id, steps.c.seq == CANCEL_SEQ, steps.c.position.is_(None)
    )
    return tx.connection.execute(query).first() is not None


def write_request(tx: Transaction, execution_id: str, queue: str, priority: int) -> None:
    """Write a request, unread; whoever calls it counts it."""
    row = {
        "execution_id": execution_id, "seq": CANCEL_SEQ, "kind": StepKind.CANCEL, "name": "cancel", "queue": queue,
        "priority": priority, "state": StepState.COMPLETED, "attempt": 0, "max_attempts": 1, "dead_letter": 0,
        "created_us": tx.now_us, "finished_us": tx.now_us,
    }  # fmt: skip
    tx.connection.execute(steps.insert().values(row))
