"""Durations: how people write them, and the whole microseconds they stand for."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from engine.errors import InvalidDuration

UNITS_US: Final = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
"""The units a duration is written in, largest first, and the microseconds of each."""
MAX_DURATION_US: Final = 36_500 * UNITS_US["d"]
"""The longest duration that is accepted: a hundred years."""

_MAX_LENGTH: Final = 64
_TEXTS_KEPT: Final = 1024
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|[wdhms])")
_ORDER: Final = {unit: place for place, unit in enumerate(UNITS_US)}
_MICROSECOND: Final = timedelta(microseconds=1)
_SHOWN: Final = ("d", "h", "m")


def parse_duration(value: str | int | float | timedelta) -> int:
    """Return a duration in whole microseconds.

    A text is made of numbers with units, largest unit first: ``"250ms"``, ``"1.5s"``, ``"1h30m"``, ``"2d 12h"``; the
    units are w, d, h, m, s, ms and us. A number counts seconds. Raises ``InvalidDuration``, which is a
    ``DefinitionError`` and a ``ValueError``, for anything else, for a negative duration, for more than a hundred years,
    and for a text that is finer than a microsecond.
    """
    if isinstance(value, str):
        duration_us = _parse_text(value)
    elif isinstance(value, timedelta):
        duration_us = value // _MICROSECOND
    else:
        duration_us = _parse_seconds(value)
    if duration_us < 0:
        raise InvalidDuration(f"the duration {value!r} is negative; give one that is zero or longer")
    if duration_us > MAX_DURATION_US:
        raise InvalidDuration(f"the duration {_shown(value)} is longer than a hundred years; give a shorter one")
    return duration_us


def format_duration(duration_us: int, *, parts: int | None = None) -> str:
    """Return a duration of so many microseconds as short text, such as ``"1h30m"``, ``"1.5s"`` or ``"250ms"``.

    Without ``parts`` the text is exact: ``parse_duration`` reads it back as the same number. ``parts`` keeps only so
    many of its largest units, and whole numbers of each, which suits measured times. A negative duration begins with
    ``-``.
    """
    sign, rest = ("-", -duration_us) if duration_us < 0 else ("", duration_us)
    texts: list[str] = []
    for unit in _SHOWN:
        count, rest = divmod(rest, UNITS_US[unit])
        if count:
            texts.append(f"{count}{unit}")
    if rest >= UNITS_US["s"] or (rest and texts):
        texts.append(_decimal(rest, UNITS_US["s"], "s", whole=parts is not None))
    elif rest >= UNITS_US["ms"]:
        texts.append(_decimal(rest, UNITS_US["ms"], "ms", whole=parts is not None))
    elif rest:
        texts.append(f"{rest}us")
    kept = [text for text in texts if text != "0s"][:parts]
    return sign + "".join(kept) if kept else "0s"


@lru_cache(_TEXTS_KEPT)
def _parse_text(text: str) -> int:
    if len(text) > _MAX_LENGTH:
        raise InvalidDuration(f"{text[:_MAX_LENGTH]!r}... is too long for a duration; write it like '30s' or '1h30m'")
    total, last, end = Fraction(0), -1, 0
    for part in _PART.finditer(text):
        number, unit = part.groups()
        between = text[end : part.start()]
        if between != "" and (between != " " or end == 0):
            break
        if _ORDER[unit] <= last:
            raise InvalidDuration(f"{text!r} is no duration: write each unit once, the largest first, like '1h30m'")
        total += Fraction(number) * UNITS_US[unit]
        last, end = _ORDER[unit], part.end()
    if last < 0 or end != len(text):
        raise InvalidDuration(f"{text!r} is no duration: {_advice(text)}")
    if total.denominator != 1:
        raise InvalidDuration(f"the duration {text!r} is finer than a microsecond; round it")
    return total.numerator


def _advice(text: str) -> str:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return f"it has no unit; write {text + 's'!r} if seconds are meant"
    if text.startswith("-"):
        return "it is negative; give one that is zero or longer"
    return "write numbers with the units w, d, h, m, s, ms or us, like '250ms', '30s' or '1h30m'"


def _parse_seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidDuration(f"{value!r} is no duration; give a text like '30s', a number of seconds, or a timedelta")
    if isinstance(value, int):
        return value * UNITS_US["s"]
    if not math.isfinite(value):
        raise InvalidDuration(f"{value!r} seconds are no duration; give a finite number")
    duration_us = round(Fraction(value) * UNITS_US["s"])
    return -1 if value < 0 and duration_us == 0 else duration_us


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return "given"
    return repr(value)


def _decimal(amount_us: int, unit_us: int, unit: str, *, whole: bool) -> str:
    count, rest = divmod(amount_us, unit_us)
    if whole or not rest:
        return f"{count}{unit}"
    digits = len(str(unit_us)) - 1
    return f"{count}.{rest:0{digits}d}".rstrip("0") + unit
