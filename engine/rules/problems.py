"""What is wrong with rules, and where: in which decision, rule and column, or in which row and cell of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from engine.rules.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN: Final = 20
"""How many problems a message lists."""

Part = Literal["expression", "type", "allowed", "default", "condition", "conclusion"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a table: ``column`` counts inputs and then outputs from 0, ``rule`` rules from 0 (-1: the head)."""

    part: Part
    column: int
    rule: int = -1


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, and where it is."""

    text: str
    decision: str | None = None
    place: str | None = None
    """Within the decision: ``rule 2, input 'Age'``; in a file: ``fares.csv, row 4, column B``."""
    spot: Spot | None = None

    def __str__(self) -> str:
        """Return it as one text, the place first."""
        decision = None if self.decision is None else f"decision {self.decision!r}"
        return ": ".join([*filter(None, [", ".join(filter(None, [decision, self.place]))]), self.text])


class RuleFileError(ModelError):
    """A file of rules cannot be used as it is. ``problems`` are all that was found, and nothing was imported."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        shown = [str(problem) for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            shown.append(f"and {len(problems) - SHOWN} more")
        super().__init__(f"{file}: " + "\n".join(shown))
