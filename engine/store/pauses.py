"""Pausing queues: no worker claims a step of a paused queue. What runs goes on to its end, and is recorded.

Steps of a paused queue are made ready as ever, and wait. Messages for them are not sent again meanwhile. So a resumed
queue begins with a recall: whatever was to be offered again later is looked at soon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import and_, delete, or_, select

from engine.model.states import StepState
from engine.model.topics import QUEUES
from engine.store.batches import BatchUpdate, Upsert
from engine.store.generations import bump
from engine.store.schema import READY_INDEX, paused_queues, steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.model.work import Pointer
    from engine.store.database import Transaction

BATCH = 500
RECALL_US = 2_000_000
"""When the steps of a resumed queue are offered again at the latest. By then workers take its messages again, and those
that arrive tell which ones are still on their way."""

PAUSE = Upsert(paused_queues, keys=("queue",), sets=("reason",), first=("paused_us",))
"""Pausing again gives a new reason, and the queue stays paused since when it was."""
OFFER_BY = BatchUpdate(
    steps, keys=("execution_id", "seq"), sets=("due_at_us",), guard="state = 'ready' AND due_at_us IS NOT NULL"
)


class PausedQueue(msgspec.Struct, frozen=True):
    """Why nobody takes steps from a queue, and since when."""

    reason: str | None
    since_us: int


class Place(NamedTuple):
    """How far a recall has come: the place of a step among those that are ready."""

    until_us: int
    priority: int
    ready_us: int


def pause_queue(tx: Transaction, queue: str, reason: str | None = None) -> None:
    """Have no more steps claimed from a queue, whether there is anything on it or not."""
    bump(tx, QUEUES)
    tx.dialect.upsert(tx.connection, PAUSE, (queue, reason, tx.now_us))


def resume_queue(tx: Transaction, queue: str) -> bool:
    """Have steps claimed from a queue again; False if it was not paused. Its steps are to be recalled afterwards."""
    bump(tx, QUEUES)
    return bool(tx.connection.execute(delete(paused_queues).where(paused_queues.c.queue == queue)).rowcount)


def get_paused(tx: Transaction, *, keep: bool = False) -> dict[str, PausedQueue]:
    """Return the paused queues. ``keep``: none of them is resumed before this transaction ends."""
    query = select(paused_queues)
    if keep and tx.dialect.locks_rows:
        query = query.with_for_update(read=True)
    found = tx.connection.execute(query.order_by(paused_queues.c.queue))
    return {queue: PausedQueue(reason, since_us) for queue, reason, since_us in found}


def recall(tx: Transaction, queue: str, after: Place | None = None) -> Place | None:
    """Have ready steps of a queue offered again soon that were to be offered later, in one bounded batch.

    Returns where the next batch begins, or None after the last one. Steps that need no messages are left alone.
    """
    at = after or Place(tx.now_us + RECALL_US, -1, 0)
    of = steps.c
    query = (
        select(of.execution_id, of.seq, of.priority, of.ready_us)
        .where(of.ready_queue == queue)
        # What was recalled before is not later any more: several steps may share a place.
        .where(or_(of.priority > at.priority, and_(of.priority == at.priority, of.ready_us >= at.ready_us)))
        .where(of.due_at_us > at.until_us)
        .order_by(of.priority, of.ready_us)
        .limit(BATCH)
    )
    # Steps that others are at are passed over, here and below: those see to them.
    found = tx.connection.execute(tx.dialect.passing_over(query, steps, READY_INDEX)).all()
    tx.dialect.update(tx.connection, OFFER_BY, [(row[0], row[1], at.until_us) for row in found])
    return Place(at.until_us, found[-1][2], found[-1][3]) if len(found) == BATCH else None


def postpone(tx: Transaction, pointers: Sequence[Pointer], resend_us: int) -> None:
    """See to it that steps are offered again whose messages are dropped, as their queue is paused or was just now.

    That is after ``resend_us``; soon for those of a queue that was resumed before its workers have heard of it.
    """
    # Kept, so that a recall of what is put off here comes after this.
    paused = get_paused(tx, keep=True)
    later_us, soon_us = tx.now_us + resend_us, tx.now_us + min(resend_us, RECALL_US)
    due_us = {(each.execution_id, each.seq): later_us if each.queue in paused else soon_us for each in pointers}
    keys = sorted(due_us)
    name = (steps.c.execution_id, steps.c.seq)
    query = select(*name).where(tx.dialect.among(name, "keys"), steps.c.state == StepState.READY)
    query = tx.dialect.passing_over(query, steps)
    for first in range(0, len(keys), BATCH):
        found = tx.connection.execute(query, tx.dialect.bound("keys", keys[first : first + BATCH])).all()
        tx.dialect.update(tx.connection, OFFER_BY, [(row[0], row[1], due_us[row[0], row[1]]) for row in found])
