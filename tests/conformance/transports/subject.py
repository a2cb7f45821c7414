"""What the conformance suite is told about one transport: how to open it, what it can do, and how to trouble it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from transports import Capabilities, Refused, Transport, TransportError, open_transport


@dataclass(frozen=True)
class Outage:
    """A way to lose the broker, for as long as the context lasts."""

    name: str
    during: Callable[[], AbstractContextManager[None]]
    total: bool = True
    """While it lasts nothing can be sent; False for one that is over before anybody can tell."""


@dataclass(frozen=True)
class Mistake:
    """Something wrong in how a transport is set up: the call must raise one of these errors, within seconds."""

    name: str
    make: Callable[[], object]
    raises: type[TransportError] | tuple[type[TransportError], ...] = Refused


@dataclass
class Subject:
    """One transport on one broker, fresh for each test.

    Everything that the suite may skip for it follows from ``capabilities``, which the transport must confirm.
    """

    url: str
    capabilities: Capabilities
    outages: Sequence[Outage]
    """Ways to lose the broker that is behind ``url``."""
    mistakes: Sequence[Mistake]
    conflict: Callable[[], object]
    """Declares something that is there already and of another kind; must raise Refused."""
    wipe: Callable[[], None]
    """Makes the broker forget every queue and message."""
    hasty_url: str = ""
    """The same broker, where a delivery that was not acknowledged in about a second is delivered again, even if its
    consumer lives. The same as ``url`` where there is no such timeout."""
    ending: list[Callable[[], object]] = field(default_factory=list)
    """What is done when the test ends, however it ends."""

    def open(self, *, hasty: bool = False) -> Transport:
        """Open a transport, which is closed when the test ends."""
        transport = open_transport(self.hasty_url if hasty and self.hasty_url else self.url)
        self.ending.append(transport.close)
        return transport

    def consumer(self, queue: str = "work", *, hasty: bool = False) -> Transport:
        """Open a transport that has declared a queue and takes from it."""
        transport = self.open(hasty=hasty)
        transport.declare([queue])
        transport.consume([queue])
        return transport

    def close(self) -> None:
        """Close every transport that the test opened, and end every process."""
        for end in self.ending:
            end()
