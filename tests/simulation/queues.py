"""How a simulated worker learns of steps, and tells others: hints, or messages of the in-memory broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.messaging import Broker, pointer_of
from engine.worker.receiving import DECLARE_SECONDS, PAUSE_SECONDS, RECEIVE_SECONDS, Arrival
from transports.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.model.work import Pointer
    from tests.simulation.worker import Worker
    from transports.protocol import Delivery

POLL_US = 250_000


class Hints:
    """The queue inside the store: hints, any of which may be lost, and a look now and then."""

    embedded = True
    resend_us: int | None = None

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.next_us = 0

    def announce(self, offered: Sequence[Pointer]) -> None:
        """Tell every worker, unless the hint is lost."""
        self._worker.world.hint({pointer.queue for pointer in offered})

    def swept(self, offered: Sequence[Pointer]) -> None:
        """Tell this worker."""
        self._worker.post("hint", self._worker.pipeline.hint)

    def pause(self, queues: Collection[str]) -> None:
        """Looks find nothing on paused queues."""

    def settle(self, arrivals: Sequence[Arrival]) -> None:
        """Nothing arrives here."""

    def wants(self) -> str | None:
        """Return what is to be done next, if anything is."""
        return "poll" if self._worker.world.now_us() >= self.next_us else None

    def do(self) -> None:
        """Look whether something is ready."""
        self.next_us = self._worker.world.now_us() + POLL_US
        self._worker.post("hint", self._worker.pipeline.hint)

    def publish(self) -> None:
        """Nothing is published here."""

    has_mail = False

    def close(self) -> None:
        """Nothing is held here."""


class Messages:
    """The queue of a broker: receive, acknowledge and publish, as the real stages do it, with boundaries between."""

    embedded = False
    resend_us: int | None

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._at = worker.world.jobs.at
        self._broker = Broker("memory://simulated")
        self.resend_us = worker.world.scenario.resend_us
        self._deliveries: list[Delivery] = []
        self._pointers: list[Pointer] = []
        self._unsettled = 0
        self._declared_us: int | None = None
        self._queues = list(worker.queues)
        self.next_us = 0

    def announce(self, offered: Sequence[Pointer]) -> None:
        """Have pointers published."""
        self._pointers += offered

    def swept(self, offered: Sequence[Pointer]) -> None:
        """Have pointers published."""
        self._pointers += offered

    def pause(self, queues: Collection[str]) -> None:
        """Receive nothing from these queues."""
        self._queues = [queue for queue in self._worker.queues if queue not in queues]
        self._declared_us = None

    def settle(self, arrivals: Sequence[Arrival]) -> None:
        """Have messages acknowledged."""
        self._deliveries += [arrival.delivery for arrival in arrivals]
        self._unsettled -= len(arrivals)

    @property
    def has_mail(self) -> bool:
        """Whether something is to be acknowledged or published."""
        return bool(self._deliveries or self._pointers)

    def wants(self) -> str | None:
        """Return what is to be done next, if anything is."""
        world = self._worker.world
        if world.now_us() >= self.next_us or (self._room() > 0 and world.has_messages(self._queues)):
            return "receive"
        return None

    def do(self) -> None:
        """Receive as much as there is room for."""
        world = self._worker.world
        try:
            self._at("before receiving")
            self._declare()
            deliveries = self._broker.transport.receive(self._room(), 0.0)
            self.next_us = world.now_us() + int(RECEIVE_SECONDS * 1e6)
            self._at("after receiving")
        except TransportError:
            self._declared_us = None
            self.next_us = world.now_us() + int(PAUSE_SECONDS * 1e6)
            world.fire("broker error")
            return
        arrivals = [Arrival(pointer_of(delivery), delivery) for delivery in deliveries]
        if any(arrival.delivery.redelivered for arrival in arrivals):
            world.fire("message delivered again")
        if arrivals:
            self._unsettled += len(arrivals)
            self._worker.post("arrived", lambda: self._worker.pipeline.arrived(arrivals))

    def publish(self) -> None:
        """Acknowledge and publish what has gathered."""
        deliveries, self._deliveries = self._deliveries, []
        pointers, self._pointers = self._pointers, []
        try:
            if deliveries:
                self._at("before acknowledging")
                self._broker.transport.acknowledge(deliveries)
                self._at("after acknowledging")
        except TransportError:
            self._worker.world.fire("acknowledgement failed")
        if pointers:
            self._at("before publishing")
            self._broker.publish(pointers)
            self._at("after publishing")

    def _room(self) -> int:
        return max(self._worker.pipeline.room() - self._unsettled, 0)

    def _declare(self) -> None:
        now_us = self._worker.world.now_us()
        if self._declared_us is None or now_us - self._declared_us > DECLARE_SECONDS * 1e6:
            self._broker.declare(self._worker.queues)
            self._broker.transport.consume(self._queues)
            self._declared_us = now_us

    def close(self) -> None:
        """The broker notices that this consumer is gone."""
        self._broker.close()
