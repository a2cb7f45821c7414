"""What would change, or cannot be stored, is refused when it is written: by a message that says what, and where."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import TypeCodec
from engine.errors import CodecError, DefinitionError
from tests.unit.codec.shapes import (
    Account,
    Bare,
    Box,
    Card,
    Colour,
    Line,
    Node,
    Odd,
    Order,
    Place,
    Positive,
    RushOrder,
    Size,
    User,
)

NAN, INF = float("nan"), float("inf")
AT = datetime(2024, 1, 2, 3, 4, 5)  # noqa: DTZ001


def refusal(hint: Any, value: Any) -> str:
    with pytest.raises(CodecError) as caught:
        TypeCodec(hint, "the result of work").round_trip(value)
    assert str(caught.value).startswith("the result of work ")
    assert "\n" not in str(caught.value)
    with pytest.raises(CodecError):
        TypeCodec(hint).encode(value)
    return str(caught.value)


@pytest.mark.parametrize(
    "hint, value, named",
    [
        (int, "5", "declared int, and the str '5' was given"),
        (int, 5.0, "declared int, and the float 5.0 was given"),
        (int, True, "declared int, and the bool True was given"),
        (int, None, "declared int, and None was given"),
        (float, "5", "the str '5'"),
        (float, True, "the bool True"),
        (bool, 1, "the int 1"),
        (str, 5, "the int 5"),
        (str, b"x", "a bytes would be read back as the str"),
        (str, Colour.RED, "a Colour would be read back as the str 'red'"),
        (str, AT, "a datetime would be read back as the str"),
        (Colour, "red", "the str 'red' would be read back as a Colour"),
        (bytes, "YQ==", "the str 'YQ==' would be read back as a bytes"),
        (datetime, "2024-01-02T03:04:05", "would be read back as a datetime"),
        (datetime, date(2024, 1, 2), "declared datetime, and a date was given"),
        (date, AT, "declared date, and a datetime was given"),
        (timedelta, 5, "declared timedelta, and the int 5 was given"),
        (UUID, str(UUID(int=1)), "would be read back as a UUID"),
        (Decimal, "1.5", "the str '1.5' would be read back as a Decimal"),
        (Decimal, 0.1, "the float 0.1 would be read back as a Decimal"),
        (None, 5, "declared None, and the int 5 was given"),
        (Order, {"id": "a", "amount": "1"}, "a dict would be read back as an Order"),
        (Order, None, "declared Order, and None was given"),
        (Order, Card("1"), "declared Order, and a Card was given"),
        (Order, RushOrder("a", Decimal(1)), "a RushOrder would be read back as an Order"),
        (User, {"name": "a"}, "declared User, and a dict was given"),
        (list[int], [1, "2"], "$[1]"),
        (list[int], 5, "declared list[int], and the int 5 was given"),
        (list[int], {"a": 1}, "declared list[int], and a dict was given"),
        (tuple[int, str], (1,), "declared tuple[int, str]"),
        (tuple[int, ...], ("a",), "declared tuple[int, ...]"),
        (dict[str, int], [1], "declared dict[str, int]"),
        (Size, {"height": 1}, "width"),
        (Literal["a", "b"], "c", "declared Literal['a', 'b']"),
        (int | None, "x", "declared int | None, and the str 'x' was given"),
        (Card | Line, Order("a", Decimal(1)), "declared Card | Line, and an Order was given"),
        (Box[int], Box("x"), "declared Box[int]"),
        (Annotated[int, msgspec.Meta(gt=0)], -1, "the int -1"),
    ],
)
def test_what_is_not_of_the_declared_type(hint: Any, value: Any, named: str) -> None:
    assert named in refusal(hint, value)


@pytest.mark.parametrize(
    "hint, value, named",
    [
        (Any, AT, "at `$`: a datetime would be read back as the str '2024-01-02T03:04:05'; declare the type"),
        (Any, {"at": [AT]}, "at `$.at[0]`: a datetime"),
        (Any, Decimal(1), "a Decimal would be read back as the str '1'"),
        (Any, UUID(int=1), "a UUID"),
        (Any, b"x", "a bytes"),
        (Any, Colour.RED, "a Colour"),
        (Any, timedelta(1), "a timedelta"),
        (Any, pathlib.Path("/a"), "would be read back as the str '/a'"),
        (Any, 1j, "a complex"),
        (Any, Place("a", date(2024, 1, 2)), "at `$[1]`: a date"),
        (Any, {1: "a"}, "the key the int 1 would be read back as the str '1'"),
        (Any, {"ok": {1.5: "a"}}, "at `$.ok`: the key the float 1.5"),
        (Any, {Colour.RED: 1}, "the key a Colour would be"),
        (Any, {True: 1}, "the key the bool True would be lost"),
        (Any, {1: 1, "1": 2}, "the key the int 1"),
        (dict, {1: 2}, "the key the int 1"),
        (list, [Decimal(1)], "at `$[0]`: a Decimal"),
        (Box, Box(AT), "at `$.item`: a datetime"),
        (Bare, Bare(1, {"a b": Decimal(1)}), "at `$.extra['a b']`: a Decimal"),
    ],
)
def test_what_no_hint_would_bring_back(hint: Any, value: Any, named: str) -> None:
    assert named in refusal(hint, value)


@pytest.mark.parametrize(
    "hint, value, named",
    [
        (float, 2**53 + 1, "the int 9007199254740993 would be read back as the float 9007199254740992.0"),
        (set[int], [1, 1], "2 items would be read back as 1"),
        (Size, {"width": 1, "depth": 2}, "the key the str 'depth' would be lost"),
        (dict[int | str, int], {1: 1, "1": 2}, "the key the int 1"),
        (str | datetime, AT, "a datetime would be read back as the str"),
        (str | Decimal, Decimal("1.5"), "a Decimal would be read back as the str"),
        (Decimal, Decimal("NaN"), "a Decimal"),
        (Decimal, Decimal("sNaN"), "a Decimal"),
        (dict[float, int], {NAN: 1}, "the key the float nan"),
        (set[float], {NAN}, "nan"),
        (datetime, AT.replace(tzinfo=timezone(timedelta(seconds=30))), "a datetime would be read back as a datetime"),
        (Card | Line, Bare(1), "declared Card | Line"),
        (Odd, Odd.PAIR, "declared Odd"),
    ],
)
def test_what_would_lose_something(hint: Any, value: Any, named: str) -> None:
    assert named in refusal(hint, value)


@pytest.mark.parametrize(
    "hint, value, place",
    [
        (float, NAN, "`$`: nan"),
        (float, INF, "`$`: inf"),
        (float, -INF, "`$`: -inf"),
        (float | None, NAN, "`$`: nan"),
        (Any, NAN, "`$`: nan"),
        (Any, {"a": [1.0, INF]}, "`$.a[1]`: inf"),
        (Any, {"a b": (None, NAN)}, "`$['a b'][1]`: nan"),
        (Any, {1.5: NAN}, "`$[1.5]`: nan"),
        (dict[str, float | None], {"a": None, "b": NAN}, "`$.b`: nan"),
        (Box[float | None], Box(NAN), "`$.item`: nan"),
        (Bare, Bare(1, NAN), "`$.extra`: nan"),
        (User, User(name="a", score=NAN), "`$.score`: nan"),
        (Account, Account(User(name="a"), [User(name="b", score=INF)]), "`$.others[0].score`: inf"),
        (Any, Account(User(name="a", score=NAN)), "`$.owner.score`: nan"),
        (Any, [pathlib.Path("/"), NAN], "`$[1]`: nan"),
    ],
)
def test_json_has_no_nan_and_no_infinity(hint: Any, value: Any, place: str) -> None:
    message = refusal(hint, value)
    assert "JSON, which has no NaN or infinity" in message
    assert place in message


@pytest.mark.parametrize("value", [None, {"a": None}, [1, [None]], "null", {"null": "null"}])
def test_null_by_itself_is_no_reason_to_refuse(value: Any) -> None:
    assert TypeCodec(Any).round_trip(value)[1] == value


@given(st.recursive(st.floats(), lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner), max_leaves=8))
def test_floats_are_kept_or_refused_wherever_they_are(value: Any) -> None:
    finite = "nan" not in repr(value) and "inf" not in repr(value)
    try:
        read = TypeCodec(Any).round_trip(value)[1]
    except CodecError:
        assert not finite
    else:
        assert finite
        assert repr(read) == repr(value)


@pytest.mark.parametrize(
    "value",
    [object(), int, len, lambda: 1, ValueError("x"), range(3), (one for one in [1]), {"a": 1}.keys()],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("within", [lambda value: value, lambda value: [{"a": value}]], ids=["bare", "inside"])
def test_what_has_no_json_form(value: Any, within: Callable[[Any], Any]) -> None:
    assert "give a value of the declared type" in refusal(Any, within(value))


@pytest.mark.parametrize(
    "hint, value, reason",
    [
        (Any, MappingProxyType({"a": 1}), "a mappingproxy has no JSON form; use a dataclass"),
        (Any, {(1, 2): 3}, "a dict has a key that cannot be written as text"),
        (Any, {None: 3}, "a dict has a key that cannot be written as text"),
        (dict[tuple[int, int], int], {(1, 2): 3}, "a dict has a key that cannot be written as text"),
        (Any, "\ud800", "no valid Unicode"),
        (dict[str, int], {"\udfff": 1}, "no valid Unicode"),
        (Iterable[int], [1], "would be read back as"),
        pytest.param(int, 10**5000, "the int of 16610 bits", id="a number of 5001 digits"),
        (Any, "x" * 200 + "\ud800", "x" * 60 + "'..."),
    ],
)
def test_why_it_has_none(hint: Any, value: Any, reason: str) -> None:
    assert reason in refusal(hint, value)


def test_values_that_contain_themselves() -> None:
    endless: list[Any] = []
    endless.append(endless)
    node = Node(1)
    node.next = node
    for hint, value in ((Any, endless), (list[Any], endless), (Node, node)):
        assert "nested too deeply, or contains itself" in refusal(hint, value)


def test_values_that_are_nested_too_deeply() -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    assert "nested too deeply" in refusal(Any, deep)
    with pytest.raises(CodecError, match="nested too deeply"):
        TypeCodec(Any).decode("[" * 20_000 + "]" * 20_000)


def test_a_deep_value_that_needs_a_closer_look_is_refused_and_does_not_break() -> None:
    deep: Any = Decimal(1)
    for _ in range(600):
        deep = (deep,)
    assert "nested too deeply" in refusal(Any, deep) or "a Decimal" in refusal(Any, deep)


@pytest.mark.parametrize(
    "hint, text, reason",
    [
        (int, '"5"', "cannot be read as int: Expected `int`, got `str`"),
        (int, "5.0", "got `float`"),
        (int, "true", "got `bool`"),
        (int, "", "cannot be read as int"),
        (Any, "{", "truncated"),
        (Any, "NaN", "malformed"),
        (Any, "[1] 2", "malformed"),
        (Any, b"\xff", "cannot be read"),
        (Order, '{"id":"a","amount":"x"}', "$.amount"),
        (Order, '{"id":"a"}', "amount"),
        (Colour, '"green"', "green"),
        (time, '"25:00:00"', "time"),
        (User, '{"name":5}', "at `$.name`"),
        (Account, '{"owner":{"name":5}}', "at `$.name`"),
        (Card | Line, '{"number":5}', "cannot be read as Card | Line"),
        (Positive, '{"number":-1}', "must not be negative"),
        (re.Pattern[str], '"("', "cannot be read"),
    ],
)
def test_texts_that_do_not_fit_the_type(hint: Any, text: str | bytes, reason: str) -> None:
    with pytest.raises(CodecError) as caught:
        TypeCodec(hint, "the result of work").decode(text)
    assert str(caught.value).startswith("the result of work: the stored text cannot be read as ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


@given(st.text() | st.binary(), st.sampled_from([int, Order, Account, Card | Line, Any, dict[int, set[str]]]))
def test_any_text_is_read_or_refused(text: str | bytes, hint: Any) -> None:
    try:
        read = TypeCodec(hint).decode(text)
    except CodecError:
        return
    if not isinstance(read, float):  # of a float, less than all digits of the text may be kept
        assert TypeCodec(hint).round_trip(read)[1] == read


@pytest.mark.parametrize("hint", ["Order", list["Order"], 5, Callable[[int], int] | Order | dict[str, "Missing"]])  # noqa: F821
def test_hints_that_are_no_types_of_values(hint: Any) -> None:
    for use in (lambda: TypeCodec(hint).encode(1), lambda: TypeCodec(hint).decode("1"), lambda: TypeCodec(hint).hint):
        with pytest.raises(DefinitionError, match="cannot be stored as JSON"):
            use()
