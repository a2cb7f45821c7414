"""How an execution is started, apart from the arguments of its flow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

Delay = str | int | float | timedelta


class StartOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a start. They are kept apart from the flow's arguments, so that the names of the two never clash."""

    key: str | None = None
    """An idempotency key: a second start with the same key returns the first one's execution."""
    queue: str | None = None
    """None: the flow's own, else ``default``."""
    priority: int | None = None
    """0 (first) to 9 (last); None: the flow's own, else 5."""
    delay: Delay | None = None
    """Start it so much later: ``"5m"``, a number of seconds, or a timedelta."""
    attributes: Mapping[str, str | int | bool] = {}
    """Words to find it by."""
    version: int | None = None
    """The version of a flow that is named by text; None: the highest one known here, else 1."""
