"""Numbers out of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def spread(seconds: Iterable[float]) -> dict[str, float]:
    """Return the median and the 95th percentile of times, in milliseconds."""
    ms = [one * 1e3 for one in seconds]
    return {"p50": percentile(ms, 50), "p95": percentile(ms, 95)}


def per(amount: float | None, count: float) -> float | None:
    """Return an amount for each of ``count``; None if the amount is not known."""
    return None if amount is None else amount / count


def rounded(value: Any) -> Any:
    """Return figures with as many digits as mean something."""
    if isinstance(value, float):
        return round(value, 1) if abs(value) >= 100 else float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [rounded(each) for each in cast("list[Any]", value)]
    return value
