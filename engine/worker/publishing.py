"""The stage that publishes pointers, acknowledges deliveries and tells peers, in batches of whatever has gathered."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import structlog

from transports.errors import Closed, TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.messaging import Broker
    from engine.model.work import Pointer
    from transports.protocol import Delivery

log = structlog.get_logger(__name__)

MOST_WAITING = 1_000_000
"""Pointers that may wait to be published. What is beyond is left to the sweeper."""
CLOSE_SECONDS = 5.0


class Publishing:
    """Acknowledges deliveries, publishes pointers and broadcasts topics, in the background."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._changed = threading.Condition()
        self._deliveries: list[Delivery] = []
        self._pointers: dict[tuple[str, int], Pointer] = {}
        """By their steps: what is offered again while its first message still waits here is sent once."""
        self._topics: set[str] = set()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="milepost-publisher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def publish(self, pointers: Sequence[Pointer]) -> None:
        """Have these published; what there is no room for is left to the sweeper."""
        with self._changed:
            room = max(MOST_WAITING - len(self._pointers), 0)
            self._pointers.update({(each.execution_id, each.seq): each for each in pointers[:room]})
            self._changed.notify()
        if len(pointers) > room:
            log.warning("too much waits to be published; it is offered again", steps=len(pointers) - room)

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Have these acknowledged."""
        with self._changed:
            self._deliveries += deliveries
            self._changed.notify()

    def tell(self, topic: str) -> None:
        """Have peers told of a change; those that wait here are told of once."""
        with self._changed:
            self._topics.add(topic)
            self._changed.notify()

    def close(self) -> None:
        """Do what is waiting, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=CLOSE_SECONDS)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._deliveries or self._pointers or self._topics or self._closed):
                    self._changed.wait()
                deliveries, self._deliveries = self._deliveries, []
                pointers, self._pointers = list(self._pointers.values()), {}
                topics, self._topics = self._topics, set()
            if not (deliveries or pointers or topics):
                return
            try:
                if deliveries:
                    self._acknowledge(deliveries)
                for topic in topics:
                    self._broker.tell(topic)
                self._broker.publish(pointers)
            except Exception:
                log.exception("publishing failed")

    def _acknowledge(self, deliveries: list[Delivery]) -> None:
        try:
            self._broker.transport.acknowledge(deliveries)
        except Closed:
            return
        except TransportError as error:
            # They come again, and their claims are refused.
            log.warning("messages were not acknowledged", messages=len(deliveries), error=str(error))
