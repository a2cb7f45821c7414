"""Deciding a single table from Python: values in, outcome out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.compiler import compile_node
from engine.rules.feel.evaluation import Evaluation, bounded_evaluation
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY
from engine.rules.items import ItemType, ItemTypes
from engine.rules.tables.making import make_table
from engine.rules.tables.outcomes import OPEN, fixed_outcomes
from engine.rules.tables.quick import NO_CASE, NOTHING, make_quick
from engine.rules.tables.reading import ByName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engine.rules.feel.values import Value
    from engine.rules.model import DecisionTable, ItemDefinition
    from engine.rules.tables.quick import Quick
    from engine.rules.tables.reading import Reading

Inputs = Mapping[str, Any]


class Decided(NamedTuple):
    """An outcome, and how it came about."""

    outcome: Any
    matched: tuple[int, ...]
    """The rules that matched, counted from 1."""
    problems: tuple[str, ...] = ()
    """Why something is null, where it is."""


class Begun(NamedTuple):
    """An evaluation of a table that has its values, and tests no rule yet."""

    ev: Evaluation
    variables: Mapping[str, Value]
    """What the cells of the table use."""
    values: list[Value] | None
    """One for each column; None if one is not allowed."""


class TableDecider:
    """A decision table that decides on Python's values. Safe for use by several threads.

    Its input expressions may use any names; values are given by these names, and missing ones are null.
    """

    def __init__(
        self,
        table: DecisionTable,
        now: Callable[[], datetime],
        items: Sequence[ItemDefinition] = (),
        variables: Sequence[str] = (),
    ) -> None:
        """Compile a table; ``variables`` are names that its cells use, beyond those of its input expressions.

        Raises FeelSyntaxError and ModelError for one that cannot work.
        """
        problems: list[str] = []
        types = ItemTypes(items, _nowhere, problems)
        expressions = [clause.expression for clause in table.inputs]
        self.names = tuple(sorted({name for text in expressions for name in _names(text, variables)} | set(variables)))
        scope = Scope(dict.fromkeys(self.names, ANY))
        trees = [parse_expression(text, scope) for text in expressions]
        self.source = table
        self.table, self._used = make_table(table, trees, scope, types)
        if problems:
            raise ModelError("; ".join(problems))
        self._now = now
        self._inputs = [compile_node(text, tree, scope) for text, tree in zip(expressions, trees, strict=True)]
        self.fixed = fixed_outcomes(self.table)
        """What rules come to by their places, and last what no hit comes to; see there."""
        self.trees = tuple(trees)
        """The input expressions."""
        by_name = all(isinstance(tree, nodes.Name) for tree in trees)
        self._quick = self.quick_by(ByName(expressions)) if by_name else None

    def decide(self, inputs: Inputs) -> Any:
        """Return the outcome: a value, a dictionary where the table has several outputs; None if no rule matches."""
        hit = self._hit(inputs)
        if hit == NO_CASE:
            return self._evaluated(inputs).outcome
        outcome = self.fixed[hit]
        # Whoever gets a dictionary may change it.
        if type(outcome) is dict:
            return cast("dict[str, Any]", outcome).copy()
        return outcome if outcome is not OPEN else self._concluded(hit, inputs).outcome

    def trace(self, inputs: Inputs) -> Decided:
        """Return the outcome, and which rules matched."""
        hit = self._hit(inputs)
        return self._evaluated(inputs) if hit == NO_CASE else self.decided(hit, inputs)

    def decided(self, hit: int, inputs: Inputs) -> Decided:
        """Return what the table comes to if a rule, by its place, is known to hit alone; or NOTHING."""
        outcome = self.fixed[hit]
        if outcome is OPEN:
            return self._concluded(hit, inputs)
        if type(outcome) is dict:
            outcome = cast("dict[str, Any]", outcome).copy()
        return Decided(outcome, (hit + 1,) if hit != NOTHING else ())

    def quick_by(self, reading: Reading) -> Quick | None:
        """Return the quick way to the rule that hits, from what ``reading`` says; None for a table that has none."""
        table = self.table
        if table.cells is None or table.limits is None:
            return None
        return make_quick(table.cells, table.policy, reading, table.limits)

    def _hit(self, inputs: Inputs) -> int:
        if self._quick is None:
            return NO_CASE
        try:
            return self._quick(inputs)
        except KeyError:
            return NO_CASE

    def _concluded(self, hit: int, inputs: Inputs) -> Decided:
        problems: list[str] = []
        hits = [] if hit == NOTHING else [hit]
        with bounded_evaluation():
            variables = {name: from_python(inputs.get(name)) for name in self._used}
            outcome = to_python(self.table.outcome(Evaluation(self._now, problems), variables, hits))
        return Decided(outcome, tuple(hit + 1 for hit in hits), tuple(problems))

    def begin(self, inputs: Inputs, problems: list[str]) -> Begun:
        """Evaluate the input expressions, and no rule; ``problems`` gets what is wrong with them and later on."""
        ev = Evaluation(self._now, problems)
        variables = {name: from_python(inputs.get(name)) for name in self.names}
        values = self.table.fitting(ev, [expression(ev, variables) for expression in self._inputs])
        return Begun(ev, {name: variables.get(name) for name in self._used}, values)

    def _evaluated(self, inputs: Inputs) -> Decided:
        problems: list[str] = []
        with bounded_evaluation():
            ev, variables, values = self.begin(inputs, problems)
            if values is None:
                return Decided(None, (), tuple(problems))
            matched = self.table.matches(ev, variables, values)
            outcome = to_python(self.table.outcome(ev, variables, matched))
        return Decided(outcome, tuple(hit + 1 for hit in matched), tuple(problems))


def _names(text: str, known: Sequence[str]) -> set[str]:
    """Return the names that an input expression uses, few or none of which are known beforehand."""
    tree = parse_expression(text, Scope(dict.fromkeys(known, ANY))) if text else None
    return set(nodes.names_in(tree)) - (nodes.called(tree) & BUILTINS.keys())


def _nowhere(_name: str) -> ItemType | None:
    return None
