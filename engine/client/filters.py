"""Which executions are meant: by state, flow, attributes and time of creation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from engine.errors import ConfigError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Executions that meet every condition given; without conditions, all of them."""

    state: str | None = None
    flow: str | None = None
    attributes: Mapping[str, str] = {}
    since: datetime | None = None
    """Created at this time or later."""
    until: datetime | None = None
    """Created before this time."""


def to_us(moment: datetime | None) -> int | None:
    """Return a time in microseconds since 1970; ConfigError for one without a time zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ConfigError(f"the time {moment.isoformat()} has no time zone; add one, for instance tzinfo=UTC")
    return (moment - _EPOCH) // _MICROSECOND
