"""The sweeper's work: whatever is due is made ready, and what dead workers owned falls due (I1, I7).

Every worker sweeps; rows that another one is at are passed over.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, func, select

from engine.model.states import HELD, StepState
from engine.model.work import Pointer
from engine.store.batches import BatchUpdate
from engine.store.pauses import get_paused
from engine.store.places import MessageFront, heads_of
from engine.store.schema import DUE_INDEX, OPERATOR, OWNER_INDEX, READY_INDEX, executions, steps, workers
from engine.store.workers import WorkerState, has_died, living_workers

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Select

    from engine.store.batches import Row
    from engine.store.database import Transaction
    from engine.store.dialects.base import Dialect

BATCH = 500
_POINTER = (steps.c.execution_id, steps.c.seq, steps.c.attempt, steps.c.queue, steps.c.priority)

MAKE_READY = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("ready_us", "due_at_us"),
    fixed="state = 'ready', ready_queue = queue, owner = NULL",
    guard="state IN ('waiting', 'ready', 'claimed')",
)
HOLD = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("held_due_us",),
    fixed="state = 'waiting', owner = NULL, ready_queue = NULL, due_at_us = NULL",
    guard="state = 'claimed'",
)

_NEXT_DUE = select(func.min(steps.c.due_at_us)).where(steps.c.due_at_us.is_not(None))
_ALIVE = select(workers.c.id).where(workers.c.state == WorkerState.ALIVE)
_DEAD_OWNERS = select(steps.c.owner).where(steps.c.owner > OPERATOR, steps.c.owner.not_in(_ALIVE)).distinct()


class Swept(msgspec.Struct):
    """What one sweep did."""

    offered: list[Pointer] = msgspec.field(default_factory=list[Pointer])
    more: bool = False
    """There was more than one batch: sweep again at once."""
    next_due_us: int | None = None
    now_us: int = 0


def sweep_due(tx: Transaction, resend_us: int | None, front: MessageFront | None = None) -> Swept:
    """Make what is due ready, in one bounded batch.

    ``resend_us``: steps are offered by messages, so a ready step that nobody took falls due again, after a delay that
    grows with the time it has waited. It is not offered again as long as its message seems to wait behind others, by
    what ``front`` has seen, and not on a paused queue, where nobody takes it. None: workers find ready steps by
    themselves.
    """
    swept = Swept(now_us=tx.now_us)
    found = tx.connection.execute(_due(tx.dialect, BATCH), {"now_us": tx.now_us}).all()
    # Nothing of a held execution is due, except for what runs in it beyond its time.
    held = _held(tx, {row[0] for row in found if row[5] == StepState.CLAIMED})
    reached = {} if resend_us is None else (front or MessageFront()).look(tx, resend_us)
    # Kept, so that a recall of what was put off here comes after this.
    offered_before = resend_us is not None and any(row[5] == StepState.READY for row in found)
    paused = get_paused(tx, keep=True) if offered_before else {}
    rows: list[Row] = []
    to_hold: list[Row] = []
    for execution_id, seq, attempt, queue, priority, state, ready_us in found:
        if execution_id in held:
            to_hold.append((execution_id, seq, tx.now_us))
            continue
        since_us = ready_us if state == StepState.READY and ready_us is not None else tx.turn_us()
        again_us = None if resend_us is None else tx.now_us + max(resend_us, tx.now_us - since_us)
        rows.append((execution_id, seq, since_us, again_us))
        if state != StepState.READY or (
            queue not in paused and since_us < reached.get((queue, priority), since_us + 1)
        ):
            swept.offered.append(Pointer(execution_id, seq, attempt, queue, priority))
    tx.dialect.update(tx.connection, MAKE_READY, rows)
    tx.dialect.update(tx.connection, HOLD, to_hold)
    swept.more = len(found) == BATCH
    swept.next_due_us = tx.connection.execute(_NEXT_DUE).scalar_one()
    return swept


@lru_cache
def _due(dialect: Dialect, most: int) -> Select[*tuple[Any, ...]]:
    query = (
        select(*_POINTER, steps.c.state, steps.c.ready_us)
        .where(steps.c.due_at_us <= bindparam("now_us"))
        .order_by(steps.c.due_at_us)
        .limit(most)
    )
    return dialect.passing_over(query, steps, DUE_INDEX)


def adopt_unannounced(tx: Transaction, resend_us: int) -> Swept:
    """Give steps that were ready without messages a due time, so that they are offered by messages from now on."""
    found = tx.connection.execute(_unannounced(tx.dialect, BATCH)).all()
    rows = [(row[0], row[1], row[5], tx.now_us + resend_us) for row in found]
    tx.dialect.update(tx.connection, MAKE_READY, rows)
    offered = [Pointer(row[0], row[1], row[2], row[3], row[4]) for row in found]
    return Swept(offered, len(found) == BATCH, None, tx.now_us)


@lru_cache
def _unannounced(dialect: Dialect, most: int) -> Select[*tuple[Any, ...]]:
    query = select(*_POINTER, steps.c.ready_us).where(steps.c.ready_queue.is_not(None), steps.c.due_at_us.is_(None))
    return dialect.passing_over(query.limit(most), steps, READY_INDEX)


def find_dead(tx: Transaction, own_id: int, *, by_lease: bool = True) -> list[int]:
    """Return the ids of peers that have died and that nobody has declared dead yet.

    ``by_lease``: also those whose lease ran out. After an outage of the database all have, and are alive.
    """
    return [
        worker.id for worker in living_workers(tx) if worker.id != own_id and has_died(tx, worker, by_lease=by_lease)
    ]


def release_orphans(tx: Transaction, resend_us: int | None) -> Swept:
    """Make ready again, in one bounded batch, what is owned by workers that are not alive."""
    swept = Swept(now_us=tx.now_us)
    # Read first, and by itself: an identity that is not alive now never is again, so what it owns may be taken whenever
    # its lock is had.
    dead = tx.connection.execute(_DEAD_OWNERS).scalars().all()
    if not dead:
        return swept
    query = select(*_POINTER).where(steps.c.owner.in_(dead)).order_by(steps.c.execution_id, steps.c.seq).limit(BATCH)
    found = tx.connection.execute(tx.dialect.passing_over(query, steps, OWNER_INDEX)).all()
    paused = _held(tx, {row[0] for row in found})
    ready: list[Row] = []
    held: list[Row] = []
    due_us = None if resend_us is None else tx.now_us + resend_us
    heads = heads_of(tx, ((row[3], row[4]) for row in found))
    for execution_id, seq, attempt, queue, priority in found:
        if execution_id in paused:
            held.append((execution_id, seq, tx.now_us))
        else:
            ready.append((execution_id, seq, heads[queue, priority], due_us))
            swept.offered.append(Pointer(execution_id, seq, attempt, queue, priority))
    tx.dialect.update(tx.connection, MAKE_READY, ready)
    tx.dialect.update(tx.connection, HOLD, held)
    swept.more = len(found) == BATCH
    return swept


def _held(tx: Transaction, execution_ids: set[str]) -> set[str]:
    """Return which of these executions are paused or parked.

    Asked once their steps are locked: whoever holds an execution locks its steps too, so it either has done it already,
    and that is seen here, or finds afterwards what was done to the steps here.
    """
    if not execution_ids:
        return set()
    query = select(executions.c.id).where(executions.c.id.in_(execution_ids), executions.c.state.in_(sorted(HELD)))
    return set(tx.connection.execute(query).scalars())
