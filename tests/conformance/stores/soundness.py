"""What is true of the rows of every store at every moment between two transactions."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import select

from engine.model.states import FINISHED_STEP, FLOW_SEQ, HELD, TERMINAL, ExecutionState, StepState
from engine.store.database import Database
from engine.store.schema import OPERATOR, executions, steps

UNFINISHED = {StepState.READY, StepState.WAITING, StepState.CLAIMED, StepState.DEAD}


def faults(database: Database) -> list[str]:
    """Return what is out of order in the tables, in words: nothing, if the store is sound."""
    with database.read() as tx:
        flows = {row.id: row for row in tx.connection.execute(select(executions))}
        by_execution: dict[str, list[Any]] = defaultdict(list)
        for row in tx.connection.execute(select(steps)):
            by_execution[row.execution_id].append(row)
    found = [f"steps of {id}, which does not exist" for id in by_execution if id not in flows]
    for id, execution in flows.items():
        rows = by_execution[id]
        found += [f"step {row.seq} of {id}: {fault}" for row in rows for fault in _of_step(row, execution.state)]
        found += [f"execution {id}: {fault}" for fault in _of_execution(execution, rows)]
    return found


def _of_step(row: Any, execution_state: str) -> list[str]:
    """The columns of a step say the same as its state."""
    held = execution_state in HELD
    rules = {
        "is offered exactly while it is ready": (row.state == StepState.READY) == (row.ready_queue is not None),
        "has an owner exactly while it is claimed or dead": (row.state in (StepState.CLAIMED, StepState.DEAD))
        == (row.owner is not None),
        "is an operator's exactly while it is dead": (row.state == StepState.DEAD) == (row.owner == OPERATOR),
        "is not due once it is finished": row.state not in FINISHED_STEP or row.due_at_us is None,
        "is offered on its own queue": row.ready_queue in (None, row.queue),
        "keeps a due time aside only while it is held": row.held_due_us is None
        or (held and row.state == StepState.WAITING),
        "is not ready, nor due, while it is held": not held
        or row.state == StepState.CLAIMED
        or (row.state != StepState.READY and row.due_at_us is None),
        "has ended exactly when it is finished": (row.state in FINISHED_STEP) == (row.finished_us is not None),
        "is finished with its execution (I3)": execution_state not in TERMINAL or row.state in FINISHED_STEP,
    }
    return [f"it does not hold that a step {rule}: {_shown(row)}" for rule, holds in rules.items() if not holds]


def _of_execution(execution: Any, rows: list[Any]) -> list[str]:
    """The counters say what the rows say, and nothing is stuck (I1)."""
    flow = next((row for row in rows if row.seq == FLOW_SEQ), None)
    if flow is None:
        return ["it has no step of its own"]
    if execution.state in TERMINAL:
        return [] if execution.unread == 0 else ["it has ended, with something to be read"]
    news = [row for row in rows if row.seq != FLOW_SEQ and row.position is None]
    unread = sum(row.state in (StepState.COMPLETED, StepState.FAILED) for row in news) + (execution.advanced == 0)
    found: list[str] = []
    if unread != execution.unread:
        found.append(f"{execution.unread} events are said to be unread, and there are {unread}")
    results = [row for row in rows if row.state in (StepState.COMPLETED, StepState.FAILED)]
    places = sorted([row.position for row in results if row.position] + [1] * (execution.advanced > 0))
    if places != list(range(1, execution.advanced + 1)):
        found.append(f"{execution.advanced} events were consumed, at the places {places}")
    if execution.unread and not _moves(execution.state, flow):
        found.append(f"there is something to read, and nothing wakes its flow (I1): {_shown(flow)}")
    return found


def _moves(state: str, flow: Any) -> bool:
    if flow.state in (StepState.READY, StepState.CLAIMED):
        return True
    return (flow.due_at_us if state == ExecutionState.RUNNING else flow.held_due_us) is not None


def _shown(row: Any) -> str:
    names = ("state", "attempt", "owner", "ready_queue", "due_at_us", "held_due_us", "position", "finished_us")
    return ", ".join(f"{name}={getattr(row, name)!r}" for name in names)
