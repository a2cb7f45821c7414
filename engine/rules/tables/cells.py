"""What the cells of a table say, where it can be said without evaluating: sets of values and intervals.

Such cells are what indexes, chains of comparisons and the search for gaps and overlaps are made from. Any other cell is
``None`` here, and is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from engine.rules.feel import nodes

if TYPE_CHECKING:
    from engine.rules.feel.nodes import Node

Scalar = Decimal | str | bool
Domain = Literal["number", "string", "boolean"]


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers between two ends; an end that is None is open for ever."""

    low: Decimal | None
    high: Decimal | None
    low_closed: bool
    high_closed: bool

    def holds(self, value: Decimal) -> bool:
        """Tell whether a number is within."""
        if self.low is not None and not (value > self.low or (self.low_closed and value == self.low)):
            return False
        return self.high is None or value < self.high or (self.high_closed and value == self.high)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: true for these values and intervals, or for all but these. All are of one domain."""

    domain: Domain
    values: frozenset[Scalar] = frozenset()
    intervals: tuple[Interval, ...] = ()
    negated: bool = False

    @property
    def bounds(self) -> list[Decimal]:
        """The numbers that it compares with."""
        found = [value for value in self.values if isinstance(value, Decimal)]
        return found + [end for one in self.intervals for end in (one.low, one.high) if end is not None]

    def holds(self, value: Scalar) -> bool:
        """Tell whether the cell is true of a value of its domain."""
        found = value in self.values or (
            isinstance(value, Decimal) and any(interval.holds(value) for interval in self.intervals)
        )
        return found is not self.negated


def cell_of(tests: nodes.UnaryTests) -> Cell | None:
    """Return what a cell says; None if it says more than a cell can, or ``-``."""
    if tests.anything:
        return None
    values: set[Scalar] = set()
    intervals: list[Interval] = []
    negated_values: set[Scalar] = set()
    for test in tests.tests:
        match test:
            case nodes.Constant(value=Decimal() | str() | bool() as value):
                values.add(value)
            case nodes.SignTest(sign="=", operand=nodes.Constant(value=Decimal() | str() | bool() as value)):
                values.add(value)
            case nodes.SignTest(sign="!=", operand=nodes.Constant(value=Decimal() | str() | bool() as value)):
                negated_values.add(value)
            case nodes.SignTest() | nodes.RangeNode():
                interval = _interval(test)
                if interval is None:
                    return None
                intervals.append(interval)
            case _:
                return None
    if negated_values and (values or intervals or len(negated_values) > 1 or tests.negated):
        return None
    domains: set[Domain] = {_domain(value) for value in values | negated_values}
    if intervals:
        domains.add("number")
    if len(domains) != 1:
        return None
    return Cell(
        domains.pop(), frozenset(values | negated_values), tuple(intervals), tests.negated or bool(negated_values)
    )


def _domain(value: Scalar) -> Domain:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _interval(test: nodes.SignTest | nodes.RangeNode) -> Interval | None:
    if isinstance(test, nodes.SignTest):
        bound = _number(test.operand)
        if bound is None:
            return None
        closed = test.sign in ("<=", ">=")
        if test.sign in ("<", "<="):
            return Interval(None, bound, False, closed)
        return Interval(bound, None, closed, False)
    low, high = _number(test.low), _number(test.high)
    if (low is None) is not (test.low is None) or (high is None) is not (test.high is None):
        return None
    if low is not None and high is not None and low > high:
        return None
    return Interval(low, high, test.low_closed, test.high_closed)


def _number(node: Node | None) -> Decimal | None:
    return node.value if isinstance(node, nodes.Constant) and isinstance(node.value, Decimal) else None
