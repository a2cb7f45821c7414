"""Locking the one execution that a client's operation is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import ExecutionFinished, ExecutionNotFound
from engine.store.executions import lock_executions

if TYPE_CHECKING:
    from engine.store.database import Transaction
    from engine.store.executions import LockedExecution


def lock_one(tx: Transaction, execution_id: str) -> dict[str, LockedExecution]:
    """Lock an execution, finished or not. Raises ExecutionNotFound."""
    locked = lock_executions(tx, [execution_id])
    if execution_id not in locked:
        raise ExecutionNotFound(f"there is no execution {execution_id!r}: the id is wrong, or it was pruned")
    return locked


def lock_unfinished(tx: Transaction, execution_id: str) -> dict[str, LockedExecution]:
    """Lock an execution that is to be changed. Raises ExecutionNotFound, or ExecutionFinished (I3)."""
    locked = lock_one(tx, execution_id)
    refuse_finished(locked[execution_id])
    return locked


def refuse_finished(execution: LockedExecution) -> None:
    """Raise ExecutionFinished if the execution has ended (I3)."""
    if execution.terminal:
        raise ExecutionFinished(
            f"execution {execution.id} is {execution.state}, and what is finished never changes; rerun it to try again"
        )
