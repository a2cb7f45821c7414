"""Holding an execution for an operator: pausing it, setting it aside, and letting it go on.

No step of a held execution is ready, or due. The time at which each was due is kept beside it, and holds again when the
execution is resumed. Steps that workers run already are left to finish: their results wait to be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.model.states import FLOW_SEQ, ExecutionState, StepState
from engine.model.work import Pointer
from engine.store.batches import BatchUpdate
from engine.store.executions import FLOW_ATTEMPTS, write_executions
from engine.store.locking import lock_unfinished
from engine.store.schema import steps

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.store.batches import Row
    from engine.store.database import Transaction

HOLD = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("held_due_us",),
    fixed="state = 'waiting', ready_queue = NULL, due_at_us = NULL",
    guard="state IN ('ready', 'waiting')",
)
_HELD = "state = 'waiting' AND held_due_us IS NOT NULL"
READY_AGAIN = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("ready_us", "due_at_us"),
    fixed="state = 'ready', ready_queue = queue, held_due_us = NULL",
    guard=_HELD,
)
DUE_AGAIN = BatchUpdate(
    steps, keys=("execution_id", "seq"), sets=("due_at_us",), fixed="held_due_us = NULL", guard=_HELD
)
TRY_AGAIN = BatchUpdate(steps, keys=("execution_id", "seq"), fixed=f"max_attempts = attempt + {FLOW_ATTEMPTS}")


def pause(tx: Transaction, execution_id: str) -> None:
    """Pause an execution: nothing of it is started until it is resumed. Pausing a held execution changes nothing.

    Raises ExecutionNotFound, or ExecutionFinished.
    """
    execution = lock_unfinished(tx, execution_id)
    if not execution.held:
        execution.state = ExecutionState.PAUSED
        hold_steps(tx, [execution.id])
        write_executions(tx, [execution], None)


def resume(tx: Transaction, execution_id: str, resend_us: int | None = None) -> list[Pointer]:
    """Let a paused or parked execution go on. Resuming one that runs changes nothing.

    Returns what is to be published. Raises ExecutionNotFound, or ExecutionFinished.
    """
    execution = lock_unfinished(tx, execution_id)
    if not execution.held:
        return []
    if execution.state == ExecutionState.PARKED:
        tx.dialect.update(tx.connection, TRY_AGAIN, [(execution.id, FLOW_SEQ)])
    execution.state = ExecutionState.RUNNING
    return write_executions(tx, [execution], resend_us) + _let_go(tx, execution.id, resend_us)


def hold_steps(tx: Transaction, execution_ids: Collection[str]) -> None:
    """Take the steps of locked executions from the ready and the due, and keep their times."""
    if not execution_ids:
        return
    query = (
        select(steps.c.execution_id, steps.c.seq, steps.c.state, steps.c.due_at_us)
        .where(steps.c.execution_id.in_(execution_ids))
        .where(steps.c.state.in_((StepState.READY, StepState.WAITING, StepState.CLAIMED)))
        .order_by(steps.c.execution_id, steps.c.seq)
    )
    # Claimed steps are locked too: a sweeper that is about to give one to others must either have done so, and then it
    # is found ready here, or must see that the execution is held.
    found = tx.connection.execute(query.with_for_update() if tx.dialect.locks_rows else query)
    rows: list[Row] = []
    for execution_id, seq, state, due_us in found:
        if state == StepState.READY:
            rows.append((execution_id, seq, tx.now_us))
        elif state == StepState.WAITING and due_us is not None:
            rows.append((execution_id, seq, due_us))
    tx.dialect.update(tx.connection, HOLD, rows)


def _let_go(tx: Transaction, execution_id: str, resend_us: int | None) -> list[Pointer]:
    """Give held steps their due times back; return those that are ready at once."""
    query = (
        select(steps.c.seq, steps.c.attempt, steps.c.queue, steps.c.priority, steps.c.held_due_us)
        .where(steps.c.execution_id == execution_id, steps.c.held_due_us.is_not(None))
        .where(steps.c.state == StepState.WAITING)
        .order_by(steps.c.seq)
    )
    ready: list[Row] = []
    due: list[Row] = []
    offered: list[Pointer] = []
    resend_at_us = None if resend_us is None else tx.now_us + resend_us
    for seq, attempt, queue, priority, held_due_us in tx.connection.execute(query):
        if held_due_us <= tx.now_us:
            ready.append((execution_id, seq, tx.turn_us(), resend_at_us))
            offered.append(Pointer(execution_id, seq, attempt, queue, priority))
        else:
            due.append((execution_id, seq, held_due_us))
    tx.dialect.update(tx.connection, READY_AGAIN, ready)
    tx.dialect.update(tx.connection, DUE_AGAIN, due)
    return offered
