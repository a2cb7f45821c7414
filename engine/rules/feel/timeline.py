"""Dates and times as places on the line of time, in nanoseconds, and back."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.days import date_numbered, number_of, plus_months
from engine.rules.feel.values import Date, DateTime, Time
from engine.rules.feel.zones import offset_at_instant, offset_at_local, standard_offset

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND

_MIDNIGHT: Final = Time(0, 0, 0)


def offset_of(moment: DateTime) -> int | None:
    """Return the offset from UTC in seconds, that of its zone on that day; None if it has neither."""
    time = moment.time
    if time.zone is None:
        return time.offset
    return offset_at_local(time.zone, number_of(moment.date), time.hour * 3600 + time.minute * 60 + time.second)


def offset_of_time(time: Time) -> int | None:
    """Return the offset from UTC in seconds; of a zone, which has none without a date, the usual one."""
    return time.offset if time.zone is None else standard_offset(time.zone)


def since_midnight(time: Time) -> int:
    """Return the nanoseconds that a clock has gone since midnight when it shows ``time``."""
    return (time.hour * 3600 + time.minute * 60 + time.second) * SECOND + time.nanosecond


def local(moment: DateTime) -> int:
    """Return the nanoseconds from the start of 1970 to ``moment``, both by the same clock."""
    return number_of(moment.date) * DAY + since_midnight(moment.time)


def place_of(moment: DateTime) -> tuple[bool, int]:
    """Return whether the offset from UTC is known, and the nanoseconds since 1970: in UTC, or by a clock somewhere."""
    offset = offset_of(moment)
    return (False, local(moment)) if offset is None else (True, local(moment) - offset * SECOND)


def place_of_time(time: Time) -> tuple[bool, int]:
    """Return whether the offset from UTC is known, and the nanoseconds since midnight: in UTC, or by a clock."""
    offset = offset_of_time(time)
    return (False, since_midnight(time)) if offset is None else (True, since_midnight(time) - offset * SECOND)


def midnight(date: Date) -> int:
    """Return the nanoseconds from 1970 to the midnight, in UTC, that ``date`` begins with."""
    return number_of(date) * DAY


def moved(moment: DateTime, nanoseconds: int) -> DateTime | None:
    """Return the moment so much later, in the same zone; None if that is beyond the calendar."""
    zone = moment.time.zone
    if zone is None:
        return _at_local(local(moment) + nanoseconds, moment.time)
    instant = place_of(moment)[1] + nanoseconds
    return _at_local(instant + offset_at_instant(zone, instant // SECOND) * SECOND, moment.time)


def moved_date(date: Date, nanoseconds: int) -> Date | None:
    """Return the day that is so much after the midnight of ``date``; None if that is beyond the calendar."""
    return date_numbered((midnight(date) + nanoseconds) // DAY)


def moved_time(time: Time, nanoseconds: int) -> Time:
    """Return what a clock shows so much later."""
    return _clock((since_midnight(time) + nanoseconds) % DAY, time)


def moved_months(moment: DateTime, months: int) -> DateTime | None:
    """Return the same time on the day so many months later; None if that is beyond the calendar."""
    date = plus_months(moment.date, months)
    return None if date is None else DateTime(date, moment.time)


def at_midnight(date: Date) -> DateTime:
    """Return the start of the day, by no clock in particular."""
    return DateTime(date, _MIDNIGHT)


def _at_local(nanoseconds: int, like: Time) -> DateTime | None:
    day, rest = divmod(nanoseconds, DAY)
    date = date_numbered(day)
    return None if date is None else DateTime(date, _clock(rest, like))


def _clock(since: int, like: Time) -> Time:
    second, nanosecond = divmod(since, SECOND)
    return Time(second // 3600, second // 60 % 60, second % 60, nanosecond, like.offset, like.zone)
