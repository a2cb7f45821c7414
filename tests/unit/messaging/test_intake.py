"""What becomes of messages is decided by their bytes and the code alone, and nothing that comes can raise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import DefinitionError, Flow, MessageInfo, Registry, Trigger, by_key, flow, header, on_message
from engine.messaging.intake import LONGEST_REASON, decide, received
from engine.messaging.judge import Means
from engine.model.ids import new_execution_id
from engine.model.messages import KEY_LENGTH, ByKey, Dead, Signal, Start, fitted
from tests.unit.messaging.judges import Nobody
from transports.protocol import Message

URL = "memory://user:secret@tests/orders"
LIMIT = 10_000
MEANS = Means(Registry(), Nobody(), LIMIT)
ID = new_execution_id(0)


@dataclass
class Order:
    id: int
    price: Decimal = Decimal(1)


@flow(version=3, queue="shop", priority=2)
async def fulfil(order: Order, info: MessageInfo, pieces: int = 1) -> None: ...


@flow
async def raw(body: bytes) -> None: ...


@flow
async def words(text: str) -> None: ...


@flow
async def anything(value) -> None: ...  # type: ignore[no-untyped-def]


FLOWS: list[Flow[..., Any]] = [fulfil, raw, words, anything]


def trigger(of: Flow[..., Any] = fulfil, **options: Any) -> Trigger:
    """A trigger on a flow, which stays without it."""
    on_message(URL, **options)(of)
    return of.triggers.pop()


def message(body: bytes = b'{"id": 7}', **more: Any) -> Message:
    return Message("orders", body, **({"id": "m1"} | more))


def decided(by: Trigger, what: Message | None = None) -> Any:
    return decide(by, received(by, what or message()), MEANS)


def reason(by: Trigger, what: Message | None = None) -> str:
    found = decided(by, what)
    assert isinstance(found, Dead), found
    return found.reason


def test_a_message_starts_the_flow_as_it_is_defined() -> None:
    found = decided(trigger(), message(b'{"id": 7, "price": "1.50"}', key="k", headers={"h": "1"}))
    assert isinstance(found, Start)
    assert (found.flow, found.version, found.queue, found.priority, found.key) == ("fulfil", 3, "shop", 2, "fulfil:m1")
    arguments, named = fulfil.arguments.decode(found.input)
    info = MessageInfo(queue="orders", id="m1", key="k", headers={"h": "1"})
    assert (arguments, named) == ([Order(7, Decimal("1.50")), info, 1], {})


@pytest.mark.parametrize(
    "of, body, value",
    [
        (raw, b"\xff\x00", b"\xff\x00"),
        (words, "Grüße".encode(), "Grüße"),
        (anything, b'{"a": [1, null]}', {"a": [1, None]}),
    ],
)
def test_the_hint_says_how_a_body_is_read(of: Flow[..., Any], body: bytes, value: Any) -> None:
    found = decided(trigger(of), message(body))
    assert of.arguments.decode(found.input)[0] == [value]


@pytest.mark.parametrize(
    "key, what, expected",
    [
        (None, message(), "fulfil:m1"),
        (header("order"), message(headers={"order": "o7"}), "fulfil:o7"),
        (lambda order: order.id, message(), "fulfil:7"),
        (lambda order, info: f"{order.id}/{info.key}", message(key="k"), "fulfil:7/k"),
    ],
)
def test_the_key_tells_messages_apart(key: Any, what: Message, expected: str) -> None:
    assert decided(trigger(key=key), what).key == expected


def test_a_key_that_does_not_fit_is_hashed() -> None:
    for odd in ("x" * 500, "a\0b", "line\nline", "\ud800"):
        key = decided(trigger(raw, key=header("order")), message(headers={"order": odd})).key
        assert key == fitted(f"raw:{odd}")
        assert len(key) <= KEY_LENGTH
        assert key.isprintable()


def fail(*_: Any) -> Any:
    raise LookupError("no\nsuch order, password=hunter2")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def fail_badly(_: Any) -> Any:
    raise Unspeakable


@pytest.mark.parametrize(
    "options, what, said",
    [
        ({}, message(b"{"), "the body cannot be read as Order: "),
        ({}, message(b'{"id": "7"}'), "the body cannot be read as Order: Expected `int`, got `str` - at `$.id`"),
        ({}, message(id=None), "the message has no id"),
        ({"key": header("order")}, message(headers={"b": "", "a": ""}), "no header 'order' to tell it by; its"),
        ({"key": lambda order: None}, message(), "the key function gave None"),
        ({"key": lambda order: True}, message(), "the key function gave True"),
        ({"key": fail}, message(), "the key function raised LookupError: no such order, password=***"),
        ({"filter": lambda order: order.id > 7}, message(), "refused by filter"),
        ({"filter": lambda order, info: info.key is not None}, message(), "refused by filter"),
        ({"filter": fail}, message(), "the filter raised LookupError"),
        ({"filter": fail_badly}, message(), "the filter raised Unspeakable"),
        ({}, message(b'{"id": 7, "price": "' + b"1" * LIMIT + b'"}'), "at most 10,000 bytes are stored"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_says_why(options: dict[str, Any], what: Message, said: str) -> None:
    found = reason(trigger(**options), what)
    assert said in found
    assert "hunter2" not in found


def test_text_must_be_text() -> None:
    assert "no text in UTF-8" in reason(trigger(words), message(b"\xff"))


# -- signals -----------------------------------------------------------------------------------------------------------


def routed(target: Any, **options: Any) -> Trigger:
    @on_message(URL, signal="approved", **options)
    def route(order: Order, info: MessageInfo) -> Any:
        return target(order, info) if callable(target) else target

    return route


def test_a_message_is_a_signal_for_the_execution_that_the_function_names() -> None:
    seen: list[Any] = []

    def target(order: Order, info: MessageInfo) -> str:
        seen.extend([order, info.id])
        return ID

    found = decided(routed(target), message(b'{ "id": 7, "price": "1.50" }'))
    assert found == Signal(ID, "approved", '{"id":7,"price":"1.50"}', "route:m1")
    assert seen == [Order(7, Decimal("1.50")), "m1"]
    assert decided(routed(by_key("fulfil:o7"))).target == ByKey("fulfil:o7")


@pytest.mark.parametrize(
    "target, said",
    [
        (None, "route named no execution for it"),
        ("x" * 25, "which is no id of an execution"),
        ("ü" * 26, "which is no id of an execution"),
        (7, "which is no id of an execution"),
        (fail, "LookupError: no such order"),
        (lambda order, info: by_key(""), "names no execution"),
    ],
)
def test_a_signal_for_nobody_is_a_dead_message(target: Any, said: str) -> None:
    assert said in reason(routed(target))


# -- whatever comes ----------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
orders = st.fixed_dictionaries({"id": st.integers()}, optional={"price": json_values, "more": json_values})
bodies = st.binary(max_size=50) | (json_values | orders).map(lambda value: json.dumps(value).encode())
texts = st.text(st.characters(exclude_categories=()), max_size=300)
messages = st.builds(
    Message,
    st.just("orders"),
    bodies,
    headers=st.dictionaries(texts, texts, max_size=3) | texts.map(lambda text: {"order": text}),
    key=st.none() | texts,
    id=st.none() | texts,
)
keys = st.sampled_from([None, header("order"), lambda value: value, lambda value, info: info.key, fail, fail_badly])
filters = st.sampled_from([None, lambda value: value, lambda value, info: info.headers, fail_badly])


@given(st.sampled_from(FLOWS), messages, keys, filters)
def test_whatever_comes_is_decided_and_can_be_kept(of: Flow[..., Any], what: Message, key: Any, asked: Any) -> None:
    by = trigger(of, key=key, filter=asked)
    kept = received(by, what)
    assert kept.info.id is None or fitted(kept.info.id) == kept.info.id
    found = decide(by, kept, MEANS)
    assert decide(by, kept, MEANS) == found, "the same message is decided the same"
    if isinstance(found, Dead):
        assert found.reason.isprintable()
        assert 0 < len(found.reason) <= LONGEST_REASON
        return
    assert isinstance(found, Start)
    assert found.key is not None
    assert found.key.isprintable()
    assert len(found.key) <= KEY_LENGTH
    assert len(found.input.encode()) <= LIMIT
    of.arguments.decode(found.input)


@given(messages, st.text() | st.none() | st.integers())
def test_whatever_a_function_names_is_decided(what: Message, target: Any) -> None:
    found = decided(routed(target), what)
    assert isinstance(found, Dead)
    assert found.reason.isprintable()


@given(orders.filter(lambda order: order.keys() == {"id"}), st.text(min_size=1), st.text(min_size=1))
def test_messages_of_other_keys_have_other_keys(order: Mapping[str, Any], one: str, other: str) -> None:
    by = trigger()
    body = json.dumps(order).encode()
    keys = [decided(by, message(body, id=id)) for id in (one, other)]
    if all(isinstance(found, Start) for found in keys):
        assert (keys[0].key == keys[1].key) == (one == other)


def test_a_header_is_named() -> None:
    with pytest.raises(DefinitionError):
        header("")
