"""What an analysis finds. Rules are counted from 1, and every finding shows itself at an example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.rules.feel.exchange import from_python
from engine.rules.literals import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rules.model import HitPolicy

Kind = Literal["gaps", "overlaps", "shadowed rules", "unreachable rules"]


@dataclass(frozen=True, slots=True)
class Example:
    """Inputs at which a finding shows itself."""

    values: tuple[Any, ...]
    """One for each column."""
    inputs: Mapping[str, Any] | None
    """What the table is given to have these values; None if a column computes its value."""

    def __str__(self) -> str:
        """Write the inputs, or the values of the columns, as rules write them."""
        shown = self.inputs if self.inputs is not None else dict(enumerate(self.values, 1))
        return ", ".join(f"{name} = {literal(from_python(value))}" for name, value in shown.items())


@dataclass(frozen=True, slots=True)
class Gap:
    """Inputs that no rule matches. ``conditions`` are the cells of a rule that would match just these."""

    conditions: tuple[str, ...]
    example: Example

    def __str__(self) -> str:
        """Say what is not covered."""
        return f"no rule matches {' | '.join(self.conditions)}, such as {self.example}"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two rules that match the same inputs.

    ``conflict`` says whether they come to different outputs; None if these are computed, and may or may not differ.
    """

    rules: tuple[int, int]
    example: Example
    conflict: bool | None
    allowed: bool
    """Whether the hit policy has a use for it."""

    def __str__(self) -> str:
        """Say which rules overlap."""
        outputs = {True: "with different outputs", False: "with the same outputs", None: "with computed outputs"}
        return f"rules {self.rules[0]} and {self.rules[1]} both match {self.example}, {outputs[self.conflict]}"


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A rule that never counts: others, which go first, take all of its inputs."""

    rule: int
    by: tuple[int, ...]
    example: Example

    def __str__(self) -> str:
        """Say which rules take its inputs."""
        taking = f"rule {self.by[0]} takes" if len(self.by) == 1 else f"rules {', '.join(map(str, self.by))} take"
        return f"rule {self.rule} is never reached: {taking} all of its inputs, such as {self.example}"


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A rule that matches nothing. ``example`` is what its cell is true of and the table does not allow, if any."""

    rule: int
    column: str
    text: str
    reason: str
    example: Example | None

    def __str__(self) -> str:
        """Say which cell is to blame."""
        shown = "" if self.example is None else f", such as {self.example}"
        return f"rule {self.rule} never matches: {self.text} in {self.column!r} {self.reason}{shown}"


@dataclass(frozen=True, slots=True)
class NotAnalysed:
    """Something that the analysis cannot see into. A finding never depends on what it is."""

    rule: int | None
    """None for what a column allows."""
    column: str | None
    """None for a condition that is in no column."""
    text: str

    def __str__(self) -> str:
        """Say what and where it is."""
        column = "" if self.column is None else f" in {self.column!r}"
        rule = "" if self.rule is None else f" of rule {self.rule}"
        return f"{self.text}{column}{rule} was not analysed"


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in a table."""

    policy: HitPolicy
    gaps: tuple[Gap, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    shadowed: tuple[Shadowed, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    not_analysed: tuple[NotAnalysed, ...] = ()
    incomplete: tuple[str, ...] = ()
    """Why there may be more than was found; nothing, if that is all."""
    unfinished: frozenset[Kind] = frozenset()
    """The kinds of which there may be more."""

    @property
    def complete(self) -> bool:
        """Whether everything that can be found was found."""
        return not self.incomplete

    @property
    def findings(self) -> tuple[Gap | Overlap | Shadowed | Unreachable, ...]:
        """What is wrong, given the hit policy: overlaps that it has a use for are left out."""
        overlaps = tuple(one for one in self.overlaps if not one.allowed)
        return (*self.gaps, *overlaps, *self.shadowed, *self.unreachable)

    def __str__(self) -> str:
        """Write a line for each finding."""
        lines = [str(finding) for finding in self.findings] or ["nothing was found"]
        return "\n".join([*lines, *map(str, self.not_analysed), *self.incomplete])
