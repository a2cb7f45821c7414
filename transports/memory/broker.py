"""A broker inside this process: queues, deliveries that wait for their acknowledgement, and subscribers."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transports.errors import Refused, Unavailable, UnknownQueue
from transports.memory.clock import MonotonicClock
from transports.memory.faults import NoFaults
from transports.protocol import BROADCAST_BACKLOG

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transports.errors import TransportError
    from transports.memory.clock import Clock
    from transports.memory.faults import Faults
    from transports.protocol import Message

DEFAULT_MAX_MESSAGE_BYTES = 1 << 20


@dataclass(slots=True)
class Entry:
    """One copy of a message in a queue. ``place`` orders it among the messages of its priority."""

    message: Message
    number: int
    place: int
    redelivered: bool = False

    def __lt__(self, other: Entry) -> bool:
        return (self.message.priority, self.place, self.number) < (other.message.priority, other.place, other.number)


@dataclass(slots=True)
class _Queue:
    ready: list[Entry] = field(default_factory=list[Entry])
    delayed: list[tuple[int, int, Entry]] = field(default_factory=list[tuple[int, int, Entry]])
    """A heap of messages that are late: when each is due, its number, and itself."""

    def ripen(self, now_us: int) -> None:
        while self.delayed and self.delayed[0][0] <= now_us:
            heapq.heappush(self.ready, heapq.heappop(self.delayed)[2])


@dataclass(slots=True)
class _Subscriber:
    ready: deque[Message] = field(default_factory=lambda: deque(maxlen=BROADCAST_BACKLOG))
    delayed: list[tuple[int, int, Message]] = field(default_factory=list[tuple[int, int, "Message"]])

    def ripen(self, now_us: int) -> None:
        while self.delayed and self.delayed[0][0] <= now_us:
            self.ready.append(heapq.heappop(self.delayed)[2])


class MemoryBroker:
    """A broker for the transports of this process. Safe to use from several threads.

    Hand it a clock and faults to simulate; the transports on it do what they say. ``condition`` guards everything, and
    is notified whenever something may have become available.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
    ) -> None:
        self.clock: Clock = clock or MonotonicClock()
        self.faults: Faults = faults or NoFaults()
        self.max_message_bytes = max_message_bytes
        self.condition = threading.Condition()
        self._down = False
        self._numbers = 0
        self._queues: dict[str, _Queue] = {}
        self._held: dict[int, tuple[object, Entry]] = {}
        self._subscribers: dict[object, _Subscriber] = {}

    # -- what a test does to it --------------------------------------------------------------------------------------

    def set_down(self, down: bool) -> None:
        """Make the broker unavailable, or available again; it keeps what it has."""
        with self.condition:
            self._down = down
            self.condition.notify_all()

    @property
    def down(self) -> bool:
        """Whether it is unavailable just now."""
        return self._down

    def wipe(self) -> None:
        """Forget every queue and every message, as a broker does that was replaced by a new one."""
        with self.condition:
            self._queues.clear()
            self._held.clear()
            self.condition.notify_all()

    # -- what transports do with it ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise Unavailable while the broker is down."""
        if self._down:
            raise Unavailable("the in-memory broker is down: it was set down by a test")

    def declare(self, names: Iterable[str]) -> None:
        """Make queues that do not exist yet."""
        with self.condition:
            self.check()
            for name in names:
                self._queues.setdefault(name, _Queue())

    def publish(self, messages: Sequence[Message]) -> list[TransportError | None]:
        """Take messages; return for each what its sender is to hear."""
        with self.condition:
            self.check()
            answers = [self._publish_one(message) for message in messages]
            self.condition.notify_all()
            return answers

    def _publish_one(self, message: Message) -> TransportError | None:
        queue = self._queue(message.queue)
        if queue is None:
            return _unknown(message.queue)
        fate = self.faults.fate(message)
        now_us = self.clock.now_us()
        for copy, delay_us in enumerate(fate.copies_us):
            self._numbers += 1
            entry = Entry(message, self._numbers, self._numbers + (fate.behind if copy == 0 else 0))
            if delay_us > 0:
                heapq.heappush(queue.delayed, (now_us + delay_us, entry.number, entry))
            else:
                heapq.heappush(queue.ready, entry)
        return fate.error

    def take(self, consumer: object, names: Sequence[str], limit: int) -> list[tuple[int, Entry]]:
        """Hand up to ``limit`` messages of these queues to a consumer, each with the token that settles it."""
        self.check()
        taken: list[tuple[int, Entry]] = []
        for name in names:
            queue = self._queue(name)
            if queue is None:
                raise _unknown(name)
            queue.ripen(self.clock.now_us())
            while queue.ready and len(taken) < limit:
                self._numbers += 1
                entry = heapq.heappop(queue.ready)
                self._held[self._numbers] = (consumer, entry)
                taken.append((self._numbers, entry))
        return taken

    def settle(self, tokens: Iterable[int]) -> None:
        """Forget deliveries; a token that is not known is passed over."""
        with self.condition:
            self.check()
            for token in tokens:
                self._held.pop(token, None)

    def leave(self, consumer: object) -> None:
        """Put back what a consumer has not settled, and forget its subscription."""
        with self.condition:
            self._subscribers.pop(consumer, None)
            for token in [token for token, (holder, _) in self._held.items() if holder is consumer]:
                _, entry = self._held.pop(token)
                queue = self._queue(entry.message.queue)
                entry.redelivered = True
                if queue is not None:
                    heapq.heappush(queue.ready, entry)
            self.condition.notify_all()

    def subscribe(self, consumer: object) -> None:
        """Collect broadcasts for a consumer from now on."""
        with self.condition:
            self.check()
            self._subscribers.setdefault(consumer, _Subscriber())

    def broadcast(self, message: Message) -> None:
        """Hand a message to every subscriber that the faults let it reach; the sender never hears of one it missed."""
        with self.condition:
            self.check()
            now_us = self.clock.now_us()
            for subscriber in self._subscribers.values():
                for delay_us in self.faults.fate(message).copies_us[:1]:
                    self._numbers += 1
                    heapq.heappush(subscriber.delayed, (now_us + delay_us, self._numbers, message))
            self.condition.notify_all()

    def broadcasts(self, consumer: object) -> deque[Message]:
        """Return what has arrived for a subscriber; the caller empties it."""
        subscriber = self._subscribers.get(consumer)
        if subscriber is None:
            return deque()
        subscriber.ripen(self.clock.now_us())
        return subscriber.ready

    def next_due_us(self, consumer: object, names: Sequence[str]) -> int | None:
        """Return when the next delayed message for this consumer arrives, or None if none is on its way."""
        heaps = [queue.delayed for name in names if (queue := self._queue(name)) is not None]
        times = [heap[0][0] for heap in heaps if heap]
        subscriber = self._subscribers.get(consumer)
        if subscriber is not None and subscriber.delayed:
            times.append(subscriber.delayed[0][0])
        return min(times, default=None)

    def check_queues(self, names: Iterable[str]) -> None:
        """Raise UnknownQueue for a queue that does not exist."""
        with self.condition:
            self.check()
            for name in names:
                if self._queue(name) is None:
                    raise _unknown(name)

    def depth(self, name: str) -> int:
        """Return how many messages wait in a queue."""
        with self.condition:
            self.check()
            queue = self._queue(name)
            if queue is None:
                raise _unknown(name)
            queue.ripen(self.clock.now_us())
            return len(queue.ready)

    def _queue(self, name: str) -> _Queue | None:
        return self._queues.get(name)


def _unknown(name: str) -> UnknownQueue:
    return UnknownQueue(f"the in-memory broker has no queue {name!r}: declare it first")


_named: dict[str, MemoryBroker] = {}
_naming = threading.Lock()


def memory_broker(name: str, max_message_bytes: int | None = None) -> MemoryBroker:
    """Return the broker of this name in this process, made when it is first asked for.

    Raises Refused when it exists with another limit than the one asked for.
    """
    with _naming:
        broker = _named.get(name)
        if broker is None:
            broker = MemoryBroker(max_message_bytes=max_message_bytes or DEFAULT_MAX_MESSAGE_BYTES)
            _named[name] = broker
        elif max_message_bytes not in (None, broker.max_message_bytes):
            raise Refused(
                f"memory://{name} exists in this process and carries {broker.max_message_bytes} bytes, not "
                f"{max_message_bytes}: ask for the same everywhere, or use another name"
            )
        return broker


def forget_memory_broker(name: str) -> None:
    """Let go of a broker, so that the next one of this name starts empty; transports that are open keep the old one."""
    with _naming:
        _named.pop(name, None)
