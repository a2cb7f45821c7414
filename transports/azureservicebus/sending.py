"""Sending: one sender for each queue and topic, all on one thread."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from azure.servicebus.exceptions import MessageSizeExceededError

from transports.azureservicebus.desk import Desk
from transports.azureservicebus.troubles import problem
from transports.errors import NotConfirmed, TooLarge, TransportError, Unavailable, UnknownQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch

    from transports.azureservicebus.clients import Clients
    from transports.azureservicebus.links import SendingLink

    Batch = ServiceBusMessageBatch | ServiceBusMessage

_MOST_IN_BATCH = 4000
"""The service takes 4,500."""


class Sending:
    """Senders, and the thread that they are used on."""

    def __init__(self, made: Clients, seconds: float, on_loss: Callable[[], None]) -> None:
        self._clients = made
        self._on_loss = on_loss
        self._senders: dict[str, SendingLink] = {}
        # Opening, and sending what there is: each may take its time.
        self._desk = Desk("milepost-servicebus-sender", 2 * seconds, forget=self._forget, upkeep=self._upkeep)

    def send(
        self, entity: str, messages: Sequence[ServiceBusMessage], *, topic: bool = False
    ) -> dict[int, TransportError]:
        """Send messages to a queue or topic; return why some were not taken, by their places."""
        return self._desk.call(lambda: self._send(entity, messages, topic))

    def check(self, entity: str) -> None:
        """Open a link to a queue. Raises UnknownQueue if there is none, Refused if we may not send to it."""
        self._desk.call(lambda: self._ready(entity, topic=False))

    def _send(self, entity: str, messages: Sequence[ServiceBusMessage], topic: bool) -> dict[int, TransportError]:
        errors: dict[int, TransportError] = {}
        try:
            sender = self._ready(entity, topic=topic)
        except TransportError as error:
            return dict.fromkeys(range(len(messages)), error)
        start = 0
        for batch, size in _batches(sender, messages):
            error = self._send_batch(entity, batch, topic)
            if error is not None:
                errors |= dict.fromkeys(range(start, start + size), error)
            start += size
            if error is not None and not isinstance(error, TooLarge):
                # What comes after would meet the same, one timeout after the other.
                rest = Unavailable(str(error)) if isinstance(error, NotConfirmed) else error
                return errors | dict.fromkeys(range(start, len(messages)), rest)
        return errors

    def _send_batch(self, entity: str, batch: Batch, topic: bool) -> TransportError | None:
        """Send one batch, again on a new connection if the old one did not last."""
        try:
            self._senders[entity].send(batch)
        except MessageSizeExceededError as error:
            return problem(error, self._clients.host, entity)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said of each message
            first = problem(error, self._clients.host, entity)
        else:
            return None
        self._drop(entity)
        try:
            self._ready(entity, topic=topic).send(batch)
        except Exception as error:  # noqa: BLE001 - as above
            self._drop(entity)
            second = problem(error, self._clients.host, entity)
        else:
            return None
        if isinstance(second, Unavailable) and isinstance(first, Unavailable):
            return NotConfirmed(f"the connection was lost while messages went out, so some may have arrived: {second}")
        return second

    def _ready(self, entity: str, *, topic: bool) -> SendingLink:
        """Return a sender that was not found dead."""
        sender = self._senders.get(entity)
        if sender is not None:
            try:
                while sender.has_news:
                    sender.look_after()
            except Exception:  # noqa: BLE001 - the next connection tells what is wrong, if it still is
                self._drop(entity)
            else:
                return sender
        try:
            sender = self._clients.sender(entity, topic=topic)
        except UnknownQueue:
            self._on_loss()
            raise
        self._senders[entity] = sender
        return sender

    def _drop(self, entity: str) -> None:
        sender = self._senders.pop(entity, None)
        if sender is not None:
            sender.close()

    def _upkeep(self) -> None:
        for entity, sender in [*self._senders.items()]:
            try:
                sender.look_after()
            except Exception:  # noqa: BLE001 - it is opened again when it is needed
                self._drop(entity)

    def _forget(self) -> None:
        senders, self._senders = self._senders, {}
        for sender in senders.values():
            sender.cut()

    def close(self) -> Future[None] | None:
        """Close every sender; returns where it will be said that this is done."""
        return self._desk.close(self._close)

    def _close(self) -> None:
        for entity in [*self._senders]:
            self._drop(entity)


def _batches(sender: SendingLink, messages: Sequence[ServiceBusMessage]) -> Iterator[tuple[Batch, int]]:
    """Divide messages into batches as large as the service takes; one that fits in none goes alone."""
    batch = sender.batch()
    for message in messages:
        if len(batch) < _MOST_IN_BATCH and _fits(batch, message):
            continue
        if len(batch):
            yield batch, len(batch)
            batch = sender.batch()
        if not _fits(batch, message):
            yield message, 1
    if len(batch):
        yield batch, len(batch)


def _fits(batch: ServiceBusMessageBatch, message: Any) -> bool:
    with contextlib.suppress(MessageSizeExceededError):
        batch.add_message(message)
        return True
    return False
