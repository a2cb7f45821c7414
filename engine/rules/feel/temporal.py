"""Texts of dates, times and durations, as FEEL takes them from XML Schema, and back to their canonical form.

A year has four digits, or up to nine of which the first is no 0. A time of day may carry ``Z``, an offset up to 18
hours, or ``@`` and the name of a time zone, which XML Schema does not have; nor has it ``z``, which the examples of DMN
write. The time 24:00:00 is the midnight that ends a day. Fractions of a second are kept to the nanosecond; further
digits are cut off.
"""

from __future__ import annotations

import re
from typing import Final

from engine.rules.feel.days import date_numbered, date_of, number_of
from engine.rules.feel.timeline import DAY, SECOND, at_midnight
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Time, YearsMonthsDuration
from engine.rules.feel.zones import is_zone

MAX_OFFSET: Final = 18 * 3600
"""The largest offset from UTC, in seconds."""
MAX_MONTHS: Final = 10**12
"""What a duration of years and months is shorter than: far more than the calendar has."""
MAX_NANOSECONDS: Final = 10**30
"""What a duration of days and time is shorter than: far more than the calendar has."""

_DATE: Final = re.compile(r"(-?)([1-9][0-9]{4,8}|[0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?|@(.+))?"
)
_YEARS_MONTHS: Final = re.compile(r"(-?)P(?=[0-9])(?:([0-9]{1,40})Y)?(?:([0-9]{1,40})M)?")
_DAYS_TIME: Final = re.compile(
    r"(-?)P(?=[0-9T])(?:([0-9]{1,40})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,40})H)?(?:([0-9]{1,40})M)?(?:([0-9]{1,40})(?:\.([0-9]*))?S)?)?"
)
_LONGEST: Final = 300
"""No text of a date, a time or a duration is longer than this."""


def parse_date(text: str) -> Date | None:
    """Return the date that ``text`` says, or None."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    sign, year, month, day = match.groups()
    if sign and year == "0000":
        return None
    return date_of(-int(year) if sign else int(year), int(month), int(day))


def parse_time(text: str) -> Time | None:
    """Return the time of day that ``text`` says, or None; 24:00:00 is 00:00:00."""
    parsed = _time(text)
    return None if parsed is None else parsed[0]


def parse_date_time(text: str) -> DateTime | None:
    """Return the date and time that ``text`` says, or None; a date alone is its midnight."""
    day, mark, clock = text.partition("T")
    date = parse_date(day)
    if date is None or not mark:
        return None if date is None else at_midnight(date)
    parsed = _time(clock)
    if parsed is None:
        return None
    time, ends_day = parsed
    if ends_day:
        date = date_numbered(number_of(date) + 1)
    return None if date is None else DateTime(date, time)


def parse_duration(text: str) -> YearsMonthsDuration | DaysTimeDuration | None:
    """Return the duration that ``text`` says, or None; none has both months and days."""
    if len(text) > _LONGEST:
        return None
    match = _YEARS_MONTHS.fullmatch(text)
    if match is not None:
        sign, years, months = match.groups()
        return months_duration((-1 if sign else 1) * (int(years or 0) * 12 + int(months or 0)))
    match = _DAYS_TIME.fullmatch(text)
    if match is None:
        return None
    sign, days, hours, minutes, seconds, fraction = match.groups()
    whole = ((int(days or 0) * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    return time_duration((-1 if sign else 1) * (whole * SECOND + _nanoseconds(fraction)))


def parse_temporal(text: str) -> Date | DateTime | Time | YearsMonthsDuration | DaysTimeDuration | None:
    """Return what ``text`` says after an ``@``, or None: a date, a date and time, a time, or a duration."""
    if "P" in text[:2]:
        return parse_duration(text)
    if text[2:3] == ":":
        return parse_time(text)
    return parse_date_time(text) if "T" in text else parse_date(text)


def months_duration(months: int) -> YearsMonthsDuration | None:
    """Return the duration, unless it is too long for one."""
    return YearsMonthsDuration(months) if -MAX_MONTHS < months < MAX_MONTHS else None


def time_duration(nanoseconds: int) -> DaysTimeDuration | None:
    """Return the duration, unless it is too long for one."""
    return DaysTimeDuration(nanoseconds) if -MAX_NANOSECONDS < nanoseconds < MAX_NANOSECONDS else None


def _time(text: str) -> tuple[Time, bool] | None:
    """Return the time, and whether it is the midnight at the end of the day."""
    match = _TIME.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2]), int(match[3])
    nanosecond = _nanoseconds(match[4])
    ends_day = hour == 24 and minute == second == nanosecond == 0
    if minute > 59 or second > 59 or (hour > 23 and not ends_day):
        return None
    zone: str | None = match[10]
    offset = 0 if match[5] else None
    if match[6]:
        offset = _offset(match[7], match[8], match[9])
        if offset is None:
            return None
        offset = -offset if match[6] == "-" else offset
    if zone is not None and not is_zone(zone):
        return None
    return Time(0 if ends_day else hour, minute, second, nanosecond, offset, zone), ends_day


def _offset(hours: str, minutes: str, seconds: str | None) -> int | None:
    if int(minutes) > 59 or int(seconds or 0) > 59:
        return None
    offset = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    return offset if offset <= MAX_OFFSET else None


def _nanoseconds(fraction: str | None) -> int:
    return int(fraction[:9].ljust(9, "0")) if fraction else 0


def format_date(date: Date) -> str:
    """Return the canonical text of a date."""
    return f"{'-' if date.year < 0 else ''}{abs(date.year):04}-{date.month:02}-{date.day:02}"


def format_time(time: Time) -> str:
    """Return the canonical text of a time of day."""
    text = f"{time.hour:02}:{time.minute:02}:{time.second:02}{_fraction(time.nanosecond)}"
    if time.zone is not None:
        return f"{text}@{time.zone}"
    return text if time.offset is None else text + format_offset(time.offset)


def format_offset(offset: int) -> str:
    """Return the text of an offset from UTC that is given in seconds."""
    if offset == 0:
        return "Z"
    hours, rest = divmod(abs(offset), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")


def format_date_time(moment: DateTime) -> str:
    """Return the canonical text of a date and time."""
    return f"{format_date(moment.date)}T{format_time(moment.time)}"


def format_months(duration: YearsMonthsDuration) -> str:
    """Return the canonical text of a duration of years and months."""
    years, months = divmod(abs(duration.months), 12)
    text = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
    return f"{'-' if duration.months < 0 else ''}P{text or '0M'}"


def format_days(duration: DaysTimeDuration) -> str:
    """Return the canonical text of a duration of days and time."""
    days, rest = divmod(abs(duration.nanoseconds), DAY)
    whole, nanosecond = divmod(rest, SECOND)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    time = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    if seconds or nanosecond:
        time += f"{seconds}{_fraction(nanosecond)}S"
    text = (f"{days}D" if days else "") + (f"T{time}" if time else "")
    return f"{'-' if duration.nanoseconds < 0 else ''}P{text or 'T0S'}"


def _fraction(nanosecond: int) -> str:
    return f".{nanosecond:09}".rstrip("0") if nanosecond else ""
