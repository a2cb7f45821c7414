"""What takes messages from one queue: a receiver, on a thread of its own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from transports.azureservicebus.clients import GLANCE_SECONDS
from transports.azureservicebus.desk import Desk
from transports.azureservicebus.troubles import problem

if TYPE_CHECKING:
    from concurrent.futures import Future

    from azure.servicebus import ServiceBusReceivedMessage

    from transports.azureservicebus.clients import Clients
    from transports.azureservicebus.links import ReceivingLink


class Intake:
    """A receiver for one queue, opened when it is first needed."""

    def __init__(self, made: Clients, queue: str, entity: str, seconds: float) -> None:
        self.queue = queue
        self.entity = entity
        self._clients = made
        self._receiver: ReceivingLink | None = None
        self._stop = threading.Event()
        self._desk = Desk("milepost-servicebus-receiver", 2 * seconds, forget=self._forget, upkeep=self._upkeep)

    def open(self) -> Future[ReceivingLink]:
        """Open the receiver; the result tells what is wrong with the queue."""
        return self._desk.start(self._ready)

    def opened(self, future: Future[ReceivingLink]) -> None:
        """Wait until the receiver is open. Raises TransportError."""
        self._desk.finish(future)

    def start(self, limit: int, seconds: float) -> Future[list[ServiceBusReceivedMessage]]:
        """Begin to take up to ``limit`` messages, waiting up to so long for the first."""
        self._stop = stop = threading.Event()
        deadline = time.monotonic() + seconds
        return self._desk.start(lambda: self._take(limit, deadline, stop))

    def stop(self) -> None:
        """Wait no longer for what was started."""
        self._stop.set()

    def finish(self, future: Future[list[ServiceBusReceivedMessage]]) -> list[ServiceBusReceivedMessage]:
        """Return what was taken. Raises TransportError."""
        return self._desk.finish(future)

    def _take(self, limit: int, deadline: float, stop: threading.Event) -> list[ServiceBusReceivedMessage]:
        old = self._receiver is not None
        try:
            got = self._wait(self._ready(), limit, deadline, stop)
        except Exception as error:
            self._drop()
            if not old:
                raise problem(error, self._clients.host, self.entity) from error
            # The connection may have been dead for long, and its end is only noticed now.
            return self._take(limit, deadline, stop)
        if len(got) < limit:
            assert self._receiver is not None
            try:
                got += self._receiver.take_back_credit()
            except Exception:  # noqa: BLE001 - what came is what counts; the next call tells what is wrong
                self._drop()
        return got

    def _wait(
        self, receiver: ReceivingLink, limit: int, deadline: float, stop: threading.Event
    ) -> list[ServiceBusReceivedMessage]:
        while True:
            # Even somebody who does not want to wait has to ask, and the answer has to travel.
            remaining = max(deadline - time.monotonic(), GLANCE_SECONDS)
            got = receiver.receive(limit, min(remaining, GLANCE_SECONDS * 2))
            if got or stop.is_set() or time.monotonic() >= deadline:
                return got

    def _ready(self) -> ReceivingLink:
        if self._receiver is None:
            self._receiver = self._clients.receiver(self.entity)
        return self._receiver

    def _drop(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.close()

    def _upkeep(self) -> None:
        if self._receiver is not None:
            try:
                self._receiver.look_after()
            except Exception:  # noqa: BLE001 - it is opened again when it is needed
                self._drop()

    def _forget(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.cut()

    def close(self) -> Future[None] | None:
        """Close the receiver; returns where it will be said that this is done."""
        self.stop()
        return self._desk.close(self._drop)
