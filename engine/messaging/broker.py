"""The broker that carries pointers: opening its transport, and sending.

Nothing that is sent here is relied on. A pointer that is not taken is offered again by the sweeper when its step falls
due, so failures are logged and passed over.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog

from engine.errors import ConfigError
from engine.messaging.changes import change_of
from engine.messaging.pointers import message_of
from transports.errors import Closed, NoTransport, Refused, TransportError, UnknownQueue
from transports.loading import open_transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.model.work import Pointer
    from transports.protocol import Message, NotTaken, Transport

log = structlog.get_logger(__name__)

EMBEDDED: Final = "sql"
"""The broker's URL that stands for the queue inside the store, which needs no messages."""
MESSAGES_PER_SEND: Final = 500


def is_embedded(url: str) -> bool:
    """Tell whether a broker's URL means the queue inside the store."""
    return url == EMBEDDED


class Broker:
    """One connection to a broker. Sending may be done from any thread."""

    def __init__(self, url: str) -> None:
        """Open the transport for ``url``. Raises ConfigError if there is none, or the URL cannot be used."""
        try:
            self.transport: Transport = open_transport(url)
        except (NoTransport, Refused) as error:
            raise ConfigError(f"broker.url cannot be used: {error}") from error
        self._declared: set[str] = set()
        self._lock = threading.Lock()

    def declare(self, queues: Sequence[str]) -> None:
        """Make sure that these queues exist. Raises TransportError."""
        self.transport.declare(queues)
        with self._lock:
            self._declared.update(queues)

    def publish(self, pointers: Sequence[Pointer]) -> int:
        """Send pointers; return how many the broker has confirmed. What it did not take is logged."""
        taken = 0
        for first in range(0, len(pointers), MESSAGES_PER_SEND):
            part = pointers[first : first + MESSAGES_PER_SEND]
            try:
                taken += self._send([message_of(pointer) for pointer in part])
            except Closed:
                return taken
            except TransportError as error:
                log.warning("steps could not be published; they are offered again", steps=len(part), error=str(error))
        return taken

    def tell(self, topic: str) -> None:
        """Tell every worker of a change, where the broker can. A failure is logged: they look by themselves, later."""
        if not self.transport.capabilities.broadcasts:
            return
        try:
            self.transport.broadcast(change_of(topic))
        except Closed:
            return
        except TransportError as error:
            log.warning("peers could not be told; they look by themselves", topic=topic, error=str(error))

    def close(self) -> None:
        """Give back what was received and not acknowledged, and let go of the broker."""
        self.transport.close()

    def _send(self, messages: list[Message]) -> int:
        missing = sorted({message.queue for message in messages} - self._declared)
        if missing:
            self.declare(missing)
        refused = self.transport.send(messages).not_taken
        taken = len(messages) - len(refused)
        homeless = [each for each in refused if isinstance(each.error, UnknownQueue)]
        if homeless:
            # The broker was wiped, or replaced: its queues are made anew, once.
            self.declare(sorted({each.message.queue for each in homeless}))
            refused = self.transport.send([each.message for each in homeless]).not_taken
            taken += len(homeless) - len(refused)
        _complain(refused)
        return taken


def _complain(refused: Sequence[NotTaken]) -> None:
    if refused:
        error = str(refused[0].error)
        log.warning("the broker did not take messages; they are offered again", messages=len(refused), error=error)
