"""Places in the queues: work that had been claimed already, and is given back, goes to the head of its queue.

It had waited for its turn before. At its old place, or at the back, it would wait behind whatever else has gathered,
while other flows that were begun with it go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.store.schema import steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.store.database import Transaction

Line = tuple[str, int]
"""A queue, and a priority in it."""


def heads_of(tx: Transaction, lines: Iterable[Line]) -> dict[Line, int]:
    """Return, for each queue and priority, a ``ready_us`` before that of every step which is ready there."""
    return {line: _head(tx, line) for line in sorted(set(lines))}


def _head(tx: Transaction, line: Line) -> int:
    first = (
        select(steps.c.ready_us)
        .where(steps.c.ready_queue == line[0], steps.c.priority == line[1])
        .order_by(steps.c.ready_us)
        .limit(1)
    )
    ready_us: int | None = tx.connection.execute(first).scalar_one_or_none()
    return tx.now_us if ready_us is None else min(ready_us, tx.now_us) - 1
