"""The transport to a broker inside this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from transports.checks import objection
from transports.errors import Closed, Refused
from transports.memory.broker import Entry, MemoryBroker, memory_broker
from transports.options import COMMON, count, take_options
from transports.prefixes import Prefix
from transports.protocol import Capabilities, Delivery, NotTaken, SendOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from transports.protocol import Message

_SCHEME = "memory://"


class MemoryTransport:
    """Messages within one process: for tests, and for programs that need no second process.

    ``memory://NAME`` reaches the broker of that name, which lives as long as the process. ``broker`` hands one in, with
    a clock and faults of its own, and then the URL means nothing. What a consumer has not acknowledged returns when it
    closes; there is no timeout on it.

    Options: ``prefix`` (default none), ``passive`` (default no): yes makes no queues; ``max_message_bytes`` (default
    1 MiB). A subscriber hears what is broadcast with a prefix that begins with its own.
    """

    def __init__(self, url: str = _SCHEME, *, broker: MemoryBroker | None = None, **options: Any) -> None:
        address, taken = take_options(url, options, {"max_message_bytes": count})
        name = address.removeprefix(_SCHEME)
        if "?" in name:
            known = ", ".join(sorted({*COMMON, "max_message_bytes"}))
            raise Refused(f"memory:// has no option {name.partition('?')[2]!r}; there are {known}")
        if broker is None:
            if not name:
                raise Refused("an in-memory broker needs a name, shared by those who are to meet: memory://NAME")
            broker = memory_broker(name, taken.get("max_message_bytes"))
        self._broker = broker
        self._prefix = Prefix(taken.get("prefix", ""))
        self._passive = bool(taken.get("passive", False))
        self._queues: list[str] = []
        self._closed = False
        self._turn = 0
        self._closing = threading.Lock()
        self._capabilities = Capabilities(
            durable=False,
            shared=False,
            redelivers=True,
            settles_singly=True,
            releases=True,
            broadcasts=True,
            priorities=True,
            depth=True,
            checks_queues=True,
            max_message_bytes=broker.max_message_bytes,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What this transport can do."""
        return self._capabilities

    @property
    def broker(self) -> MemoryBroker:
        """The broker, for tests that set it down or wipe it."""
        return self._broker

    def declare(self, queues: Iterable[str]) -> None:
        """Make sure that these queues exist."""
        self._check_open()
        names = self._prefix.names(queues)
        if self._passive:
            self._broker.check_queues(names)
        else:
            self._broker.declare(names)

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send a batch; return with the messages that were not taken."""
        self._check_open()
        named = [self._prefix.to_broker(message) for message in messages]
        errors = [objection(message, self._broker.max_message_bytes) for message in named]
        fit = [index for index, error in enumerate(errors) if error is None]
        for index, answer in zip(fit, self._broker.publish([named[index] for index in fit]), strict=True):
            errors[index] = answer
        return SendOutcome(
            tuple(NotTaken(index, messages[index], error) for index, error in enumerate(errors) if error is not None)
        )

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from."""
        self._check_open()
        names = self._prefix.names(queues)
        self._broker.check_queues(names)
        self._queues = names

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first."""
        broker = self._broker
        with broker.condition:
            self._check_open()
            deadline_us = broker.clock.now_us() + int(max_wait * 1e6)
            while not self._closed:
                if broker.down and broker.clock.now_us() < deadline_us:
                    # It may be back before the caller's time is over; asking on would only keep a processor busy.
                    broker.clock.wait(broker.condition, deadline_us - broker.clock.now_us())
                    continue
                taken = broker.take(self, self._next_order(), max_messages)
                if taken or broker.broadcasts(self):
                    return [self._delivery(entry, token) for token, entry in taken]
                now_us = broker.clock.now_us()
                if now_us >= deadline_us:
                    break
                due_us = broker.next_due_us(self, self._queues if max_messages > 0 else [])
                until_us = deadline_us if due_us is None else min(deadline_us, due_us)
                broker.clock.wait(broker.condition, until_us - now_us)
            return []

    def _delivery(self, entry: Entry, token: int) -> Delivery:
        return Delivery(self._prefix.from_broker(entry.message), token, entry.redelivered)

    def _next_order(self) -> list[str]:
        """Return the queues, each time with another one first, so that a full one does not starve the others."""
        if not self._queues:
            return []
        self._turn = (self._turn + 1) % len(self._queues)
        return self._queues[self._turn :] + self._queues[: self._turn]

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries."""
        self._check_open()
        self._broker.settle([delivery.token for delivery in deliveries if isinstance(delivery.token, int)])

    def broadcast(self, message: Message) -> None:
        """Send a message to every subscriber."""
        self._check_open()
        named = self._prefix.to_broker(message)
        wrong = objection(named, self._broker.max_message_bytes)
        if wrong is not None:
            raise wrong
        self._broker.broadcast(named)

    def subscribe(self) -> None:
        """Collect broadcasts from now on."""
        self._check_open()
        self._broker.subscribe(self)

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that have arrived."""
        self._check_open()
        with self._broker.condition:
            waiting = self._broker.broadcasts(self)
            taken = [self._prefix.from_broker(message) for message in waiting if self._prefix.own(message)]
            waiting.clear()
            return taken

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in the queue."""
        self._check_open()
        return self._broker.depth(self._prefix.name(queue))

    def ping(self) -> None:
        """Raise Unavailable while the broker is down."""
        self._check_open()
        with self._broker.condition:
            self._broker.check()

    def close(self) -> None:
        """Give back what was not acknowledged."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._broker.leave(self)

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("this transport to an in-memory broker has been closed; open another one")
