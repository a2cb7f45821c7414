from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.exchange import MAX_DEPTH, MAX_PARTS, NotAValue, from_python, to_python
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Function, Time, Value
from tests.unit.rules.feel.calls import shown, value
from tests.unit.rules.feel.strategies import VALUES


class Grade(enum.Enum):
    A = "a"


class Level(enum.IntEnum):
    HIGH = 3


class Colour(enum.StrEnum):
    RED = "red"


@dataclass
class Order:
    id: str
    amount: Decimal
    placed: dt.date


class Line(msgspec.Struct):
    sku: str
    count: int


class Customer(pydantic.BaseModel):
    name: str
    lines: list[int]


Point = namedtuple("Point", "x y")
PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    "given_value, result",
    [
        (None, "null"), (True, "true"), (3, "3"), (2.5, "2.5"), (0.1, "0.1"), (Decimal("1.10"), "1.1"),
        (10**40, "1" + "0" * 40),
        (Decimal("1." + "3" * 50), "1." + "3" * 33), (float("nan"), "null"), (float("inf"), "null"),
        (Decimal("sNaN"), "null"),
         ("x", '"x"'), (Grade.A, '"a"'), (Level.HIGH, "3"), (Colour.RED, '"red"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'), (dt.date(2020, 1, 2), '@"2020-01-02"'),
        (dt.time(10, 30, 1, 500), '@"10:30:01.0005"'), (dt.time(10, tzinfo=dt.UTC), '@"10:00:00Z"'),
        (dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC), '@"2020-01-02T03:04:05Z"'),
        (dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=PARIS), '@"2020-01-02T03:04:05@Europe/Paris"'),
        (dt.datetime.fromisoformat("2020-01-02T03:04:05"), '@"2020-01-02T03:04:05"'),
        (dt.timedelta(days=-1, hours=1), '@"-PT23H"'), ([1, (2, "x")], '[1, [2, "x"]]'), (range(3), "[0, 1, 2]"),
        ({"a": {"b": 1}}, "{a: {b: 1}}"), (MappingProxyType(OrderedDict(a=1)), "{a: 1}"), ({Colour.RED: 1}, "{red: 1}"),
        (Order("x", Decimal(5), dt.date(2020, 1, 1)), '{id: "x", amount: 5, placed: @"2020-01-01"}'),
        (Line("x", 2), '{sku: "x", count: 2}'), (Customer(name="x", lines=[1]), '{name: "x", lines: [1]}'),
        (Point(1, 2), "{x: 1, y: 2}"), (Date(2020, 1, 1), '@"2020-01-01"'),
    ],
)  # fmt: skip
def test_from_python(given_value: Any, result: str) -> None:
    assert shown(from_python(given_value)) == result


@pytest.mark.parametrize("given_value", [object(), {1, 2}, b"x", {1: 2}, Order, Fraction(1, 3), iter([1]), 1j])
def test_what_is_no_value_is_refused(given_value: Any) -> None:
    with pytest.raises(NotAValue, match=r"no value that rules know|must be strings"):
        from_python(given_value)


def test_what_is_nested_too_deep_is_refused() -> None:
    nested: list[Any] = []
    nested.append(nested)
    with pytest.raises(NotAValue, match=f"deeper than {MAX_DEPTH}"):
        from_python(nested)


@pytest.mark.parametrize(
    "written, result",
    [
        (1, 1), (Decimal("1.50"), Decimal("1.5")), (Decimal("2.00"), 2), ("x", "x"), (None, None), (True, True),
        ([1, {"a": 2}], [1, {"a": 2}]), ("@2020-01-01", dt.date(2020, 1, 1)), ("@-2020-01-01", "-2020-01-01"),
        ("@10:30:01.5Z", dt.time(10, 30, 1, 500_000, dt.UTC)), ("@10:30:01.123456789", "10:30:01.123456789"),
        ("@10:30:01@Europe/Paris", dt.time(10, 30, 1, tzinfo=PARIS)),
        ("@2020-01-01T10:30:01+01:30", dt.datetime(2020, 1, 1, 10, 30, 1, tzinfo=dt.timezone(dt.timedelta(hours=1.5)))),
        ("@10000-01-01T10:30:01", "10000-01-01T10:30:01"), ("@P1DT1S", dt.timedelta(days=1, seconds=1)),
        ("@PT0.000000001S", "PT0.000000001S"), ("@P4000000000D", "P4000000000D"), ("@P1Y2M", "P1Y2M"),
        ("#[1..2)", "[1..2)"),
    ],
)  # fmt: skip
def test_to_python(written: Any, result: Any) -> None:
    back = to_python(value(written))
    assert back == result
    assert type(back) is type(result)


def test_a_number_that_is_too_large_is_null() -> None:
    assert from_python(10**7000) is None


def test_numbers_that_are_whole_are_ints() -> None:
    assert isinstance(to_python(Decimal("5.0")), int)
    assert isinstance(to_python(Decimal("1E+40")), Decimal)


def test_a_function_is_no_value_of_python() -> None:
    with pytest.raises(NotAValue, match="function"):
        to_python([BUILTINS["now"]])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_is_given_comes_back(data: Any) -> None:
    assert to_python(from_python(data)) == data


@given(st.datetimes() | st.dates() | st.times() | st.timedeltas() | st.datetimes(timezones=st.just(dt.UTC)))
def test_moments_come_back(moment: Any) -> None:
    assert to_python(from_python(moment)) == moment


@given(VALUES)
def test_values_of_feel_are_taken_as_they_are(of: Value) -> None:
    if not isinstance(of, Function):
        to_python(of)
    assert from_python(of) == of


def test_a_fold_is_taken_for_the_first_of_two_times() -> None:
    moment = dt.datetime(2020, 10, 25, 2, 30, tzinfo=PARIS, fold=1)
    assert from_python(moment) == DateTime(Date(2020, 10, 25), Time(2, 30, 0, zone="Europe/Paris"))
    assert from_python(dt.timedelta(microseconds=1)) == DaysTimeDuration(1000)


def test_a_value_with_too_many_parts_does_not_come_back() -> None:
    nested: Value = []
    for _ in range(60):
        nested = [nested, nested]
    with pytest.raises(NotAValue, match=f"more than {MAX_PARTS}"):
        to_python(nested)
