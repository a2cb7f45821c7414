"""How an execution ended, read back from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, select

from engine.codec import decode_error
from engine.errors import ExecutionFailed, ExecutionNotFound
from engine.model.states import FLOW_SEQ, TERMINAL, ExecutionState
from engine.store.schema import executions, steps

if TYPE_CHECKING:
    from engine.codec import TypeCodec
    from engine.store.database import Transaction


class Outcome(msgspec.Struct, frozen=True):
    """Where an execution stands, after following what it continued as."""

    id: str
    state: str
    output: str | None
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether it will never change again."""
        return self.state in TERMINAL

    def value(self, codec: TypeCodec) -> Any:
        """Return its result; raise ExecutionFailed if it has none."""
        if self.state == ExecutionState.COMPLETED:
            return codec.decode(self.output or "null")
        if self.error is None:
            raise ExecutionFailed(self.id, self.state, "FlowCancelled", "the execution was cancelled")
        error = decode_error(self.error)
        raise ExecutionFailed(self.id, self.state, error.type, error.message)


def outcome_of(tx: Transaction, execution_id: str) -> Outcome:
    """Return where an execution stands; one that continued as another stands where that one does.

    Raises ExecutionNotFound.
    """
    own = and_(steps.c.execution_id == executions.c.id, steps.c.seq == FLOW_SEQ)
    columns = (executions.c.state, executions.c.continued_to, executions.c.error, steps.c.output)
    query = select(*columns).select_from(executions.outerjoin(steps, own))
    while True:
        row = tx.connection.execute(query.where(executions.c.id == execution_id)).first()
        if row is None:
            raise ExecutionNotFound(f"there is no execution {execution_id}; it was pruned, or is in another store")
        state, continued_to, error, output = row
        if state != ExecutionState.CONTINUED or continued_to is None:
            return Outcome(execution_id, state, output, error)
        execution_id = continued_to
