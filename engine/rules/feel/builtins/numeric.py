"""Built-in functions on numbers (DMN 1.5, 10.3.4.5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
)
from typing import Final

from engine.rules.feel.builtins.forms import (
    BOOLEAN,
    DAYS_TIME,
    NUMBER,
    YEARS_MONTHS,
    Body,
    Builtin,
    form,
    plain,
    table,
    wanted,
)
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import CONTEXT, whole
from engine.rules.feel.values import DaysTimeDuration, Value, YearsMonthsDuration

MIN_SCALE: Final = -6111
MAX_SCALE: Final = 6176

_TWO: Final = Decimal(2)


def _rounding(mode: str) -> Callable[[Evaluation, Decimal, Decimal | None], Value]:
    """Return the rounding of a number to a scale: that many digits behind the point, or before it if negative."""

    def rounded(ev: Evaluation, number: Decimal, scale: Decimal | None) -> Value:
        digits = 0 if scale is None else whole(scale)
        if digits is None or not MIN_SCALE <= digits <= MAX_SCALE:
            return ev.problem(f"a scale is from {MIN_SCALE} to {MAX_SCALE}")
        if -digits <= int(number.as_tuple().exponent):
            return number
        result = number.quantize(Decimal((0, (1,), -digits)), rounding=mode, context=CONTEXT)
        return result if result.is_finite() else ev.problem("the number is too large")

    return rounded


def _rounding_function(name: str, mode: str, *, scale_optional: bool) -> Builtin:
    scale = wanted("scale", NUMBER, optional=scale_optional)
    return Builtin(name, NUMBER, form(_rounding(mode), wanted("n", NUMBER), scale))


def _abs(value: Decimal | DaysTimeDuration | YearsMonthsDuration) -> Value:
    if type(value) is Decimal:
        return CONTEXT.abs(value)
    if type(value) is DaysTimeDuration:
        return DaysTimeDuration(abs(value.nanoseconds))
    if type(value) is YearsMonthsDuration:
        return YearsMonthsDuration(abs(value.months))
    return None


def _modulo(ev: Evaluation, dividend: Decimal, divisor: Decimal) -> Value:
    if not divisor:
        return ev.problem("there is no modulo by 0")
    rest = CONTEXT.remainder(dividend, divisor)
    if not rest.is_finite():
        return ev.problem("the quotient is too large for a modulo")
    # The rest has the sign of the divisor.
    return CONTEXT.add(rest, divisor) if rest and (rest < 0) is not (divisor < 0) else rest


def _of_real(operation: Callable[[Decimal], Decimal]) -> Body:
    def applied(ev: Evaluation, number: Decimal) -> Value:
        result = operation(number)
        return result if result.is_finite() else ev.problem("there is no such real number, or it is too large")

    return applied


def _parity(rest: int) -> Body:
    def has_rest(number: Decimal) -> Value:
        # A number with zeros below its last digit is even, however large it is.
        found = CONTEXT.remainder(number, _TWO) if number.adjusted() < CONTEXT.prec else Decimal(0)
        return CONTEXT.abs(found) == rest

    return has_rest


_NUMBER: Final = wanted("number", NUMBER)

NUMERIC: Final = table(
    _rounding_function("decimal", ROUND_HALF_EVEN, scale_optional=False),
    _rounding_function("floor", ROUND_FLOOR, scale_optional=True),
    _rounding_function("ceiling", ROUND_CEILING, scale_optional=True),
    _rounding_function("round up", ROUND_UP, scale_optional=False),
    _rounding_function("round down", ROUND_DOWN, scale_optional=False),
    _rounding_function("round half up", ROUND_HALF_UP, scale_optional=False),
    _rounding_function("round half down", ROUND_HALF_DOWN, scale_optional=False),
    Builtin("abs", NUMBER, plain(_abs, wanted("n", NUMBER, DAYS_TIME, YEARS_MONTHS))),
    Builtin("modulo", NUMBER, form(_modulo, wanted("dividend", NUMBER), wanted("divisor", NUMBER))),
    Builtin("sqrt", NUMBER, form(_of_real(CONTEXT.sqrt), _NUMBER)),
    Builtin("log", NUMBER, form(_of_real(CONTEXT.ln), _NUMBER)),
    Builtin("exp", NUMBER, form(_of_real(CONTEXT.exp), _NUMBER)),
    Builtin("odd", BOOLEAN, plain(_parity(1), _NUMBER)),
    Builtin("even", BOOLEAN, plain(_parity(0), _NUMBER)),
)
