"""Signals: values sent to an execution from outside, for which its flow waits by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import insert, select

from engine.model.states import StepKind, StepState
from engine.model.work import Pointer
from engine.store.batches import BatchUpdate
from engine.store.executions import write_executions
from engine.store.locking import lock_line, refuse_finished
from engine.store.schema import signals, steps

if TYPE_CHECKING:
    from engine.store.database import Transaction

GIVE_SIGNAL = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("output", "finished_us"),
    fixed="state = 'completed', ready_queue = NULL, due_at_us = NULL, held_due_us = NULL",
    guard="state IN ('waiting', 'ready')",
)


class SignalSent(msgspec.Struct, frozen=True):
    """What became of a signal."""

    delivered: bool
    """False: a signal with this key had been delivered before, and this one was dropped."""
    offered: list[Pointer]
    """What is to be published."""


def send_signal(
    tx: Transaction, execution_id: str, name: str, payload: str, key: str | None = None, resend_us: int | None = None
) -> SignalSent:
    """Deliver a signal: to the wait that has been open longest, or to the next one that the flow makes.

    ``payload`` is JSON text. Of all signals with the same ``key`` sent to an execution, the first one is delivered. One
    for an execution that went on as another goes to that. Raises ExecutionNotFound, or ExecutionFinished.
    """
    execution, line = lock_line(tx, execution_id)
    if key is not None and _was_sent(tx, line, key):
        return SignalSent(False, [])
    refuse_finished(execution)
    seq = _open_wait(tx, execution.id, name)
    row = {
        "execution_id": execution.id, "name": name, "signal_key": key, "payload": payload, "sent_us": tx.now_us,
        "taken_by_seq": seq,
    }  # fmt: skip
    tx.connection.execute(insert(signals).values(row))
    if seq is None:
        return SignalSent(True, [])
    tx.dialect.update(tx.connection, GIVE_SIGNAL, [(execution.id, seq, payload, tx.now_us)])
    execution.unread += 1
    return SignalSent(True, write_executions(tx, [execution], resend_us))


def _was_sent(tx: Transaction, line: list[str], key: str) -> bool:
    return any(tx.dialect.exists(tx.connection, signals, {"execution_id": id, "signal_key": key}) for id in line)


def _open_wait(tx: Transaction, execution_id: str, name: str) -> int | None:
    """Return the oldest wait for this name, locked.

    A wait whose timeout has come, but is not recorded yet, still takes the signal: it is ready. One that a worker holds
    already does not.
    """
    query = (
        select(steps.c.seq)
        .where(steps.c.execution_id == execution_id, steps.c.kind == StepKind.EVENT, steps.c.name == name)
        .where(steps.c.state.in_((StepState.WAITING, StepState.READY)))
        .order_by(steps.c.seq)
    )
    # All of them are locked: of rows that change while they are waited for, a LIMIT would count those that drop out.
    found = tx.connection.execute(query.with_for_update() if tx.dialect.locks_rows else query).scalars().all()
    return found[0] if found else None
