"""Running an execution again, as a new one that begins with a part of its past; the old one stays as it is (I3).

The cut is between two events. A flow asked for step N while it was given the event at position P, so the new execution
has consumed the events before P, knows what the flow had asked for by then, and has the event at P to be read. Its flow
replays to that point, as after every loss of a worker, reads the event, and asks for step N again.

What the flow had asked for by then, and had no answer to, is begun anew, whatever became of it later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, or_, select, update

from engine.errors import StoreError
from engine.model.ids import derived_execution_id, new_execution_id
from engine.model.states import CANCEL_SEQ, FLOW_SEQ, ExecutionState, StepKind, StepState
from engine.model.work import Pointer
from engine.store.commands import MOST_GRANTED, wait_text
from engine.store.executions import INSERT_EXECUTIONS, INSERT_STEPS, flow_step_row
from engine.store.locking import lock_one
from engine.store.schema import attributes, executions, signals, steps
from engine.store.start import NewExecution, start_executions

if TYPE_CHECKING:
    from engine.store.batches import Row
    from engine.store.database import Transaction

GRACE_US = 60_000_000
"""What the flow gave up at the event that it is to read first begins so much later: only if the flow, whose code may
have changed, still wants it then."""
_SLEEP_UNTIL = "sleep_until"
_COLUMNS = [steps.c[name] for name in INSERT_STEPS.columns]


class Rerun(msgspec.Struct, frozen=True):
    """A new execution, and what is to be published for it."""

    id: str
    offered: list[Pointer]


class _Source(msgspec.Struct, frozen=True):
    """The execution that is run again."""

    id: str
    flow: str
    version: int
    queue: str
    priority: int
    seed_id: str | None
    input: str
    started_us: int


def rerun(tx: Transaction, execution_id: str, from_seq: int, resend_us: int | None = None) -> Rerun:
    """Start an execution that has the past of another one up to step ``from_seq``, and runs that and the rest again.

    It has the same flow, version, queue, priority and attributes, and neither a parent nor an idempotency key. From
    step 1 (or 0) it has no past at all, and so time and random numbers of its own. Raises ExecutionNotFound, and
    StoreError if ``from_seq`` is not a step that the flow asked for.
    """
    lock_one(tx, execution_id)
    source = _source(tx, execution_id)
    if from_seq in (FLOW_SEQ, 1):
        return _from_the_beginning(tx, source, resend_us)
    return _Copy(tx, source, _event_before(tx, execution_id, from_seq), resend_us).write()


def _source(tx: Transaction, execution_id: str) -> _Source:
    query = (
        select(
            executions.c.id, executions.c.flow, executions.c.version, executions.c.queue, executions.c.priority,
            executions.c.seed_id, steps.c.input, steps.c.created_us,
        )
        .join(steps, (steps.c.execution_id == executions.c.id) & (steps.c.seq == FLOW_SEQ))
        .where(executions.c.id == execution_id)
    )  # fmt: skip
    row = tx.connection.execute(query).one()
    return _Source(*row[:6], row[6] or "{}", row[7])


def _from_the_beginning(tx: Transaction, source: _Source, resend_us: int | None) -> Rerun:
    query = select(attributes.c.name, attributes.c.value).where(attributes.c.execution_id == source.id)
    found = {row[0]: row[1] for row in tx.connection.execute(query)}
    new = NewExecution(
        source.flow, source.version, source.input, queue=source.queue, priority=source.priority, attributes=found
    )
    begun = start_executions(tx, [new], resend_us)[0]
    tx.connection.execute(update(executions).where(executions.c.id == begun.id).values(rerun_of=source.id))
    return Rerun(begun.id, [] if begun.offered is None else [begun.offered])


def _event_before(tx: Transaction, execution_id: str, from_seq: int) -> int:
    """Return the position of the event at which the flow asked for a step."""
    query = select(steps.c.issued).where(steps.c.execution_id == execution_id, steps.c.seq == from_seq)
    issued = tx.connection.execute(query).scalar() if from_seq > FLOW_SEQ else None
    if issued is None:
        raise StoreError(
            f"execution {execution_id} has no step {from_seq} that its flow asked for: choose one of those that "
            f"'engine show' lists, or 1 for a rerun from the beginning"
        )
    return max(issued, 1)


class _Copy:
    """The rows of the new execution, collected, and written in a few statements."""

    def __init__(self, tx: Transaction, source: _Source, cut: int, resend_us: int | None) -> None:
        """``cut``: the position of the event that the new execution has to read."""
        self._tx = tx
        self._source = source
        self._cut = cut
        self._resend_us = resend_us
        self._due_us = None if resend_us is None else tx.now_us + resend_us
        self._id = new_execution_id(tx.now_us)
        self._steps: list[Row] = []
        self._children: list[Row] = []
        self._signalled: list[int] = []
        self._offered: list[Pointer] = []

    def write(self) -> Rerun:
        """Write everything."""
        tx, source = self._tx, self._source
        self._add_flow()
        past = or_(steps.c.issued < self._cut, steps.c.seq == CANCEL_SEQ)
        query = select(*_COLUMNS).where(steps.c.execution_id == source.id, steps.c.seq != FLOW_SEQ, past)
        for row in tx.connection.execute(query.order_by(steps.c.seq)).mappings().all():
            self._add(dict(row))
        values = {
            "id": self._id, "flow": source.flow, "version": source.version, "queue": source.queue,
            "priority": source.priority, "state": ExecutionState.RUNNING, "advanced": self._cut - 1, "unread": 1,
            "rerun_of": source.id, "seed_id": source.seed_id or source.id, "created_us": tx.now_us,
        }  # fmt: skip
        tx.connection.execute(insert(executions).values(values))
        tx.dialect.insert(tx.connection, INSERT_EXECUTIONS, self._children)
        tx.dialect.insert(tx.connection, INSERT_STEPS, self._steps)
        self._copy_signals()
        self._copy_attributes()
        return Rerun(self._id, self._offered)

    def _add_flow(self) -> None:
        """The flow's own step is ready; it began when that of the old execution did."""
        source = self._source
        row = flow_step_row(
            self._id, source.flow, source.queue, source.priority, source.input, self._tx.now_us,
            resend_us=self._resend_us,
        )  # fmt: skip
        columns = dict(zip(INSERT_STEPS.columns, row, strict=True))
        columns |= {"created_us": source.started_us, "position": 1 if self._cut > 1 else None}
        self._steps.append(tuple(columns.values()))
        self._offered.append(Pointer(self._id, FLOW_SEQ, 0, source.queue, source.priority))

    def _add(self, row: dict[str, Any]) -> None:
        """Take over one step as it was at the cut."""
        row["execution_id"] = self._id
        position: int | None = row["position"]
        cut = self._cut
        answered = row["state"] in (StepState.COMPLETED, StepState.FAILED)
        cancelled = row["state"] == StepState.CANCELLED
        if answered and position is not None and position <= cut:
            if position == cut:
                row["position"] = None
            if row["kind"] == StepKind.EVENT:
                self._signalled.append(row["seq"])
        elif row["seq"] == CANCEL_SEQ:
            # The request came after the cut.
            return
        elif not cancelled or position is None or position >= cut:
            self._begin_anew(row, late=cancelled and position == cut)
        self._steps.append(tuple(row.values()))

    def _begin_anew(self, row: dict[str, Any], *, late: bool) -> None:
        now_us = self._tx.now_us
        issued_us = row["created_us"]
        row |= {
            "state": StepState.WAITING, "attempt": 0, "owner": None, "ready_queue": None, "ready_us": None,
            "due_at_us": None, "position": None, "output": None, "created_us": now_us, "started_us": None,
            "finished_us": None,
        }  # fmt: skip
        if row["kind"] == StepKind.CHILD:
            self._start_child(row, late=late)
        elif row["kind"] != StepKind.STEP:
            self._wait_anew(row, issued_us)
        elif late:
            row["due_at_us"] = now_us + GRACE_US
        else:
            row |= {
                "state": StepState.READY,
                "ready_queue": row["queue"],
                "ready_us": now_us,
                "due_at_us": self._due_us,
            }
            self._offered.append(Pointer(self._id, row["seq"], 0, row["queue"], row["priority"]))
        if 0 < row["dead_letter"] < MOST_GRANTED:
            # An operator may have given it more.
            row["max_attempts"] = row["dead_letter"]

    def _wait_anew(self, row: dict[str, Any], issued_us: int) -> None:
        """A timer, or a wait for a signal, takes its whole time again; a moment stays the same."""
        if row["input"] is None:
            return
        delay_us: int = msgspec.json.decode(row["input"])["delay_us"]
        if row["kind"] == StepKind.TIMER and row["name"] == _SLEEP_UNTIL:
            delay_us = max(issued_us + delay_us - self._tx.now_us, 0)
            row["input"] = wait_text(delay_us)
        row["due_at_us"] = self._tx.now_us + delay_us

    def _start_child(self, row: dict[str, Any], *, late: bool) -> None:
        """A child belongs to one parent: the new one starts its own."""
        tx, seq = self._tx, row["seq"]
        child_id = row["child_id"] = derived_execution_id(tx.now_us, self._id, seq)
        self._children.append(
            (
                child_id, row["name"], row["child_version"] or 1, row["queue"], row["priority"],
                ExecutionState.RUNNING, 0, 1, self._id, seq, None, None, tx.now_us,
            )
        )  # fmt: skip
        not_before_us = tx.now_us + GRACE_US if late else None
        self._steps.append(
            flow_step_row(
                child_id, row["name"], row["queue"], row["priority"], row["input"] or "{}", tx.now_us,
                not_before_us=not_before_us, resend_us=self._resend_us,
            )
        )  # fmt: skip
        if not late:
            self._offered.append(Pointer(child_id, FLOW_SEQ, 0, row["queue"], row["priority"]))

    def _copy_signals(self) -> None:
        """Signals go with the waits that took them, so that their keys stay used."""
        if not self._signalled:
            return
        query = select(
            signals.c.name, signals.c.signal_key, signals.c.payload, signals.c.sent_us, signals.c.taken_by_seq
        ).where(signals.c.execution_id == self._source.id, signals.c.taken_by_seq.in_(self._signalled))
        taken = [
            {"execution_id": self._id, **row}
            for row in self._tx.connection.execute(query.order_by(signals.c.id)).mappings()
        ]
        if taken:
            self._tx.connection.execute(insert(signals), taken)

    def _copy_attributes(self) -> None:
        found = select(attributes.c.name, attributes.c.value).where(attributes.c.execution_id == self._source.id)
        rows = [{"execution_id": self._id, **row} for row in self._tx.connection.execute(found).mappings()]
        if rows:
            self._tx.connection.execute(insert(attributes), rows)
