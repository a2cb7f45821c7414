"""Built-in functions on how points and ranges lie to each other, Allen's relations (DMN 1.5, 10.3.4.7).

A place is a value, and whether it is just before it, at it or just after it. A point is at its value. A range begins at
its start, or just after it if it is open there, and ends alike. With that every relation is one of places alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from engine.rules.feel.builtins.forms import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    DAYS_TIME,
    NUMBER,
    RANGE,
    STRING,
    TIME,
    YEARS_MONTHS,
    Builtin,
    Form,
    form,
    table,
    wanted,
)
from engine.rules.feel.comparison import compare
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.values import Range, Value


class _NoOrder(Exception):
    """Two places cannot be compared."""


class _Place(NamedTuple):
    value: Value
    side: int
    """-1 just before the value, 0 at it, 1 just after it; -2 before all values, 2 after all of them."""


class _Span(NamedTuple):
    """Where something begins and ends; a point does both at the same place."""

    start: _Place
    end: _Place


_Relation: TypeAlias = Callable[["_Order", _Span, _Span], bool]


class _Order:
    """Compares places, or raises ``_NoOrder``."""

    __slots__ = ("_ev",)

    def __init__(self, ev: Evaluation) -> None:
        self._ev = ev

    def __call__(self, a: _Place, b: _Place) -> int:
        if abs(a.side) == 2 or abs(b.side) == 2:
            return (a.side > b.side) - (a.side < b.side)
        order = compare(self._ev, a.value, b.value)
        if order is None:
            raise _NoOrder
        return order or (a.side > b.side) - (a.side < b.side)


def _span(value: Value) -> _Span:
    if type(value) is not Range:
        return _Span(_Place(value, 0), _Place(value, 0))
    start = _Place(None, -2) if value.start is None else _Place(value.start, 0 if value.start_closed else 1)
    end = _Place(None, 2) if value.end is None else _Place(value.end, 0 if value.end_closed else -1)
    return _Span(start, end)


def _before(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.end, b.start) < 0


def _meets(order: _Order, a: _Span, b: _Span) -> bool:
    return a.end.side == b.start.side == 0 and order(a.end, b.start) == 0


def _overlaps(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.end, b.start) >= 0 and order(a.start, b.end) <= 0


def _overlaps_before(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.start, b.start) < 0 and order(a.end, b.start) >= 0 and order(a.end, b.end) <= 0


def _overlaps_after(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.start, b.start) > 0 and order(a.start, b.end) <= 0 and order(a.end, b.end) >= 0


def _finishes(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.end, b.end) == 0 and order(a.start, b.start) >= 0


def _includes(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.start, b.start) <= 0 and order(a.end, b.end) >= 0


def _starts(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.start, b.start) == 0 and order(a.end, b.end) <= 0


def _coincides(order: _Order, a: _Span, b: _Span) -> bool:
    return order(a.start, b.start) == 0 and order(a.end, b.end) == 0


def _turned(relation: _Relation) -> _Relation:
    return lambda order, a, b: relation(order, b, a)


POINT: Final = (NUMBER, STRING, DATE, TIME, DATE_TIME, DAYS_TIME, YEARS_MONTHS)
"""What has an order."""
_POINTS: Final = ("point1", "point2")
_RANGES: Final = ("range1", "range2")
_POINT_RANGE: Final = ("point", "range")
_RANGE_POINT: Final = ("range", "point")


def _function(name: str, relation: _Relation, *pairs: tuple[str, str]) -> Builtin:
    """Return the function with a form for each pair of parameters, of which the names say what they take."""
    return Builtin(name, BOOLEAN, *(_form(name, relation, pair) for pair in pairs))


def _form(name: str, relation: _Relation, pair: tuple[str, str]) -> Form:
    def holds(ev: Evaluation, a: Value, b: Value) -> Value:
        try:
            return relation(_Order(ev), _span(a), _span(b))
        except _NoOrder:
            return ev.problem(f"{name}: the two cannot be compared")

    kinds = [wanted(name, *((RANGE,) if name.startswith("range") else POINT)) for name in pair]
    return form(holds, *kinds)


RANGES: Final = table(
    _function("before", _before, _RANGES, _POINT_RANGE, _RANGE_POINT, _POINTS),
    _function("after", _turned(_before), _RANGES, _POINT_RANGE, _RANGE_POINT, _POINTS),
    _function("meets", _meets, _RANGES),
    _function("met by", _turned(_meets), _RANGES),
    _function("overlaps", _overlaps, _RANGES),
    _function("overlaps before", _overlaps_before, _RANGES),
    _function("overlaps after", _overlaps_after, _RANGES),
    _function("finishes", _finishes, _RANGES, _POINT_RANGE),
    _function("finished by", _turned(_finishes), _RANGES, _RANGE_POINT),
    _function("includes", _includes, _RANGES, _RANGE_POINT),
    _function("during", _turned(_includes), _RANGES, _POINT_RANGE),
    _function("starts", _starts, _RANGES, _POINT_RANGE),
    _function("started by", _turned(_starts), _RANGES, _RANGE_POINT),
    _function("coincides", _coincides, _RANGES, _POINTS),
)
