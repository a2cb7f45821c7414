"""The stage that receives pointers from a broker, never more than there is room to run."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import structlog

from engine.messaging import NotAPointer, pointer_of, topics_of
from transports.errors import Closed, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from engine.messaging import Broker
    from engine.model.work import Pointer
    from transports.protocol import Delivery

log = structlog.get_logger(__name__)

RECEIVE_SECONDS = 0.5
"""The longest that one receive waits; a receiver that is to end may keep its worker for so long."""
DECLARE_SECONDS = 10.0
"""How often queues are declared again: a broker that was wiped or replaced has none."""
PAUSE_SECONDS = 0.5
"""After a broker's error, before it is asked again."""
CLOSE_SECONDS = 5.0


class Arrival(NamedTuple):
    """A message that was received: what it points at, and what is acknowledged."""

    pointer: Pointer
    delivery: Delivery


class Receiving:
    """Receives from the worker's queues, as much as ``room()`` says, and hands it to ``on_arrival``.

    ``on_heard`` gets the topics of broadcasts.
    """

    def __init__(
        self, broker: Broker, queues: Sequence[str], room: Callable[[], int],
        on_arrival: Callable[[Sequence[Arrival]], None], on_foreign: Callable[[Sequence[Delivery]], None],
        on_heard: Callable[[Collection[str]], None],
    ) -> None:  # fmt: skip
        self._broker = broker
        self._queues = list(queues)
        self._room = room
        self._on_arrival = on_arrival
        self._on_foreign = on_foreign
        self._on_heard = on_heard
        self._paused: frozenset[str] = frozenset()
        self._consumed: list[str] | None = None
        self._subscribed = not broker.transport.capabilities.broadcasts
        self._subscribe_at = 0.0
        self._changed = threading.Condition()
        self._unsettled = 0
        self._closed = False
        self._declared_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="milepost-receiver", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def settled(self, count: int) -> None:
        """Take note that so many arrivals have been claimed or dropped, and count as running steps or not at all."""
        with self._changed:
            self._unsettled -= count
            self._changed.notify()

    def room_changed(self) -> None:
        """Look again how much room there is."""
        with self._changed:
            self._changed.notify()

    def pause(self, queues: Collection[str]) -> None:
        """Receive from all queues but these, from now on. What was asked for already may still come."""
        with self._changed:
            self._paused = frozenset(queues)
            self._changed.notify()

    def close(self) -> None:
        """Receive no more; returns once the thread has ended."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._closed:
            try:
                self._declare()
                self._receive(self._wait_for_room())
            except Closed:
                return
            except TransportError as error:
                self._declared_at = None
                log.warning("the broker cannot be read", error=str(error), retry_in_seconds=PAUSE_SECONDS)
                self._pause()
            except Exception:
                self._declared_at = None
                log.exception("receiving failed")
                self._pause()

    def _declare(self) -> None:
        now = time.monotonic()
        wanted = [queue for queue in self._queues if queue not in self._paused]
        if self._declared_at is None or now - self._declared_at > DECLARE_SECONDS:
            self._broker.declare(self._queues)
            self._consumed = None
            self._declared_at = now
        if wanted != self._consumed:
            self._broker.transport.consume(wanted)
            self._consumed = wanted
        if not self._subscribed and now >= self._subscribe_at:
            self._subscribe()

    def _subscribe(self) -> None:
        """Hear broadcasts from now on. Work does not wait for it: whoever hears nothing looks by itself."""
        try:
            self._broker.transport.subscribe()
            self._subscribed = True
        except Closed:
            raise
        except TransportError as error:
            self._subscribe_at = time.monotonic() + DECLARE_SECONDS
            log.warning("broadcasts cannot be heard", error=str(error), retry_in_seconds=DECLARE_SECONDS)

    def _wait_for_room(self) -> int:
        with self._changed:
            room = self._room() - self._unsettled
            if room <= 0 and not self._closed:
                self._changed.wait(RECEIVE_SECONDS)
                room = self._room() - self._unsettled
            return max(room, 0)

    def _receive(self, room: int) -> None:
        # Without room it is called all the same: some clients must be called now and then to keep their connection.
        deliveries = self._broker.transport.receive(room, RECEIVE_SECONDS if room else 0.0)
        if topics := topics_of(self._broker.transport.broadcasts()):
            self._on_heard(topics)
        arrivals: list[Arrival] = []
        foreign: list[Delivery] = []
        for delivery in deliveries:
            try:
                arrivals.append(Arrival(pointer_of(delivery), delivery))
            except NotAPointer as error:
                log.warning("message dropped", error=str(error))
                foreign.append(delivery)
        if foreign:
            self._on_foreign(foreign)
        if arrivals:
            with self._changed:
                self._unsettled += len(arrivals)
            self._on_arrival(arrivals)

    def _pause(self) -> None:
        with self._changed:
            if not self._closed:
                self._changed.wait(PAUSE_SECONDS)
