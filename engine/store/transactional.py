"""Recording a transactional step: its result in the same transaction as the step's own SQL, so exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import LeaseLost
from engine.model.states import StepState
from engine.store.commit import RECORD
from engine.store.executions import lock_executions, write_executions

if TYPE_CHECKING:
    from engine.model.work import Claimed, Pointer
    from engine.store.database import Transaction


def record_in_transaction(
    tx: Transaction, worker_id: int, claim: Claimed, output: str, resend_us: int | None
) -> list[Pointer]:
    """Record the step's result as unread, and wake its flow; return what is offered.

    Raises LeaseLost, so that the transaction rolls back, if the step is no longer this worker's at this attempt (I4).
    """
    locked = lock_executions(tx, [claim.execution_id])
    row = (claim.execution_id, claim.seq, claim.attempt, worker_id, StepState.COMPLETED, output, None, tx.now_us)
    if not locked or not tx.dialect.update(tx.connection, RECORD, [row]):
        raise LeaseLost(f"step {claim.seq} of {claim.execution_id} was given to another worker; nothing was written")
    execution = locked[claim.execution_id]
    execution.unread += 1
    return write_executions(tx, [execution], resend_us)
