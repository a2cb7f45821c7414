"""Requests to cancel an execution: a step at a place of its own, whose result the flow is given like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from engine.model.states import CANCEL_SEQ, FLOW_SEQ, StepKind, StepState
from engine.store.executions import write_executions
from engine.store.locking import lock_unfinished
from engine.store.schema import steps

if TYPE_CHECKING:
    from engine.model.work import Pointer
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


def cancel(tx: Transaction, execution_id: str, resend_us: int | None = None) -> list[Pointer]:
    """Ask an execution to end: its flow gets FlowCancelled, and may await steps to put things right.

    One that begins later begins now, only to be cancelled; one that is paused or parked is cancelled when it is
    resumed. Asking again changes nothing. Returns what is to be published. Raises ExecutionNotFound, or
    ExecutionFinished.
    """
    execution = lock_unfinished(tx, execution_id)
    request_cancel(tx, execution)
    if execution.held:
        # A flow whose start was put off has a time of its own to go back to: not any more.
        at_rest = update(steps).where(
            steps.c.execution_id == execution.id, steps.c.seq == FLOW_SEQ, steps.c.state == StepState.WAITING
        )
        tx.connection.execute(at_rest.values(held_due_us=tx.now_us))
    # The flow's step waits for its time if the start was put off, whatever there is to read.
    execution.flow_idle = True
    return write_executions(tx, [execution], resend_us)
