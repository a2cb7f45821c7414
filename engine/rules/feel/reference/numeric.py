"""Functions on numbers, in words."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.reference.described import described

_SCALE = "The scale is how many digits behind the point are left; if negative, how many zeros before it there are."

NUMERIC: Final = {
    "decimal": described(
        f"The number rounded to a scale, and to the even digit from the middle. {_SCALE}",
        "decimal(1/3, 2)",
        "decimal(2.5, 0)",
        "decimal(n: 1250, scale: -2)",
    ),
    "floor": described(
        "The number rounded down, to a whole one or to a scale.",
        "floor(1.5)",
        "floor(-1.56, 1)",
        "floor(n: 1.56, scale: 1)",
    ),
    "ceiling": described(
        "The number rounded up, to a whole one or to a scale.",
        "ceiling(1.5)",
        "ceiling(-1.56, 1)",
        "ceiling(n: 1.56, scale: 1)",
    ),
    "round up": described(
        "The number rounded away from 0 to a scale.", "round up(1.121, 2)", "round up(n: -5.1, scale: 0)"
    ),
    "round down": described(
        "The number rounded towards 0 to a scale.", "round down(1.129, 2)", "round down(n: -5.9, scale: 0)"
    ),
    "round half up": described(
        "The number rounded to a scale, and away from 0 from the middle.",
        "round half up(2.5, 0)",
        "round half up(n: -1.125, scale: 2)",
    ),
    "round half down": described(
        "The number rounded to a scale, and towards 0 from the middle.",
        "round half down(2.5, 0)",
        "round half down(n: -1.126, scale: 2)",
    ),
    "abs": described(
        "The number or duration without its sign.",
        "abs(-10)",
        'abs(@"-PT5H")',
        'abs(n: @"-P1Y")',
        result="a value of the type of n",
    ),
    "modulo": described(
        "The rest of a division, with the sign of the divisor.",
        "modulo(12, 5)",
        "modulo(-12, 5)",
        "modulo(dividend: 10.1, divisor: 4.5)",
        "modulo(1, 0)",
    ),
    "sqrt": described("The square root.", "sqrt(16)", "sqrt(number: 2)", "sqrt(-1)"),
    "log": described("The natural logarithm.", "log(10)", "log(number: 1)", "log(0)"),
    "exp": described("The power of e.", "exp(1)", "exp(number: 0)"),
    "odd": described("Whether a number is odd.", "odd(5)", "odd(number: 1.5)"),
    "even": described("Whether a number is even.", "even(2)", "even(number: 5)"),
}
