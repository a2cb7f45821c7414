"""Coverage: which rules, and which of their cells, a set of inputs tries out.

A cell was reached if its rule was tested: under FIRST, rules after the one that hits are not. A cell that was only ever
true, or never, shows an input that nobody tried.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.rules.decider import TableDecider
from engine.rules.explaining import explain
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import from_python
from engine.rules.graph import Run
from engine.rules.model import Decision, DecisionTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from engine.rules.decider import Inputs
    from engine.rules.explaining import Explanation
    from engine.rules.graph import Graph


@dataclass(frozen=True, slots=True)
class CellCoverage:
    """How often a cell was true, false and null. All three are 0 for one that was not reached."""

    column: str
    text: str
    true: int = 0
    false: int = 0
    null: int = 0

    @property
    def reached(self) -> bool:
        """Whether it was tested at all."""
        return bool(self.true or self.false or self.null)

    @property
    def covered(self) -> bool:
        """Whether it was seen to hold and not to hold; ``-`` always holds."""
        return self.true > 0 and (self.text.strip() == "-" or self.false + self.null > 0)


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """How often a rule matched, and how often it decided: under FIRST, UNIQUE and ANY, one rule decides."""

    rule: str
    matched: int
    decided: int
    cells: tuple[CellCoverage, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of a table or a set of rules by some cases."""

    cases: int
    rules: tuple[RuleCoverage, ...]
    unmatched: int = 0
    """Cases that no rule matched."""

    @property
    def never_matched(self) -> tuple[str, ...]:
        """The rules that no case matches."""
        return tuple(rule.rule for rule in self.rules if not rule.matched)

    @property
    def never_decided(self) -> tuple[str, ...]:
        """The rules that no case tries: none matches them, or others go first each time."""
        return tuple(rule.rule for rule in self.rules if not rule.decided)

    @property
    def rule_ratio(self) -> float:
        """The share of rules that decided, from 0 to 1; 1 if there are none."""
        return _share([rule.decided > 0 for rule in self.rules])

    @property
    def cell_ratio(self) -> float:
        """The share of cells that were seen to hold and not to hold, from 0 to 1; 1 if there are none."""
        return _share([cell.covered for rule in self.rules for cell in rule.cells])


def _share(held: list[bool]) -> float:
    return sum(held) / len(held) if held else 1.0


def cover(decider: TableDecider, cases: Iterable[Inputs]) -> Coverage:
    """Return how far these inputs try out a table. Raises BudgetExceeded, and NotAValue."""
    return coverage_of(decider.source, [explain(decider, inputs) for inputs in cases])


def cover_model(graph: Graph, cases: Iterable[Inputs], now: Callable[[], datetime]) -> dict[str, Coverage]:
    """Return how far these inputs of a model try out each of its decisions that is a table, by the decision's name.

    Raises BudgetExceeded, NotAValue, and ModelError for a table that cannot work by itself.
    """
    deciders: dict[str, tuple[Decision, TableDecider]] = {}
    for one in graph.model.elements:
        if isinstance(one, Decision) and isinstance(one.expression, DecisionTable):
            names = [found[1].name for reference in one.requires if (found := graph.element_of(reference))]
            deciders[one.name] = one, TableDecider(one.expression, now, graph.model.items, names)
    explained: dict[str, list[Explanation]] = {name: [] for name in deciders}
    for inputs in cases:
        run = Run(Evaluation(now), {name: from_python(value) for name, value in inputs.items()})
        for name, (decision, decider) in deciders.items():
            explained[name].append(explain(decider, graph.variables(run, decision)))
    return {name: coverage_of(decider.source, explained[name]) for name, (_, decider) in deciders.items()}


def coverage_of(table: DecisionTable, explained: Iterable[Explanation]) -> Coverage:
    """Return the coverage of a table by decisions that were explained already."""
    counted = Count(table)
    for one in explained:
        counted.add(one)
    return counted.coverage()


class Count:
    """The coverage of a table, counted one explained decision after the other."""

    def __init__(self, table: DecisionTable) -> None:
        self._table = table
        self._matched: Counter[int] = Counter()
        self._decided: Counter[int] = Counter()
        self._results: Counter[tuple[int, int, bool | None]] = Counter()
        self._cases = 0
        self._unmatched = 0

    def add(self, one: Explanation) -> None:
        """Count a decision."""
        policy, hits = self._table.hit_policy, one.matched
        self._cases += 1
        self._unmatched += not hits
        self._matched.update(hits)
        self._decided.update(hits[:1] if policy in ("FIRST", "UNIQUE", "ANY") else hits)
        reached = one.rules[: hits[0]] if policy == "FIRST" and hits else one.rules
        self._results.update(
            (rule.rule, place, cell.result) for rule in reached for place, cell in enumerate(rule.cells)
        )

    def coverage(self) -> Coverage:
        """Return the coverage by all that was counted."""
        labels = [clause.label or clause.expression for clause in self._table.inputs]
        rules = tuple(
            RuleCoverage(
                str(number), self._matched[number], self._decided[number],
                tuple(
                    CellCoverage(label, text, *(self._results[number, place, result] for result in (True, False, None)))
                    for place, (label, text) in enumerate(zip(labels, rule.conditions, strict=True))
                ),
            )
            for number, rule in enumerate(self._table.rules, 1)
        )  # fmt: skip
        return Coverage(self._cases, rules, self._unmatched)
