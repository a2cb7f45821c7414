"""The naive reference: tables as structures of Python, decided by the letter of DMN and by nothing of the engine.

It reads no FEEL, compiles nothing and knows no index. Values are Python's: numbers are decimals, times are those of
``datetime``. ``None`` as the result of a test is FEEL's null: neither true nor false.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import Enum
from functools import reduce
from typing import Any, Literal, NamedTuple

DIGITS = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[])
MIDNIGHT = dt.time(0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Operand:
    """A constant as it is written, and what it is; a variable, if its value is its name."""

    text: str
    value: Any
    is_variable: bool = False

    def of(self, variables: Mapping[str, Any]) -> Any:
        return variables[self.value] if self.is_variable else self.value


@dataclass(frozen=True)
class Test:
    """One test of a cell: of a value (no sign), a comparison, or something that only FEEL can say (``own``)."""

    text: str
    sign: Literal["", "=", "!=", "<", "<=", ">", ">="] = ""
    operand: Operand | None = None
    own: Callable[[Any], bool | None] | None = None


@dataclass(frozen=True)
class Between:
    """A range; an end that is missing is open for ever."""

    text: str
    low: Operand
    high: Operand
    closed: tuple[bool, bool]


@dataclass(frozen=True)
class Cell:
    """Tests of which one has to be true; negated: all false. Without tests it is ``-``."""

    tests: tuple[Test | Between, ...] = ()
    negated: bool = False

    @property
    def text(self) -> str:
        joined = ", ".join(test.text for test in self.tests) or "-"
        return f"not({joined})" if self.negated else joined


@dataclass(frozen=True)
class Input:
    """A column of conditions."""

    type: str | None = None
    allowed: Cell | None = None


@dataclass(frozen=True)
class Output:
    """A column of conclusions."""

    type: str | None = None
    allowed: Cell | None = None
    default: Operand | None = None


class Row(NamedTuple):
    """A rule."""

    conditions: tuple[Cell, ...]
    conclusions: tuple[Operand, ...]


@dataclass(frozen=True)
class NaiveTable:
    """A decision table."""

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]
    policy: str
    aggregation: str | None = None


class Verdict(NamedTuple):
    """What a table comes to."""

    outcome: Any
    """Of several outputs, a dictionary by ``o0``, ``o1`` and so on."""
    counted: tuple[int, ...]
    """The rules that count, from 1: all that match, or the first."""
    matched: tuple[int, ...]
    allowed: bool = True


def decide(table: NaiveTable, values: Sequence[Any], variables: Mapping[str, Any]) -> Verdict:
    """Return what the table comes to: rule by rule, cell by cell."""
    fitting: list[Any] = []
    for column, value in zip(table.inputs, values, strict=True):
        fit = fitted(value, column.type)
        if column.allowed is not None and fit is not None and holds(column.allowed, fit, {}) is not True:
            return Verdict(None, (), (), allowed=False)
        fitting.append(fit)
    matched: list[int] = []
    for place, row in enumerate(table.rows):
        if all(holds(cell, value, variables) is True for cell, value in zip(row.conditions, fitting, strict=True)):
            matched.append(place)
    counted = matched[:1] if table.policy == "FIRST" else matched
    found = _outcome(table, [_concluded(table, table.rows[place], variables) for place in counted], variables)
    return Verdict(found, tuple(one + 1 for one in counted), tuple(one + 1 for one in matched))


# -- values -----------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a value of a caller as rules see it: numbers of 34 digits, and null for what is no number."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = DIGITS.create_decimal(repr(value) if isinstance(value, float) else value)
        return number if number.is_finite() else None
    return [plain(one) for one in value] if isinstance(value, list) else value


def kind(value: Any) -> str:
    names = {bool: "boolean", str: "string", dt.date: "date", dt.datetime: "date and time", dt.time: "time"}
    names |= {dt.timedelta: "days and time duration", Decimal: "number", list: "list", type(None): "null"}
    return names[type(value)]


def fitted(value: Any, type_: str | None) -> Any:
    """Return a value as one of a type; null if it cannot be one."""
    if type_ is None or value is None or kind(value) == type_:
        return value
    if kind(value) == "list":
        return value[0] if len(value) == 1 and (value[0] is None or kind(value[0]) == type_) else None
    if type_ == "date and time" and kind(value) == "date":
        return dt.datetime.combine(value, MIDNIGHT)
    return None


def equal(a: Any, b: Any) -> bool | None:
    if kind(a) != kind(b):
        return False if a is None or b is None else None
    if isinstance(a, list):
        return len(a) == len(b) and all(equal(x, y) is True for x, y in zip(a, b, strict=True))
    return a == b


def order(a: Any, b: Any) -> int | None:
    """Return less than, equal to or greater than 0; null for what has no order."""
    if kind(a) != kind(b) or kind(a) in ("null", "boolean", "list"):
        return None
    if kind(a) in ("date and time", "time") and (a.tzinfo is None) is not (b.tzinfo is None):
        return None
    return (a > b) - (a < b)


# -- tests ------------------------------------------------------------------------------------------------------------


def holds(cell: Cell, value: Any, variables: Mapping[str, Any]) -> bool | None:
    if not cell.tests:
        return True
    found = [_holds(test, value, variables) for test in cell.tests]
    held = True if True in found else None if None in found else False
    return held if not cell.negated or held is None else not held


def _holds(test: Test | Between, value: Any, variables: Mapping[str, Any]) -> bool | None:
    if isinstance(test, Between):
        return _between(value, test.low.of(variables), test.high.of(variables), test.closed)
    if test.own is not None:
        return test.own(value)
    assert test.operand is not None
    operand = test.operand.of(variables)
    if test.sign == "":
        return _is(value, operand) if test.operand.is_variable else _is_constant(value, operand)
    if test.sign in ("=", "!="):
        same = equal(value, operand)
        return same if same is None or test.sign == "=" else not same
    placed = order(value, operand)
    if placed is None:
        return None
    return {"<": placed < 0, "<=": placed <= 0, ">": placed > 0, ">=": placed >= 0}[test.sign]


def _is(value: Any, operand: Any) -> bool | None:
    return None if operand is None and value is not None else _is_constant(value, operand)


def _is_constant(value: Any, operand: Any) -> bool | None:
    if isinstance(operand, list):
        return equal(value, operand) is True or any(equal(value, one) is True for one in operand)
    return equal(value, operand)


def _between(value: Any, low: Any, high: Any, closed: tuple[bool, bool]) -> bool | None:
    ends = order(low, high)
    if ends is None or ends > 0:
        return None
    above, below = order(low, value), order(value, high)
    over = None if above is None else above < 0 or (closed[0] and above == 0)
    under = None if below is None else below < 0 or (closed[1] and below == 0)
    if over is False or under is False:
        return False
    return True if over and under else None


# -- outcomes ---------------------------------------------------------------------------------------------------------


def _concluded(table: NaiveTable, row: Row, variables: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    for column, operand in zip(table.outputs, row.conclusions, strict=True):
        value = fitted(operand.of(variables), column.type)
        allowed = column.allowed is None or value is None or _rank(column, value) < len(column.allowed.tests)
        found.append(value if allowed else None)
    return found


def _rank(column: Output, value: Any) -> int:
    tests = () if column.allowed is None else column.allowed.tests
    return next((place for place, test in enumerate(tests) if _holds(test, value, {}) is True), len(tests))


def _shaped(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else {f"o{place}": value for place, value in enumerate(values)}


def _outcome(table: NaiveTable, hits: list[list[Any]], variables: Mapping[str, Any]) -> Any:
    if not hits:
        defaults = [column.default for column in table.outputs]
        if not any(defaults):
            return None
        return _shaped([None if one is None else one.of(variables) for one in defaults])
    ranked = sorted(hits, key=lambda hit: [_rank(c, v) for c, v in zip(table.outputs, hit, strict=True)])
    match table.policy:
        case "UNIQUE":
            return _shaped(hits[0]) if len(hits) == 1 else None
        case "ANY":
            agreed = all(_agree(hit, hits[0]) for hit in hits)
            return _shaped(hits[0]) if agreed else None
        case "FIRST":
            return _shaped(hits[0])
        case "PRIORITY":
            return _shaped(ranked[0])
        case "OUTPUT ORDER":
            return [_shaped(hit) for hit in ranked]
        case _:
            return _collected(table.aggregation, hits)


def _agree(one: list[Any], other: list[Any]) -> bool:
    return all(equal(a, b) is True for a, b in zip(one, other, strict=True))


def _collected(aggregation: str | None, hits: list[list[Any]]) -> Any:
    if aggregation is None:
        return [_shaped(hit) for hit in hits]
    if aggregation == "COUNT":
        return Decimal(len(hits))
    return _shaped([_aggregated(aggregation, list(column)) for column in zip(*hits, strict=True)])


def _aggregated(aggregation: str, values: list[Any]) -> Any:
    if aggregation == "SUM":
        return reduce(DIGITS.add, values) if all(kind(value) == "number" for value in values) else None
    best = values[0]
    for value in values:
        placed = order(value, best)
        if placed is None:
            return None
        if placed < 0 if aggregation == "MIN" else placed > 0:
            best = value
    return best
