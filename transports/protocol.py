"""What a transport does, and the values that it does it with.

A transport moves small messages between processes. Delivery is at least once and in no promised order: a message may be
delivered twice, or late, and a delivery that is never acknowledged comes again, here or at another consumer. Whoever
receives must be able to live with that; the engine does by fencing every step in its store.

Threads: one thread receives (``consume``, ``subscribe``, ``receive``, ``broadcasts``). Every other method may be called
from any thread, also while that one waits in ``receive``. A transport whose client may be touched by one thread only
hands the work over to that thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from transports.errors import TransportError

DEFAULT_PRIORITY = 5
"""Priorities go from 0, which is delivered first, to 9."""

BROADCAST_BACKLOG = 1000
"""How many broadcasts a subscriber that does not take them may have waiting; the oldest give way to newer ones."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``queue`` is the queue it goes to, or the topic that a broadcast is about.

    ``key`` lets a broker that spreads messages by key put messages of one key in one place; None leaves it to the
    broker. ``priority`` is a wish that only some brokers can grant. ``id`` names the message for whoever receives it,
    who can tell by it what came twice. One that was sent without has, on its way in, the broker's own name for it,
    where the broker gives names; it is the same each time that it is delivered.
    """

    queue: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    key: str | None = None
    priority: int = DEFAULT_PRIORITY
    id: str | None = None

    @property
    def size(self) -> int:
        """The bytes that count against ``Capabilities.max_message_bytes``: body, headers, key and id in UTF-8."""
        size = len(self.body) + len((self.key or "").encode()) + len((self.id or "").encode())
        for name, value in self.headers.items():
            size += len(name.encode()) + len(value.encode())
        return size


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """A message that was handed to this consumer and waits to be acknowledged.

    ``token`` is the transport's own affair. ``redelivered`` tells that the message was handed out before; it stays
    False where the broker cannot tell.
    """

    message: Message
    token: object
    redelivered: bool = False


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A message of a batch that the broker did not confirm: its place in the batch, and why."""

    index: int
    message: Message
    error: TransportError


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What became of a batch: every message that is not listed here was taken, and the broker has confirmed it."""

    not_taken: tuple[NotTaken, ...] = ()

    def raise_if_any(self) -> None:
        """Raise the error of the first message that was not taken, if there is one."""
        if self.not_taken:
            raise self.not_taken[0].error


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What this kind of broker can do, as it is set up. What is False here costs time or comfort, never correctness."""

    durable: bool
    """Confirmed messages survive a restart of the broker."""
    shared: bool
    """Other processes, and other hosts where the broker allows it, see the same queues."""
    redelivers: bool
    """What a consumer that died had not acknowledged is delivered again."""
    settles_singly: bool
    """An acknowledged message does not come again, whatever becomes of those that were received before it."""
    releases: bool
    """``close`` makes what was not acknowledged available to others at once."""
    broadcasts: bool
    """Broadcasts reach every live subscriber."""
    priorities: bool
    """Among the messages that wait in a queue, those of a lower ``priority`` number are delivered first."""
    depth: bool
    """``depth`` can tell how many messages wait."""
    checks_queues: bool
    """Sending to a queue that was never declared is an error, and makes no queue."""
    max_message_bytes: int
    """The largest ``Message.size`` that is carried."""


class Transport(Protocol):
    """A connection to one broker.

    Every method raises ``Closed`` after ``close``, ``Unavailable`` when the broker cannot be reached, and ``Refused``
    for what will not work however often it is tried: bad credentials, missing rights, an unusable configuration. None
    tries for ever: an answer or an error comes within seconds, and the next call starts afresh.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this transport can do; it never changes."""
        ...

    def declare(self, queues: Iterable[str]) -> None:
        """Make sure that these queues exist. Raises ``Refused`` if one exists and is of another kind."""
        ...

    def send(self, messages: Sequence[Message]) -> SendOutcome:
        """Send a batch; return once the broker has confirmed, with the messages that it did not take.

        An error that concerns single messages (``TooLarge``, ``UnknownQueue``, ``NotConfirmed`` and so on) is in the
        outcome. So is ``Unavailable`` for the messages of one queue that is away, as it may be on a broker that spreads
        queues over machines, where messages to other queues were taken. One that concerns all messages that could be
        sent is raised: then none is known to be taken, and after ``NotConfirmed`` some may have been.
        """
        ...

    def consume(self, queues: Iterable[str]) -> None:
        """Choose the queues that ``receive`` takes from, in place of those chosen before. They must be declared."""
        ...

    def receive(self, max_messages: int, max_wait: float) -> list[Delivery]:
        """Take up to ``max_messages``, waiting up to ``max_wait`` seconds for the first.

        Returns as soon as there is something, without waiting to fill the batch; earlier and with nothing when a
        broadcast has come for this subscriber, or when another thread closes the transport. Takes nothing from the
        broker beyond what it returns, so with 0 it waits for broadcasts only. After an ``Unavailable``, it paces its
        next attempts by itself.
        """
        ...

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        """Settle deliveries, in any order, so that they do not come again.

        One that was settled before, or that has meanwhile gone to another consumer, is passed over.
        """
        ...

    def broadcast(self, message: Message) -> None:
        """Send a message to everybody who is subscribed now, this transport included. ``key`` and ``priority`` count
        for nothing. Raises like ``send``, for this one message; so it does where there are no broadcasts
        (``Capabilities.broadcasts``): nobody gets it, and the broker is asked for a sign of life in its place."""
        ...

    def subscribe(self) -> None:
        """From now on, collect broadcasts. One that comes while the connection is down may be missed. Does nothing
        where there are no broadcasts."""
        ...

    def broadcasts(self) -> list[Message]:
        """Take the broadcasts that ``receive`` has collected so far; never waits."""
        ...

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait in the queue, about; None where the broker cannot tell."""
        ...

    def ping(self) -> None:
        """Ask the broker for a sign of life; raises if there is none."""
        ...

    def close(self) -> None:
        """Give back what was not acknowledged, and let go of the broker. Closing twice is fine, and nothing is raised
        because the broker is away."""
        ...
