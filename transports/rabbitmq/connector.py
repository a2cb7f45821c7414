"""Making connections when they are needed, and again when they were lost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from transports.errors import Closed, TransportError, Unavailable
from transports.rabbitmq.link import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from transports.rabbitmq.settings import Settings

T = TypeVar("T")


class Connector:
    """At most one connection at a time, made by whoever needs it first. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._link: Link | None = None
        self._connecting = threading.Lock()
        self._failure: tuple[float, TransportError] | None = None
        self._closed = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that the broker reads from."""
        link = self._link
        return link is not None and link.is_alive and link.blocked is None

    def link(self) -> Link:
        """Return a live connection, made if there is none. Raises Unavailable, Refused or Closed."""
        link = self._link
        if link is not None and link.is_alive and not self._closed:
            return link
        asked = time.monotonic()
        with self._connecting:
            if self._link is not None and self._link.is_alive and not self._closed:
                return self._link
            if self._failure is not None and self._failure[0] >= asked:
                # Somebody else tried while this one waited for its turn: trying once more would double the wait.
                raise type(self._failure[1])(str(self._failure[1]))
            return self._connect()

    def _connect(self) -> Link:
        # Closing looks at the link after it has set the flag: one of both sees the other.
        self._link = link = Link(self._settings)
        if self._closed:
            raise Closed(f"this transport to {self._settings.place} has been closed; open another one")
        try:
            link.open()
        except TransportError as error:
            self._failure = time.monotonic(), error
            raise
        return link

    def ask(self, make: Callable[[Link], Coroutine[Any, Any, T]]) -> T:
        """Run something on a connection that may be done twice, again if a connection turns out to be dead."""
        link = self.link()
        try:
            return link.run(lambda: make(link))
        except Unavailable:
            if link.is_alive or self._closed:
                raise
        link = self.link()
        return link.run(lambda: make(link))

    def close(self) -> None:
        """Close the connection, and make no more."""
        self._closed = True
        if self._link is not None:
            self._link.close()
