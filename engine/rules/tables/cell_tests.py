"""What the cells of a table test, as far as it can be told without evaluating them: the one reading of cells.

A cell is a list of single tests, each of which compares with a constant. Any other cell is opaque: None here. Analyses
look at all of it; what the quick way to decide a table makes of it is in :mod:`engine.rules.tables.cells`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from engine.rules.feel import nodes
from engine.rules.feel.compiler import TESTED
from engine.rules.feel.days import number_of
from engine.rules.feel.parser import parse_unary_tests
from engine.rules.feel.scope import Scope
from engine.rules.feel.temporal import parse_date, parse_date_time, parse_duration, parse_temporal
from engine.rules.feel.timeline import place_of
from engine.rules.feel.types import ANY
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, YearsMonthsDuration
from engine.rules.tables.plain import plain_tests

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.rules.feel.nodes import Node
    from engine.rules.feel.values import Value

Domain = Literal[
    "number", "string", "boolean", "date", "local date and time", "date and time with offset",
    "days and time duration", "years and months duration",
]  # fmt: skip
MOMENTS: Final[tuple[Domain, ...]] = ("local date and time", "date and time with offset")
"""Those without an offset from UTC and those with one have no order, but are unlike each other."""
Key = Decimal | str | bool
"""What stands for a value within its domain: of a date the number of the day, of others nanoseconds or months."""


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
class Equal:
    """``key``, or ``= key``; with ``unlike``, ``!= key``."""

    domain: Domain
    key: Key
    unlike: bool = False


@dataclass(frozen=True, slots=True)
class Within:
    """A comparison, or a range."""

    domain: Domain
    interval: Interval


@dataclass(frozen=True, slots=True)
class IsNull:
    """``null`` and ``= null``, or else ``!= null``."""

    sign: Literal["=", "!="]


@dataclass(frozen=True, slots=True)
class Never:
    """A range whose lower end is the higher one: FEEL takes it for null, and no value is in it or out of it."""

    domain: Domain


Test = Equal | Within | IsNull | Never


@dataclass(frozen=True, slots=True)
class CellTests:
    """A cell: true if one of its tests is; negated, if all of them are false."""

    tests: tuple[Test, ...] = ()
    negated: bool = False
    anything: bool = False

    @property
    def domains(self) -> set[Domain]:
        """The domains of the constants that it compares with."""
        return {test.domain for test in self.tests if not isinstance(test, IsNull)}

    @property
    def names_null(self) -> bool:
        """Whether it speaks of null."""
        return any(isinstance(test, IsNull) for test in self.tests)


def read_tests(text: str, names: Collection[str] = ()) -> CellTests | None:
    """Return what a cell tests, or None if that is more than constants; ``names`` are the variables it may use.

    Raises FeelSyntaxError.
    """
    tree = plain_tests(text)
    if tree is None:
        tree = parse_unary_tests(text, Scope(dict.fromkeys((*names, TESTED), ANY)))
    return reading_of(tree, names)


def reading_of(tree: nodes.UnaryTests, names: Collection[str] = ()) -> CellTests | None:
    """Return what a cell tests that was parsed already; see :func:`read_tests`."""
    if tree.anything:
        return CellTests(anything=True)
    found = [_test(node, names) for node in tree.tests]
    tests = tuple(test for test in found if test is not None)
    return CellTests(tests, tree.negated) if len(tests) == len(found) else None


def _test(node: Node, names: Collection[str]) -> Test | None:
    match node:
        case nodes.SignTest(sign="=" | "!=" as sign, operand=nodes.Constant(value=None)):
            return IsNull(sign)
        case nodes.SignTest(sign="=" | "!=" as sign, operand=operand):
            keyed = _keyed(operand, names)
            return None if keyed is None else Equal(*keyed, unlike=sign == "!=")
        case nodes.SignTest(sign=sign, operand=operand):
            is_low = sign in (">", ">=")
            closed = sign in ("<=", ">=")
            low, high = (operand, None) if is_low else (None, operand)
            return _within(low, high, (closed and is_low, closed and not is_low), names)
        case nodes.RangeNode():
            return _within(node.low, node.high, (node.low_closed, node.high_closed), names)
        case nodes.Constant(value=None):
            return IsNull("=")
        case _:
            keyed = _keyed(node, names)
            return None if keyed is None else Equal(*keyed)


def _within(
    low: Node | None, high: Node | None, closed: tuple[bool, bool], names: Collection[str]
) -> Within | Never | None:
    ends = [_keyed(end, names) for end in (low, high) if end is not None]
    keys = [key for keyed in ends if keyed is not None and isinstance(key := keyed[1], Decimal)]
    domains: set[Domain] = {keyed[0] for keyed in ends if keyed is not None}
    if len(keys) != len(ends) or len(domains) != 1:
        return None
    first = None if low is None else keys[0]
    last = None if high is None else keys[-1]
    if first is not None and last is not None and first > last:
        return Never(domains.pop())
    return Within(domains.pop(), Interval(first, last, *closed))


_READERS: Final = {"date": parse_date, "date and time": parse_date_time, "duration": parse_duration}


def _keyed(node: Node, names: Collection[str]) -> tuple[Domain, Key] | None:
    match node:
        case nodes.Constant(value=value):
            return key_of(value)
        case nodes.Moment(text=text):
            return key_of(parse_temporal(text))
        case nodes.Call(function=nodes.Name(name=name), arguments=(nodes.Constant(value=str() as text),), names=()):
            return key_of(_READERS[name](text)) if name in _READERS and name not in names else None
        case _:
            return None


def key_of(value: Value) -> tuple[Domain, Key] | None:
    """Return the domain of a value and what stands for it there; None for null and for values of other kinds."""
    match value:
        case bool():
            return "boolean", value
        case Decimal():
            return "number", value
        case str():
            return "string", value
        case Date():
            return "date", Decimal(number_of(value))
        case DateTime():
            has_offset, place = place_of(value)
            return MOMENTS[has_offset], Decimal(place)
        case DaysTimeDuration(nanoseconds=nanoseconds):
            return "days and time duration", Decimal(nanoseconds)
        case YearsMonthsDuration(months=months):
            return "years and months duration", Decimal(months)
        case _:
            return None
