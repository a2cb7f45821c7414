"""What the doctor finds: one verdict for each check."""

from __future__ import annotations

from typing import Final

import msgspec


class Verdict:
    """How a check ended."""

    GOOD: Final = "good"
    DOUBTFUL: Final = "doubtful"
    """It works, and may not be what was meant."""
    BAD: Final = "bad"
    """Workers, or programs that start executions, will not work."""


class Finding(msgspec.Struct, frozen=True):
    """One check."""

    part: str
    """``store``, ``broker``, ``brokers`` (of other programs), ``triggers`` or ``workers``."""
    check: str
    verdict: str
    detail: str
    """What was found."""
    advice: str = ""
    """What to do about it; empty where there is nothing to do."""
