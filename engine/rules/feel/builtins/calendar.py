"""Built-in functions on dates, and the two that know what time it is (DMN 1.5, 10.3.4.6 and 10.3.4.9)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

from engine.rules.feel.builtins.forms import DATE, DATE_TIME, NUMBER, STRING, Builtin, form, plain, table, wanted
from engine.rules.feel.days import MONTHS, WEEKDAYS, day_of, day_of_year, week_of_year, weekday
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import date_time_from
from engine.rules.feel.values import Date, DateTime, Value


def _day_of_year(value: Date | DateTime) -> Value:
    return Decimal(day_of_year(day_of(value)))


def _day_of_week(value: Date | DateTime) -> Value:
    return WEEKDAYS[weekday(day_of(value)) - 1]


def _month_of_year(value: Date | DateTime) -> Value:
    return MONTHS[day_of(value).month - 1]


def _week_of_year(value: Date | DateTime) -> Value:
    return Decimal(week_of_year(day_of(value)))


def _now(ev: Evaluation) -> DateTime:
    return date_time_from(ev.now())


def _today(ev: Evaluation) -> Value:
    now: datetime = ev.now()
    return Date(now.year, now.month, now.day)


_DATE: Final = wanted("date", DATE, DATE_TIME)

CALENDAR: Final = table(
    Builtin("day of year", NUMBER, plain(_day_of_year, _DATE)),
    Builtin("day of week", STRING, plain(_day_of_week, _DATE)),
    Builtin("month of year", STRING, plain(_month_of_year, _DATE)),
    Builtin("week of year", NUMBER, plain(_week_of_year, _DATE)),
    Builtin("now", DATE_TIME, form(_now)),
    Builtin("today", DATE, form(_today)),
)
