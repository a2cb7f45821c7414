"""The names of queues on brokers that take every name: a prefix, and the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from transports.checks import checked_names
from transports.protocol import Delivery, Message

if TYPE_CHECKING:
    from collections.abc import Iterable


class Prefix:
    """What comes before the name of every queue, and before what a broadcast is about. It may be empty."""

    def __init__(self, text: str = "") -> None:
        self._text = text

    def name(self, queue: str) -> str:
        """Return what a queue is called there."""
        return self._text + queue

    def names(self, queues: Iterable[str]) -> list[str]:
        """Return what queues are called there, each once. Raises Refused for a name that none can have, also there."""
        names = checked_names(queues)
        return checked_names(map(self.name, names)) if self._text else names

    def to_broker(self, message: Message) -> Message:
        """Return a message as it is kept there."""
        return replace(message, queue=self._text + message.queue) if self._text else message

    def own(self, message: Message) -> bool:
        """Tell whether a message that is kept there has this prefix."""
        return message.queue.startswith(self._text)

    def from_broker(self, message: Message) -> Message:
        """Return a message as it was sent."""
        return replace(message, queue=message.queue.removeprefix(self._text)) if self._text else message

    def delivery(self, delivery: Delivery) -> Delivery:
        """Return a delivery of a message as it was sent."""
        return replace(delivery, message=self.from_broker(delivery.message)) if self._text else delivery
