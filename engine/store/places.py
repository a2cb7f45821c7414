"""Places in the queues: where work that is given back goes, and how far messages have come.

Work that had been claimed already, and is given back, goes to the head of its queue: it had waited for its turn before.
At its old place, or at the back, it would wait behind whatever else has gathered, while other flows that were begun
with it go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from engine.store.schema import OPERATOR, steps

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


def reached_by_messages(tx: Transaction, within_us: int) -> dict[Line, int]:
    """Return how far the messages of each queue and priority have come: since when the latest step had been ready that
    one of them brought to a worker within the last ``within_us``.

    Brokers hand messages out roughly in the order in which they were sent, so what became ready later is still behind,
    and a second message for it would only be one more. Where nothing was claimed lately, nothing is said: messages may
    be lost, or nobody has room. Nor does a step tell anything that was claimed as it became ready, without a message.
    """
    query = (
        select(steps.c.queue, steps.c.priority, func.max(steps.c.ready_us))
        .where(
            steps.c.owner > OPERATOR, steps.c.started_us >= tx.now_us - within_us, steps.c.started_us > steps.c.ready_us
        )
        .group_by(steps.c.queue, steps.c.priority)
    )
    return {(queue, priority): ready_us for queue, priority, ready_us in tx.connection.execute(query)}
