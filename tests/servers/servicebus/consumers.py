"""Who takes messages from which queue: links with credit, served in turn."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from cproton import ffi, lib
from proton import Condition, Delivery, Sender, timestamp

from tests.servers.servicebus.clock import now_ms
from tests.servers.servicebus.queues import Entry, Outcome, Queue

SETTLED = 1
"""The sender settle mode of a link that asks for messages to be gone once they are handed out."""
_OUTCOMES = {
    Delivery.ACCEPTED: Outcome.COMPLETED,
    Delivery.REJECTED: Outcome.DEAD_LETTERED,
    Delivery.RELEASED: Outcome.RELEASED,
    Delivery.MODIFIED: Outcome.ABANDONED,
}


class Connection(Protocol):
    """The connection that a link belongs to."""

    def flush(self) -> None:
        """Write what is waiting."""
        ...


def annotations_of(entry: Entry) -> dict[str, Any]:
    """Return what a receiver is told of a message beside what its sender wrote."""
    return {
        "x-opt-sequence-number": entry.number,
        "x-opt-enqueued-time": timestamp(entry.enqueued_ms),
        "x-opt-locked-until": timestamp(entry.locked_until_ms),
    }


def encoded(entry: Entry) -> bytes:
    """Return a message as it is handed out."""
    return entry.payload.handed_out(entry.deliveries, annotations_of(entry), entry.marks)


class Consumer:
    """One link that messages of one queue go out on."""

    def __init__(self, connection: Connection, link: Sender, queue: Queue) -> None:
        self.connection = connection
        self.link = link
        self.queue = queue

    def serve_one(self) -> bool:
        """Hand out one message, if there is credit for it and one is there."""
        if self.link.credit <= 0 or not self.link.state & self.link.REMOTE_ACTIVE:
            return False
        entry = self.queue.take(now_ms())
        if entry is None:
            return False
        assert entry.token is not None
        # The tag is the lock's token, byte for byte.
        delivery = self.link.delivery(entry.token.bytes_le)
        self.link.stream(encoded(entry))
        self.link.advance()
        if self.link.snd_settle_mode == SETTLED:
            delivery.settle()
            self.queue.settle(entry, Outcome.COMPLETED)
        return True

    def settle(self, delivery: Delivery) -> None:
        """Do what the receiver decided about a delivery, and tell it what was done."""
        token = uuid.UUID(bytes_le=_tag(delivery))
        outcome = _OUTCOMES.get(delivery.remote_state, Outcome.RELEASED)
        if outcome is Outcome.ABANDONED and delivery.remote.undeliverable:
            outcome = Outcome.DEFERRED
        entry = self.queue.held(token, now_ms())
        if entry is None:
            delivery.local.condition = Condition("com.microsoft:message-lock-lost", "The lock supplied is invalid.")
            delivery.update(Delivery.REJECTED)
            delivery.settle()
            return
        condition = delivery.remote.condition
        info = {str(name): str(value) for name, value in ((condition and condition.info) or {}).items()}
        self.queue.settle(entry, outcome, info.get("DeadLetterReason", ""), info.get("DeadLetterErrorDescription", ""))
        if outcome in (Outcome.ABANDONED, Outcome.DEFERRED):
            delivery.local.failed = True
            delivery.local.undeliverable = outcome is Outcome.DEFERRED
        # Who settles last waits for the same outcome to come back.
        delivery.update(delivery.remote_state)
        delivery.settle()


def _tag(delivery: Delivery) -> bytes:
    # The accessor of the binding reads the tag as text, which it is not.
    tag = lib.pn_delivery_tag(delivery._impl)
    return bytes(ffi.unpack(tag.start, tag.size))


class Consumers:
    """All consumers, by queue."""

    def __init__(self) -> None:
        self._by_queue: dict[str, list[Consumer]] = {}

    def add(self, consumer: Consumer) -> None:
        self._by_queue.setdefault(consumer.queue.path, []).append(consumer)

    def remove(self, consumer: Consumer) -> None:
        there = self._by_queue.get(consumer.queue.path, [])
        if consumer in there:
            there.remove(consumer)

    def attended(self, path: str) -> bool:
        """Tell whether somebody is connected to a queue."""
        return bool(self._by_queue.get(path))

    def of(self, path: str) -> list[Consumer]:
        return [*self._by_queue.get(path, [])]

    def serve(self, queue: Queue) -> None:
        """Hand out what there is credit for, one message to each consumer in turn."""
        there = self._by_queue.get(queue.path, [])
        served = True
        touched: set[Connection] = set()
        while served and there:
            served = False
            for consumer in [*there]:
                if consumer.serve_one():
                    served = True
                    touched.add(consumer.connection)
                    there.remove(consumer)
                    there.append(consumer)
        for connection in touched:
            connection.flush()
