"""Python's values to FEEL's and back, at the edge of the rules."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from engine.errors import MilepostError
from engine.rules.feel import numbers
from engine.rules.feel.rendering import text_of_range
from engine.rules.feel.temporal import format_date, format_date_time, format_days, format_months, format_time
from engine.rules.feel.timeline import SECOND
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
from engine.rules.feel.zones import is_zone

MAX_DEPTH: Final = 100
"""How deep lists and contexts may be nested in each other."""


MAX_PARTS: Final = 1_000_000
"""How many elements and entries a value may have in all that is given back."""


TOO_DEEP: Final = "lists and contexts are nested too deep in each other: there is no use for more than a hundred"


class NotAValue(MilepostError, TypeError):
    """FEEL has no such value, or Python has none."""


def from_python(value: object) -> Value:
    """Return the value as FEEL has it. Raises ``NotAValue``.

    Numbers are rounded to 34 digits; what is no finite number is null. Enumerations are their values, UUIDs strings.
    Mappings, dataclasses, named tuples, and models of msgspec and pydantic become contexts, other sequences lists.
    """
    return _from(value, 0)


def _from(value: object, depth: int) -> Value:
    kind: type = type(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return _from(value.value, depth)
    convert = _conversion(value)
    if convert is not None:
        return convert(value)
    if depth >= MAX_DEPTH:
        raise NotAValue(f"the value is nested deeper than {MAX_DEPTH} lists and contexts: it cannot be given to a rule")
    entries = _entries(value)
    if entries is not None:
        return {_key(name): _from(item, depth + 1) for name, item in entries.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_from(item, depth + 1) for item in cast("Sequence[object]", value)]
    raise _unknown(kind)


def _unknown(kind: type) -> NotAValue:
    return NotAValue(
        f"a {kind.__qualname__} is no value that rules know: give them numbers, strings, booleans, dates, times,"
        f" durations, lists and mappings"
    )


def _conversion(value: object) -> Callable[[Any], Value] | None:
    return next((convert for kind, convert in _FROM if isinstance(value, kind)), None)


def _entries(value: object) -> Mapping[object, object] | None:
    """Return the entries of what becomes a context."""
    if isinstance(value, Mapping):
        return cast("Mapping[object, object]", value)
    names: Sequence[str] | None = None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        for attribute in ("__struct_fields__", "model_fields", "_fields"):
            found: Any = getattr(cast("type[Any]", type(value)), attribute, None)
            if isinstance(found, tuple | dict):
                names = list(cast("dict[str, object]", found))
                break
    return None if names is None else {name: getattr(value, name) for name in names}


def _key(name: object) -> str:
    if isinstance(name, enum.Enum):
        name = name.value
    if isinstance(name, str):
        return str(name)
    raise NotAValue(f"{name!r} is no name for an entry of a context: the keys of a mapping must be strings")


def _number(value: int | float | Decimal) -> Value:
    return numbers.number(Decimal(float.__repr__(value)) if isinstance(value, float) else value)


def date_time_from(value: dt.datetime) -> DateTime:
    """Return the moment, in the zone it has: by its name if it has one, else by its offset."""
    return DateTime(Date(value.year, value.month, value.day), _time(value))


def _time(value: dt.time | dt.datetime) -> Time:
    zone = value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) and is_zone(value.tzinfo.key) else None
    offset = value.utcoffset() if zone is None else None
    seconds = None if offset is None else int(offset.total_seconds())
    return Time(value.hour, value.minute, value.second, value.microsecond * 1000, seconds, zone)


def _days_time(value: dt.timedelta) -> Value:
    return DaysTimeDuration((value.days * 86_400 + value.seconds) * SECOND + value.microseconds * 1000)


def _itself(value: Any) -> Value:
    return value


_FROM: Final[Sequence[tuple[type | tuple[type, ...], Callable[[Any], Value]]]] = (
    (str, str),
    ((int, float, Decimal), _number),
    (dt.datetime, date_time_from),
    (dt.date, lambda value: Date(value.year, value.month, value.day)),
    (dt.time, _time),
    (dt.timedelta, _days_time),
    (uuid.UUID, str),
    ((Date, Time, DateTime, YearsMonthsDuration, DaysTimeDuration, Range, Function), _itself),
)


def to_python(value: Value) -> object:
    """Return the value as Python has it.

    Raises ``NotAValue`` for a function, for more than a million parts, and for what is nested too deep to be followed.

    Whole numbers become ``int``, other ones stay ``Decimal``. Dates, times and durations become those of ``datetime``;
    one that Python cannot hold as it is (nanoseconds, years beyond 9999, durations of months) becomes its text, and so
    does a range.
    """
    try:
        return _Back().of(value)
    except RecursionError:
        raise NotAValue(TOO_DEEP) from None


class _Back:
    """Converts one value. A list may hold another one many times, and each time counts."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def of(self, value: Value) -> object:
        if type(value) is Decimal:
            return _whole_or_decimal(value)
        if type(value) is list:
            self._count(len(value))
            return [self.of(item) for item in value]
        if type(value) is dict:
            self._count(len(value))
            return {name: self.of(item) for name, item in value.items()}
        if isinstance(value, Function):
            raise NotAValue("a function of a rule is no value of Python's: let the rule return what it returns")
        back = _TO.get(type(value))
        return value if back is None else back(value)

    def _count(self, parts: int) -> None:
        self._left -= parts
        if self._left < 0:
            raise NotAValue(f"a rule returned more than {MAX_PARTS} elements and entries: let it return less")


def _whole_or_decimal(value: Decimal) -> int | Decimal:
    is_whole = value.adjusted() < numbers.CONTEXT.prec and value == value.to_integral_value()
    return int(value) if is_whole else value


def _to_date(value: Date) -> object:
    return dt.date(value.year, value.month, value.day) if 1 <= value.year <= 9999 else format_date(value)


def _to_time(value: Time) -> object:
    return format_time(value) if value.nanosecond % 1000 else _python_time(value)


def _python_time(value: Time) -> dt.time:
    zone: dt.tzinfo | None = None
    if value.zone is not None:
        zone = ZoneInfo(value.zone)
    elif value.offset is not None:
        zone = dt.timezone(dt.timedelta(seconds=value.offset))
    return dt.time(value.hour, value.minute, value.second, value.nanosecond // 1000, zone)


def _to_date_time(value: DateTime) -> object:
    date = _to_date(value.date)
    if value.time.nanosecond % 1000 or not isinstance(date, dt.date):
        return format_date_time(value)
    return dt.datetime.combine(date, _python_time(value.time))


def _to_timedelta(value: DaysTimeDuration) -> object:
    microseconds, rest = divmod(value.nanoseconds, 1000)
    if rest or abs(microseconds) > dt.timedelta.max.days * 86_400 * 10**6:
        return format_days(value)
    return dt.timedelta(microseconds=microseconds)


_TO: Final[dict[type, Callable[[Any], object]]] = {
    Date: _to_date,
    Time: _to_time,
    DateTime: _to_date_time,
    YearsMonthsDuration: format_months,
    DaysTimeDuration: _to_timedelta,
    Range: text_of_range,
}
