"""A queue: what is active, what is locked and by which token, and what was put aside."""

from __future__ import annotations

import enum
import heapq
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.servers.servicebus.clock import milliseconds
from tests.servers.servicebus.payloads import Payload

DEFAULTS = {
    "LockDuration": "PT1M",
    "MaxSizeInMegabytes": "1024",
    "RequiresDuplicateDetection": "false",
    "RequiresSession": "false",
    "DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S",
    "DeadLetteringOnMessageExpiration": "false",
    "MaxDeliveryCount": "10",
    "EnableBatchedOperations": "true",
    "Status": "Active",
    "AutoDeleteOnIdle": "P10675199DT2H48M5.4775807S",
}
"""What the service chooses for a queue or subscription that says nothing else."""


class Outcome(enum.Enum):
    """What a consumer decides about a message that it holds."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"
    RELEASED = "released"
    DEFERRED = "defered"  # the protocol spells it so
    DEAD_LETTERED = "suspended"


@dataclass(eq=False)
class Entry:
    """One message in one queue."""

    number: int
    payload: Payload
    enqueued_ms: int
    expires_ms: int | None
    deliveries: int = 0
    token: uuid.UUID | None = None
    locked_until_ms: int = 0
    deferred: bool = False
    marks: dict[str, str] = field(default_factory=dict[str, str])
    """Application properties that the broker adds: why it is a dead letter."""

    def __lt__(self, other: Entry) -> bool:
        return self.number < other.number


class Queue:
    """Messages in the order of their numbers. What was locked and comes back takes its old place."""

    def __init__(self, path: str, description: Mapping[str, str], dead_letters: Queue | None) -> None:
        self.path = path
        self.description = dict(description)
        self.dead_letters = dead_letters
        self.entries: dict[int, Entry] = {}
        self._ready: list[Entry] = []
        self._locked: dict[uuid.UUID, Entry] = {}
        self.changed: Callable[[Queue], None] = lambda _queue: None
        """Called when something may have become available."""
        self.used_ms = 0

    @property
    def lock_ms(self) -> int:
        return milliseconds(self.description["LockDuration"])

    @property
    def needs_sessions(self) -> bool:
        return self.description["RequiresSession"] == "true"

    @property
    def active(self) -> int:
        """How many messages are not put aside; those that are locked count."""
        return sum(not entry.deferred for entry in self.entries.values())

    def put(self, number: int, payload: Payload, now_ms: int, marks: Mapping[str, str] | None = None) -> None:
        """Add a message."""
        ttl_ms = milliseconds(self.description["DefaultMessageTimeToLive"])
        if payload.ttl_ms is not None:
            ttl_ms = min(ttl_ms, payload.ttl_ms)
        entry = Entry(number, payload, now_ms, now_ms + ttl_ms, marks=dict(marks or {}))
        self.entries[number] = entry
        heapq.heappush(self._ready, entry)

    def take(self, now_ms: int) -> Entry | None:
        """Lock the first message that is available."""
        while self._ready:
            entry = heapq.heappop(self._ready)
            if self._gone(entry, now_ms):
                continue
            self.lock(entry, now_ms)
            return entry
        return None

    def _gone(self, entry: Entry, now_ms: int) -> bool:
        if entry.number not in self.entries:
            return True
        if entry.expires_ms is not None and entry.expires_ms <= now_ms:
            del self.entries[entry.number]
            return True
        return False

    def lock(self, entry: Entry, now_ms: int) -> None:
        """Give a message to somebody for as long as a lock lasts."""
        entry.token = uuid.uuid4()
        entry.locked_until_ms = now_ms + self.lock_ms
        self._locked[entry.token] = entry

    def held(self, token: uuid.UUID, now_ms: int) -> Entry | None:
        """Return the message that this token still locks."""
        entry = self._locked.get(token)
        return entry if entry is not None and entry.locked_until_ms > now_ms else None

    def settle(self, entry: Entry, outcome: Outcome, reason: str = "", description: str = "") -> None:
        """Do with a locked message what its holder decided."""
        assert entry.token is not None
        del self._locked[entry.token]
        entry.token = None
        match outcome:
            case Outcome.COMPLETED:
                del self.entries[entry.number]
            case Outcome.DEAD_LETTERED:
                self._bury(entry, reason, description)
            case Outcome.DEFERRED:
                entry.deferred = True
                entry.deliveries += 1
            case Outcome.RELEASED:
                self._put_back(entry)
            case Outcome.ABANDONED:
                entry.deliveries += 1
                self._put_back(entry)

    def _put_back(self, entry: Entry) -> None:
        if entry.deliveries >= int(self.description["MaxDeliveryCount"]):
            self._bury(entry, "MaxDeliveryCountExceeded", "it was handed out as often as the queue allows")
        elif not entry.deferred:
            heapq.heappush(self._ready, entry)
            self.changed(self)

    def _bury(self, entry: Entry, reason: str, description: str) -> None:
        del self.entries[entry.number]
        if self.dead_letters is not None:
            marks = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
            self.dead_letters.put(entry.number, entry.payload, entry.enqueued_ms, marks)
            self.dead_letters.changed(self.dead_letters)

    def expire_locks(self, now_ms: int) -> None:
        """Take back what was not settled in time."""
        for entry in [entry for entry in self._locked.values() if entry.locked_until_ms <= now_ms]:
            self.settle(entry, Outcome.ABANDONED)

    def from_number(self, number: int, count: int) -> Iterator[Entry]:
        """Look at messages from a number on, without locking them."""
        for found in sorted(known for known in self.entries if known >= number)[:count]:
            yield self.entries[found]
