"""Which transports a run tries: all of them, where it is not told otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

VARIABLE = "MILEPOST_TEST_TRANSPORTS"
"""The names of those that are to be tried, with commas between."""


def chosen(names: Iterable[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return those of the names that this run tries."""
    wanted = {name.strip() for name in environment.get(VARIABLE, "").split(",")} - {""}
    return [name for name in names if not wanted or name in wanted]
