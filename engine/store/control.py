"""What operators and clients do to executions: every operation in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from engine.model.states import FLOW_SEQ, StepState
from engine.store.cancels import request_cancel
from engine.store.executions import write_executions
from engine.store.holds import pause, resume
from engine.store.locking import lock_unfinished
from engine.store.retries import retry_step
from engine.store.schema import steps
from engine.store.signals import SignalSent, send_signal

if TYPE_CHECKING:
    from engine.model.work import Pointer
    from engine.store.database import Transaction

__all__ = ["SignalSent", "cancel", "pause", "resume", "retry_step", "send_signal"]


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
