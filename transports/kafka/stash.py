"""Records that were fetched and not handed out yet. They are nobody's: a partition that moves takes its own along."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from transports.protocol import Delivery

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from transports.kafka.progress import Progress
    from transports.kafka.records import Record

_MOST_RECORDS = 500
_MOST_BYTES = 8 << 20


class Fetched(NamedTuple):
    """A record, and the place in its partition."""

    progress: Progress
    offset: int
    record: Record


class Token(NamedTuple):
    """What a delivery is acknowledged by."""

    progress: Progress
    offset: int


class _Shelf:
    """What was fetched of one queue."""

    def __init__(self) -> None:
        self.records: deque[Fetched] = deque()
        self.bytes = 0

    @property
    def full(self) -> bool:
        return len(self.records) >= _MOST_RECORDS or self.bytes >= _MOST_BYTES

    @property
    def low(self) -> bool:
        return len(self.records) <= _MOST_RECORDS // 4 and self.bytes <= _MOST_BYTES // 4


class Stash:
    """Fetched records by queue. Whoever uses it holds the receiver's lock."""

    def __init__(self, queues: Sequence[str]) -> None:
        self._shelves = {queue: _Shelf() for queue in queues}
        self._turn = 0

    def add(self, fetched: Fetched) -> None:
        """Keep a record."""
        shelf = self._shelves[fetched.progress.queue]
        shelf.records.append(fetched)
        shelf.bytes += fetched.record.message.size

    def is_full(self, queue: str) -> bool:
        """Tell whether no more of this queue should be fetched."""
        return self._shelves[queue].full

    def is_low(self, queue: str) -> bool:
        """Tell whether more of this queue should be fetched."""
        return self._shelves[queue].low

    def drop(self, gone: Collection[Progress]) -> None:
        """Forget what is of these partitions."""
        for shelf in self._shelves.values():
            shelf.records = deque(each for each in shelf.records if each.progress not in gone)
            shelf.bytes = sum(each.record.message.size for each in shelf.records)

    def take(self, limit: int) -> list[Delivery]:
        """Hand out records, of each queue in turn, so that a full one does not starve the others."""
        names = list(self._shelves)
        taken: list[Delivery] = []
        empty = 0
        while len(taken) < limit and empty < len(names):
            self._turn = (self._turn + 1) % len(names)
            fetched = self._pop(self._shelves[names[self._turn]])
            if fetched is None:
                empty += 1
                continue
            empty = 0
            again = fetched.progress.hand_out(fetched.offset)
            token = Token(fetched.progress, fetched.offset)
            taken.append(Delivery(fetched.record.message, token, again))
        return taken

    def take_raw(self, limit: int) -> list[Fetched]:
        """Take records to pass them on to others."""
        taken: list[Fetched] = []
        for shelf in self._shelves.values():
            while len(taken) < limit and (fetched := self._pop(shelf)) is not None:
                taken.append(fetched)
        return taken

    def put_back(self, records: Sequence[Fetched]) -> None:
        """Undo ``take_raw``."""
        for fetched in reversed(records):
            shelf = self._shelves[fetched.progress.queue]
            shelf.records.appendleft(fetched)
            shelf.bytes += fetched.record.message.size

    @staticmethod
    def _pop(shelf: _Shelf) -> Fetched | None:
        if not shelf.records or not shelf.records[0].progress.has_room(shelf.records[0].offset):
            return None
        fetched = shelf.records.popleft()
        shelf.bytes -= fetched.record.message.size
        return fetched
