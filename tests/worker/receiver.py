"""The program at the other end of messages out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.worker.serving import wait_until
from transports.loading import open_transport
from transports.protocol import Message

QUEUE = "invoices"


class Receiver:
    """Takes what comes to some queues."""

    def __init__(self, url: str, *queues: str, **options: Any) -> None:
        self.url = url
        self.transport = open_transport(url, **options)
        self.transport.declare(queues)
        self.transport.consume(queues)

    def take(self, count: int) -> list[Message]:
        """Wait for so many messages."""
        found: list[Message] = []

        def enough() -> bool:
            found.extend(self.rest())
            return len(found) >= count

        wait_until(enough, f"{count} messages")
        return found

    def rest(self) -> list[Message]:
        """Take what is there now."""
        deliveries = self.transport.receive(500, 0.1)
        self.transport.acknowledge(deliveries)
        return [delivery.message for delivery in deliveries]


@contextmanager
def receiver(url: str, *queues: str, **options: Any) -> Iterator[Receiver]:
    made = Receiver(url, *(queues or (QUEUE,)), **options)
    try:
        yield made
    finally:
        made.transport.close()
