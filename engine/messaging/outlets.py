"""Where messages for other programs leave this process: one transport for each broker, shared by all who send."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from engine.messaging.destinations import destination_of, open_foreign
from transports.errors import Closed, TransportError, Unavailable
from transports.protocol import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.model.outgoing import Outgoing
    from transports.protocol import Transport

MESSAGES_PER_SEND: Final = 500


class OpenOutlets:
    """The brokers that this process has sent to. Each is opened when it is first needed, and kept until the end."""

    def __init__(self, brokers: Mapping[str, str], open_broker: Callable[[str], Transport] = open_foreign) -> None:
        """Know the URLs of the ``brokers`` that the settings name."""
        self._brokers = dict(brokers)
        self._open_broker = open_broker
        self._outlets: dict[str, Outlet] = {}
        self._lock = threading.Lock()
        self._closed = False

    def send(self, message: Outgoing) -> None:
        """Send a message; return once the broker has confirmed it. Called from any thread.

        Raises ConfigError for a URL that cannot be used, and TransportError if the broker did not take it.
        """
        destination = destination_of(message.url, self._brokers)
        self._outlet(destination.broker).send(
            Message(destination.queue, message.body, message.headers, message.key, id=message.id)
        )

    def close(self) -> None:
        """Let go of every broker; whoever is still sending gets an error."""
        with self._lock:
            self._closed = True
            outlets = list(self._outlets.values())
        for outlet in outlets:
            outlet.close()

    def _outlet(self, broker: str) -> Outlet:
        with self._lock:
            if self._closed:
                raise Closed("this worker has ended, and sends no more")
            outlet = self._outlets.get(broker)
            if outlet is None:
                outlet = self._outlets[broker] = Outlet(self._open_broker(broker))
            return outlet


class _Entry:
    __slots__ = ("done", "error", "message")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.done = False
        self.error: TransportError | None = None


class Outlet:
    """One broker. Whoever finds it free sends what everybody has brought meanwhile, as one batch."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._waiting: deque[_Entry] = deque()
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message; return once the broker has confirmed it. Raises TransportError."""
        entry = _Entry(message)
        self._waiting.append(entry)
        while not entry.done:
            with self._sending:
                if not entry.done:
                    self._send_batch()
        if entry.error is not None:
            raise entry.error

    def close(self) -> None:
        """Let go of the broker."""
        self._transport.close()

    def _send_batch(self) -> None:
        batch = self._take(MESSAGES_PER_SEND)
        try:
            for refused in self._transport.send([entry.message for entry in batch]).not_taken:
                batch[refused.index].error = refused.error
        except Unavailable as error:
            # Those who came while it was being tried need not each find out for themselves.
            batch += self._take(len(self._waiting))
            _fail(batch, error)
        except TransportError as error:
            _fail(batch, error)
        except BaseException as error:
            _fail(batch, TransportError(f"the transport failed: {type(error).__name__}: {error}"))
            raise
        finally:
            for entry in batch:
                entry.done = True

    def _take(self, most: int) -> list[_Entry]:
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]


def _fail(batch: list[_Entry], error: TransportError) -> None:
    for entry in batch:
        entry.error = error
