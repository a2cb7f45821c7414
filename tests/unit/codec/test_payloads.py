"""Values whose reader declares a type that the sender does not know."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.codec import TypeCodec, encode_payload
from engine.errors import CodecError
from tests.unit.codec.shapes import Account, Bare, Card, Colour, Order, Place, User

ORDER = Order("a", Decimal("1.50"))


@pytest.mark.parametrize(
    "hint, value",
    [
        (Order, ORDER),
        (Decimal, Decimal("1.50")),
        (datetime, datetime(2024, 1, 2, tzinfo=UTC)),
        (bytes, b"\xff"),
        (Colour, Colour.RED),
        (Place, Place("a", date(2024, 1, 2))),
        (dict[int, list[Decimal]], {1: [Decimal("1.0")]}),
        (dict[str, Order | None], {"a": ORDER, "b": None}),
        (Account, Account(User(name="a"))),
        (set[date], {date(2024, 1, 2)}),
        (None, None),
        (Any, {"a": [1, None, "null"]}),
    ],
)
def test_a_reader_that_knows_the_type_gets_what_was_sent(hint: Any, value: Any) -> None:
    read = TypeCodec(hint).decode(encode_payload(value))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "value, reason",
    [
        (float("nan"), "no NaN or infinity"),
        ({"a": Card("1"), "b": [float("inf")]}, "`$.b[0]`: inf"),
        (Bare(float("nan")), "`$.number`: nan"),
        ({1: 1, "1": 2}, "the key the int 1"),
        (object(), "the payload, an object, cannot be written as JSON"),
        ("\ud800", "no valid Unicode"),
        ({(1, 2): 3}, "a key that cannot be written as text"),
    ],
)
def test_what_would_be_lost_on_any_reader_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(CodecError) as caught:
        encode_payload(value)
    assert reason in str(caught.value)
