"""Results that are not there yet."""

from __future__ import annotations

from typing import Any, Final, Protocol

PENDING: Final = 0
RESOLVED: Final = 1
FAILED: Final = 2
CANCELLED: Final = 3


class Waiter(Protocol):
    """What is told when a future is finished: a branch that awaits it, or a group of which it is a member."""

    def wake(self, future: Future) -> None:
        """Take note that ``future`` is finished."""
        ...


class Future:
    """A result to be: ``state`` says whether it is there, ``value`` or ``error`` is it. One waiter at most."""

    __slots__ = ("error", "index", "state", "value", "waiter")

    index: int
    """Its place in the group that waits for it; set by the group."""

    def __init__(self) -> None:
        self.state = PENDING
        self.value: Any = None
        self.error: BaseException | None = None
        self.waiter: Waiter | None = None

    def resolve(self, value: Any) -> None:
        """Finish with a value."""
        self.state = RESOLVED
        self.value = value
        if self.waiter is not None:
            self.waiter.wake(self)

    def fail(self, error: BaseException) -> None:
        """Finish with an error, which is raised in the branch that waits."""
        self.state = FAILED
        self.error = error
        if self.waiter is not None:
            self.waiter.wake(self)

    def give_up(self) -> None:
        """Finish as cancelled: ``FlowCancelled`` is raised in the branch that waits."""
        self.state = CANCELLED
        if self.waiter is not None:
            self.waiter.wake(self)

    def cancel(self) -> None:
        """Ask for it not to go on. It may be finished on return, or later, after it has cleaned up."""
        if self.state == PENDING:
            self.give_up()
