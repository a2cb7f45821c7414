"""A decision table that is ready to be decided, by the reference way: rule by rule, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from engine.rules.tables.hits import resolve
from engine.rules.tables.quick import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.rules.feel.compiler import Compiled, CompiledTests
    from engine.rules.feel.evaluation import Evaluation
    from engine.rules.feel.values import Value
    from engine.rules.model import Aggregation, HitPolicy
    from engine.rules.tables.cells import Cell
    from engine.rules.tables.quick import Limit, Quick

    Conform = Callable[[Evaluation, Value], Value]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of conditions: how its value is converted, and what it has to satisfy."""

    label: str
    conform: Conform | None = None
    allowed: CompiledTests | None = None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A column of conclusions."""

    name: str
    conform: Conform | None = None
    allowed: tuple[CompiledTests, ...] = ()
    """One for each allowed value, in the order of their priority."""
    default: Compiled | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A rule. A test that is None is always true."""

    tests: tuple[CompiledTests | None, ...]
    outputs: tuple[Compiled, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table."""

    columns: tuple[Column, ...]
    conclusions: tuple[Conclusion, ...]
    rows: tuple[Row, ...]
    policy: HitPolicy
    aggregation: Aggregation | None = None
    quick: Quick | None = None
    """The quick way to find the rule that hits, for tables that have one."""
    cells: tuple[tuple[Cell | None, ...], ...] | None = None
    """What the cells say, where all of them are plain."""
    limits: tuple[Limit, ...] | None = None
    """What the values of the columns have to be, where that can be told as plainly."""

    def decide(self, ev: Evaluation, variables: Mapping[str, Value], inputs: list[Value]) -> Value:
        """Return what the table comes to for these inputs, one for each column; ``variables`` are for its cells."""
        values = self.fitting(ev, inputs)
        if values is None:
            return None
        hits = self.matches(ev, variables, values)
        if ev.matched is not None:
            ev.matched.append((ev.decision, hits))
        return self.outcome(ev, variables, hits)

    def fitting(self, ev: Evaluation, inputs: list[Value]) -> list[Value] | None:
        """Return the inputs as its columns have them; None, and a problem, if one is not allowed."""
        values: list[Value] = []
        for column, value in zip(self.columns, inputs, strict=True):
            fitting = value if column.conform is None else column.conform(ev, value)
            if column.allowed is not None and fitting is not None and column.allowed(ev, {}, fitting) is not True:
                return ev.problem(f"the value of {column.label!r} is none of those that the table allows")
            values.append(fitting)
        return values

    def outcome(self, ev: Evaluation, variables: Mapping[str, Value], hits: list[int]) -> Value:
        """Return what the table comes to if these rules match, as ``matches`` gave them."""
        if not hits:
            return self._default(ev, variables)
        return resolve(
            ev, self.policy, self.aggregation, hits, lambda hit: self.conclusion(ev, variables, hit),
            lambda output: self._priority(ev, output),
        )  # fmt: skip

    def matches(self, ev: Evaluation, variables: Mapping[str, Value], values: list[Value]) -> list[int]:
        """Return which rules match, by their place from 0; where the first one decides, that one alone."""
        if self.quick is not None:
            hit = self.quick(*values)
            if hit >= 0:
                return [hit]
            if hit == NOTHING:
                return []
        ev.spend(len(self.rows))
        matching = (
            place
            for place, row in enumerate(self.rows)
            if all(
                test is None or test(ev, variables, value) is True
                for test, value in zip(row.tests, values, strict=True)
            )
        )
        return [*islice(matching, 1 if self.policy == "FIRST" else None)]

    def conclusion(self, ev: Evaluation, variables: Mapping[str, Value], hit: int) -> Value:
        """Return what one rule concludes, by its place from 0: a value, or a context of several."""
        outputs = [expression(ev, variables) for expression in self.rows[hit].outputs]
        return self._shaped(
            [self._checked(ev, column, value) for column, value in zip(self.conclusions, outputs, strict=True)]
        )

    def _default(self, ev: Evaluation, variables: Mapping[str, Value]) -> Value:
        if all(column.default is None for column in self.conclusions):
            return ev.problem("no rule of the table matches")
        return self._shaped(
            [None if column.default is None else column.default(ev, variables) for column in self.conclusions]
        )

    def _shaped(self, outputs: list[Value]) -> Value:
        if len(self.conclusions) == 1:
            return outputs[0]
        return {column.name: value for column, value in zip(self.conclusions, outputs, strict=True)}

    @staticmethod
    def _checked(ev: Evaluation, column: Conclusion, value: Value) -> Value:
        fitting = value if column.conform is None else column.conform(ev, value)
        if column.allowed and fitting is not None and not any(test(ev, {}, fitting) is True for test in column.allowed):
            return ev.problem(f"{column.name or 'the output'} is none of the values that the table allows")
        return fitting

    def _priority(self, ev: Evaluation, output: Value) -> tuple[int, ...]:
        if len(self.conclusions) == 1:
            return (_place(ev, self.conclusions[0], output),)
        entries = output if type(output) is dict else {}
        return tuple(_place(ev, column, entries.get(column.name)) for column in self.conclusions)


def _place(ev: Evaluation, column: Conclusion, value: Value) -> int:
    """Return the place of an output among those that its column allows; what is not allowed comes last."""
    for place, test in enumerate(column.allowed):
        if test(ev, {}, value) is True:
            return place
    return len(column.allowed)
