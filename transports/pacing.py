"""How long to leave a broker alone after it failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


class Pacing:
    """Pauses that double from ``first_seconds`` to ``longest_seconds``, each shortened by up to half at random.

    Without the random part, everybody who lost the same broker would come back at the same moment.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        first_seconds: float = 0.05,
        longest_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rng = rng
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._clock = clock
        self._failures = 0
        self._next_at = 0.0

    def failed(self) -> None:
        """Take note of a failure: the next attempt has to wait."""
        # The exponent is bounded so that years of failures do not make it overflow.
        longest = min(self._first_seconds * 2.0 ** min(self._failures, 30), self._longest_seconds)
        self._failures += 1
        self._next_at = self._clock() + longest * (0.5 + self._rng.random() / 2)

    def succeeded(self) -> None:
        """Forget the failures."""
        self._failures = 0

    def remaining_seconds(self) -> float:
        """Return how long the next attempt still has to wait; 0 when it may start."""
        if self._failures == 0:
            return 0.0
        return max(self._next_at - self._clock(), 0.0)
