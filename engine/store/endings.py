"""How an execution ends, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, literal, select, update

from engine.model.decisions import Cancelled, Completed, Continued, Ending, Failed
from engine.model.history import ErrorInfo
from engine.model.ids import derived_execution_id
from engine.model.states import FLOW_SEQ, ExecutionState, StepState
from engine.model.work import Pointer
from engine.store.batches import BatchUpdate
from engine.store.cancels import unread_request, write_request
from engine.store.executions import INSERT_EXECUTIONS, INSERT_STEPS, flow_step_row
from engine.store.schema import attributes, signals, steps

if TYPE_CHECKING:
    from engine.model.history import FlowStart
    from engine.model.work import Flush, Flushed
    from engine.store.batches import Row
    from engine.store.database import Transaction
    from engine.store.executions import LockedExecution

    Ended = tuple[LockedExecution, FlowStart, Ending]

END_FLOW_STEP = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("state", "output", "finished_us"),
    fixed="owner = NULL, ready_queue = NULL, due_at_us = NULL, held_due_us = NULL",
    guard="state IN ('waiting', 'ready', 'claimed')",
)
END_CHILD_STEP = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("state", "output", "finished_us"),
    fixed="due_at_us = NULL, held_due_us = NULL",
    guard="state = 'waiting'",
)

MOVE_CHILD = BatchUpdate(steps, keys=("execution_id", "seq"), sets=("child_id",), guard="state = 'waiting'")
"""The step of a parent stands for the latest of a line of executions: the earlier ones may be pruned meanwhile."""

_CANCELLED = msgspec.json.encode(ErrorInfo("FlowCancelled", "the execution was cancelled")).decode()


def record_endings(
    tx: Transaction,
    flush: Flush,
    flushed: Flushed,
    locked: dict[str, LockedExecution],
    endings: list[Ended],
) -> None:
    """End these executions: their own step, their state, and the step of a parent that waits for them."""
    flow_steps: list[Row] = []
    parent_steps: list[tuple[Row, LockedExecution]] = []
    for execution, start, ending in endings:
        state, step_state, output = _outcome(ending)
        execution.state = state
        execution.finished_us = tx.now_us
        execution.unread = 0
        execution.error = output if step_state != StepState.COMPLETED else None
        flow_steps.append((execution.id, FLOW_SEQ, step_state, output, tx.now_us))
        flushed.finished.append(execution.id)
        flushed.held.discard(execution.id)
        if isinstance(ending, Continued):
            execution.continued_to = _continue(tx, flush, flushed, execution, start, ending)
        elif execution.parent_id is not None and execution.parent_seq is not None:
            parent = locked.get(execution.parent_id)
            if parent is not None and not parent.terminal:
                failed = step_state != StepState.COMPLETED
                row = (
                    parent.id, execution.parent_seq, StepState.FAILED if failed else StepState.COMPLETED, output,
                    tx.now_us,
                )  # fmt: skip
                parent_steps.append((row, parent))
    tx.dialect.update(tx.connection, END_FLOW_STEP, flow_steps)
    parent_steps.sort(key=lambda pair: pair[0][:2])
    accepted = tx.dialect.update(tx.connection, END_CHILD_STEP, [row for row, _ in parent_steps])
    for index in accepted:
        parent = parent_steps[index][1]
        # A parent that ended in this same transaction reads nothing any more.
        if not parent.terminal:
            parent.unread += 1


def _outcome(ending: Ending) -> tuple[str, str, str | None]:
    """Return the execution's state, its own step's state, and the output."""
    match ending:
        case Completed(output):
            return ExecutionState.COMPLETED, StepState.COMPLETED, output
        case Failed(error):
            return ExecutionState.FAILED, StepState.FAILED, msgspec.json.encode(error).decode()
        case Cancelled():
            return ExecutionState.CANCELLED, StepState.CANCELLED, _CANCELLED
        case Continued():
            return ExecutionState.CONTINUED, StepState.COMPLETED, None


def _continue(
    tx: Transaction, flush: Flush, flushed: Flushed, execution: LockedExecution, start: FlowStart, ending: Continued
) -> str:
    """Start the execution that goes on in this one's place: same flow, same parent, same attributes.

    What was meant for the flow and has not reached it goes on with it: signals that nobody took, a request to cancel.
    """
    successor = derived_execution_id(tx.now_us, execution.id, FLOW_SEQ)
    cancelled = unread_request(tx, execution.id)
    row = (
        successor, start.flow, start.version, execution.queue, execution.priority, ExecutionState.RUNNING, 0,
        2 if cancelled else 1,
        execution.parent_id, execution.parent_seq, None, None, tx.now_us,
    )  # fmt: skip
    tx.dialect.insert(tx.connection, INSERT_EXECUTIONS, [row])
    step = flow_step_row(
        successor, start.flow, execution.queue, execution.priority, ending.input, tx.now_us, resend_us=flush.resend_us
    )
    tx.dialect.insert(tx.connection, INSERT_STEPS, [step])
    if cancelled:
        write_request(tx, successor, execution.queue, execution.priority)
    untaken = update(signals).where(signals.c.execution_id == execution.id, signals.c.taken_by_seq.is_(None))
    tx.connection.execute(untaken.values(execution_id=successor))
    inherited = select(literal(successor), attributes.c.name, attributes.c.value).where(
        attributes.c.execution_id == execution.id
    )
    tx.connection.execute(insert(attributes).from_select(["execution_id", "name", "value"], inherited))
    if execution.parent_id is not None:
        tx.dialect.update(tx.connection, MOVE_CHILD, [(execution.parent_id, execution.parent_seq, successor)])
    flushed.offered.append(Pointer(successor, FLOW_SEQ, 0, execution.queue, execution.priority))
    return successor
