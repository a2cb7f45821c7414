"""Claiming: making this worker the owner of steps, at a new attempt (I4)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, bindparam, select

from engine.model.states import StepState
from engine.model.work import ANY_ATTEMPT, Claimed, Pointer
from engine.store.batches import BatchUpdate
from engine.store.commands import TIMEOUT_GRACE_US
from engine.store.schema import READY_INDEX, steps

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Column, Connection, Select

    from engine.store.batches import Row
    from engine.store.database import Transaction
    from engine.store.dialects.base import Dialect

POINTERS_PER_QUERY = 100

CLAIM = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    fences=("attempt",),
    sets=("owner", "due_at_us", "started_us"),
    fixed="state = 'claimed', attempt = attempt + 1, ready_queue = NULL",
    guard="state = 'ready'",
)

_STEP = (steps.c.execution_id, steps.c.seq)
_ATTEMPT = (*_STEP, steps.c.attempt)
_COLUMNS = (
    steps.c.execution_id,
    steps.c.seq,
    steps.c.attempt,
    steps.c.kind,
    steps.c.name,
    steps.c.queue,
    steps.c.priority,
    steps.c.input,
    steps.c.max_attempts,
    steps.c.timeout_us,
    steps.c.dead_letter,
    steps.c.progress,
    steps.c.ready_us,
    steps.c.retry,
)


def is_any_ready(connection: Connection, queues: Collection[str]) -> bool:
    """Tell whether a step is ready on one of these queues."""
    query = select(steps.c.seq).where(steps.c.ready_queue.in_(sorted(queues))).limit(1)
    return connection.execute(query).first() is not None


def claim_ready(tx: Transaction, owner: int, queues: Sequence[str], room: int) -> list[Claimed]:
    """Claim up to ``room`` steps that are ready on these queues: by priority, then the one that waits longest."""
    claimed: list[Claimed] = []
    for queue in queues:
        if len(claimed) >= room:
            break
        claimed += _claim(tx, owner, _ready(tx.dialect), {"queue": queue, "room": room - len(claimed)})
    return claimed


@lru_cache
def _ready(dialect: Dialect) -> Select[*tuple[Any, ...]]:
    # Kept, like the others here: to put a query together takes longer than to run it.
    query = (
        select(*_COLUMNS)
        .where(steps.c.ready_queue == bindparam("queue"))
        .order_by(steps.c.priority, steps.c.ready_us)
        .limit(bindparam("room", type_=Integer))
    )
    return dialect.passing_over(query, steps, READY_INDEX)


def claim_pointers(tx: Transaction, owner: int, pointers: Sequence[Pointer]) -> list[Claimed]:
    """Claim what these pointers point at, as far as it is ready and at the attempt they name."""
    claimed: list[Claimed] = []
    at_any = sorted({(p.execution_id, p.seq) for p in pointers if p.attempt == ANY_ATTEMPT})
    at_one = sorted({(p.execution_id, p.seq, p.attempt) for p in pointers if p.attempt != ANY_ATTEMPT})
    for columns, named in ((_STEP, at_any), (_ATTEMPT, at_one)):
        for part in _parts(named):
            claimed += _claim(tx, owner, _pointed_at(tx.dialect, columns), tx.dialect.bound("pointers", part))
    return claimed


def _parts(named: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for first in range(0, len(named), POINTERS_PER_QUERY):
        yield named[first : first + POINTERS_PER_QUERY]


@lru_cache
def _pointed_at(dialect: Dialect, columns: tuple[Column[Any], ...]) -> Select[*tuple[Any, ...]]:
    # One statement of one shape, whatever is pointed at. It is about exactly that: whoever is pointed at another ready
    # step of the same executions, or at the right attempt of this one, must not find it locked.
    query = select(*_COLUMNS).where(
        dialect.among(columns, "pointers"),
        # Not ``ready_queue``, whose index would have every ready step looked through for these few.
        steps.c.state == StepState.READY,
    )
    return dialect.passing_over(query, steps)


def _claim(tx: Transaction, owner: int, query: Select[*tuple[Any, ...]], values: Mapping[str, Any]) -> list[Claimed]:
    """Take the rows that the query finds."""
    found: Sequence[Any] = tx.connection.execute(query, values).all()
    now_us = tx.now_us
    rows: list[Row] = []
    for row in found:
        due_us = None if row[9] is None else now_us + row[9] + TIMEOUT_GRACE_US
        rows.append((row[0], row[1], row[2], owner, due_us, now_us))
    accepted = tx.dialect.update(tx.connection, CLAIM, rows)
    return [
        Claimed(
            row[0], row[1], row[2] + 1, row[3], row[4], row[5], row[6], row[7], row[8], row[9], bool(row[10]), row[11],
            max(now_us - (row[12] or now_us), 0), row[13],
        )
        for index, row in enumerate(found)
        if index in accepted
    ]  # fmt: skip
