"""Time for the in-process broker: the machine's, or one that a simulation moves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading


class Clock(Protocol):
    """Tells the time, in microseconds from any beginning, and waits."""

    def now_us(self) -> int:
        """Return the time now."""
        ...

    def wait(self, condition: threading.Condition, timeout_us: int) -> None:
        """Return when the condition, which the caller holds, is notified or this much time has passed."""
        ...


class MonotonicClock:
    """Time as the machine counts it."""

    def now_us(self) -> int:
        """Return the time since some moment in the past."""
        return time.monotonic_ns() // 1000

    def wait(self, condition: threading.Condition, timeout_us: int) -> None:
        """Wait for the condition, or for so much of real time."""
        condition.wait(timeout_us / 1e6)


class ManualClock:
    """Time that moves only when it is told to, for simulations on one thread.

    Waiting takes no real time: it moves the clock on by as much as the wait would have lasted.
    """

    def __init__(self, start_us: int = 0) -> None:
        self._now_us = start_us

    def now_us(self) -> int:
        """Return the time it was moved to."""
        return self._now_us

    def advance(self, by_us: int) -> None:
        """Move the time on; raises ValueError for a step back."""
        if by_us < 0:
            raise ValueError(f"a clock cannot go back by {-by_us} us")
        self._now_us += by_us

    def wait(self, condition: threading.Condition, timeout_us: int) -> None:
        """Move the time on by the timeout."""
        self.advance(max(timeout_us, 0))
