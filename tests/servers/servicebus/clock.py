"""The server's clock. The protocol carries times of day, in milliseconds since 1970."""

from __future__ import annotations

import re
import time

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def now_ms() -> int:
    """Return the time now."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - a server's time of day is what it tells its clients


def milliseconds(duration: str) -> int:
    """Read a duration such as ``PT1M`` or ``P1DT2.5S``."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        raise ValueError(duration)
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return int((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000)
