"""Why a table decided as it did, and why it did not decide otherwise: every cell of every rule, evaluated once more.

The same inputs, and the same moment for now, explain the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.rules.feel.exchange import to_python

if TYPE_CHECKING:
    from engine.rules.decider import Begun, Inputs, TableDecider
    from engine.rules.model import DecisionTable
    from engine.rules.tables.table import Table


@dataclass(frozen=True, slots=True)
class CellExplained:
    """A cell: its text, the value it was tested with, and what the test came to (None is FEEL's null)."""

    column: str
    text: str
    value: Any
    result: bool | None


@dataclass(frozen=True, slots=True)
class RuleExplained:
    """A rule, counted from 1. ``outcome`` is what it concludes, if it matches."""

    rule: int
    cells: tuple[CellExplained, ...]
    matched: bool
    outcome: Any = None

    @property
    def failing(self) -> tuple[CellExplained, ...]:
        """The cells that keep it from matching."""
        return tuple(cell for cell in self.cells if cell.result is not True)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision by one table."""

    rules: tuple[RuleExplained, ...]
    outcome: Any
    problems: tuple[str, ...] = ()
    """Why something is null, where it is. Without any rule, the inputs are not allowed."""

    @property
    def matched(self) -> tuple[int, ...]:
        """The rules that match."""
        return tuple(rule.rule for rule in self.rules if rule.matched)

    def why_not(self, rule: int) -> tuple[CellExplained, ...]:
        """Return the cells that kept a rule, counted from 1, from matching."""
        return self.rules[rule - 1].failing


def explain(decider: TableDecider, inputs: Inputs) -> Explanation:
    """Return what each cell of a table says to these inputs, and what the table decides.

    Raises BudgetExceeded, and NotAValue for an input that no rule knows.
    """
    problems: list[str] = []
    return explain_table(decider.source, decider.table, decider.begin(inputs, problems), problems)


def explain_table(source: DecisionTable, table: Table, begun: Begun, problems: list[str]) -> Explanation:
    """Return what each cell of a table says that has its values; ``problems`` is what the evaluation adds to."""
    if begun.values is None:
        return Explanation((), None, tuple(problems))
    before = len(problems)
    rules = tuple(_explained(source, table, begun, place) for place in range(len(source.rules)))
    hits = [rule.rule - 1 for rule in rules if rule.matched]
    # What the cells of other rules found wrong says nothing about the outcome.
    del problems[before:]
    outcome = to_python(table.outcome(begun.ev, begun.variables, hits))
    return Explanation(rules, outcome, tuple(problems))


def _explained(source: DecisionTable, table: Table, begun: Begun, place: int) -> RuleExplained:
    ev, variables, values = begun
    rule, row = source.rules[place], table.rows[place]
    cells = tuple(
        CellExplained(column.label, text, to_python(value), True if test is None else test(ev, variables, value))
        for column, text, test, value in zip(table.columns, rule.conditions, row.tests, values or (), strict=True)
    )
    matched = all(cell.result is True for cell in cells)
    outcome = to_python(table.conclusion(ev, variables, place)) if matched else None
    return RuleExplained(place + 1, cells, matched, outcome)
