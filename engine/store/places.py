"""Places in the queues: where work that is given back goes, and how far messages have come.

Work that had been claimed already, and is given back, goes to the head of its queue: it had waited for its turn before.
At its old place, or at the back, it would wait behind whatever else has gathered, while other flows that were begun
with it go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from engine.store.schema import OPERATOR, steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.store.database import Transaction

Line = tuple[str, int]
"""A queue, and a priority in it."""

_BROUGHT = (
    select(steps.c.queue, steps.c.priority, func.max(steps.c.ready_us), func.max(steps.c.started_us))
    # A step that was claimed as it became ready, without a message, tells nothing.
    .where(steps.c.owner > OPERATOR, steps.c.started_us >= bindparam("since_us"), steps.c.started_us > steps.c.ready_us)
    .group_by(steps.c.queue, steps.c.priority)
)


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


class MessageFront:
    """How far the messages of each queue and priority have come, as one sweeper sees it.

    Brokers hand messages out roughly in the order in which they were sent, so what became ready after the latest step
    that a message brought to a worker is still behind, and a second message for it would only be one more. Where
    nothing was claimed lately, nothing is said: messages may be lost, or nobody has room.
    """

    def __init__(self) -> None:
        self._seen: dict[Line, tuple[int, int]] = {}

    def look(self, tx: Transaction, within_us: int) -> dict[Line, int]:
        """Return since when the latest step had been ready that a message brought within the last ``within_us``."""
        since_us = tx.now_us - within_us
        # What is claimed just now may be nothing: short steps have come and gone between two looks.
        for queue, priority, ready_us, started_us in tx.connection.execute(_BROUGHT, {"since_us": since_us}):
            before, _ = self._seen.get((queue, priority), (ready_us, 0))
            self._seen[queue, priority] = (max(before, ready_us), started_us)
        self._seen = {line: seen for line, seen in self._seen.items() if seen[1] >= since_us}
        return {line: ready_us for line, (ready_us, _) in self._seen.items()}
