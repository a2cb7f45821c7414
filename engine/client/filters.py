"""Which executions are meant: by state, flow, attributes and time of creation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from engine.errors import ConfigError
from engine.store.query import Conditions

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Executions that meet every condition given; without conditions, all of them."""

    state: str | Collection[str] | None = None
    """One state, or several."""
    flow: str | None = None
    attributes: Mapping[str, str] = {}
    since: datetime | None = None
    """Created at this time or later."""
    until: datetime | None = None
    """Created before this time."""
    dead_letters: bool = False
    """Only those with dead letters: steps that used up their attempts and wait for an operator."""

    def conditions(self) -> Conditions:
        """Return the same as the store takes it."""
        return {
            "state": self.state,
            "flow": self.flow,
            "attributes": self.attributes,
            "created_from_us": to_us(self.since),
            "created_until_us": to_us(self.until),
            "dead_letters": self.dead_letters,
        }


def to_us(moment: datetime | None) -> int | None:
    """Return a time in microseconds since 1970; ConfigError for one without a time zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ConfigError(f"the time {moment.isoformat()} has no time zone; add one, for instance tzinfo=UTC")
    return (moment - _EPOCH) // _MICROSECOND
