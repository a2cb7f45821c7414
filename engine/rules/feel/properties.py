"""What can be asked of a value with a dot: entries of contexts, and the properties that other types have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from engine.rules.feel.days import weekday
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import CONTEXT, truncated
from engine.rules.feel.timeline import DAY, SECOND, offset_of, offset_of_time
from engine.rules.feel.types import kind_of
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Range, Time, Value, YearsMonthsDuration

_MINUTE: Final = 60 * SECOND
_HOUR: Final = 60 * _MINUTE


def property_of(ev: Evaluation, value: Value, name: str) -> Value:
    """Return the entry or property of that name; of a list, the list of what its elements have."""
    if type(value) is dict:
        if name in value:
            return value[name]
        return ev.problem(f"the context has no entry {name!r}")
    if type(value) is list:
        ev.spend(len(value))
        return [property_of(ev, item, name) for item in value]
    known = _PROPERTIES.get(type(value), {}).get(name)
    if known is None:
        return ev.problem(f"there is no property {name!r} of {kind_of(value)}")
    return known(value)


def _seconds(nanoseconds: int) -> Decimal:
    return CONTEXT.scaleb(Decimal(nanoseconds), -9) if nanoseconds % SECOND else Decimal(nanoseconds // SECOND)


def _offset(seconds: int | None) -> DaysTimeDuration | None:
    return None if seconds is None else DaysTimeDuration(seconds * SECOND)


def _rest(duration: DaysTimeDuration, unit: int) -> int:
    """Return the nanoseconds beyond the whole ``unit`` of the duration, with its sign."""
    return duration.nanoseconds - unit * truncated(duration.nanoseconds, unit)


_DATE: Final[dict[str, Callable[[Date], Value]]] = {
    "year": lambda date: Decimal(date.year),
    "month": lambda date: Decimal(date.month),
    "day": lambda date: Decimal(date.day),
    "weekday": lambda date: Decimal(weekday(date)),
}
_TIME: Final[dict[str, Callable[[Time], Value]]] = {
    "hour": lambda time: Decimal(time.hour),
    "minute": lambda time: Decimal(time.minute),
    "second": lambda time: _seconds(time.second * SECOND + time.nanosecond),
    "time offset": lambda time: _offset(offset_of_time(time)),
    "timezone": lambda time: time.zone,
}


def _of_day(get: Callable[[Date], Value]) -> Callable[[DateTime], Value]:
    return lambda moment: get(moment.date)


def _of_clock(get: Callable[[Time], Value]) -> Callable[[DateTime], Value]:
    return lambda moment: get(moment.time)


_PROPERTIES: Final[Mapping[type, Mapping[str, Callable[[Any], Value]]]] = {
    Date: _DATE,
    Time: _TIME,
    DateTime: {
        **{name: _of_day(get) for name, get in _DATE.items()},
        **{name: _of_clock(get) for name, get in _TIME.items()},
        "time offset": lambda moment: _offset(offset_of(moment)),
    },
    YearsMonthsDuration: {
        "years": lambda duration: Decimal(truncated(duration.months, 12)),
        "months": lambda duration: Decimal(duration.months - 12 * truncated(duration.months, 12)),
    },
    DaysTimeDuration: {
        "days": lambda duration: Decimal(truncated(duration.nanoseconds, DAY)),
        "hours": lambda duration: Decimal(truncated(_rest(duration, DAY), _HOUR)),
        "minutes": lambda duration: Decimal(truncated(_rest(duration, _HOUR), _MINUTE)),
        "seconds": lambda duration: _seconds(_rest(duration, _MINUTE)),
    },
    Range: {
        "start": lambda between: between.start,
        "end": lambda between: between.end,
        "start included": lambda between: between.start is not None and between.start_closed,
        "end included": lambda between: between.end is not None and between.end_closed,
    },
}
