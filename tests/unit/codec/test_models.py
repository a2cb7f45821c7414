"""Pydantic models, by themselves and inside of other types."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.codec import TypeCodec
from engine.errors import CodecError
from tests.unit.codec.shapes import (
    Account,
    Admin,
    Aliased,
    Binary,
    Card,
    Numbers,
    Open,
    Renamed,
    Secret,
    User,
    WithPrivate,
    Wrapped,
)

ADA = User(name="Ada", balance=Decimal("1.500"), joined=datetime(2024, 1, 2, tzinfo=UTC), key=b"k")
BOB = User(name="Bob", joined=datetime(2024, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    "hint, value",
    [
        (User, ADA),
        (User, BOB),
        (User | None, None),
        (User | None, ADA),
        (User | int, 3),
        (User | int, ADA),
        (User | Card, Card("1")),
        (list[User], [ADA, BOB]),
        (tuple[User, ...], (ADA, BOB)),
        (dict[str, User], {"a": ADA}),
        (Account, Account(ADA, [BOB], {"a": ADA}, BOB)),
        (list[Account], [Account(ADA)]),
        (Account | None, Account(ADA)),
        (User | Admin, Admin(name="Root", level=3)),
        (Aliased, Aliased(theValue=1)),
        (Binary, Binary(data=b"\xff\x00")),
        (Numbers, Numbers([1, 2])),
        (Open, Open(value=2, more=[1])),
        (WithPrivate, WithPrivate(value=3)),
        (Wrapped[date], Wrapped[date](item=date(2024, 1, 2))),
    ],
)
def test_models_come_back_as_what_they_were(hint: Any, value: Any) -> None:
    codec = TypeCodec(hint)
    text, read = codec.round_trip(value)
    assert read == value
    assert type(read) is type(value)
    assert codec.decode(text) == value


def test_every_digit_of_a_decimal_is_kept() -> None:
    text, read = TypeCodec(Account).round_trip(Account(ADA))
    assert '"balance":"1.500"' in text
    assert str(read.owner.balance) == "1.500"


def test_aliases_are_what_is_written() -> None:
    assert TypeCodec(Aliased).encode(Aliased(theValue=1)) == '{"theValue":1}'
    assert TypeCodec(list[Aliased]).encode([Aliased(theValue=1)]) == '[{"theValue":1}]'


def test_without_a_hint_a_model_is_read_as_a_dict() -> None:
    assert TypeCodec(Any).round_trip(User(name="a"))[1] == {
        "name": "a",
        "balance": "0",
        "joined": None,
        "score": 0.0,
        "key": "",
    }
    assert TypeCodec(Any).round_trip(Numbers([1]))[1] == [1]


@pytest.mark.parametrize(
    "hint, value, reason",
    [
        (User, Admin(name="Root"), "an Admin would be read back as a User"),
        (list[User], [Admin(name="Root")], "declared list[User]"),
        (Account, Account(Admin(name="Root")), "at `$.owner`: an Admin would be read back as a User"),
        (User, User(name="a", key=b"\xff"), "utf-8"),
        (Account, Account(User(name="a", key=b"\xff")), "utf-8"),
        (Secret, Secret(password="hush"), "at `$.password`"),
        (Renamed, Renamed(value=1), "value"),
        (Open, Open(more=Decimal(2)), "at `$.more`: a Decimal would be read back as the str '2'"),
        (User, User.model_construct(name=5), "declared User"),
    ],
)
def test_models_that_would_not(hint: Any, value: Any, reason: str) -> None:
    with pytest.raises(CodecError) as caught:
        TypeCodec(hint).round_trip(value)
    assert reason in str(caught.value)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"name":"a","score":"1"}', '{"name":"a","balance":true}', '{"name":1}'])
def test_models_are_read_strictly(text: str) -> None:
    for hint, whole in ((User, text), (list[User], f"[{text}]"), (Account, f'{{"owner":{text}}}')):
        with pytest.raises(CodecError):
            TypeCodec(hint).decode(whole)


def test_pydantic_is_not_imported_where_nobody_uses_it() -> None:
    program = (
        "import sys, dataclasses, engine.codec as codec\n"
        "@dataclasses.dataclass\nclass Line:\n    sku: str\n"
        "codec.TypeCodec(Line).round_trip(Line('a'))\n"
        "codec.ArgumentsCodec(lambda line: line).encode((1,), {})\n"
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
