"""What the conformance suite is told about one transport: how to open it, what it can do, and how to trouble it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

from transports import Capabilities, Refused, Transport, TransportError, open_transport

HASTY_SECONDS = 0.8
"""For so long at least, what a hasty consumer was handed is its own."""


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


class Native(NamedTuple):
    """A message as another program reads it."""

    body: bytes
    headers: Mapping[str, str]
    id: str | None


@dataclass(frozen=True)
class Foreign:
    """A queue of another program, which uses the broker by the broker's own client library."""

    url: str
    queue: str
    """As the broker calls it: a name that is spelled in another way where queues are ours, if there are such names."""
    make: Callable[[], object]
    send: Callable[[bytes, Mapping[str, str], str], str]
    """Sends a message with headers and, where the broker has a place for it, this id; returns the id that it has."""
    receive: Callable[[], Native]
    """Waits for a message, and takes it for good."""
    impossible: str | None
    """A name that no queue can have there; None where there is no such name."""
    bytes: bool = True
    """Whether the broker carries bodies that are no text."""

    def open(self) -> Transport:
        """Open a transport as for a trigger; the caller closes it."""
        return open_transport(self.url, passive=True, prefix="")


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
    foreign: Foreign | None = None
    """A queue of another program; None where nothing but this transport has queues on the broker."""
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
