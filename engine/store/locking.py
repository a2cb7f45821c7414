"""Locking the one execution that a client's operation is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.errors import ExecutionFinished, ExecutionNotFound
from engine.model.states import ExecutionState
from engine.store.executions import lock_executions
from engine.store.schema import executions

if TYPE_CHECKING:
    from engine.store.database import Transaction
    from engine.store.executions import LockedExecution


def lock_one(tx: Transaction, execution_id: str) -> LockedExecution:
    """Lock an execution, finished or not. Raises ExecutionNotFound."""
    locked = lock_executions(tx, [execution_id])
    if execution_id not in locked:
        raise ExecutionNotFound(f"there is no execution {execution_id!r}: the id is wrong, or it was pruned")
    return locked[execution_id]


def lock_line(tx: Transaction, execution_id: str) -> tuple[LockedExecution, list[str]]:
    """Lock the latest of the executions that went on as one another (continue-as-new), beginning with this one.

    Whoever started a flow knows the id of the first, and means the flow. Returns the latest, finished or not, and the
    ids of all. Raises ExecutionNotFound.
    """
    line = [execution_id]
    while True:
        # A successor is created later, and its id is greater: this too is the order of ids.
        latest = lock_one(tx, line[-1])
        if latest.state != ExecutionState.CONTINUED:
            return latest, line
        query = select(executions.c.continued_to).where(executions.c.id == latest.id)
        line.append(tx.connection.execute(query).scalar_one())


def lock_unfinished(tx: Transaction, execution_id: str) -> LockedExecution:
    """Lock an execution that is to be changed, or the one that goes on in its place.

    Raises ExecutionNotFound, or ExecutionFinished (I3).
    """
    execution, _ = lock_line(tx, execution_id)
    refuse_finished(execution)
    return execution


def refuse_finished(execution: LockedExecution) -> None:
    """Raise ExecutionFinished if the execution has ended (I3)."""
    if execution.terminal:
        raise ExecutionFinished(
            f"execution {execution.id} is {execution.state}, and what is finished never changes; rerun it to try again"
        )
