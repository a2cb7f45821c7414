from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.days import (
    date_numbered,
    date_of,
    day_of_year,
    number_of,
    plus_months,
    week_of_year,
    weekday,
    whole_months,
)
from engine.rules.feel.temporal import (
    MAX_MONTHS,
    MAX_NANOSECONDS,
    format_date,
    format_date_time,
    format_days,
    format_months,
    format_time,
    parse_date,
    parse_date_time,
    parse_duration,
    parse_temporal,
    parse_time,
)
from engine.rules.feel.timeline import DAY, SECOND, moved, offset_of, place_of
from engine.rules.feel.values import MAX_YEAR, Date, DateTime, DaysTimeDuration, Time, YearsMonthsDuration
from engine.rules.feel.zones import is_zone
from tests.unit.rules.feel.strategies import DATES, MOMENTS, TIMES


@given(DATES)
def test_dates_read_as_they_are_written(date: Date) -> None:
    assert parse_date(format_date(date)) == date
    assert parse_temporal(format_date(date)) == date


@given(TIMES)
def test_times_read_as_they_are_written(time: Time) -> None:
    assert parse_time(format_time(time)) == time
    assert parse_temporal(format_time(time)) == time


@given(MOMENTS)
def test_dates_and_times_read_as_they_are_written(moment: DateTime) -> None:
    assert parse_date_time(format_date_time(moment)) == moment
    assert parse_temporal(format_date_time(moment)) == moment


@given(st.integers(1 - MAX_MONTHS, MAX_MONTHS - 1))
def test_durations_of_months_read_as_they_are_written(months: int) -> None:
    assert parse_duration(format_months(YearsMonthsDuration(months))) == YearsMonthsDuration(months)


@given(st.integers(1 - MAX_NANOSECONDS, MAX_NANOSECONDS - 1))
def test_durations_of_time_read_as_they_are_written(nanoseconds: int) -> None:
    assert parse_duration(format_days(DaysTimeDuration(nanoseconds))) == DaysTimeDuration(nanoseconds)


@given(st.text("0123456789-+:.TPZYMDHS@/ Europ", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_date, parse_time, parse_date_time, parse_duration, parse_temporal):
        parse(text)


@pytest.mark.parametrize(
    "text, canonical",
    [
        ("24:00:00", "00:00:00"),
        ("24:00:00.000Z", "00:00:00Z"),
        ("11:22:33-00:00", "11:22:33Z"),
        ("11:22:33.100", "11:22:33.1"),
        ("11:22:33.1234567891", "11:22:33.123456789"),
        ("00:00:00+18:00", "00:00:00+18:00"),
        ("00:00:00-02:45:55", "00:00:00-02:45:55"),
        ("00:01:00@Etc/UTC", "00:01:00@Etc/UTC"),
        ("23:00:00@UTC", "23:00:00@UTC"),
        ("23:00:00@America/Argentina/Buenos_Aires", "23:00:00@America/Argentina/Buenos_Aires"),
    ],
)
def test_times_that_may_be_written_in_other_ways(text: str, canonical: str) -> None:
    time = parse_time(text)
    assert time is not None
    assert format_time(time) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", "7:00:00", "07:1:00", "07:01:2", "07:00", "24:00:01", "24:01:00", "24:00:00.1", "25:00:00", "00:60:00",
        "00:00:60", "10:00:00.", "10:00:00+19:00", "10:00:00+18:00:01", "10:00:00+05:60",
        "10:00:00+5:00", "10:00:00+05",
        "10:00:00@", "10:00:00@xyz/abc", "10:00:00@Europe", "10:00:00@../etc/passwd", "10:00:00@localtime",
        "10:00:00@/etc/localtime", "10:00:00Z@Europe/Paris", "10:00:00+02:00@Europe/Paris", "10:00:00T", " 10:00:00",
        "10:00:00\n", "\uff110:00:00", "10:00:00." + "0" * 1000,
    ],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "998-12-31", "01211-12-31", "+2012-12-02", "-0000-01-01", "2012-13-01", "2012-00-10", "2012-12-32",
        "2012-12-00", "2023-02-29", "1900-02-29", "2012/12/25", "2012-12-25T", "9999999999-01-01", "2012-1-01",
        "2012-12-25Z", " 2012-12-25", "2012-12-25\n",
    ],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("text", ["2000-02-29", "0000-02-29", "-0004-02-29", "999999999-12-31", "-999999999-01-01"])
def test_far_and_leap_days_are_dates(text: str) -> None:
    date = parse_date(text)
    assert date is not None
    assert format_date(date) == text


def test_the_midnight_that_ends_a_day_is_on_the_next_one() -> None:
    assert parse_date_time("2016-02-28T24:00:00Z") == DateTime(Date(2016, 2, 29), Time(0, 0, 0, 0, 0))
    assert parse_date_time(f"{MAX_YEAR}-12-31T24:00:00") is None


@pytest.mark.parametrize("text", ["2012-12-24", "2012-12-24T00:00:00"])
def test_a_date_alone_is_its_midnight(text: str) -> None:
    assert parse_date_time(text) == DateTime(Date(2012, 12, 24), Time(0, 0, 0))


@pytest.mark.parametrize(
    "text, canonical",
    [
        ("P26M", "P2Y2M"),
        ("-P100M", "-P8Y4M"),
        ("P0Y", "P0M"),
        ("-P0M", "P0M"),
        ("PT0.S", "PT0S"),
        ("P0D", "PT0S"),
        ("PT24H", "P1D"),
        ("P2DT274M", "P2DT4H34M"),
        ("PT1000M0.999999999S", "PT16H40M0.999999999S"),
        ("-PT1H2M", "-PT1H2M"),
        ("PT0.0000000001S", "PT0S"),
    ],
)
def test_durations_that_may_be_written_in_other_ways(text: str, canonical: str) -> None:
    duration = parse_duration(text)
    written = format_months(duration) if isinstance(duration, YearsMonthsDuration) else None
    assert (written or (isinstance(duration, DaysTimeDuration) and format_days(duration))) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "P", "-P", "PT", "P1DT", "P1", "1D", "P1H", "P1S", "P1Y2D", "P1M1D", "+P1D", "P-1D", "PT1.5M", "P1.5D", "P1Y ",
     "PT.5S", "P1d", "P" + "9" * 41 + "D", "P" + "9" * 30 + "Y", "PT" + "0" * 1000 + "S"],
)  # fmt: skip
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@given(st.dates())
def test_the_calendar_is_that_of_python(day: dt.date) -> None:
    date = Date(day.year, day.month, day.day)
    assert number_of(date) == day.toordinal() - dt.date(1970, 1, 1).toordinal()
    assert weekday(date) == day.isoweekday()
    assert day_of_year(date) == day.timetuple().tm_yday
    assert week_of_year(date) == day.isocalendar().week


@given(DATES)
def test_days_are_numbered_one_after_the_other(date: Date) -> None:
    number = number_of(date)
    assert date_numbered(number) == date
    following = date_numbered(number + 1)
    assert following is None or number_of(following) == number + 1
    assert 1 <= week_of_year(date) <= 53
    assert date_of(date.year, date.month, date.day) == date


def test_the_calendar_ends() -> None:
    assert date_numbered(number_of(Date(MAX_YEAR, 12, 31)) + 1) is None
    assert date_numbered(number_of(Date(-MAX_YEAR, 1, 1)) - 1) is None
    assert plus_months(Date(MAX_YEAR, 12, 1), 1) is None
    assert week_of_year(Date(MAX_YEAR, 12, 31)) in {1, 52, 53}


@given(DATES, st.integers(-10_000, 10_000))
def test_months_that_are_added_are_the_months_between(date: Date, months: int) -> None:
    later = plus_months(date, months)
    if later is not None and later.day == date.day:
        assert whole_months(date, later) == months
        assert whole_months(later, date) == -months


@pytest.mark.parametrize(
    "start, end, months",
    [
        ("2011-12-22", "2013-08-24", 20),
        ("2013-08-24", "2011-12-22", -20),
        ("2016-01-31", "2016-02-29", 0),
        ("2016-02-29", "2016-01-31", 0),
        ("2015-01-21", "2016-01-21", 12),
        ("-2016-01-30", "-2017-02-28", -11),
    ],
)
def test_whole_months(start: str, end: str, months: int) -> None:
    first, last = parse_date(start), parse_date(end)
    assert first is not None
    assert last is not None
    assert whole_months(first, last) == months


@given(
    st.datetimes(dt.datetime.fromisoformat("1971-01-01"), dt.datetime.fromisoformat("2037-01-01")),
    st.sampled_from(["Europe/Paris", "Australia/Melbourne", "America/New_York", "Asia/Dhaka", "Etc/UTC"]),
)
def test_zones_have_the_offsets_that_they_have_in_python(local: dt.datetime, zone: str) -> None:
    moment = parse_date_time(f"{local.isoformat()}@{zone}")
    assert moment is not None
    aware = local.replace(tzinfo=ZoneInfo(zone))
    offset = aware.utcoffset()
    assert offset is not None
    assert offset_of(moment) == offset.total_seconds()
    later = moved(moment, 40 * DAY + 3 * SECOND)
    instant = aware.astimezone(dt.UTC) + dt.timedelta(days=40, seconds=3)
    expected = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    shown = expected.isoformat().rstrip("0") if expected.microsecond else expected.isoformat()
    assert later is not None
    assert format_date_time(later) == f"{shown}@{zone}"


@pytest.mark.parametrize("year", ["999999600", "-999999600", "10000", "0000", "-0004", "9996"])
def test_zones_are_known_in_every_year(year: str) -> None:
    moment = parse_date_time(f"{year}-02-29T12:00:00@Europe/Paris")
    assert moment is not None
    known, _ = place_of(moment)
    assert known
    assert moved(moment, DAY) is not None


@pytest.mark.parametrize("name", ["Europe/Paris", "UTC", "Etc/GMT+5", "EST5EDT"])
def test_names_of_zones(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize(
    "name", ["", "Europe", "europe paris", "../UTC", "/UTC", "localtime", "Factory", "A" * 100, "é"]
)
def test_what_is_no_zone(name: str) -> None:
    assert not is_zone(name)
