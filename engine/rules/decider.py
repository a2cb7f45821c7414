"""Deciding a single table from Python: values in, outcome out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.compiler import Fixed, compile_node
from engine.rules.feel.evaluation import Evaluation, bounded
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY
from engine.rules.items import ItemType, ItemTypes
from engine.rules.tables.making import make_table
from engine.rules.tables.quick import NO_CASE, make_quick

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from engine.rules.feel.values import Value
    from engine.rules.model import DecisionTable, ItemDefinition
    from engine.rules.tables.quick import Quick
    from engine.rules.tables.table import Table

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
        self._outcomes = _outcomes(self.table)
        self._quick = self._keyed(expressions, trees)

    def decide(self, inputs: Inputs) -> Any:
        """Return the outcome: a value, a dictionary where the table has several outputs; None if no rule matches."""
        hit = self._hit(inputs)
        return self._outcome(hit) if hit >= 0 else self._evaluated(inputs).outcome

    def trace(self, inputs: Inputs) -> Decided:
        """Return the outcome, and which rules matched."""
        hit = self._hit(inputs)
        return Decided(self._outcome(hit), (hit + 1,)) if hit >= 0 else self._evaluated(inputs)

    def _hit(self, inputs: Inputs) -> int:
        if self._quick is None:
            return NO_CASE
        try:
            return self._quick(inputs)
        except KeyError:
            return NO_CASE

    def _outcome(self, hit: int) -> Any:
        outcome = self._outcomes[hit]
        # Whoever gets a dictionary may change it.
        return outcome if type(outcome) is not dict else cast("dict[str, Any]", outcome).copy()

    def _keyed(self, expressions: Sequence[str], trees: Sequence[nodes.Node]) -> Quick | None:
        """Return the quick way from inputs to rules, for a table of names, plain cells and constant outcomes."""
        table = self.table
        if table.cells is None or not self._outcomes or not all(isinstance(tree, nodes.Name) for tree in trees):
            return None
        if any(column.conform is not None or column.allowed is not None for column in table.columns):
            return None
        return make_quick(table.cells, table.policy, expressions)

    def begin(self, inputs: Inputs, problems: list[str]) -> Begun:
        """Evaluate the input expressions, and no rule; ``problems`` gets what is wrong with them and later on."""
        ev = Evaluation(self._now, problems)
        variables = {name: from_python(inputs.get(name)) for name in self.names}
        values = self.table.fitting(ev, [expression(ev, variables) for expression in self._inputs])
        return Begun(ev, {name: variables.get(name) for name in self._used}, values)

    def _evaluated(self, inputs: Inputs) -> Decided:
        problems: list[str] = []
        with bounded():
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


def _outcomes(table: Table) -> list[Any]:
    """Return the outcome of each rule, if all are constants that need no conversion; else nothing."""
    if any(column.conform is not None or column.allowed for column in table.conclusions):
        return []
    found: list[Any] = []
    for row in table.rows:
        constants = [output.value for output in row.outputs if isinstance(output, Fixed)]
        if len(constants) != len(row.outputs):
            return []
        values = [to_python(value) for value in constants]
        names = [column.name for column in table.conclusions]
        found.append(values[0] if len(values) == 1 else dict(zip(names, values, strict=True)))
    return found


def _nowhere(_name: str) -> ItemType | None:
    return None
