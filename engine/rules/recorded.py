"""Values of FEEL as JSON: exactly, for what is recorded of decisions, and plainly, for types to be read from.

Numbers are JSON's numbers with all their digits. What JSON does not have is an object with the one key ``@``, as in
FEEL's own literals: ``{"@": "2026-11-30"}``. A context that has such a key itself is the object under it.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from engine.rules.feel import numbers
from engine.rules.feel.exchange import TOO_DEEP, NotAValue, to_python
from engine.rules.feel.rendering import text_of_range
from engine.rules.feel.temporal import (
    format_date,
    format_date_time,
    format_days,
    format_months,
    format_time,
    parse_temporal,
)
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Range, Time, Value, YearsMonthsDuration

AT: Final = "@"
LARGEST: Final = 1 << 26
"""What a value may come to, a byte for each character and four for each item: no settings let more be stored. Lists
that hold the same list many times take no room until they are written."""
_ITEM: Final = 4
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_SORTING: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")
_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)
_AS_THEY_ARE: Final = frozenset({bool, Decimal, type(None)})
_FORMATS: Final[dict[type, Any]] = {
    Date: format_date,
    Time: format_time,
    DateTime: format_date_time,
    DaysTimeDuration: format_days,
    YearsMonthsDuration: format_months,
}


def write_value(value: Value) -> bytes:
    """Return a value as JSON, to be read back as it is; a range is its text.

    Raises NotAValue for a function, for half a character, which no text in UTF-8 has, and for what is too large.
    """
    return _encoded(_ENCODER, _all_written(value))


def digest_of(value: Value) -> str:
    """Return the SHA-256 of a value, in hexadecimal: the same, in whichever order its entries are."""
    return hashlib.sha256(_encoded(_SORTING, _all_written(value))).hexdigest()


def read_value(text: str | bytes) -> Value:
    """Return the value that was written. Raises NotAValue for what nobody wrote so."""
    try:
        found = _DECODER.decode(text.decode() if isinstance(text, bytes) else text)
        return _read(found)
    except ValueError as error:
        raise NotAValue(f"this is no recorded value: {error}") from None
    except RecursionError:
        raise NotAValue(f"this is no recorded value: {TOO_DEEP}") from None


def write_plain(value: Value) -> bytes:
    """Return a value as JSON for a reader that knows its type: dates and the like are texts. Raises NotAValue."""
    return _encoded(_ENCODER, to_python(value))


def _encoded(encoder: msgspec.json.Encoder, value: Any) -> bytes:
    try:
        return encoder.encode(value)
    except RecursionError:
        raise NotAValue(TOO_DEEP) from None
    except UnicodeEncodeError as error:
        raise NotAValue(
            f"a text has half a character, \\u{ord(error.object[error.start]):04X}, and cannot be recorded: write both "
            f"halves, or \\U and six digits"
        ) from None


def _all_written(value: Value) -> Any:
    try:
        return _written(value, _Room())
    except RecursionError:
        raise NotAValue(TOO_DEEP) from None


class _Room:
    """How much more may be written of a value."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = LARGEST

    def take(self, size: int) -> None:
        """Take some of it. Raises NotAValue where there is not so much."""
        self._left -= size
        if self._left < 0:
            raise NotAValue(f"a value comes to more than {LARGEST:,} bytes, and cannot be recorded: return less")


def _written(value: Value, room: _Room) -> Any:
    if type(value) is str:
        room.take(len(value))
        return value
    if type(value) is list:
        room.take(_ITEM * len(value))
        return [item if type(item) in _AS_THEY_ARE else _written(item, room) for item in value]
    if type(value) is dict:
        room.take(_ITEM * len(value) + sum(map(len, value)))
        found = {name: _written(item, room) for name, item in value.items()}
        return {AT: found} if AT in found else found
    if value is None or isinstance(value, bool | str | Decimal):
        return value
    if isinstance(value, Range):
        return text_of_range(value)
    render = _FORMATS.get(type(value))
    if render is None:
        raise NotAValue("a function of a rule cannot be recorded: let the rule return what it returns")
    return {AT: render(value)}


def _read(found: Any) -> Value:
    if isinstance(found, Decimal):
        return numbers.number(found)
    if isinstance(found, list):
        return [_read(item) for item in cast("list[Any]", found)]
    if not isinstance(found, dict):
        return found
    entries = cast("dict[str, Any]", found)
    if AT not in entries:
        return {name: _read(item) for name, item in entries.items()}
    inner = entries[AT]
    if isinstance(inner, dict):
        return {name: _read(item) for name, item in cast("dict[str, Any]", inner).items()}
    value = parse_temporal(inner) if isinstance(inner, str) else None
    if value is None or len(entries) > 1:
        raise NotAValue(f"{str(inner)[:60]!r} under {AT!r} is no date, time or duration")
    return value
