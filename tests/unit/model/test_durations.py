from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import DefinitionError, InvalidDuration
from engine.model.durations import MAX_DURATION_US, UNITS_US, format_duration, parse_duration


@pytest.mark.parametrize(
    "text, expected_us",
    [
        ("250ms", 250_000),
        ("30s", 30_000_000),
        ("5m", 300_000_000),
        ("2h", 7_200_000_000),
        ("3d", 259_200_000_000),
        ("1w", 604_800_000_000),
        ("1h30m", 5_400_000_000),
        ("1.5s", 1_500_000),
        ("0.25ms", 250),
        ("7us", 7),
        ("1d 12h", 129_600_000_000),
        ("0s", 0),
        ("007s", 7_000_000),
        ("1w2d3h4m5s6ms7us", 788_645_006_007),
        ("36500d", MAX_DURATION_US),
    ],
)
def test_texts(text: str, expected_us: int) -> None:
    assert parse_duration(text) == expected_us


@pytest.mark.parametrize(
    "value, expected_us",
    [
        (0, 0),
        (30, 30_000_000),
        (1.5, 1_500_000),
        (0.1, 100_000),
        (1e-6, 1),
        (timedelta(0), 0),
        (timedelta(days=1, microseconds=1), 86_400_000_001),
    ],
)
def test_numbers_are_seconds_and_timedeltas_are_exact(value: float | timedelta, expected_us: int) -> None:
    assert parse_duration(value) == expected_us


@pytest.mark.parametrize(
    "value, hint",
    [
        ("", "write numbers with the units"),
        ("soon", "write numbers with the units"),
        ("s", "write numbers with the units"),
        ("30", "write '30s' if seconds are meant"),
        ("1.5", "write '1.5s' if seconds are meant"),
        ("-5s", "negative"),
        ("5 s", "write numbers"),
        (" 5s", "write numbers"),
        ("5s ", "write numbers"),
        ("1h  30m", "write numbers"),
        ("1h,30m", "write numbers"),
        ("1h30", "write numbers"),
        ("5S", "write numbers"),
        ("5sec", "write numbers"),
        (".5s", "write numbers"),
        ("1e3s", "write numbers"),
        ("٣s", "write numbers"),
        ("1m1h", "largest first"),
        ("1s1s", "each unit once"),
        ("0.1us", "finer than a microsecond"),
        ("1s" * 40, "too long"),
        ("36501d", "hundred years"),
        (10**300, "hundred years"),
        (1e300, "hundred years"),
        (timedelta.max, "hundred years"),
        (-1, "negative"),
        (-1e-9, "negative"),
        (timedelta(microseconds=-1), "negative"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (True, "a number of seconds"),
        (None, "a number of seconds"),
        (b"5s", "a number of seconds"),
    ],
)
def test_refusals(value: object, hint: str) -> None:
    with pytest.raises(InvalidDuration, match=hint) as caught:
        parse_duration(value)
    assert isinstance(caught.value, DefinitionError)
    assert isinstance(caught.value, ValueError)


@given(st.text(alphabet="0123456789.wdhmsu -", max_size=20) | st.text(max_size=80))
@example("1" * 64 + "s")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        duration_us = parse_duration(text)
    except InvalidDuration:
        return
    assert 0 <= duration_us <= MAX_DURATION_US
    assert parse_duration(format_duration(duration_us)) == duration_us


@given(st.integers() | st.floats() | st.timedeltas())
def test_any_number_is_read_or_refused(value: float | timedelta) -> None:
    try:
        duration_us = parse_duration(value)
    except InvalidDuration:
        return
    assert type(duration_us) is int
    assert 0 <= duration_us <= MAX_DURATION_US


@given(st.dictionaries(st.sampled_from(list(UNITS_US)), st.integers(0, 999)))
def test_a_text_is_the_sum_of_its_parts(counts: dict[str, int]) -> None:
    text = "".join(f"{counts[unit]}{unit}" for unit in UNITS_US if unit in counts)
    if counts:
        assert parse_duration(text) == sum(count * UNITS_US[unit] for unit, count in counts.items())


@given(st.integers(0, MAX_DURATION_US))
def test_texts_and_timedeltas_agree(duration_us: int) -> None:
    assert parse_duration(timedelta(microseconds=duration_us)) == duration_us
    assert parse_duration(f"{duration_us}us") == duration_us


@given(st.integers(0, MAX_DURATION_US) | st.integers(0, 10_000_000))
def test_what_is_shown_reads_back_exactly(duration_us: int) -> None:
    assert parse_duration(format_duration(duration_us)) == duration_us


@pytest.mark.parametrize(
    "duration_us, parts, expected",
    [
        (0, None, "0s"),
        (7, None, "7us"),
        (1_500, None, "1.5ms"),
        (250_000, None, "250ms"),
        (1_500_000, None, "1.5s"),
        (60_000_000, None, "1m"),
        (60_000_001, None, "1m0.000001s"),
        (5_400_000_000, None, "1h30m"),
        (604_800_000_000, None, "7d"),
        (-30_000_000, None, "-30s"),
        (93_784_567_890, 2, "1d2h"),
        (93_784_567_890, None, "1d2h3m4.56789s"),
        (64_567_890, 2, "1m4s"),
        (60_400_000, 2, "1m"),
        (1_999, 1, "1ms"),
        (86_400_000_000, 2, "1d"),
    ],
)
def test_short_form(duration_us: int, parts: int | None, expected: str) -> None:
    assert format_duration(duration_us, parts=parts) == expected
