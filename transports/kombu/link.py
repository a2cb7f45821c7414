"""What the transport asks of the connection to one kind of broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from transports.protocol import Delivery, Message


class Link(Protocol):
    """A connection, made when it is first used and made anew after it broke. Safe to use from several threads.

    Methods raise whatever the client raises; ``problem`` says what that means.
    """

    def declare(self, queues: Sequence[str]) -> None:
        """Make sure that these queues can be used."""
        ...

    def name(self, queue: str) -> str:
        """Return what a queue is called in the broker. Raises Refused for one that none can be called."""
        ...

    def put(self, messages: Sequence[Message]) -> None:
        """Have the broker take all of these messages. Raises NotConfirmed where it is not known whether it did."""
        ...

    def consume(self, queues: Sequence[str]) -> None:
        """Choose the queues that ``take`` takes from."""
        ...

    def take(self, limit: int) -> list[Delivery]:
        """Take up to so many messages, and no more; never waits for one."""
        ...

    def settle(self, deliveries: Collection[Delivery]) -> None:
        """Make sure that these do not come again."""
        ...

    def publish(self, message: Message) -> None:
        """Send a broadcast."""
        ...

    def subscribe(self) -> None:
        """Collect broadcasts from now on."""
        ...

    def heard(self) -> list[Message]:
        """Take the broadcasts that have arrived; never waits."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when there may be something to take or to hear, when ``wake`` is called, or after so many seconds."""
        ...

    def wake(self) -> None:
        """End a ``wait``, now or the next one."""
        ...

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait; None where that cannot be told."""
        ...

    def ping(self) -> None:
        """Ask for a sign of life."""
        ...

    def close(self) -> None:
        """Give back what was not settled, and let go of the broker. Raises if that could not be done."""
        ...

    def problem(self, error: Exception) -> Exception:
        """Return the transport's error for one of the client's; the same where it means nothing in particular."""
        ...
