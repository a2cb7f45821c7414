"""Built-in functions that make values of one type from those of another (DMN 1.5, 10.3.4.1)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from engine.rules.feel.builtins.forms import (
    DATE,
    DATE_TIME,
    DAYS_TIME,
    NUMBER,
    RANGE,
    STRING,
    TIME,
    YEARS_MONTHS,
    Builtin,
    form,
    plain,
    table,
    wanted,
)
from engine.rules.feel.comparison import compare
from engine.rules.feel.days import date_of, day_of, whole_months
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import CONTEXT, number, whole
from engine.rules.feel.range_text import parse_range
from engine.rules.feel.rendering import text_of
from engine.rules.feel.temporal import MAX_OFFSET, parse_date, parse_date_time, parse_duration, parse_time
from engine.rules.feel.timeline import SECOND
from engine.rules.feel.types import MIDNIGHT_UTC
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Time, Value, YearsMonthsDuration
from engine.rules.feel.zones import is_zone

_NUMBER: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
_GROUPING: Final = frozenset({None, " ", ",", "."})
_DECIMAL: Final = frozenset({None, ",", "."})
_LONGEST_NUMBER: Final = 10_000


def _number(ev: Evaluation, text: str, grouping: str | None = None, point: str | None = None) -> Value:
    if grouping not in _GROUPING or point not in _DECIMAL or (grouping is not None and grouping == point):
        return ev.problem("number: the separators are a blank, a comma or a period, and not both the same")
    digits = text if grouping is None else text.replace(grouping, "")
    if point == ",":
        # A period that is no separator has no place in the number.
        digits = digits.translate({ord(","): ".", ord("."): "?"})
    if len(digits) > _LONGEST_NUMBER or _NUMBER.fullmatch(digits) is None:
        return ev.problem(f"number: {text[:40]!r} is no number")
    found = number(Decimal(digits))
    return ev.problem(f"number: {text[:40]!r} is too large") if found is None else found


def _string(ev: Evaluation, value: Value) -> Value:
    return None if value is None else text_of(ev, value)


def _date(ev: Evaluation, value: str | Date | DateTime) -> Value:
    if isinstance(value, str):
        return parse_date(value) or ev.problem(f"date: {value[:40]!r} is no date")
    return day_of(value)


def _date_of_parts(ev: Evaluation, year: Decimal, month: Decimal, day: Decimal) -> Value:
    parts = whole(year), whole(month), whole(day)
    date = None if parts[0] is None or parts[1] is None or parts[2] is None else date_of(parts[0], parts[1], parts[2])
    return date or ev.problem("date: the calendar has no such day")


def _time(ev: Evaluation, value: str | Time | DateTime | Date) -> Value:
    if type(value) is str:
        return parse_time(value) or ev.problem(f"time: {value[:40]!r} is no time")
    if type(value) is Date:
        return MIDNIGHT_UTC
    return value.time if type(value) is DateTime else value


def _time_of_parts(
    ev: Evaluation, hour: Decimal, minute: Decimal, second: Decimal, offset: DaysTimeDuration | None
) -> Value:
    time = _clock(hour, minute, second)
    if time is None:
        return ev.problem("time: there is no such time of day")
    return time if offset is None else _with_offset(ev, time, offset)


def _clock(hour: Decimal, minute: Decimal, second: Decimal) -> Time | None:
    hours, minutes, nanoseconds = whole(hour), whole(minute), whole(CONTEXT.scaleb(second, 9))
    if hours is None or minutes is None or nanoseconds is None:
        return None
    if 0 <= hours <= 23 and 0 <= minutes <= 59 and 0 <= nanoseconds < 60 * SECOND:
        return Time(hours, minutes, *divmod(nanoseconds, SECOND))
    return None


def _with_offset(ev: Evaluation, time: Time, offset: DaysTimeDuration) -> Time | None:
    seconds, rest = divmod(offset.nanoseconds, SECOND)
    if rest or abs(seconds) > MAX_OFFSET:
        return ev.problem("an offset from UTC is a whole number of seconds, and 18 hours at most")
    return Time(time.hour, time.minute, time.second, time.nanosecond, seconds)


def _date_time(ev: Evaluation, value: str | DateTime) -> Value:
    if type(value) is str:
        return parse_date_time(value) or ev.problem(f"date and time: {value[:40]!r} is no date and time")
    return value


def _date_time_of(date: Date | DateTime, time: Time) -> Value:
    return DateTime(day_of(date), time)


def _date_time_of_parts(ev: Evaluation, *parts: Any) -> Value:
    """Return the date and time of the numbers of year to second, and of an offset, a zone or None."""
    date = _date_of_parts(ev, *parts[:3])
    time = _clock(*parts[3:6])
    place: DaysTimeDuration | str | None = parts[6]
    if type(place) is DaysTimeDuration and time is not None:
        time = _with_offset(ev, time, place)
    elif type(place) is str and time is not None:
        time = Time(time.hour, time.minute, time.second, time.nanosecond, None, place) if is_zone(place) else None
    if type(date) is not Date or time is None:
        return ev.problem("date and time: there is no such day, or no such time on it")
    return DateTime(date, time)


def _duration(ev: Evaluation, text: str) -> Value:
    return parse_duration(text) or ev.problem(f"duration: {text[:40]!r} is no duration")


def _years_and_months(start: Date | DateTime, end: Date | DateTime) -> Value:
    return YearsMonthsDuration(whole_months(day_of(start), day_of(end)))


def _range(ev: Evaluation, text: str) -> Value:
    found = parse_range(text)
    if found is None:
        return ev.problem(f"range: {text[:40]!r} is no range between two literals")
    order = compare(ev, found.start, found.end)
    if order is None or order > 0:
        return ev.problem(f"range: the ends of {text[:40]!r} are not in order")
    return found


_FROM_TEXT: Final = wanted("from", STRING)
_PARTS_OF_DATE: Final = (wanted("year", NUMBER), wanted("month", NUMBER), wanted("day", NUMBER))
_PARTS_OF_TIME: Final = (wanted("hour", NUMBER), wanted("minute", NUMBER), wanted("second", NUMBER))
_OFFSET: Final = wanted("offset", DAYS_TIME, optional=True, nullable=True)

CONVERSION: Final = table(
    Builtin(
        "number",
        NUMBER,
        form(
            _number,
            _FROM_TEXT,
            wanted("grouping separator", STRING, nullable=True),
            wanted("decimal separator", STRING, nullable=True),
        ),
        form(_number, _FROM_TEXT),
    ),
    Builtin("string", STRING, form(_string, wanted("from"))),
    Builtin("date", DATE, form(_date, wanted("from", STRING, DATE, DATE_TIME)), form(_date_of_parts, *_PARTS_OF_DATE)),
    Builtin(
        "time",
        TIME,
        form(_time, wanted("from", STRING, TIME, DATE_TIME, DATE)),
        form(_time_of_parts, *_PARTS_OF_TIME, _OFFSET),
    ),
    Builtin(
        "date and time",
        DATE_TIME,
        form(_date_time, wanted("from", STRING, DATE_TIME)),
        plain(_date_time_of, wanted("date", DATE, DATE_TIME), wanted("time", TIME)),
        form(_date_time_of_parts, *_PARTS_OF_DATE, *_PARTS_OF_TIME, _OFFSET),
        form(_date_time_of_parts, *_PARTS_OF_DATE, *_PARTS_OF_TIME, wanted("timezone", STRING)),
    ),
    Builtin("duration", DAYS_TIME, form(_duration, _FROM_TEXT)),
    Builtin(
        "years and months duration",
        YEARS_MONTHS,
        plain(_years_and_months, wanted("from", DATE, DATE_TIME), wanted("to", DATE, DATE_TIME)),
    ),
    Builtin("range", RANGE, form(_range, _FROM_TEXT)),
)
