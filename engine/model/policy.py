"""What has to be shown of a version of rules before it is activated, and scenarios as the store has them."""

from __future__ import annotations

from typing import Final

import msgspec

EVERY: Final = "*"
"""Stands for the rules of every name of which nothing else is required."""


class RulePolicy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is required of a version before it is activated. Shares are from 0 to 1."""

    tested: bool = False
    """There are stored scenarios, and all of them pass."""
    row_coverage: float | None = None
    """The share of each table's rules that decide some stored scenario."""
    cell_coverage: float | None = None
    """The share of each table's cells that stored scenarios see hold, and not hold."""
    no_gaps: bool = False
    """No inputs are left that no rule of a table matches."""
    no_overlaps: bool = False
    """No two rules of a table match the same inputs, where its hit policy has no use for that."""
    no_shadowed: bool = False
    """No rule is without use: others take all of its inputs, or it matches nothing."""
    backtest_changes: float | None = None
    """The share of recorded decisions, of the newest ones, that may come to another outcome. It may be 0."""

    @property
    def names(self) -> tuple[str, ...]:
        """What it requires, by name, in the order of the fields."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return tuple(name for name, value in values if value is not None and value is not False)

    @property
    def asks_scenarios(self) -> bool:
        """Whether anything of it depends on stored scenarios."""
        return self.tested or self.row_coverage is not None or self.cell_coverage is not None

    @property
    def asks_analysis(self) -> bool:
        """Whether anything of it depends on what the tables are by themselves."""
        return self.no_gaps or self.no_overlaps or self.no_shadowed


class Required(msgspec.Struct, frozen=True):
    """What is required of the rules of a name."""

    policy: RulePolicy
    name: str | None = None
    """Whose policy it is: theirs, or that of every name; None: neither has one."""
    author: str | None = None
    changed_us: int | None = None


class RuleScenario(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario of rules: inputs, and what they have to come to in every version that is to decide."""

    rule: str
    name: str
    decision: str | None = None
    """None: the decision that no other one requires."""
    inputs: str
    """As :mod:`engine.rules.recorded` writes values."""
    expected: str
    """Likewise."""
    now_us: int = 0
    """What ``now()`` is to the rules."""
    author: str | None = None
    created_us: int = 0


class Guard(msgspec.Struct, frozen=True):
    """What an activation depends on, beside the version: equal guards let the same versions pass."""

    policy: RulePolicy
    scenarios: tuple[RuleScenario, ...] = ()
    """Those of the rules' name, by their names; none where nothing that is required depends on them."""
