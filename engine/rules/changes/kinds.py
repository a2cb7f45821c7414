"""What may differ between two models, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Step = Literal["same", "changed", "added", "removed", "moved"]
Side = Literal["input", "output", "remark"]
Kind = Literal["model", "imported model", "import", "type", "input", "decision", "function", "service"]


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that has one value, and had another; None: it had, or has, none."""

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of either table, under the title that it has now."""

    side: Side
    title: str
    step: Step
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a rule; None: there was, or is, none."""

    old: str | None
    new: str | None

    @property
    def differs(self) -> bool:
        """Whether it is not as before."""
        return self.old != self.new


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that is not as before: its places, counted from 1, and a cell for each column."""

    step: Step
    old_place: int | None
    new_place: int | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class TableChange:
    """What differs in a table: its settings, all columns of both, the rules that differ, and how many are as before."""

    settings: tuple[Setting, ...]
    columns: tuple[Column, ...]
    rules: tuple[RuleChange, ...]
    as_before: int

    @property
    def differs(self) -> bool:
        """Whether anything is not as before."""
        return bool(self.settings or self.rules or any(one.step != "same" for one in self.columns))


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a model that is not as before."""

    kind: Kind
    name: str
    step: Step
    was: str | None = None
    """What it was called before, if it has another name now."""
    settings: tuple[Setting, ...] = ()
    table: TableChange | None = None
    within: str | None = None
    """The imported model that it is a part of."""
