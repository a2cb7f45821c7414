from __future__ import annotations

import functools
import inspect
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import ArgumentsCodec
from engine.errors import ArgumentsError, CodecError, DefinitionError
from tests.unit.codec.shapes import Account, Card, Invoice, Line, Node, Order, User

if TYPE_CHECKING:
    from pathlib import Path as OnlyForTheChecker


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call ``function`` with arguments that went through their JSON text."""
    codec = ArgumentsCodec(function)
    read_args, read_kwargs = codec.decode(codec.encode(args, kwargs))
    return function(*read_args, **read_kwargs)


def charge(order: Order, attempts: int = 3, *, dry: bool = False, note: str | None = None) -> tuple[Any, ...]:
    return order, attempts, dry, note


def everything(first, /, second: int, third: date = date(2024, 1, 2), *rest: Decimal, key: str, other=5, **more: Line):
    return first, second, third, rest, key, other, more


def nothing() -> str:
    return "done"


async def untyped(a, b=None):
    return a, b


ORDER = Order("a", Decimal("1.50"))


def test_values_are_read_by_name_in_the_order_of_the_function() -> None:
    codec = ArgumentsCodec(charge)
    values = codec.values(codec.encode((ORDER,), {"note": "n"}))
    assert [*values.items()] == [("order", ORDER), ("attempts", 3), ("dry", False), ("note", "n")]
    assert [*codec.hints] == [*values]
    with pytest.raises(ArgumentsError, match="no value for the argument 'order'"):
        codec.values("{}")
    with pytest.raises(CodecError):
        codec.values('{"order": 5}')


def test_the_text_is_an_object_by_parameter_name() -> None:
    codec = ArgumentsCodec(charge)
    assert codec.encode((ORDER,), {}) == '{"order":{"id":"a","amount":"1.50","lines":[]}}'
    assert json.loads(codec.encode((ORDER, 4), {"note": "x"})) == {
        "order": {"id": "a", "amount": "1.50", "lines": []},
        "attempts": 4,
        "note": "x",
    }
    assert ArgumentsCodec(nothing).encode((), {}) == "{}"


def test_defaults_are_filled_in_when_it_is_read() -> None:
    codec = ArgumentsCodec(charge)
    assert codec.decode(codec.encode((ORDER,), {})) == ([ORDER, 3], {"dry": False, "note": None})
    assert codec.decode(codec.encode((), {"order": ORDER, "dry": True})) == ([ORDER, 3], {"dry": True, "note": None})
    assert ArgumentsCodec(nothing).decode("{}") == ([], {})
    assert ArgumentsCodec(untyped).decode('{"a":[1]}') == ([[1], None], {})


def test_a_default_is_the_very_object_of_the_function() -> None:
    def work(items: list[int] = [1], mark: object = nothing) -> Any:  # noqa: B006
        return items, mark

    args, _ = ArgumentsCodec(work).decode("{}")
    assert args[0] is inspect.signature(work).parameters["items"].default
    assert args[1] is nothing


def test_every_kind_of_parameter() -> None:
    assert call(everything, [1], 2, key="k") == ([1], 2, date(2024, 1, 2), (), "k", 5, {})
    assert call(everything, 1, 2, date(2025, 1, 2), Decimal("1.0"), Decimal(2), key="k", other=6, more=Line("a")) == (
        1,
        2,
        date(2025, 1, 2),
        (Decimal("1.0"), Decimal(2)),
        "k",
        6,
        {"more": Line("a")},
    )
    assert call(everything, 1, second=2, key="k", first=Line("b")) == (
        1,
        2,
        date(2024, 1, 2),
        (),
        "k",
        5,
        {"first": Line("b")},
    )


class Options(TypedDict):
    width: int
    since: date


def unpacked(**options: Unpack[Options]) -> Options:
    return options


def unpacked_rest(*rest: *tuple[int, date]) -> Any:
    return rest


def test_unpacked_hints() -> None:
    assert call(unpacked, width=1, since=date(2024, 1, 2)) == {"width": 1, "since": date(2024, 1, 2)}
    assert call(unpacked_rest, 1, date(2024, 1, 2)) == (1, date(2024, 1, 2))
    with pytest.raises(CodecError):
        ArgumentsCodec(unpacked).encode((), {"width": "1", "since": date(2024, 1, 2)})


def test_parameters_may_have_the_names_of_anything() -> None:
    def work(self: int, cls: int, __hidden: int, __init__: int, p0: int, args: int, größe: int, *kwargs: int) -> Any:  # noqa: PLC2401 - the name is the point
        return self, cls, __hidden, __init__, p0, args, größe, kwargs

    assert call(work, 1, 2, 3, 4, 5, 6, 7, 8, 9) == (1, 2, 3, 4, 5, 6, 7, (8, 9))
    codec = ArgumentsCodec(work)
    assert '"größe":7' in codec.encode((1, 2, 3, 4, 5, 6, 7), {})


def either(what: Card | Invoice, who: User, count: int = 1, also: Card | Invoice | None = None) -> Any:
    return what, who, count, also


def test_types_that_msgspec_leaves_to_pydantic() -> None:
    ada = User(name="Ada", balance=Decimal("1.50"))
    assert call(either, Invoice(5), ada) == (Invoice(5), ada, 1, None)
    assert call(either, Card("5"), ada, also=Invoice(1)) == (Card("5"), ada, 1, Invoice(1))
    assert call(either, Card("5"), ada, also=None) == (Card("5"), ada, 1, None)
    codec = ArgumentsCodec(either)
    with pytest.raises(CodecError, match=r"the argument 'what' of either is declared Card \| Invoice, and a Line"):
        codec.encode((Line("a"), ada), {})
    with pytest.raises(CodecError, match="the argument 'what' of either"):
        codec.decode('{"what":{"number":1},"who":{"name":"a"}}')


@pytest.mark.parametrize(
    "args, kwargs, reason",
    [
        ((), {}, "missing a required argument: 'order'"),
        ((ORDER, 1, 2), {}, "too many positional arguments"),
        ((ORDER,), {"order": ORDER}, "multiple values for argument 'order'"),
        ((ORDER,), {"dri": True}, "unexpected keyword argument 'dri'"),
        ((ORDER, 1, True), {"dry": True}, "too many positional arguments"),
    ],
)
def test_calls_that_do_not_fit(args: tuple[Any, ...], kwargs: dict[str, Any], reason: str) -> None:
    with pytest.raises(ArgumentsError) as caught:
        ArgumentsCodec(charge).encode(args, kwargs)
    message = str(caught.value)
    assert message.startswith("charge (")
    assert reason in message
    assert "it takes (order, attempts, dry, note)" in message
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "args, kwargs, reason",
    [
        ((1,), {"key": "k"}, "'second'"),
        ((1, 2), {}, "'key'"),
        ((), {"first": 1, "second": 2, "key": "k"}, "'first'"),
        ((1, 2), {"second": 2, "key": "k"}, "'second'"),
    ],
)
def test_calls_that_do_not_fit_every_kind_of_parameter(
    args: tuple[Any, ...], kwargs: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ArgumentsError, match=reason):
        ArgumentsCodec(everything).encode(args, kwargs)


@given(
    st.lists(st.integers(), max_size=5),
    st.dictionaries(st.sampled_from(["first", "second", "third", "key", "other", "a", "b"]), st.integers(), max_size=5),
)
def test_a_call_fits_exactly_if_python_says_so(args: list[int], kwargs: dict[str, int]) -> None:
    def full(first, /, second, third=3, *rest, key, other=5, **more):
        return first, second, third, rest, key, other, more

    def small(first, second=2, *, key=3):
        return first, second, key

    for function in (full, small):
        try:
            expected = function(*args, **kwargs)
        except TypeError:
            with pytest.raises(ArgumentsError):
                ArgumentsCodec(function).encode(tuple(args), kwargs)
        else:
            assert call(function, *args, **kwargs) == expected


@pytest.mark.parametrize(
    "args, kwargs, reason",
    [
        (({"id": "a"},), {}, "the argument 'order' of charge is declared Order, and a dict was given"),
        ((ORDER, "3"), {}, "the argument 'attempts' of charge is declared int, and the str '3' was given"),
        ((ORDER,), {"dry": 1}, "the argument 'dry' of charge is declared bool, and the int 1 was given"),
        ((ORDER,), {"note": float("nan")}, "the argument 'note' of charge cannot be written as JSON, which has no NaN"),
        ((Order("a", Decimal("NaN")),), {}, "at `$.amount`"),
        ((ORDER,), {"note": "\ud800"}, "the argument 'note' of charge"),
        ((ORDER, object()), {}, "the argument 'attempts' of charge"),
    ],
)
def test_values_that_are_not_of_their_type_are_refused_where_the_call_is_made(
    args: tuple[Any, ...], kwargs: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CodecError) as caught:
        ArgumentsCodec(charge).encode(args, kwargs)
    assert reason in str(caught.value)


@pytest.mark.parametrize("value", [date(2024, 1, 2), {1: 2}, Decimal(1), b"x", {"a": [Decimal(1)]}])
def test_values_without_a_hint_that_would_change_are_refused(value: Any) -> None:
    with pytest.raises(CodecError, match="the argument 'b' of untyped is declared Any"):
        ArgumentsCodec(untyped).encode((1, value), {})


def test_values_that_may_change_are_not_refused() -> None:
    assert call(charge, ORDER, note=None) == (ORDER, 3, False, None)
    codec = ArgumentsCodec(untyped)
    assert codec.decode(codec.encode(((1, 2), None), {})) == ([[1, 2], None], {})


def test_rest_and_options_are_checked_too() -> None:
    codec = ArgumentsCodec(everything)
    with pytest.raises(CodecError, match="the argument 'rest' of everything"):
        codec.encode((1, 2, date(2024, 1, 2), "x"), {"key": "k"})
    with pytest.raises(CodecError, match="the argument 'more' of everything"):
        codec.encode((1, 2), {"key": "k", "extra": {"sku": "a"}})


@pytest.mark.parametrize(
    "text, kind, reason",
    [
        ("{}", ArgumentsError, "no value for the argument 'order'"),
        ('{"attempts":1}', ArgumentsError, "no value for the argument 'order'"),
        ('{"order":{"id":"a","amount":"1"},"zz":1}', ArgumentsError, "no parameter 'zz'; it takes (order, attempts"),
        ('{"order":{"id":"a","amount":"1"},"attempts":"1"}', CodecError, "got `str` - at `$.attempts`"),
        ('{"order":{"id":"a","amount":"1","lines":[{"sku":2}]}}', CodecError, "$.order.lines[0].sku"),
        ('{"order":{"id":"a","amount":"1"},"attempts":null}', CodecError, "got `null` - at `$.attempts`"),
        ("[]", CodecError, "no JSON object by parameter name"),
        ("null", CodecError, "no JSON object by parameter name"),
        ("", CodecError, "no JSON object by parameter name"),
        (b"\xff", CodecError, "no JSON object by parameter name"),
    ],
)
def test_texts_that_are_no_arguments(text: str, kind: type[CodecError], reason: str) -> None:
    with pytest.raises(CodecError) as caught:
        ArgumentsCodec(charge).decode(text)
    assert type(caught.value) is kind
    assert str(caught.value).startswith("charge (")
    assert reason in str(caught.value)


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    for function in (charge, everything, either, nothing):
        try:
            args, kwargs = ArgumentsCodec(function).decode(text)
        except CodecError:
            continue
        function(*args, **kwargs)


def test_a_call_that_contains_itself() -> None:
    node = Node(1)
    node.next = node

    def work(node: Node) -> None: ...

    with pytest.raises(CodecError, match="contains itself"):
        ArgumentsCodec(work).encode((node,), {})


def late(value: Later, others: list[Later]) -> Any:
    return value, others


@dataclass
class Later:
    """Defined after the function whose hints name it."""

    number: int


def test_hints_are_resolved_on_first_use() -> None:
    codec = ArgumentsCodec(charge_missing)
    with pytest.raises(DefinitionError, match=r"charge_missing \(.*Missing.*TYPE_CHECKING"):
        codec.encode((1,), {})
    with pytest.raises(DefinitionError, match="OnlyForTheChecker"):
        ArgumentsCodec(charge_checker).decode("{}")
    assert call(late, Later(1), [Later(2)]) == (Later(1), [Later(2)])


def charge_missing(order: Missing) -> None: ...  # noqa: F821


def charge_checker(path: OnlyForTheChecker) -> None: ...


def test_hints_may_name_what_the_function_takes_from_around_it() -> None:
    @dataclass
    class Inner:
        number: int

    def work(value: Inner) -> Inner:
        return Inner(value.number + 1)

    assert call(work, Inner(1)) == Inner(2)


def test_a_type_that_cannot_be_stored_is_named() -> None:
    def work(order: Order, callback: 5) -> None: ...

    with pytest.raises(DefinitionError, match=r"the argument 'callback' of work: .* cannot be stored"):
        ArgumentsCodec(work).encode((ORDER, 5), {})


def test_a_wrapped_function_has_the_parameters_of_what_it_wraps() -> None:
    @functools.wraps(charge)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return charge(*args, **kwargs)

    assert call(wrapper, ORDER, note="x") == (ORDER, 3, False, "x")


def test_a_dataclass_with_models_inside() -> None:
    def work(account: Account) -> Account:
        return account

    account = Account(User(name="a"), [User(name="b")], {"c": User(name="c")})
    assert call(work, account) == account


def test_the_first_use_may_come_from_many_threads() -> None:
    codec = ArgumentsCodec(charge)
    start = threading.Barrier(8)
    texts: list[str] = []

    def use() -> None:
        start.wait()
        texts.append(codec.encode((ORDER,), {}))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [codec.encode((ORDER,), {})] * 8
