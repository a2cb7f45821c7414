"""What one poll of a share group has brought.

The broker locks it for this consumer, until it is told what became of it.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from transports.protocol import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transports.protocol import Message


class Place(NamedTuple):
    """Where a record is."""

    topic: str
    partition: int
    offset: int


class Acquired(NamedTuple):
    """A record that is locked for this consumer."""

    place: Place
    message: Message
    redelivered: bool


class Token(NamedTuple):
    """What a delivery is acknowledged by."""

    batch: Batch
    place: Place


class Batch:
    """The records of one poll. Whoever uses it holds its receiver's lock."""

    def __init__(self, records: Iterable[Acquired]) -> None:
        self.since = time.monotonic()
        self.waiting = deque(records)
        """What was not handed out yet."""
        self.held: set[Place] = set()
        """What was handed out and not acknowledged."""
        self.version = 0
        self.told_version = 0
        self.gone = False
        """It may be another consumer's now: nothing is settled here any more."""
        self.error: Exception | None = None
        self._settled: list[Place] = []

    @property
    def is_due(self) -> bool:
        """Whether something was acknowledged that the broker was not told of."""
        return bool(self._settled)

    @property
    def is_done(self) -> bool:
        """Whether the broker knows of everything what became of it."""
        return not (self.waiting or self.held or self._settled)

    def hand_out(self, limit: int) -> list[Delivery]:
        """Hand out up to so many records."""
        taken: list[Delivery] = []
        while self.waiting and len(taken) < limit:
            record = self.waiting.popleft()
            self.held.add(record.place)
            taken.append(Delivery(record.message, Token(self, record.place), record.redelivered))
        return taken

    def settle(self, place: Place) -> bool:
        """Take note that a record is acknowledged; tell whether it was held."""
        if self.gone or place not in self.held:
            return False
        self.held.discard(place)
        self._settled.append(place)
        self.version += 1
        return True

    def take_settled(self) -> list[Place]:
        """Take what the broker is to be told of."""
        settled, self._settled = self._settled, []
        return settled

    def take_waiting(self) -> list[Place]:
        """Take what is not to be handed out any more."""
        waiting = [record.place for record in self.waiting]
        self.waiting.clear()
        return waiting
