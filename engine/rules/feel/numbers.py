"""Numbers as FEEL has them: 34 decimal digits, rounded half to even, and never infinite or undefined.

``CONTEXT`` is used for every operation. The context of the thread, which an application may have changed, never is.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

CONTEXT: Final = Context(prec=34, rounding=ROUND_HALF_EVEN, Emin=-6143, Emax=6144, traps=[])
"""The arithmetic of IEEE 754's decimal128. It raises nothing: look at ``is_finite()`` of what comes out."""

_WIDEST: Final = 30


def number(value: int | Decimal) -> Decimal | None:
    """Return the number rounded to what FEEL can hold; None if it is too large, or none at all."""
    rounded = CONTEXT.create_decimal(value)
    return rounded if rounded.is_finite() else None


def whole(value: Decimal) -> int | None:
    """Return the number without its fraction; None if it is too large to count or to place anything."""
    return int(value) if value.adjusted() < _WIDEST else None


def is_whole(value: Decimal) -> bool:
    """Tell whether a number has no fraction."""
    return value == value.to_integral_value(context=CONTEXT)


def ratio(value: Decimal) -> tuple[int, int]:
    """Return the number as a fraction of two whole numbers, the second of them positive."""
    return value.as_integer_ratio()


def truncated(dividend: int, divisor: int) -> int:
    """Return the whole part of the quotient, rounded towards zero."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def format_number(value: Decimal) -> str:
    """Return the number in plain digits, without zeros that say nothing."""
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
