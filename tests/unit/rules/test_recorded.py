"""Values as they are recorded: exactly, whatever JSON has no sign for."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.exchange import NotAValue, from_python, to_python
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Time, YearsMonthsDuration
from engine.rules.recorded import digest_of, read_value, write_plain, write_value

texts = st.text(st.characters(codec="utf-8"), max_size=5) | st.just("@")
times = st.builds(
    Time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999_999_999),
    st.none() | st.integers(-50_000, 50_000),
)  # fmt: skip
dates = st.dates().map(lambda one: Date(one.year, one.month, one.day))
scalars = (
    st.none()
    | st.booleans()
    | st.decimals(allow_nan=False, allow_infinity=False).map(from_python)
    | texts
    | dates
    | times
    | st.builds(DateTime, dates, times)
    | st.builds(DaysTimeDuration, st.integers(-(10**20), 10**20))
    | st.builds(YearsMonthsDuration, st.integers(-(10**6), 10**6))
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert repr(read_value(write_value(value))) == repr(value)


@given(st.dictionaries(texts, values, max_size=4))
def test_the_digest_is_that_of_the_content(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert digest_of(turned) == digest_of(value)
    assert digest_of({**value, "more": True}) != digest_of({**value, "more": False})


def test_it_reads_like_json() -> None:
    given = from_python({"amount": Decimal("12.50"), "day": dt.date(2026, 11, 30), "lines": [1, "a", None, True]})
    assert write_value(given) == b'{"amount":12.50,"day":{"@":"2026-11-30"},"lines":[1,"a",null,true]}'
    assert write_plain(given) == b'{"amount":12.50,"day":"2026-11-30","lines":[1,"a",null,true]}'


@pytest.mark.parametrize("text", ["{", '{"@": 1}', '{"@": "soon"}', '{"@": "2026-11-30", "a": 1}', "[" * 5000])
def test_what_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(NotAValue):
        read_value(text)


def test_digits_are_no_floats() -> None:
    number = Decimal("1234567890123456789012345678901.234")
    assert json.loads(write_value(number), parse_float=Decimal) == number == read_value(write_value(number))


@pytest.mark.parametrize("value", ["a\ud800", {"\udc00": None}, ["\ud800\ud800"]])
def test_half_a_character_is_refused_by_its_number(value: Any) -> None:
    for write in (write_value, digest_of, write_plain):
        with pytest.raises(NotAValue, match=r"half a character, \\uD[8C]00, and cannot be recorded"):
            write(value)


@pytest.mark.parametrize("part", ["x" * 1_000_000, [Decimal(1)] * 1000, {"k" * 1_000_000: None}])
def test_what_takes_no_room_until_it_is_written_is_refused_before_it_does(part: Any) -> None:
    shared: Any = [[part] * 1000] * 1000
    for write in (write_value, digest_of):
        with pytest.raises(NotAValue, match="more than 67,108,864 bytes, and cannot be recorded"):
            write(shared)


@pytest.mark.parametrize("levels", [900, 100_000])
def test_what_is_nested_too_deep_is_no_value_wherever_it_is_met(levels: int) -> None:
    """It would end in an error of Python's that nobody expects of a file or of a rule."""
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    for reading in (
        lambda: read_value("[" * levels + "]" * levels), lambda: write_value(deep), lambda: digest_of(deep),
        lambda: write_plain(deep), lambda: to_python(deep), lambda: read_value('{"a":' * levels + "1" + "}" * levels),
    ):  # fmt: skip
        with pytest.raises(NotAValue, match="nested too deep"):
            reading()


@pytest.mark.parametrize("text", ["1e999999999", "-1e6145", "1e400", "9" * 100_000])
def test_huge_numbers_are_read_as_rules_have_them(text: str) -> None:
    value = read_value(text)
    assert value is None or isinstance(value, Decimal)
    assert len(str(to_python(value))) < 50
