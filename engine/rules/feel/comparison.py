"""What is equal, less and within, by FEEL's rules, and the logic of three values: true, false and null."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.timeline import place_of, place_of_time
from engine.rules.feel.types import kind_of
from engine.rules.feel.values import (
    Date,
    DateTime,
    DaysTimeDuration,
    Function,
    Range,
    Time,
    Value,
    YearsMonthsDuration,
)

_PLAIN: Final = frozenset({Decimal, str, bool, Date, YearsMonthsDuration, DaysTimeDuration})
"""What is equal if it is equal to Python."""


def equals(ev: Evaluation, a: Value, b: Value) -> bool | None:
    """Tell whether ``a = b``; null if they are of different types, and neither of them null."""
    kind = type(a)
    if kind is not type(b):
        if a is None or b is None:
            return False
        if isinstance(a, Function) and isinstance(b, Function):
            return False
        return ev.problem(f"{kind_of(a)} cannot be compared with {kind_of(b)}")
    if kind in _PLAIN or a is b:
        return a == b
    return _same_parts(ev, a, b)


def _same_parts(ev: Evaluation, a: Value, b: Value) -> bool:
    """Tell whether two values of the same type, made of parts, are equal."""
    if type(a) is DateTime and type(b) is DateTime:
        return place_of(a) == place_of(b)
    if type(a) is Time and type(b) is Time:
        return place_of_time(a) == place_of_time(b)
    if type(a) is list and type(b) is list:
        ev.spend(len(a))
        return len(a) == len(b) and all(same(ev, x, y) for x, y in zip(a, b, strict=True))
    if type(a) is dict and type(b) is dict:
        ev.spend(len(a))
        return a.keys() == b.keys() and all(same(ev, x, b[name]) for name, x in a.items())
    if type(a) is Range and type(b) is Range:
        ends = (a.start_closed, a.end_closed) == (b.start_closed, b.end_closed)
        return ends and same(ev, a.start, b.start) and same(ev, a.end, b.end)
    return False


def same(ev: Evaluation, a: Value, b: Value) -> bool:
    """Tell whether ``a = b`` is true; of different types it is not, and that is no problem."""
    if type(a) is not type(b):
        return False
    return equals(ev, a, b) is True


def not_equals(ev: Evaluation, a: Value, b: Value) -> bool | None:
    """Tell whether ``a != b``; null if they are of different types, and neither of them null."""
    equal = equals(ev, a, b)
    return None if equal is None else not equal


def less(ev: Evaluation, a: Value, b: Value) -> bool | None:
    """Tell whether ``a < b``; null if they have no order."""
    if type(a) is Decimal and type(b) is Decimal:
        return a < b
    order = compare(ev, a, b)
    return None if order is None else order < 0


def less_equal(ev: Evaluation, a: Value, b: Value) -> bool | None:
    """Tell whether ``a <= b``; null if they have no order."""
    if type(a) is Decimal and type(b) is Decimal:
        return a <= b
    order = compare(ev, a, b)
    return None if order is None else order <= 0


def greater(ev: Evaluation, a: Value, b: Value) -> bool | None:
    """Tell whether ``a > b``; null if they have no order."""
    return less(ev, b, a)


def greater_equal(ev: Evaluation, a: Value, b: Value) -> bool | None:
    """Tell whether ``a >= b``; null if they have no order."""
    return less_equal(ev, b, a)


def compare(ev: Evaluation, a: Value, b: Value) -> int | None:
    """Return less than, equal to or greater than 0 as ``a`` is to ``b``; null if they have no order."""
    if type(a) is Decimal and type(b) is Decimal:
        return (a > b) - (a < b)
    if type(a) is str and type(b) is str:
        return (a > b) - (a < b)
    if type(a) is Date and type(b) is Date:
        one, other = (a.year, a.month, a.day), (b.year, b.month, b.day)
        return (one > other) - (one < other)
    if type(a) is DateTime and type(b) is DateTime:
        return _order_of_places(ev, place_of(a), place_of(b))
    if type(a) is Time and type(b) is Time:
        return _order_of_places(ev, place_of_time(a), place_of_time(b))
    if type(a) is DaysTimeDuration and type(b) is DaysTimeDuration:
        return (a.nanoseconds > b.nanoseconds) - (a.nanoseconds < b.nanoseconds)
    if type(a) is YearsMonthsDuration and type(b) is YearsMonthsDuration:
        return (a.months > b.months) - (a.months < b.months)
    return ev.problem(f"{kind_of(a)} and {kind_of(b)} have no order")


def _order_of_places(ev: Evaluation, a: tuple[bool, int], b: tuple[bool, int]) -> int | None:
    if a[0] is not b[0]:
        return ev.problem("a time with an offset from UTC and one without have no order")
    return (a[1] > b[1]) - (a[1] < b[1])


def between(ev: Evaluation, value: Value, low: Value, high: Value) -> bool | None:
    """Tell whether ``value between low and high``, the ends included."""
    return conjunction(less_equal(ev, low, value), less_equal(ev, value, high))


def in_range(ev: Evaluation, value: Value, within: Range) -> bool | None:
    """Tell whether the value lies in the range; null if it has no order with the ends of it."""
    if value is None:
        return ev.problem("null has no place in a range")
    above = below = True
    if within.start is not None:
        above = (less_equal if within.start_closed else less)(ev, within.start, value)
    if within.end is not None:
        below = (less_equal if within.end_closed else less)(ev, value, within.end)
    return conjunction(above, below)


def in_test(ev: Evaluation, value: Value, test: Value) -> bool | None:
    """Tell whether ``value in test``: equal to it, an element of it, or within it.

    An element of a list may be a value, or a range that it may lie in.
    """
    kind = type(test)
    if kind is Decimal or kind is str:
        return equals(ev, value, test)
    if type(test) is Range:
        if type(value) is Range:
            return equals(ev, value, test)
        return in_range(ev, value, test)
    if type(test) is list:
        if type(value) is list and same(ev, value, test):
            return True
        ev.spend(len(test))
        for item in test:  # noqa: SIM110 - a generator is twice as slow, and every decision comes by here
            if _is_or_holds(ev, value, item):
                return True
        return False
    if test is None and value is not None:
        return ev.problem("the test is null")
    return equals(ev, value, test)


def _is_or_holds(ev: Evaluation, value: Value, item: Value) -> bool:
    if type(item) is Range and type(value) is not Range:
        return value is not None and _fits(value, item) and in_range(ev, value, item) is True
    return same(ev, value, item)


def _fits(value: Value, within: Range) -> bool:
    end = within.end if within.start is None else within.start
    return type(end) is type(value)


def conjunction(a: Value, b: Value) -> bool | None:
    """Return ``a and b``: false if one of them is false, true if both are true, and null otherwise."""
    if a is False or b is False:
        return False
    return True if a is True and b is True else None


def disjunction(a: Value, b: Value) -> bool | None:
    """Return ``a or b``: true if one of them is true, false if both are false, and null otherwise."""
    if a is True or b is True:
        return True
    return False if a is False and b is False else None


def negation(a: Value) -> bool | None:
    """Return ``not(a)``: null of what is no boolean."""
    return not a if type(a) is bool else None
