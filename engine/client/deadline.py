"""How long somebody is ready to wait for an end."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from engine.errors import ResultTimeout
from engine.model.durations import parse_duration

if TYPE_CHECKING:
    from engine.client.outcomes import Outcome

Timeout = float | str | timedelta | None
LOOK_SECONDS: Final = 5.0
"""How long one wait lasts at most before its caller looks again: a safety net below the waiter's own."""


class Deadline:
    """The moment at which a wait that begins now is over; never, for a timeout of None."""

    def __init__(self, timeout: Timeout) -> None:
        self._timeout = timeout
        self._end = None if timeout is None else time.monotonic() + parse_duration(timeout) / 1e6

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return self._end is not None and time.monotonic() >= self._end

    def wait_seconds(self, outcome: Outcome) -> float:
        """Return how long to wait at once for an execution that stands so. Raises ResultTimeout when it is over."""
        if self._end is None:
            return LOOK_SECONDS
        left = self._end - time.monotonic()
        if left <= 0:
            shown = self._timeout if isinstance(self._timeout, str | timedelta) else f"{self._timeout} s"
            raise ResultTimeout(
                f"execution {outcome.id} is still {outcome.state} after {shown}; it goes on, and its result can be "
                f"asked for again"
            )
        return min(left, LOOK_SECONDS)
