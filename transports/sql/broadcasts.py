"""Broadcasts as rows that every subscriber reads on from its own place."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, select

from transports.protocol import Message
from transports.sql.messages import headers_from_text, headers_to_text
from transports.sql.schema import DatabaseTime, broadcasts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

PATIENCE_SECONDS = 5.0
"""How long a row that is missing from the row of ids may still be on its way: its transaction has not committed yet."""
PAGE = 500
"""How many new broadcasts are read at once."""

_after = (
    select(broadcasts.c.id, broadcasts.c.topic, broadcasts.c.headers, broadcasts.c.body)
    .where(broadcasts.c.id > bindparam("after"))
    .order_by(broadcasts.c.id)
    .limit(bindparam("limit"))
)
_newest = select(func.max(broadcasts.c.id))
_prune = delete(broadcasts).where(broadcasts.c.sent_us < DatabaseTime() - bindparam("keep_us"))


class Position:
    """What a subscriber has read: everything up to ``floor``, and some ids beyond it.

    Ids are given out before their transactions commit, so a lower one may appear after a higher one. The floor stays
    below a gap until it fills, or until the id above it has been known for so long that nobody need wait any more.
    """

    def __init__(self, floor: int, ids: Iterable[int] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.floor = floor
        self._clock = clock
        self._seen: dict[int, float] = {}
        self.read(ids)

    @property
    def beyond(self) -> int:
        """How many ids above the floor have been read."""
        return len(self._seen)

    def read(self, ids: Iterable[int]) -> list[int]:
        """Take note of ids that were found; return those that are new."""
        now = self._clock()
        fresh = [found for found in ids if found > self.floor and found not in self._seen]
        self._seen.update(dict.fromkeys(fresh, now))
        given_up = max((known for known, since in self._seen.items() if now - since > PATIENCE_SECONDS), default=0)
        if given_up > self.floor:
            self.floor = given_up
            self._seen = {known: since for known, since in self._seen.items() if known > given_up}
        while self.floor + 1 in self._seen:
            self.floor += 1
            del self._seen[self.floor]
        return fresh


def newest(connection: Connection) -> int:
    """Return the id of the last broadcast, 0 if there is none."""
    return int(connection.execute(_newest).scalar_one() or 0)


def start(connection: Connection) -> Position:
    """Return the place of a subscriber that begins now."""
    last = newest(connection)
    # Those that are about to commit have ids below the last one: look a little further back for them.
    floor = max(last - PAGE, 0)
    rows = connection.execute(select(broadcasts.c.id).where(broadcasts.c.id > floor, broadcasts.c.id <= last))
    return Position(floor, rows.scalars())


def read(connection: Connection, position: Position) -> list[Message]:
    """Return the broadcasts that are new to this subscriber, and move it on."""
    rows = connection.execute(_after, {"after": position.floor, "limit": PAGE + position.beyond}).all()
    fresh = set(position.read(row.id for row in rows))
    return [Message(row.topic, bytes(row.body), headers_from_text(row.headers)) for row in rows if row.id in fresh]


def add(connection: Connection, message: Message) -> None:
    """Write a broadcast."""
    values = {"topic": message.queue, "headers": headers_to_text(message), "body": message.body}
    connection.execute(insert(broadcasts), values)


def prune(connection: Connection, keep_us: int) -> None:
    """Delete broadcasts that are older than this."""
    connection.execute(_prune, {"keep_us": keep_us})
