"""Which transports a run tries: all of them, but for those that CI has no time for yet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

VARIABLE = "MILEPOST_TEST_TRANSPORTS"
"""The names of those that are to be tried, with commas between, or ``all``."""
NOT_IN_CI = ("azureservicebus", "kafka", "kombu", "sqs")
"""Beginnings of the names of those that CI leaves out where it is not told otherwise."""


def chosen(names: Iterable[str], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return those of the names that this run tries."""
    told = environment.get(VARIABLE, "").strip()
    if told and told != "all":
        wanted = {name.strip() for name in told.split(",")}
        return [name for name in names if name in wanted]
    return [name for name in names if not name.startswith(left_out(environment))]


def left_out(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the beginnings of the names of those that this run leaves out because it is CI's."""
    in_ci = environment.get("CI", "").strip().lower() in {"1", "true", "yes", "on"}
    return NOT_IN_CI if in_ci and not environment.get(VARIABLE, "").strip() else ()
