"""Executions as they are locked and written: the lock order, creation, and waking a flow.

**Lock order**: executions first, in the order of their ids, then steps. Whoever locks a step without having locked its
execution must skip rows that are locked already. So no two transactions can wait for each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from engine.model.states import FLOW_SEQ, HELD, TERMINAL, ExecutionState, StepKind, StepState
from engine.model.work import ANY_ATTEMPT, Pointer
from engine.store.batches import BatchInsert, BatchUpdate
from engine.store.schema import attributes, executions, steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.store.batches import Row
    from engine.store.database import Transaction

FLOW_ATTEMPTS = 10
"""How often in a row an advance of a flow may kill its worker before the execution is parked."""

INSERT_EXECUTIONS = BatchInsert(
    executions,
    (
        "id", "flow", "version", "queue", "priority", "state", "advanced", "unread", "parent_id", "parent_seq",
        "idempotency_key", "rerun_of", "created_us",
    ),
)  # fmt: skip
INSERT_STEPS = BatchInsert(
    steps,
    (
        "execution_id", "seq", "kind", "name", "queue", "priority", "state", "attempt", "max_attempts", "dead_letter",
        "timeout_us", "owner", "ready_queue", "ready_us", "due_at_us", "position", "issued", "child_id",
        "child_version", "input", "output", "created_us", "started_us", "finished_us", "retry",
    ),
)  # fmt: skip
INSERT_ATTRIBUTES = BatchInsert(attributes, ("execution_id", "name", "value"))

COUNT = BatchUpdate(executions, keys=("id",), sets=("advanced", "unread"))
END = BatchUpdate(
    executions, keys=("id",), sets=("state", "advanced", "unread", "error", "continued_to", "finished_us")
)
WAKE = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("ready_us", "due_at_us"),
    fixed="state = 'ready', ready_queue = queue",
    guard="state = 'waiting'",
)
HOLD_FLOW = BatchUpdate(
    steps, keys=("execution_id", "seq"), sets=("held_due_us",), guard="state = 'waiting' AND held_due_us IS NULL"
)


class LockedExecution:
    """An execution whose row this transaction has locked; changes are collected here and written once."""

    __slots__ = (
        "advanced", "continued_to", "error", "finished_us", "flow", "flow_idle", "id", "parent_id", "parent_seq",
        "priority", "queue", "state", "unread", "was",
    )  # fmt: skip

    def __init__(self, row: Sequence[Any]) -> None:
        (
            self.id, self.flow, self.queue, self.priority, self.state, self.advanced, self.unread, self.parent_id,
            self.parent_seq,
        ) = row  # fmt: skip
        self.id: str
        self.flow: str
        self.queue: str
        self.priority: int
        self.state: str
        self.advanced: int
        self.unread: int
        self.parent_id: str | None
        self.parent_seq: int | None
        self.error: str | None = None
        self.continued_to: str | None = None
        self.finished_us: int | None = None
        self.was = (self.state, self.advanced, self.unread)
        self.flow_idle = self.unread == 0
        """Whether the flow's own step waits, so that new events have to wake it."""

    @property
    def running(self) -> bool:
        """Whether its flow may be driven."""
        return self.state == ExecutionState.RUNNING

    @property
    def held(self) -> bool:
        """Whether an operator has to let it go on."""
        return self.state in HELD

    @property
    def terminal(self) -> bool:
        """Whether it has ended, and so is frozen (I3)."""
        return self.state in TERMINAL


_LOCK_COLUMNS = (
    executions.c.id,
    executions.c.flow,
    executions.c.queue,
    executions.c.priority,
    executions.c.state,
    executions.c.advanced,
    executions.c.unread,
    executions.c.parent_id,
    executions.c.parent_seq,
)


def lock_executions(tx: Transaction, ids: Iterable[str]) -> dict[str, LockedExecution]:
    """Lock these executions, in the order of their ids; those that do not exist are left out."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = tx.dialect.lock_by_id(tx.connection, _LOCK_COLUMNS, executions, wanted)
    return {row[0]: LockedExecution(row) for row in rows}


def successors(tx: Transaction, ids: Iterable[str]) -> dict[str, str]:
    """Return, of these executions, those that went on as others (continue-as-new), with the latest of each line."""
    latest: dict[str, str] = {}
    line: dict[str, str] = {id: id for id in ids}
    while line:
        query = select(executions.c.id, executions.c.continued_to).where(
            executions.c.id.in_(set(line.values())), executions.c.continued_to.is_not(None)
        )
        following = {row[0]: row[1] for row in tx.connection.execute(query)}
        line = {id: following[now] for id, now in line.items() if now in following}
        latest |= line
    return latest


def write_executions(tx: Transaction, locked: Iterable[LockedExecution], resend_us: int | None) -> list[Pointer]:
    """Write what changed in locked executions, wake flows that have something new to read, and return what is
    offered."""
    counts: list[Row] = []
    ends: list[Row] = []
    wakes: list[Row] = []
    holds: list[Row] = []
    offered: list[Pointer] = []
    due_us = None if resend_us is None else tx.now_us + resend_us
    for execution in locked:
        if execution.state != execution.was[0]:
            ends.append(_end_row(execution))
        elif (execution.state, execution.advanced, execution.unread) != execution.was:
            counts.append((execution.id, execution.advanced, execution.unread))
        if execution.unread and execution.flow_idle and not execution.terminal:
            if execution.held:
                holds.append((execution.id, FLOW_SEQ, tx.now_us))
            else:
                wakes.append((execution.id, FLOW_SEQ, tx.turn_us(), due_us))
                # A message may point at any attempt; the claim compares. The flow's step is found by its key.
                offered.append(Pointer(execution.id, FLOW_SEQ, ANY_ATTEMPT, execution.queue, execution.priority))
    tx.dialect.update(tx.connection, COUNT, counts)
    tx.dialect.update(tx.connection, END, ends)
    tx.dialect.update(tx.connection, HOLD_FLOW, holds)
    tx.dialect.update(tx.connection, WAKE, wakes)
    return offered


def _end_row(execution: LockedExecution) -> Row:
    return (
        execution.id, execution.state, execution.advanced, execution.unread, execution.error, execution.continued_to,
        execution.finished_us,
    )  # fmt: skip


def flow_step_row(  # noqa: PLR0913 - the columns that differ
    execution_id: str, flow: str, queue: str, priority: int, input_text: str, now_us: int, *,
    ready_us: int | None = None, owner: int | None = None, not_before_us: int | None = None,
    resend_us: int | None = None,
) -> Row:  # fmt: skip
    """Return the row of a new execution's own step: claimed by ``owner``, waiting for a time, or ready since
    ``ready_us``."""
    if owner is not None:
        state, ready_queue, ready_us, due_us, attempt, started_us = StepState.CLAIMED, None, None, None, 1, now_us
    elif not_before_us is not None:
        state, ready_queue, ready_us, due_us, attempt, started_us = (
            StepState.WAITING, None, None, not_before_us, 0, None,
        )  # fmt: skip
    else:
        due_us = None if resend_us is None else now_us + resend_us
        ready_us = now_us if ready_us is None else ready_us
        state, ready_queue, attempt, started_us = StepState.READY, queue, 0, None
    return (
        execution_id, FLOW_SEQ, StepKind.FLOW, flow, queue, priority, state, attempt, FLOW_ATTEMPTS, 0,
        None, owner, ready_queue, ready_us, due_us, None, None, None, None, input_text, None, not_before_us or now_us,
        started_us, None, None,
    )  # fmt: skip
