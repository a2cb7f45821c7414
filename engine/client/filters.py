"""Which executions are meant: by state, flow, attributes and time of creation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from engine.client.checks import attribute, word
from engine.errors import ConfigError
from engine.model.states import HELD, TERMINAL, ExecutionState

if TYPE_CHECKING:
    from engine.store.query import Conditions

STATES: Final = (ExecutionState.RUNNING, *sorted(HELD), *sorted(TERMINAL))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Executions that meet every condition given; without conditions, all of them."""

    state: str | Collection[str] | None = None
    """One state, or several."""
    flow: str | None = None
    attributes: Mapping[str, str | int | bool] = {}
    since: datetime | None = None
    """Created at this time or later."""
    until: datetime | None = None
    """Created before this time."""
    dead_letters: bool = False
    """Only those with dead letters: steps that used up their attempts and wait for an operator."""

    def conditions(self) -> Conditions:
        """Return the same as the store takes it. Raises ConfigError or DefinitionError for what nothing can meet."""
        if self.flow is not None:
            word("the flow of a filter", self.flow)
        return {
            "state": None if self.state is None else known_states(self.state),
            "flow": self.flow,
            "attributes": {
                word("the name of an attribute", name): attribute(f"the attribute {name!r}", value)
                for name, value in self.attributes.items()
            },
            "created_from_us": to_us(self.since),
            "created_until_us": to_us(self.until),
            "dead_letters": self.dead_letters,
        }


def known_states(state: str | Collection[str]) -> Collection[str]:
    """Return these states as a collection; ConfigError for one that there is not."""
    states = [state] if isinstance(state, str) else list(state)
    for one in states:
        if one not in STATES:
            raise ConfigError(f"there is no state {one!r}; an execution is one of {', '.join(STATES)}")
    return states


def to_us(moment: datetime | None) -> int | None:
    """Return a time in microseconds since 1970; ConfigError for one without a time zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ConfigError(f"the time {moment.isoformat()} has no time zone; add one, for instance tzinfo=UTC")
    return (moment - _EPOCH) // _MICROSECOND
