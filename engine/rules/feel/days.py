"""The proleptic Gregorian calendar over a thousand million years: days as numbers, months and weeks."""

from __future__ import annotations

from typing import Final

from engine.rules.feel.values import MAX_YEAR, Date, DateTime

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_OF_400_YEARS: Final = 146_097
_EPOCH: Final = 719_468
"""Days from the first of March of the year 0 to the first day of 1970."""


def is_leap(year: int) -> bool:
    """Tell whether the year has a 29th of February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def length_of_month(year: int, month: int) -> int:
    """Return how many days the month has."""
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def date_of(year: int, month: int, day: int) -> Date | None:
    """Return the day, if the calendar has it."""
    if abs(year) <= MAX_YEAR and 1 <= month <= 12 and 1 <= day <= length_of_month(year, month):
        return Date(year, month, day)
    return None


def day_of(value: Date | DateTime) -> Date:
    """Return the day that a date is, or a date and time is on."""
    return value.date if type(value) is DateTime else value


def number_of(date: Date) -> int:
    """Return the days from the first of January of 1970 to ``date``."""
    # A year that begins in March has its leap day at its end; the months then follow a straight line.
    year = date.year - (date.month <= 2)
    century, within = divmod(year, 400)
    day_of_year = (153 * ((date.month + 9) % 12) + 2) // 5 + date.day - 1
    return century * _DAYS_OF_400_YEARS + within * 365 + within // 4 - within // 100 + day_of_year - _EPOCH


def date_numbered(number: int) -> Date | None:
    """Return the day that is ``number`` days after the first of January of 1970, if the calendar reaches that far."""
    century, within = divmod(number + _EPOCH, _DAYS_OF_400_YEARS)
    year = (within - within // 1_460 + within // 36_524 - within // 146_096) // 365
    day_of_year = within - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += century * 400 + (month <= 2)
    return Date(year, month, day) if abs(year) <= MAX_YEAR else None


def plus_months(date: Date, months: int) -> Date | None:
    """Return the same day ``months`` later, or the last day of that month if it is shorter."""
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    if abs(year) > MAX_YEAR:
        return None
    return Date(year, month + 1, min(date.day, length_of_month(year, month + 1)))


def whole_months(start: Date, end: Date) -> int:
    """Return the whole months from ``start`` to ``end``; negative if ``end`` is the earlier one."""
    months = (end.year - start.year) * 12 + end.month - start.month
    if months > 0 and end.day < start.day:
        return months - 1
    if months < 0 and end.day > start.day:
        return months + 1
    return months


def weekday(date: Date) -> int:
    """Return the day of the week, 1 for Monday to 7 for Sunday."""
    return (number_of(date) + 3) % 7 + 1


def day_of_year(date: Date) -> int:
    """Return the number of the day in its year, from 1."""
    return number_of(date) - number_of(Date(date.year, 1, 1)) + 1


def week_of_year(date: Date) -> int:
    """Return the number of the week, from 1: the one with the year's first Thursday is the first (ISO 8601)."""
    # The week belongs to the year that its Thursday is in.
    thursday = number_of(date) - weekday(date) + 4
    first = _year_of(thursday)
    return (thursday - number_of(Date(first, 1, 1))) // 7 + 1


def _year_of(number: int) -> int:
    date = date_numbered(number)
    # Only the Thursday of the last week of all is beyond the calendar.
    return MAX_YEAR + 1 if date is None else date.year
