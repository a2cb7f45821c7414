"""What rules decided at the edge of the engine: whether something is let in, and what an event does."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.model.messages import KEY_LENGTH

FILTER: Final = "milepost.filter"
GUARD: Final = "milepost.guard"
ROUTE: Final = "milepost.route"
MATCHED: Final = "milepost.route.matched"
"""Attributes of executions: which version of which rules let them in, or started them, and by which of its rules."""


class Basis(msgspec.Struct, frozen=True):
    """By what it was decided."""

    rule: str
    """The name of the rules."""
    version: int
    matched: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """For each table that was decided: the name of its decision, and the rules that matched, counted from 1."""

    @property
    def text(self) -> str:
        """How messages call it."""
        matched = self.matched_text
        return f"version {self.version} of the rules {self.rule!r}" + (f" ({matched})" if matched else "")

    @property
    def matched_text(self) -> str:
        """Which rules matched; empty if none did."""
        return ", ".join(f"{_counted(rules)} of {decision!r}" for decision, rules in self.matched if rules)

    @property
    def word(self) -> str:
        """What executions can be found by: ``event-routing version 3``."""
        version = f" version {self.version}"
        return self.rule[: KEY_LENGTH - len(version)] + version


class Verdict(msgspec.Struct, frozen=True):
    """Whether something is let in."""

    basis: Basis
    accepted: bool
    reason: str | None = None
    """Why not, or what it is accepted for; None if the rules do not say."""

    @property
    def refusal(self) -> str:
        """Why it is refused, in one line."""
        return f"refused by {self.basis.text}" + (f": {self.reason}" if self.reason else "")


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an event does: it starts a flow, or is a signal."""

    flow: str | None = None
    signal: str | None = None
    """One of the two is there."""
    input: str | None = None
    """The flow's arguments by name, or the signal's payload, as JSON text; None: the event itself."""
    key: str | None = None
    """What the execution is started with, or was; None: nothing else is started by this event and place."""
    queue: str | None = None
    priority: int | None = None
    delay_us: int | None = None


class Actions(msgspec.Struct, frozen=True):
    """All that an event does, in order."""

    basis: Basis
    actions: tuple[Action, ...]


def _counted(rules: tuple[int, ...]) -> str:
    *before, last = map(str, rules)
    return f"rules {', '.join(before)} and {last}" if before else f"rule {last}"
