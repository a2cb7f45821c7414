"""Every supported type comes back as what it was: the same value, of the same class."""

from __future__ import annotations

import ipaddress
import pathlib
import re
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, Optional, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import TypeCodec
from tests.unit.codec.shapes import (
    Account,
    Bare,
    Box,
    Card,
    Circle,
    Colour,
    Everything,
    Grumpy,
    Invoice,
    Level,
    Line,
    Mixed,
    Node,
    Order,
    Pair,
    Place,
    Point,
    Right,
    Size,
    Square,
    Tag,
    User,
)

T = TypeVar("T")
Typed = tuple[Any, st.SearchStrategy[Any]]
"""A type hint, and the values of it."""

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
decimals = st.decimals(allow_nan=False)
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
datetimes = st.datetimes() | st.datetimes(timezones=st.just(UTC) | offsets)

SCALARS: list[Typed] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, texts),
    (bytes, st.binary()),
    (Decimal, decimals),
    (datetime, datetimes),
    (date, st.dates()),
    (time, st.times()),
    (timedelta, st.timedeltas()),
    (UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Tag, st.sampled_from(Tag)),
    (Mixed, st.sampled_from(Mixed)),
    (Right, st.sampled_from([*Right, Right.READ | Right.WRITE])),
    (Literal["a", "b", 1], st.sampled_from(["a", "b", 1])),
    (Line, st.builds(Line, sku=texts, count=st.integers())),
    (Order, st.builds(Order, id=texts, amount=decimals, lines=st.lists(st.builds(Line, sku=texts)))),
    (Point, st.builds(Point, x=st.integers(), y=decimals)),
    (Pair, st.builds(Pair, left=st.integers(), right=st.integers())),
    (Circle | Square, st.builds(Circle, radius=st.floats(0, 9)) | st.builds(Square, side=st.floats(0, 9))),
    (Card | Invoice, st.builds(Card, number=texts) | st.builds(Invoice, account=st.integers())),
    (Place, st.builds(Place, name=texts, since=st.dates())),
    (Size, st.fixed_dictionaries({"width": st.integers()}, optional={"height": st.integers()})),
    (User, st.builds(User, name=texts, balance=decimals.filter(Decimal.is_finite), joined=st.none() | datetimes)),
    (int | str | None, st.none() | st.integers() | texts),
]
# What only msgspec writes, and what only pydantic writes: a type that holds both is refused.
ONLY_MSGSPEC = (Point, Pair, Circle | Square, Size)
ONLY_PYDANTIC = (Mixed, Card | Invoice)
KEYS: list[Typed] = [
    (str, texts),
    (int, st.integers()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (date, st.dates()),
    (UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (bytes, st.binary()),
]


def containers(inner: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    return st.one_of(
        inner.map(lambda one: (list[one[0]], st.lists(one[1], max_size=4))),
        inner.map(lambda one: (tuple[one[0], ...], st.lists(one[1], max_size=4).map(tuple))),
        inner.map(lambda one: (Optional[one[0]], st.none() | one[1])),  # noqa: UP045
        inner.map(lambda one: (Box[one[0]], st.builds(Box, item=one[1], count=st.integers()))),
        st.tuples(inner, inner).map(lambda two: (tuple[two[0][0], two[1][0]], st.tuples(two[0][1], two[1][1]))),
        st.tuples(st.sampled_from(KEYS), inner).map(
            lambda two: (dict[two[0][0], two[1][0]], st.dictionaries(two[0][1], two[1][1], max_size=4))
        ),
        st.sampled_from(KEYS).map(lambda key: (set[key[0]], st.sets(key[1], max_size=4))),
        st.sampled_from(KEYS).map(lambda key: (frozenset[key[0]], st.frozensets(key[1], max_size=4))),
    )


hinted = st.one_of(
    st.recursive(st.sampled_from([one for one in SCALARS if one[0] not in left_out]), containers, max_leaves=5)
    for left_out in (ONLY_MSGSPEC, ONLY_PYDANTIC)
)


def assert_round_trip(hint: Any, value: Any) -> str:
    codec = TypeCodec(hint)
    text, read = codec.round_trip(value)
    assert type(text) is str
    assert read == value
    assert type(read) is type(value)
    assert repr(read) == repr(codec.decode(text))
    assert codec.encode(value) == text
    return text


@pytest.mark.parametrize(
    "hint, values", SCALARS, ids=lambda one: str(one) if not isinstance(one, st.SearchStrategy) else ""
)
def test_each_type_by_itself(hint: Any, values: st.SearchStrategy[Any]) -> None:
    @given(values)
    def check(value: Any) -> None:
        assert_round_trip(hint, value)

    check()


@given(st.data())
def test_types_within_types(data: st.DataObject) -> None:
    hint, values = data.draw(hinted)
    assert_round_trip(hint, data.draw(values))


@given(
    st.builds(
        Everything,
        id=st.uuids(),
        colour=st.sampled_from(Colour),
        level=st.sampled_from(Level),
        place=st.builds(Place, name=texts, since=st.dates()),
        size=st.fixed_dictionaries({"width": st.integers()}),
        order=st.builds(Order, id=texts, amount=decimals, lines=st.just([])),
        point=st.builds(Point, x=st.integers(), y=decimals),
        counts=st.dictionaries(st.integers(), st.sets(texts)),
        parts=st.tuples(st.integers(), texts, st.none() | decimals),
        data=st.binary(),
    )
)
def test_a_dataclass_of_everything(value: Everything) -> None:
    assert_round_trip(Everything, value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
@pytest.mark.parametrize("hint", [Any, object, T])
def test_plain_values_need_no_hint(hint: Any, value: Any) -> None:
    assert_round_trip(hint, value)


@given(decimals)
def test_every_digit_of_a_decimal_is_kept(value: Decimal) -> None:
    text, read = TypeCodec(Decimal).round_trip(value)
    assert text == f'"{value}"'
    assert read.as_tuple() == value.as_tuple()


@given(st.datetimes(timezones=st.timezones()))
def test_a_datetime_with_a_zone_comes_back_as_the_same_instant(value: datetime) -> None:
    offset = value.utcoffset()
    if offset is None or offset.total_seconds() % 60 or not 2 < value.year < 9998:
        return
    _, read = TypeCodec(datetime).round_trip(value)
    assert read.astimezone(UTC) == value.astimezone(UTC)
    assert read.utcoffset() == offset


@pytest.mark.parametrize("fold", [0, 1])
def test_both_passes_of_a_repeated_hour_are_told_apart(fold: int) -> None:
    value = datetime(2024, 10, 27, 2, 30, fold=fold, tzinfo=ZoneInfo("Europe/Berlin"))
    _, read = TypeCodec(list[datetime]).round_trip([value])
    assert read[0].astimezone(UTC) == datetime(2024, 10, 27, fold, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", [datetime(2024, 2, 29, 12), datetime(2024, 2, 29, 12, tzinfo=UTC)])  # noqa: DTZ001
def test_naive_stays_naive_and_aware_stays_aware(value: datetime) -> None:
    assert TypeCodec(datetime).round_trip(value)[1].tzinfo == value.tzinfo


class Word(str):
    """A text that is more than a text to Python, and no more than that in JSON."""

    __slots__ = ()


class Ratio(float):
    __slots__ = ()


class Mood(StrEnum):
    GLAD = "glad"


@pytest.mark.parametrize(
    "hint, value, text",
    [
        (bytes, b"\xff\x00", '"/wA="'),
        (timedelta, timedelta(hours=1), '"PT3600S"'),
        (set[int], {5}, "[5]"),
        (dict[int, str], {1: "a"}, '{"1":"a"}'),
        (dict[Colour, int], {Colour.RED: 1}, '{"red":1}'),
        (Circle | Square, Square(2.0), '{"type":"Square","side":2.0}'),
        (Order, Order("a", Decimal("1.50")), '{"id":"a","amount":"1.50","lines":[]}'),
        (Node, Node(1, Node(2)), '{"value":1,"next":{"value":2,"next":null}}'),
        (Box[Box[date]], Box(Box(date(2024, 1, 2))), '{"item":{"item":"2024-01-02","count":0},"count":0}'),
        (Account | None, Account(User(name="a")), None),
        (pathlib.Path, pathlib.Path("/a/b"), '"/a/b"'),
        (ipaddress.IPv4Address, ipaddress.ip_address("10.0.0.1"), '"10.0.0.1"'),
        (re.Pattern[str], re.compile("a+"), '"a+"'),
        (deque[int], deque([1, 2]), "[1,2]"),
        (Counter[str], Counter("aab"), '{"a":2,"b":1}'),
        (OrderedDict[str, int], OrderedDict(a=1), '{"a":1}'),
        (defaultdict[str, int], defaultdict(int, a=1), '{"a":1}'),
        (Decimal, Decimal("1E+5"), '"1E+5"'),
        (Decimal, Decimal("-0.00"), '"-0.00"'),
        (int, 2**200, str(2**200)),
        (float, -0.0, "-0.0"),
        (str, "\x00\u2028é😀", None),
        (str | datetime, "2024-01-01T00:00:00", '"2024-01-01T00:00:00"'),
        (Card | Invoice | None, None, "null"),
        (list[Card | Invoice], [Invoice(1), Card("2")], '[{"account":1},{"number":"2"}]'),
        (dict[str, Any], {"a": [1, None]}, '{"a":[1,null]}'),
    ],
)
def test_how_it_is_written(hint: Any, value: Any, text: str | None) -> None:
    assert text in (None, assert_round_trip(hint, value))


@pytest.mark.parametrize(
    "hint, value, expected",
    [
        (float, 1, 1.0),
        (list[float], [1, 2.5], [1.0, 2.5]),
        (Decimal, 5, Decimal(5)),
        (int, Level.HIGH, 2),
        (str, Mood.GLAD, "glad"),
        (str, Word("w"), "w"),
        (float, Ratio(0.5), 0.5),
        (tuple[int, str], [1, "a"], (1, "a")),
        (list[int], (1, 2), [1, 2]),
        (list[int], {5}, [5]),
        (set[int], [1, 2], {1, 2}),
        (frozenset[int], {1, 2}, frozenset({1, 2})),
        (Sequence[int], (1, 2), [1, 2]),
        (Mapping[str, int], OrderedDict(a=1), {"a": 1}),
        (bytes, bytearray(b"a"), b"a"),
        (Any, (1, [(2,)]), [1, [[2]]]),
        (Any, {5}, [5]),
        (Any, deque([1]), [1]),
        (Any, Order("a", Decimal("1.50")), {"id": "a", "amount": "1.50", "lines": []}),
        (Any, [Line("a")], [{"sku": "a", "count": 1}]),
        (Any, Point(1), {"x": 1, "y": "0"}),
        (Any, Pair(1, 2), [1, 2]),
        (dict[str, Any], Line("a"), {"sku": "a", "count": 1}),
    ],
)
def test_what_may_change_without_loss(hint: Any, value: Any, expected: Any) -> None:
    _, read = TypeCodec(hint).round_trip(value)
    assert read == expected
    assert type(read) is type(expected)


def test_objects_that_cannot_be_compared_are_compared_by_their_fields() -> None:
    assert TypeCodec(Bare).round_trip(Bare(5))[1].number == 5
    assert TypeCodec(list[Grumpy]).round_trip([Grumpy(5)])[1][0].number == 5


def test_no_hint_is_any() -> None:
    assert TypeCodec().round_trip(None) == ("null", None)
    assert TypeCodec().hint is Any


@given(st.data())
def test_reading_ignores_fields_that_are_gone_and_fills_in_new_ones(data: st.DataObject) -> None:
    gone = data.draw(
        st.dictionaries(texts.filter(lambda name: name not in ("sku", "count")), st.integers(), max_size=2)
    )
    assert TypeCodec(Line).decode(TypeCodec(Any).encode({"sku": "a", **gone})) == Line("a", 1)


def test_text_may_be_bytes() -> None:
    assert TypeCodec(list[int]).decode(b"[1]") == [1]
    assert TypeCodec(Card | Invoice).decode(b'{"account":1}') == Invoice(1)
