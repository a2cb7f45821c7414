"""The stage that publishes pointers, acknowledges deliveries and tells peers, in batches of whatever has gathered."""

from __future__ import annotations

import threading
import time
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
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 2.0
"""How long what the broker did not take is kept, until it is sent again: twice as long each time that it fails."""


class Publishing:
    """Acknowledges deliveries, publishes pointers and broadcasts topics, in the background."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._changed = threading.Condition()
        self._deliveries: list[Delivery] = []
        self._pointers: dict[tuple[str, int], Pointer] = {}
        """By their steps: what is offered again while its first message still waits here is sent once."""
        self._topics: set[str] = set()
        self._pause = 0.0
        self._paused_until = 0.0
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
                while not (self._deliveries or self._topics or self._closed or self._may_publish()):
                    self._changed.wait(self._pause_left() if self._pointers else None)
                deliveries, self._deliveries = self._deliveries, []
                topics, self._topics = self._topics, set()
                pointers: list[Pointer] = []
                if self._closed or self._may_publish():
                    pointers, self._pointers = list(self._pointers.values()), {}
            if not (deliveries or pointers or topics):
                return
            try:
                if deliveries:
                    self._acknowledge(deliveries)
                for topic in topics:
                    self._broker.tell(topic)
                if pointers:
                    self._keep(self._broker.publish(pointers))
            except Exception:
                log.exception("publishing failed")

    def _may_publish(self) -> bool:
        return bool(self._pointers) and self._pause_left() == 0

    def _pause_left(self) -> float:
        return max(self._paused_until - time.monotonic(), 0.0)

    def _keep(self, left: list[Pointer]) -> None:
        """Keep what the broker did not take, so that work goes on as soon as it is back and not when steps fall due."""
        if self._closed:
            return
        self._pause = min(max(self._pause * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS) if left else 0.0
        self._paused_until = time.monotonic() + self._pause
        with self._changed:
            for pointer in left[: MOST_WAITING - len(self._pointers)]:
                # One that was offered meanwhile is newer.
                self._pointers.setdefault((pointer.execution_id, pointer.seq), pointer)

    def _acknowledge(self, deliveries: list[Delivery]) -> None:
        try:
            self._broker.transport.acknowledge(deliveries)
        except Closed:
            return
        except TransportError as error:
            # They come again, and their claims are refused.
            log.warning("messages were not acknowledged", messages=len(deliveries), error=str(error))
