"""Running an execution again, as a new one; the old one stays as it is (I3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select, update

from engine.errors import ExecutionNotFound, StoreError
from engine.model.states import FLOW_SEQ
from engine.model.work import Pointer
from engine.store.schema import executions, steps
from engine.store.start import NewExecution, start_executions

if TYPE_CHECKING:
    from engine.store.database import Transaction


class Rerun(msgspec.Struct, frozen=True):
    """A new execution, and what is to be published for it."""

    id: str
    offered: list[Pointer]


def rerun(tx: Transaction, execution_id: str, from_seq: int) -> Rerun:
    """Start an execution with the flow and the input of another one, from its first step.

    Raises ExecutionNotFound, and StoreError for a later step: this release runs again from the beginning only.
    """
    if from_seq > 1:
        raise StoreError("this release runs an execution again from its first step only; use --from 1")
    query = (
        select(executions.c.flow, executions.c.version, executions.c.queue, executions.c.priority, steps.c.input)
        .join(steps, (steps.c.execution_id == executions.c.id) & (steps.c.seq == FLOW_SEQ))
        .where(executions.c.id == execution_id)
    )
    row = tx.connection.execute(query).first()
    if row is None:
        raise ExecutionNotFound(f"there is no execution {execution_id!r}: the id is wrong, or it was pruned")
    new = NewExecution(row[0], row[1], row[4] or "{}", queue=row[2], priority=row[3])
    begun = start_executions(tx, [new])[0]
    tx.connection.execute(update(executions).where(executions.c.id == begun.id).values(rerun_of=execution_id))
    return Rerun(begun.id, [Pointer(begun.id, FLOW_SEQ, 0, row[2])])
