"""What happened, one line each, and how often each kind of thing did."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

KEPT = 120


class Diary:
    """The last lines of a course of events, or all of them; and counts of what happened."""

    def __init__(self, now_us: Callable[[], int], *, whole: bool) -> None:
        self._now_us = now_us
        self._start_us = now_us()
        self.lines: deque[str] = deque(maxlen=None if whole else KEPT)
        self.fired: Counter[str] = Counter()

    def note(self, who: str, what: str) -> None:
        """Add a line."""
        self.lines.append(f"{(self._now_us() - self._start_us) / 1e6:9.3f}  {who:<10} {what}")

    def fire(self, fault: str) -> None:
        """Count a fault, or a boundary, that was hit."""
        self.fired[fault] += 1
