from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Never, NoReturn

import pytest

from engine.codec import TypeCodec, result_codec
from engine.errors import CodecError, DefinitionError
from tests.unit.codec.shapes import Card, Invoice, Line


def plain() -> Line: ...
async def coroutine() -> Line: ...
def returns_coroutine() -> Coroutine[Any, Any, Line]: ...
def returns_awaitable() -> Awaitable[Line]: ...
def unhinted(): ...
def anything() -> Any: ...
def returns_none() -> None: ...
def never() -> Never: ...
def no_return() -> NoReturn: ...
def late() -> list[Later]: ...
def missing() -> Missing: ...  # noqa: F821
def either() -> Card | Invoice: ...


@dataclass
class Later:
    number: int


@pytest.mark.parametrize("function", [plain, coroutine, returns_coroutine, returns_awaitable])
def test_the_hint_is_that_of_what_awaiting_gives(function: Any) -> None:
    codec = result_codec(function)
    assert isinstance(codec, TypeCodec)
    assert codec.round_trip(Line("a", 2)) == ('{"sku":"a","count":2}', Line("a", 2))
    assert codec.decode('{"sku":"a"}') == Line("a")


@pytest.mark.parametrize("function", [unhinted, anything])
def test_without_a_hint_plain_values_come_back(function: Any) -> None:
    codec = result_codec(function)
    assert codec.round_trip(None) == ("null", None)
    assert codec.round_trip({"a": [1, None]}) == ('{"a":[1,null]}', {"a": [1, None]})
    assert codec.round_trip(Line("a")) == ('{"sku":"a","count":1}', {"sku": "a", "count": 1})
    with pytest.raises(CodecError, match=f"the result of {function.__name__} is declared Any"):
        codec.round_trip(datetime(2024, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize("function", [returns_none, never, no_return])
def test_nothing_is_nothing(function: Any) -> None:
    assert result_codec(function).round_trip(None) == ("null", None)
    with pytest.raises(CodecError, match="declared None, and the int 5 was given"):
        result_codec(function).round_trip(5)


def test_a_result_of_another_type_is_refused_where_it_is_returned() -> None:
    with pytest.raises(CodecError, match="the result of plain is declared Line, and the str 'x' was given"):
        result_codec(plain).encode("x")
    with pytest.raises(CodecError, match=r"the result of either is declared Card \| Invoice, and a Line was given"):
        result_codec(either).encode(Line("a"))


def test_hints_are_resolved_on_first_use() -> None:
    assert result_codec(late).round_trip([Later(1)])[1] == [Later(1)]
    codec = result_codec(missing)
    for use in (lambda: codec.encode(1), lambda: codec.decode("1"), lambda: codec.hint):
        with pytest.raises(DefinitionError, match=r"missing \(.*'Missing' is not defined"):
            use()
