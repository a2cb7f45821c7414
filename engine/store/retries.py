"""Dead letters: steps that used up their attempts and wait for an operator, who gives them new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.errors import NothingToRetry
from engine.model.states import StepState
from engine.model.work import Pointer
from engine.store.batches import BatchUpdate
from engine.store.locking import lock_unfinished
from engine.store.schema import steps

if TYPE_CHECKING:
    from engine.store.batches import Row
    from engine.store.database import Transaction

_DEAD = "state = 'dead'"
# What a dead letter may be given again is what its policy gave it first: see ``dead_letter`` in the schema. A step that
# is one because the store refused its result may have no such policy, and keeps the attempts that it has left.
_GRANT = (
    "max_attempts = CASE WHEN dead_letter > 0 THEN attempt + dead_letter "
    "WHEN max_attempts > attempt THEN max_attempts ELSE attempt + 1 END, owner = NULL"
)
REVIVE = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("input", "ready_us", "due_at_us"),
    fixed=f"state = 'ready', ready_queue = queue, {_GRANT}",
    guard=_DEAD,
)
REVIVE_HELD = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("input", "held_due_us"),
    fixed=f"state = 'waiting', {_GRANT}",
    guard=_DEAD,
)


def retry_step(
    tx: Transaction, execution_id: str, seq: int | None = None, input: str | None = None, resend_us: int | None = None
) -> list[Pointer]:
    """Make a dead letter ready again, with as many new attempts as its policy gave it, and perhaps another input.

    ``seq`` None: all dead letters of the execution. ``input``: the step's arguments as a JSON object, in place of those
    that it was called with; it needs a ``seq``. Returns what is to be published. Raises ExecutionNotFound,
    ExecutionFinished, or NothingToRetry.
    """
    if input is not None and seq is None:
        raise NothingToRetry("an input replaces that of one step: say which one (seq)")
    execution = lock_unfinished(tx, execution_id)
    execution_id = execution.id
    query = select(steps.c.seq, steps.c.attempt, steps.c.queue, steps.c.input, steps.c.priority).where(
        steps.c.execution_id == execution_id, steps.c.state == StepState.DEAD
    )
    if seq is not None:
        query = query.where(steps.c.seq == seq)
    found = tx.connection.execute(query.order_by(steps.c.seq)).all()
    if not found:
        what = "no dead letter" if seq is None else f"no dead letter at seq {seq}"
        raise NothingToRetry(f"execution {execution_id} has {what}: only a step in state 'dead' can be retried")
    if execution.held:
        held: list[Row] = [(execution_id, row[0], row[3] if input is None else input, tx.now_us) for row in found]
        tx.dialect.update(tx.connection, REVIVE_HELD, held)
        return []
    due_us = None if resend_us is None else tx.now_us + resend_us
    ready: list[Row] = [(execution_id, row[0], row[3] if input is None else input, tx.now_us, due_us) for row in found]
    tx.dialect.update(tx.connection, REVIVE, ready)
    return [Pointer(execution_id, row[0], row[1], row[2], row[4]) for row in found]
