from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.properties import property_of
from engine.rules.feel.values import DaysTimeDuration, Range, YearsMonthsDuration
from tests.unit.rules.feel.calls import evaluation, shown, value
from tests.unit.rules.feel.strategies import MONTHS, SPANS


@pytest.mark.parametrize(
    "of, name, result",
    [
        ({"a": 1}, "a", "1"), ({"a": None}, "a", "null"), ([{"a": 1}, {"a": [2]}], "a", "[1, [2]]"), ([], "a", "[]"),
        ([{"a": 1}, {"b": 2}], "a", "[1, null]"), ("@2018-12-10", "year", "2018"), ("@2018-12-10", "month", "12"),
        ("@2018-12-10", "day", "10"), ("@2018-12-10", "weekday", "1"), ("@2018-12-10T10:30:01.5Z", "weekday", "1"),
        ("@2018-12-10T10:30:01.5Z", "hour", "10"), ("@2018-12-10T10:30:01.5Z", "minute", "30"),
        ("@2018-12-10T10:30:01.5Z", "second", "1.5"), ("@2018-12-10T10:30:01.5Z", "time offset", '@"PT0S"'),
        ("@2018-12-10T10:30:01.5Z", "timezone", "null"), ("@2018-12-10T10:30:01", "time offset", "null"),
        ("@2018-07-10T10:30:01@Europe/Paris", "time offset", '@"PT2H"'),
        ("@2018-07-10T10:30:01@Europe/Paris", "timezone", '"Europe/Paris"'),
        ("@10:30:01+05:00", "time offset", '@"PT5H"'),
        ("@10:30:01", "hour", "10"), ("@P1Y2M", "years", "1"), ("@P1Y2M", "months", "2"), ("@-P1Y2M", "months", "-2"),
        ("@P1DT2H3M4.5S", "days", "1"), ("@P1DT2H3M4.5S", "hours", "2"), ("@P1DT2H3M4.5S", "minutes", "3"),
        ("@P1DT2H3M4.5S", "seconds", "4.5"), ("@-P1DT2H3M4.5S", "hours", "-2"), ("#[1..2)", "start", "1"),
        ("#[1..2)", "end", "2"), ("#[1..2)", "start included", "true"), ("#[1..2)", "end included", "false"),
    ],
)  # fmt: skip
def test_properties(of: Any, name: str, result: str) -> None:
    assert shown(property_of(evaluation(), value(of), name)) == result


@pytest.mark.parametrize(
    "of, name",
    [
        ({"a": 1}, "b"), (None, "a"), (1, "a"), ("x", "length"), ("@2018-12-10", "hour"), ("@P1Y", "days"),
        ("@P1D", "months"),
        ("@10:30:01", "year"), ("#[1..2]", "a"), (True, "a"),
    ],
)  # fmt: skip
def test_what_there_is_not(of: Any, name: str) -> None:
    ev = evaluation()
    assert property_of(ev, value(of), name) is None
    assert len(ev.problems or ()) == 1


def test_an_open_end_is_null_and_not_included() -> None:
    above = Range(Decimal(10), None, start_closed=True, end_closed=True)
    ev = evaluation()
    assert property_of(ev, above, "end") is None
    assert property_of(ev, above, "end included") is False
    assert property_of(ev, above, "start included") is True


@given(MONTHS)
def test_years_and_months_make_up_the_duration(duration: YearsMonthsDuration) -> None:
    ev = evaluation()
    years, months = property_of(ev, duration, "years"), property_of(ev, duration, "months")
    assert isinstance(years, Decimal)
    assert isinstance(months, Decimal)
    assert years * 12 + months == duration.months
    assert abs(months) < 12


@given(SPANS | st.builds(DaysTimeDuration, st.integers(-(10**15), 10**15)))
def test_the_parts_of_a_duration_make_it_up(duration: DaysTimeDuration) -> None:
    parts = [property_of(evaluation(), duration, name) for name in ("days", "hours", "minutes", "seconds")]
    days, hours, minutes, seconds = (int(part.scaleb(9)) for part in parts if isinstance(part, Decimal))
    assert ((days * 24 + hours) * 60 + minutes) * 60 + seconds == duration.nanoseconds
    assert len({part > 0 for part in parts if isinstance(part, Decimal) and part}) <= 1
