"""The signs of arithmetic, by the types on both sides of them. What is not in the tables is null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

from engine.rules.feel.days import plus_months
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import CONTEXT, number, ratio, truncated
from engine.rules.feel.temporal import months_duration, time_duration
from engine.rules.feel.timeline import (
    midnight,
    moved,
    moved_date,
    moved_months,
    moved_time,
    place_of,
    place_of_time,
)
from engine.rules.feel.types import kind_of
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Time, Value, YearsMonthsDuration

_T = TypeVar("_T")
_Table: TypeAlias = Mapping[tuple[type, type], Callable[[Any, Any], Value]]

_add = CONTEXT.add
_subtract = CONTEXT.subtract
_multiply = CONTEXT.multiply
_divide = CONTEXT.divide
_ONE: Final = Decimal(1)


def add(ev: Evaluation, a: Value, b: Value) -> Value:
    """Return ``a + b``."""
    if type(a) is Decimal and type(b) is Decimal:
        result = _add(a, b)
        return result if result.is_finite() else ev.problem("the sum is too large")
    if type(a) is str and type(b) is str:
        ev.room_for_text(len(a) + len(b))
        return a + b
    return _by_table(ev, _SUMS, "+", a, b)


def subtract(ev: Evaluation, a: Value, b: Value) -> Value:
    """Return ``a - b``."""
    if type(a) is Decimal and type(b) is Decimal:
        result = _subtract(a, b)
        return result if result.is_finite() else ev.problem("the difference is too large")
    return _by_table(ev, _DIFFERENCES, "-", a, b)


def multiply(ev: Evaluation, a: Value, b: Value) -> Value:
    """Return ``a * b``."""
    if type(a) is Decimal and type(b) is Decimal:
        result = _multiply(a, b)
        return result if result.is_finite() else ev.problem("the product is too large")
    return _by_table(ev, _PRODUCTS, "*", a, b)


def divide(ev: Evaluation, a: Value, b: Value) -> Value:
    """Return ``a / b``."""
    if type(a) is Decimal and type(b) is Decimal:
        result = _divide(a, b)
        return result if result.is_finite() else ev.problem("the quotient is too large, or there is none by 0")
    return _by_table(ev, _QUOTIENTS, "/", a, b)


def exponent(ev: Evaluation, a: Value, b: Value) -> Value:
    """Return ``a ** b``."""
    if type(a) is Decimal and type(b) is Decimal:
        result = CONTEXT.power(a, b) if b else _ONE
        return result if result.is_finite() else ev.problem("the power is too large, or no real number")
    return _misfit(ev, "**", a, b)


def negate(ev: Evaluation, a: Value) -> Value:
    """Return ``-a``."""
    if type(a) is Decimal:
        return CONTEXT.minus(a)
    if type(a) is YearsMonthsDuration:
        return YearsMonthsDuration(-a.months)
    if type(a) is DaysTimeDuration:
        return DaysTimeDuration(-a.nanoseconds)
    return ev.problem(f"there is no - of {kind_of(a)}")


class _NoResult(Exception):
    """There is no result, and why."""


def _by_table(ev: Evaluation, table: _Table, sign: str, a: Value, b: Value) -> Value:
    operation = table.get((type(a), type(b)))
    if operation is None:
        return _misfit(ev, sign, a, b)
    try:
        return operation(a, b)
    except _NoResult as reason:
        return ev.problem(f"{kind_of(a)} {sign} {kind_of(b)}: {reason}")


def _misfit(ev: Evaluation, sign: str, a: Value, b: Value) -> None:
    return ev.problem(f"there is no {kind_of(a)} {sign} {kind_of(b)}")


def _within(value: _T | None) -> _T:
    """Return ``value``, if there is one."""
    if value is None:
        raise _NoResult("the result is beyond the calendar, or too long")
    return value


def _turned(operation: Callable[[Any, Any], Value]) -> Callable[[Any, Any], Value]:
    """Return the operation for its operands the other way round."""
    return lambda a, b: operation(b, a)


def _gap(a: tuple[bool, int], b: tuple[bool, int]) -> Value:
    """Return the time between two places on the line of time, if both are on the same line."""
    if a[0] is not b[0]:
        raise _NoResult("one of them has an offset from UTC, and the other has none")
    return _within(time_duration(a[1] - b[1]))


def _no_zero() -> NoReturn:
    raise _NoResult("there is no quotient by 0")


def _date_plus_months(a: Date, b: YearsMonthsDuration) -> Value:
    return _within(plus_months(a, b.months))


def _date_plus_time(a: Date, b: DaysTimeDuration) -> Value:
    return _within(moved_date(a, b.nanoseconds))


def _moment_plus_months(a: DateTime, b: YearsMonthsDuration) -> Value:
    return _within(moved_months(a, b.months))


def _moment_plus_time(a: DateTime, b: DaysTimeDuration) -> Value:
    return _within(moved(a, b.nanoseconds))


def _time_plus_time(a: Time, b: DaysTimeDuration) -> Value:
    return moved_time(a, b.nanoseconds)


def _months_times(a: YearsMonthsDuration, b: Decimal) -> Value:
    numerator, denominator = ratio(b)
    return _within(months_duration(truncated(a.months * numerator, denominator)))


def _time_times(a: DaysTimeDuration, b: Decimal) -> Value:
    numerator, denominator = ratio(b)
    return _within(time_duration(truncated(a.nanoseconds * numerator, denominator)))


def _months_by(a: YearsMonthsDuration, b: Decimal) -> Value:
    numerator, denominator = ratio(b)
    return _within(months_duration(truncated(a.months * denominator, numerator or _no_zero())))


def _time_by(a: DaysTimeDuration, b: Decimal) -> Value:
    numerator, denominator = ratio(b)
    return _within(time_duration(truncated(a.nanoseconds * denominator, numerator or _no_zero())))


def _quotient(a: int, b: int) -> Value:
    return number(_divide(Decimal(a), Decimal(b or _no_zero())))


_SUMS: Final[_Table] = {
    (Date, YearsMonthsDuration): _date_plus_months,
    (YearsMonthsDuration, Date): _turned(_date_plus_months),
    (Date, DaysTimeDuration): _date_plus_time,
    (DaysTimeDuration, Date): _turned(_date_plus_time),
    (DateTime, YearsMonthsDuration): _moment_plus_months,
    (YearsMonthsDuration, DateTime): _turned(_moment_plus_months),
    (DateTime, DaysTimeDuration): _moment_plus_time,
    (DaysTimeDuration, DateTime): _turned(_moment_plus_time),
    (Time, DaysTimeDuration): _time_plus_time,
    (DaysTimeDuration, Time): _turned(_time_plus_time),
    (YearsMonthsDuration, YearsMonthsDuration): lambda a, b: _within(months_duration(a.months + b.months)),
    (DaysTimeDuration, DaysTimeDuration): lambda a, b: _within(time_duration(a.nanoseconds + b.nanoseconds)),
}

_DIFFERENCES: Final[_Table] = {
    (Date, Date): lambda a, b: _within(time_duration(midnight(a) - midnight(b))),
    (DateTime, DateTime): lambda a, b: _gap(place_of(a), place_of(b)),
    (DateTime, Date): lambda a, b: _gap(place_of(a), (True, midnight(b))),
    (Date, DateTime): lambda a, b: _gap((True, midnight(a)), place_of(b)),
    (Time, Time): lambda a, b: _gap(place_of_time(a), place_of_time(b)),
    (Date, YearsMonthsDuration): lambda a, b: _within(plus_months(a, -b.months)),
    (Date, DaysTimeDuration): lambda a, b: _within(moved_date(a, -b.nanoseconds)),
    (DateTime, YearsMonthsDuration): lambda a, b: _within(moved_months(a, -b.months)),
    (DateTime, DaysTimeDuration): lambda a, b: _within(moved(a, -b.nanoseconds)),
    (Time, DaysTimeDuration): lambda a, b: moved_time(a, -b.nanoseconds),
    (YearsMonthsDuration, YearsMonthsDuration): lambda a, b: _within(months_duration(a.months - b.months)),
    (DaysTimeDuration, DaysTimeDuration): lambda a, b: _within(time_duration(a.nanoseconds - b.nanoseconds)),
}

_PRODUCTS: Final[_Table] = {
    (YearsMonthsDuration, Decimal): _months_times,
    (Decimal, YearsMonthsDuration): _turned(_months_times),
    (DaysTimeDuration, Decimal): _time_times,
    (Decimal, DaysTimeDuration): _turned(_time_times),
}

_QUOTIENTS: Final[_Table] = {
    (YearsMonthsDuration, Decimal): _months_by,
    (DaysTimeDuration, Decimal): _time_by,
    (YearsMonthsDuration, YearsMonthsDuration): lambda a, b: _quotient(a.months, b.months),
    (DaysTimeDuration, DaysTimeDuration): lambda a, b: _quotient(a.nanoseconds, b.nanoseconds),
}
