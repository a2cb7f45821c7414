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
from transports.errors import Closed, NotConfirmed, NoTransport, Refused, TransportError, Unavailable, UnknownQueue
from transports.loading import open_transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.model.work import Pointer
    from transports.protocol import Transport

log = structlog.get_logger(__name__)

EMBEDDED: Final = "sql"
"""The broker's URL that stands for the queue inside the store, which needs no messages."""
MESSAGES_PER_SEND: Final = 500
_PASSING: Final = (Unavailable, NotConfirmed, UnknownQueue)
"""What may be over when the same messages are sent again."""


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

    def publish(self, pointers: Sequence[Pointer]) -> list[Pointer]:
        """Send pointers; return those that the broker did not confirm, and may take later. The reason is logged.

        What it will never take is not returned: the sweeper offers it again, in case somebody puts that right.
        """
        left: list[Pointer] = []
        for first in range(0, len(pointers), MESSAGES_PER_SEND):
            part = pointers[first : first + MESSAGES_PER_SEND]
            try:
                left += self._send(part)
            except Closed:
                return []
            except TransportError as error:
                log.warning("steps could not be published; they are offered again", steps=len(part), error=str(error))
                if isinstance(error, _PASSING):
                    # The broker is away: the rest would wait for it in vain, one part after the other.
                    return [*left, *pointers[first:]]
        return left

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

    def _send(self, pointers: Sequence[Pointer]) -> list[Pointer]:
        missing = sorted({pointer.queue for pointer in pointers} - self._declared)
        if missing:
            self.declare(missing)
        refused = self._refused(pointers)
        homeless = [pointer for pointer, error in refused if isinstance(error, UnknownQueue)]
        if homeless:
            # The broker was wiped, or replaced: its queues are made anew, once.
            self.declare(sorted({pointer.queue for pointer in homeless}))
            refused = [one for one in refused if not isinstance(one[1], UnknownQueue)] + self._refused(homeless)
        if refused:
            log.warning(
                "the broker did not take messages; they are offered again", messages=len(refused),
                error=str(refused[0][1]),
            )  # fmt: skip
        return [pointer for pointer, error in refused if isinstance(error, _PASSING)]

    def _refused(self, pointers: Sequence[Pointer]) -> list[tuple[Pointer, TransportError]]:
        outcome = self.transport.send([message_of(pointer) for pointer in pointers])
        return [(pointers[each.index], each.error) for each in outcome.not_taken]
