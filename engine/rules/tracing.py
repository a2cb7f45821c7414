"""How an outcome came about, told alike for tables and for rules written in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Change:
    """A value that a rule set: its path in the outcome or the facts, and what it was before."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule that counted: a row of a table, such as ``discount 3``, or a rule of a set, such as ``credit/minors``."""

    rule: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Trace(Generic[R]):
    """An outcome, and the rules that made it, in the order in which they fired."""

    outcome: R
    fired: tuple[Firing, ...]
    problems: tuple[str, ...] = ()
    """Why something is null, where it is."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules that fired."""
        return tuple(firing.rule for firing in self.fired)
