"""Recording a transactional step: its result and messages in the same transaction as its own SQL, so exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.errors import LeaseLost
from engine.model.states import StepState
from engine.store.commit import RECORD
from engine.store.executions import lock_executions, write_executions
from engine.store.start import start_executions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.model.work import Claimed, Pointer
    from engine.store.database import Transaction
    from engine.store.start import NewExecution


def record_in_transaction(
    tx: Transaction,
    worker_id: int,
    claim: Claimed,
    output: str,
    resend_us: int | None,
    outbox: Sequence[NewExecution] = (),
) -> list[Pointer]:
    """Record the step's result as unread, wake its flow, and start what sends its messages on the flow's queue.

    Returns what is offered, the flow first.
    Raises LeaseLost, so that the transaction rolls back, if the step is no longer this worker's at this attempt (I4).
    """
    locked = lock_executions(tx, [claim.execution_id])
    row = (claim.execution_id, claim.seq, claim.attempt, worker_id, StepState.COMPLETED, output, None, tx.now_us)
    if not locked or not tx.dialect.update(tx.connection, RECORD, [row]):
        raise LeaseLost(f"step {claim.seq} of {claim.execution_id} was given to another worker; nothing was written")
    execution = locked[claim.execution_id]
    execution.unread += 1
    offered = write_executions(tx, [execution], resend_us)
    if outbox:
        placed = [msgspec.structs.replace(one, queue=execution.queue, priority=execution.priority) for one in outbox]
        offered += [one.offered for one in start_executions(tx, placed, resend_us) if one.offered is not None]
    return offered
