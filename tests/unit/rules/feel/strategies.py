"""Values of FEEL for property tests."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from engine.rules.feel.days import length_of_month
from engine.rules.feel.temporal import MAX_OFFSET
from engine.rules.feel.values import (
    MAX_YEAR,
    Date,
    DateTime,
    DaysTimeDuration,
    Range,
    Time,
    Value,
    YearsMonthsDuration,
)

ZONES = ("Europe/Paris", "Australia/Melbourne", "Asia/Dhaka", "Etc/UTC")


@st.composite
def _dates(draw: st.DrawFn) -> Date:
    year = draw(st.integers(-MAX_YEAR, MAX_YEAR) | st.integers(-10, 2100))
    month = draw(st.integers(1, 12))
    return Date(year, month, draw(st.integers(1, length_of_month(year, month))))


@st.composite
def _times(draw: st.DrawFn) -> Time:
    nanosecond = draw(st.just(0) | st.integers(0, 999_999_999))
    offset = draw(st.none() | st.integers(-MAX_OFFSET, MAX_OFFSET))
    zone = draw(st.none() | st.sampled_from(ZONES)) if offset is None else None
    clock = draw(st.integers(0, 86_399))
    return Time(clock // 3600, clock // 60 % 60, clock % 60, nanosecond, offset, zone)


DATES = _dates()
TIMES = _times()
MOMENTS = st.builds(DateTime, DATES, TIMES)
MONTHS = st.builds(YearsMonthsDuration, st.integers(-(10**9), 10**9))
SPANS = st.builds(DaysTimeDuration, st.integers(-(10**24), 10**24))
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=None).map(
    lambda number: Decimal(f"{number:.20e}")
) | st.integers(-(10**6), 10**6).map(Decimal)
STRINGS = st.text(max_size=8)
ATOMS: st.SearchStrategy[Value] = st.one_of(
    st.none(), st.booleans(), NUMBERS, STRINGS, DATES, TIMES, MOMENTS, MONTHS, SPANS
)
SMALL = st.integers(0, 3).map(Decimal)
RANGES = st.builds(Range, SMALL, SMALL, st.booleans(), st.booleans())
VALUES: st.SearchStrategy[Value] = st.recursive(
    ATOMS | RANGES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
