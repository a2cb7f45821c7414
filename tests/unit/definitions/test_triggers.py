"""Triggers are checked where they are written, and known to whoever loads their module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine import (
    DefinitionError,
    Flow,
    MessageInfo,
    Registry,
    Trigger,
    UnknownDefinition,
    by_key,
    flow,
    header,
    load_modules,
    on_message,
)

URL = "kafka://user:secret@host:9092/orders"


@dataclass
class Order:
    id: int


def made(name: str = "fulfil") -> Flow[..., Any]:
    @flow(name=name)
    async def fulfil(order: Order, info: MessageInfo, pieces: int = 1) -> None: ...

    return fulfil


def test_a_flow_stays_the_flow_and_knows_its_triggers() -> None:
    fulfil = made()
    assert on_message(URL, key=header("order-id"))(fulfil) is fulfil
    on_message("broker://shop/more%20orders?", name="more")(fulfil)
    first, second = fulfil.triggers
    assert (first.name, first.queue, first.flow, first.signal) == ("fulfil", "orders", fulfil, None)
    assert (second.name, second.queue) == ("more", "more orders")
    assert "secret" not in first.source + repr(first)
    parameters = first.parameters
    assert (parameters.value, parameters.info, parameters.hint) == ("order", "info", Order)


def test_a_function_becomes_a_trigger_that_can_still_be_called() -> None:
    @on_message(URL, signal="approved")
    def approve(order: Order) -> str:
        return f"{order.id}"

    assert isinstance(approve, Trigger)
    assert (approve.name, approve.flow, approve.signal) == ("approve", None, "approved")
    assert approve(Order(7)) == "7"


def test_a_registry_has_the_triggers_of_its_flows_and_those_by_themselves() -> None:
    fulfil = on_message(URL)(made())

    @on_message(URL, signal="approved")
    def approve(order: Order) -> str: ...

    registry = Registry([fulfil, approve, fulfil, approve])
    assert [trigger.name for trigger in registry.triggers] == ["approve", "fulfil"]
    assert registry.trigger("approve") is approve
    with pytest.raises(UnknownDefinition, match=r"no trigger 'x'.*approve, fulfil"):
        registry.trigger("x")


def test_two_triggers_of_one_name_are_refused() -> None:
    @on_message(URL, signal="approved", name="fulfil")
    def approve(order: Order) -> str: ...

    with pytest.raises(DefinitionError, match="trigger 'fulfil' is defined twice"):
        Registry([on_message(URL)(made()), approve])
    with pytest.raises(DefinitionError, match="give each a name="):
        on_message(URL)(on_message(URL)(made()))


def test_modules_give_their_triggers(tmp_path: Path) -> None:
    file = tmp_path / "triggers_of_a_module.py"
    file.write_text(
        "from engine import on_message\n\n\n@on_message('kafka://h/q', signal='s')\ndef route(text: str) -> str:\n"
        "    return text\n"
    )
    assert [trigger.name for trigger in load_modules([str(file)]).triggers] == ["route"]


def plain(order: Order) -> str: ...
async def coroutine(order: Order) -> str: ...
def nothing() -> str: ...
def two(order: Order, more: int) -> str: ...
def no_hint_of_this_name(order: Nowhere) -> str: ...  # type: ignore[name-defined]  # noqa: F821
def infos(info: MessageInfo) -> str: ...


@flow
async def empty() -> None: ...


SIGNAL = {"signal": "s"}


@pytest.mark.parametrize(
    "target, options, said",
    [
        (plain, {}, "put @on_message above @flow, or give signal="),
        (made(), SIGNAL, "a flow is started, and signal='s' is for one that runs"),
        (coroutine, SIGNAL, "make it a plain def"),
        (nothing, SIGNAL, "it takes no message"),
        (empty, {}, "it takes no message"),
        (7, SIGNAL, "which is not a function"),
        (plain, SIGNAL | {"filter": coroutine}, "filter is called where nothing is awaited"),
        (plain, SIGNAL | {"filter": 7}, "filter=7 is no function"),
        (plain, SIGNAL | {"key": "order-id"}, r"write header\('order-id'\)"),
        (plain, SIGNAL | {"key": made()}, "key is called where nothing is awaited"),
        (plain, {"signal": ""}, "the name '' is not usable"),
        (plain, SIGNAL | {"name": "x" * 191}, "at most 190"),
        (plain, SIGNAL | {"name": ""}, "the name '' is not usable"),
    ],
)
def test_what_cannot_work_is_refused_at_once(target: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        on_message(URL, **options)(target)


@pytest.mark.parametrize(
    "url", ["orders", "kafka://host", "kafka://user:secret@host", "://h/q", "kafka://host/", "", 7]
)
def test_a_url_names_a_queue(url: Any) -> None:
    with pytest.raises(DefinitionError, match="does not name a queue") as caught:
        on_message(url)(made())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "function, said",
    [
        (two, "nothing would give its parameter 'more' a value"),
        (no_hint_of_this_name, "type hint that cannot be resolved"),
        (infos, "one parameter for the message"),
    ],
)
def test_parameters_are_checked_when_the_module_is_loaded(function: Any, said: str) -> None:
    trigger = on_message(URL, signal="s")(function)
    with pytest.raises(DefinitionError, match=said):
        Registry([trigger])


def test_keys_and_headers_are_texts() -> None:
    for call in (header, by_key):
        for given in ("", None, 7):
            with pytest.raises(DefinitionError):
                call(given)  # type: ignore[arg-type]
