"""Reading for people and clients: executions, their steps, queues and workers."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec
from sqlalchemy import and_, case, func, null, select

from engine.errors import ExecutionNotFound
from engine.model.history import ErrorInfo
from engine.model.ids import new_execution_id
from engine.model.states import FLOW_SEQ, StepState
from engine.model.views import ExecutionResult, ExecutionView, QueueView, StepView, WorkerView
from engine.store.pauses import get_paused
from engine.store.schema import OPERATOR, attributes, executions, steps, workers
from engine.store.workers import WorkerState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Unpack

    from sqlalchemy import ColumnElement, Select

    from engine.store.database import Transaction

MAX_PAGE = 1000
"""The most rows that one page may have."""
_CREATED_SLACK_US = 24 * 3600 * 1_000_000
"""Ids carry the time at which they were made, not exactly that of the row: searches by id leave so much room."""

_EXECUTION = (
    executions.c.id,
    executions.c.flow,
    executions.c.version,
    executions.c.queue,
    executions.c.priority,
    executions.c.state,
    executions.c.advanced,
    executions.c.unread,
    executions.c.created_us,
    executions.c.finished_us,
    executions.c.parent_id,
    executions.c.parent_seq,
    executions.c.idempotency_key,
    executions.c.continued_to,
    executions.c.rerun_of,
    executions.c.error,
)


def get_execution(tx: Transaction, execution_id: str) -> ExecutionView:
    """Return an execution with its input and output. Raises ExecutionNotFound."""
    query = (
        select(*_EXECUTION, steps.c.input, steps.c.output, steps.c.state)
        .join(steps, and_(steps.c.execution_id == executions.c.id, steps.c.seq == FLOW_SEQ))
        .where(executions.c.id == execution_id)
    )
    row = tx.connection.execute(query).first()
    if row is None:
        raise ExecutionNotFound(f"there is no execution {execution_id!r}: the id is wrong, or it was pruned")
    output = row[17] if row[18] == StepState.COMPLETED else None
    return _execution(row, _attributes(tx, [execution_id])[execution_id], row[16], output)


def get_results(tx: Transaction, execution_ids: Collection[str]) -> dict[str, ExecutionResult]:
    """Return how far executions are, for those who wait for them; ids that do not exist are left out."""
    query = (
        select(
            executions.c.id, executions.c.state, executions.c.error, executions.c.continued_to, steps.c.state,
            steps.c.output,
        )
        .join(steps, and_(steps.c.execution_id == executions.c.id, steps.c.seq == FLOW_SEQ))
        .where(executions.c.id.in_(execution_ids))
    )  # fmt: skip
    results: dict[str, ExecutionResult] = {}
    for id, state, error, continued_to, step_state, output in tx.connection.execute(query):
        result = output if step_state == StepState.COMPLETED else None
        results[id] = ExecutionResult(id, state, result, _error(error), continued_to)
    return results


class Conditions(TypedDict, total=False):
    """Which executions are meant: those that meet every condition given."""

    state: str | Collection[str] | None
    flow: str | None
    attributes: Mapping[str, str] | None
    created_from_us: int | None
    """Included."""
    created_until_us: int | None
    """Not included."""
    dead_letters: bool
    """Only those with steps that wait for an operator."""


def find_executions(
    tx: Transaction, *, limit: int = 50, after_id: str | None = None, **conditions: Unpack[Conditions]
) -> list[ExecutionView]:
    """Return a page of executions, newest first, without their inputs and outputs.

    ``after_id`` is the last id of the page before. There are at most ``MAX_PAGE`` to a page.
    """
    query = select(*_EXECUTION).where(*_meeting(conditions)).order_by(executions.c.id.desc())
    if after_id is not None:
        query = query.where(executions.c.id < after_id)
    rows = tx.connection.execute(query.limit(min(limit, MAX_PAGE))).all()
    found = _attributes(tx, [row[0] for row in rows])
    return [_execution(row, found[row[0]]) for row in rows]


def count_executions(tx: Transaction, **conditions: Unpack[Conditions]) -> dict[str, int]:
    """Return how many executions there are in each state that any is in."""
    query = select(executions.c.state, func.count()).where(*_meeting(conditions)).group_by(executions.c.state)
    return {row[0]: row[1] for row in tx.connection.execute(query.order_by(executions.c.state))}


def _meeting(conditions: Conditions) -> list[ColumnElement[bool]]:
    met: list[ColumnElement[bool]] = []
    state, flow = conditions.get("state"), conditions.get("flow")
    from_us, until_us = conditions.get("created_from_us"), conditions.get("created_until_us")
    if isinstance(state, str):
        met.append(executions.c.state == state)
    elif state is not None:
        met.append(executions.c.state.in_(sorted(state)))
    if flow is not None:
        met.append(executions.c.flow == flow)
    if from_us is not None:
        lowest = new_execution_id(max(from_us - _CREATED_SLACK_US, 0), b"\x00" * 10)
        met += [executions.c.created_us >= from_us, executions.c.id >= lowest]
    if until_us is not None:
        highest = new_execution_id(max(until_us + _CREATED_SLACK_US, 0), b"\xff" * 10)
        met += [executions.c.created_us < until_us, executions.c.id <= highest]
    for name, value in (conditions.get("attributes") or {}).items():
        met.append(executions.c.id.in_(_having(name, value)))
    if conditions.get("dead_letters"):
        dead = select(steps.c.execution_id).where(steps.c.owner == OPERATOR, steps.c.state == StepState.DEAD)
        met.append(executions.c.id.in_(dead))
    return met


def _having(name: str, value: str) -> Select[str]:
    return select(attributes.c.execution_id).where(attributes.c.name == name, attributes.c.value == value)


def _attributes(tx: Transaction, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {id: {} for id in ids}
    if ids:
        query = select(attributes.c.execution_id, attributes.c.name, attributes.c.value)
        for id, name, value in tx.connection.execute(query.where(attributes.c.execution_id.in_(ids))):
            found[id][name] = value
    return found


def _execution(row: Any, found: dict[str, str], input: str | None = None, output: str | None = None) -> ExecutionView:
    return ExecutionView(
        id=row[0], flow=row[1], version=row[2], queue=row[3], priority=row[4], state=row[5], advanced=row[6],
        unread=row[7], created_us=row[8], finished_us=row[9], parent_id=row[10], parent_seq=row[11],
        idempotency_key=row[12], continued_to=row[13], rerun_of=row[14], error=_error(row[15]), attributes=found,
        input=input, output=output,
    )  # fmt: skip


def _error(text: str | None) -> ErrorInfo | None:
    return None if text is None else msgspec.json.decode(text, type=ErrorInfo)


_STEP = (
    steps.c.execution_id,
    steps.c.seq,
    steps.c.kind,
    steps.c.name,
    steps.c.queue,
    steps.c.priority,
    steps.c.state,
    steps.c.attempt,
    steps.c.max_attempts,
    steps.c.created_us,
    steps.c.ready_us,
    steps.c.started_us,
    steps.c.finished_us,
    steps.c.due_at_us,
    steps.c.held_due_us,
    steps.c.timeout_us,
    steps.c.owner,
    steps.c.position,
    steps.c.child_id,
    steps.c.input,
    steps.c.output,
    steps.c.progress,
)


# The same without what steps were given and gave, which may be large; why they failed is kept.
_STEP_WITHOUT_VALUES = (
    *_STEP[:-3],
    null(),
    case((steps.c.state == StepState.COMPLETED, null()), else_=steps.c.output),
    steps.c.progress,
)


def get_history(
    tx: Transaction, execution_id: str, *, after_seq: int | None = None, limit: int | None = None, values: bool = True
) -> list[StepView]:
    """Return the steps of an execution in the order in which its flow issued them, the flow itself first (seq 0).

    A request to cancel it comes before that (seq -1). ``values`` False leaves out their inputs and outputs, which may
    be large. Raises ExecutionNotFound.
    """
    columns = _STEP if values else _STEP_WITHOUT_VALUES
    query = select(*columns).where(steps.c.execution_id == execution_id).order_by(steps.c.seq)
    if after_seq is not None:
        query = query.where(steps.c.seq > after_seq)
    rows = tx.connection.execute(query.limit(limit)).all()
    if not rows and not tx.dialect.exists(tx.connection, executions, {"id": execution_id}):
        raise ExecutionNotFound(f"there is no execution {execution_id!r}: the id is wrong, or it was pruned")
    return [_step(row) for row in rows]


def dead_letters(tx: Transaction, *, queue: str | None = None, limit: int = 50) -> list[StepView]:
    """Return steps that wait for an operator, by execution."""
    query = select(*_STEP).where(steps.c.owner == OPERATOR, steps.c.state == StepState.DEAD)
    if queue is not None:
        query = query.where(steps.c.queue == queue)
    query = query.order_by(steps.c.execution_id, steps.c.seq).limit(min(limit, MAX_PAGE))
    return [_step(row) for row in tx.connection.execute(query)]


def _step(row: Any) -> StepView:
    (
        execution_id, seq, kind, name, queue, priority, state, attempt, max_attempts, created_us, ready_us, started_us,
        finished_us, due_at_us, held_due_us, timeout_us, owner, position, child_id, input, output, progress,
    ) = row  # fmt: skip
    completed = state == StepState.COMPLETED
    return StepView(
        execution_id=execution_id, seq=seq, kind=kind, name=name, queue=queue, priority=priority, state=state,
        attempt=attempt, max_attempts=max_attempts, created_us=created_us, ready_us=ready_us, started_us=started_us,
        finished_us=finished_us, due_us=due_at_us if held_due_us is None else held_due_us, timeout_us=timeout_us,
        owner=owner or None, position=position, child_id=child_id, input=input, output=output if completed else None,
        error=None if completed else _error(output), progress=progress,
    )  # fmt: skip


def queue_depths(tx: Transaction) -> list[QueueView]:
    """Return how much work there is on every queue that has any, or is paused, by name.

    Only unfinished steps are looked at, through the indexes on them: it costs as much as there is work, however much
    is finished.
    """
    counts: dict[str, dict[str, Any]] = defaultdict(dict)
    ready = select(steps.c.ready_queue, func.count(), func.min(steps.c.ready_us))
    for queue, count, since_us in tx.connection.execute(
        ready.where(steps.c.ready_queue.is_not(None)).group_by(steps.c.ready_queue)
    ):
        counts[queue] |= {"ready": count, "oldest_us": max(tx.now_us - (since_us or tx.now_us), 0)}
    owned = select(steps.c.queue, steps.c.state, func.count())
    for queue, state, count in tx.connection.execute(
        owned.where(steps.c.owner.is_not(None)).group_by(steps.c.queue, steps.c.state)
    ):
        counts[queue]["dead" if state == StepState.DEAD else "claimed"] = count
    waiting = select(steps.c.queue, func.count())
    for queue, count in tx.connection.execute(
        waiting.where(steps.c.due_at_us.is_not(None), steps.c.state == StepState.WAITING).group_by(steps.c.queue)
    ):
        counts[queue]["waiting"] = count
    for queue, paused in get_paused(tx).items():
        counts[queue] |= {"paused_us": paused.since_us, "reason": paused.reason}
    return [QueueView(name=name, **counts[name]) for name in sorted(counts)]


def worker_list(tx: Transaction, *, alive_only: bool = True) -> list[WorkerView]:
    """Return the workers that are registered, with how many steps each runs now."""
    query = select(
        workers.c.id, workers.c.name, workers.c.host, workers.c.pid, workers.c.queues, workers.c.state,
        workers.c.started_us, workers.c.expires_us,
    ).order_by(workers.c.id)  # fmt: skip
    if alive_only:
        query = query.where(workers.c.state == WorkerState.ALIVE)
    owned = select(steps.c.owner, func.count()).where(steps.c.owner.is_not(None)).group_by(steps.c.owner)
    claimed = {row[0]: row[1] for row in tx.connection.execute(owned)}
    return [
        WorkerView(
            id=row[0], name=row[1], host=row[2], pid=row[3], queues=json.loads(row[4]), state=row[5],
            started_us=row[6], expires_us=row[7], claimed=claimed.get(row[0], 0),
        )
        for row in tx.connection.execute(query)
    ]  # fmt: skip
