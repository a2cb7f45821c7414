"""Messages out: what is recorded of one, where it may be published, and what becomes of it when it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.definitions.context import Mail, StepContext, running_step
from engine.definitions.flow import flow
from engine.definitions.publishing import PUBLISH, UNKNOWN_QUEUE_ATTEMPTS, outbox_entry, publish, publish_message
from engine.definitions.registry import Registry
from engine.definitions.step import step
from engine.errors import (
    ArgumentsError,
    CodecError,
    ConfigError,
    DefinitionError,
    NotInFlow,
    NotInStep,
    Undeliverable,
)
from engine.model.outgoing import Outgoing
from engine.model.retry import Retry, is_final
from transports.errors import NotConfirmed, Refused, TooLarge, TransportError, Unavailable, UnknownQueue

URL = "broker://shop/invoices"


@dataclass
class Invoice:
    number: int
    total: Decimal
    day: date


def context(mail: Mail, attempt: int = 1) -> StepContext:
    return StepContext(execution_id="e" * 26, seq=3, attempt=attempt, step="a step", mail=mail)


def written(event: Any, **options: Any) -> dict[str, Any]:
    """Publish in a transactional step; return what the outbox has then."""
    outbox: list[str] = []
    with running_step(context(Mail(outbox))):
        publish(URL, event, **options)
    (text,) = outbox
    return json.loads(text)


def sent(text: str, attempt: int = 1, error: Exception | None = None) -> Outgoing:
    """Send what an outbox has; return the message that reaches the broker."""
    found: list[Outgoing] = []

    def send(message: Outgoing) -> None:
        found.append(message)
        if error is not None:
            raise error

    args, kwargs = publish_message.arguments.decode(text)
    with running_step(context(Mail(None, send), attempt)):
        assert publish_message.fn(*args, **kwargs) == found[0].id
    return found[0]


# What is recorded


@pytest.mark.parametrize(
    "event, body",
    [
        ({"a": [1, None, "ü"]}, '{"a":[1,null,"ü"]}'),
        (Invoice(7, Decimal("1.50"), date(2026, 3, 1)), '{"number":7,"total":"1.50","day":"2026-03-01"}'),
        ("text", '"text"'),
        (None, "null"),
        (1.5, "1.5"),
    ],
)
def test_an_event_is_sent_as_json(event: object, body: str) -> None:
    message = sent(json.dumps(written(event)))
    assert message.body.decode() == body
    assert message.headers == {"content-type": "application/json"}


@given(body=st.binary())
def test_bytes_are_sent_as_they_are(body: bytes) -> None:
    message = sent(json.dumps(written(body)))
    assert (message.body, message.headers) == (body, {})


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)  # fmt: skip


@given(event=_json)
def test_what_is_received_is_what_was_published(event: Any) -> None:
    assert json.loads(sent(json.dumps(written(event))).body) == event


def test_headers_and_key_go_with_it() -> None:
    message = sent(json.dumps(written({}, key="order-7", headers={"tenant": "a", "Content-Type": "application/x"})))
    assert message == Outgoing(
        URL, b"{}", {"tenant": "a", "Content-Type": "application/x"}, "order-7", f"{'e' * 26}-3-1"
    )
    assert sent(json.dumps(written(b"x", headers={"tenant": "a"}))).headers == {"tenant": "a"}


@pytest.mark.parametrize(
    "event, options",
    [
        (object(), {}),
        (float("nan"), {}),
        ({}, {"key": 7}),
        ({}, {"headers": {"a": 1}}),
        ({}, {"headers": {1: "a"}}),
    ],
)
def test_what_has_no_form_to_be_recorded_in_is_refused(event: object, options: dict[str, Any]) -> None:
    with pytest.raises(CodecError):
        written(event, **options)


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:SECRET@host/orders",
        "amqp://:SECRET@host/orders",
        "kafka://host/orders?sasl_password=SECRET",
        "sqs://eu-central-1/orders?secret_access_key=SECRET",
        "azureservicebus://space/orders?SharedAccessKey=SECRET",
        "kafka://host/orders?token=SECRET&x=y",
    ],
)
def test_a_url_with_a_secret_is_refused_without_showing_it(url: str) -> None:
    outbox: list[str] = []
    with running_step(context(Mail(outbox))), pytest.raises(ArgumentsError, match=r"\[brokers\] shop") as caught:
        publish(url, {})
    assert "SECRET" not in str(caught.value)
    assert outbox == []


@pytest.mark.parametrize("url", [None, 5, b"amqp://h/q"])
def test_a_url_is_text(url: Any) -> None:
    with running_step(context(Mail([]))), pytest.raises(ArgumentsError, match="write it as text"):
        publish(url, {})


# Where


def test_outside_of_flows_and_steps_nothing_is_published() -> None:
    with pytest.raises(NotInFlow, match="await it in a flow, or call it in a step"):
        publish(URL, {})


def test_a_step_that_may_run_again_publishes_nothing() -> None:
    with running_step(context(Mail(None, lambda message: None))), pytest.raises(NotInStep, match="transactional=True"):
        publish(URL, {})


def test_messages_of_a_transactional_step_have_ids_of_its_own() -> None:
    outbox: list[str] = []
    with running_step(context(Mail(outbox))):
        publishings = [publish(URL, number) for number in range(3)]
    ids = [f"{'e' * 26}-3-{number}" for number in (1, 2, 3)]
    assert [json.loads(text)["id"] for text in outbox] == ids
    for publishing, id in zip(publishings, ids, strict=True):
        with pytest.raises(StopIteration) as done:
            next(publishing.__await__())
        assert done.value.value == id, "it is done, and awaiting it waits for nothing"
    args, kwargs = outbox_entry.arguments.decode(outbox[0])
    assert kwargs.get("id", args[-1]) == ids[0]


def test_nobody_waits_for_a_message_of_a_transactional_step() -> None:
    with running_step(context(Mail([]))), pytest.raises(ArgumentsError, match="nobody waits there"):
        publish(URL, {}, retry=Retry(attempts=2))


# Sending


@pytest.mark.parametrize("error", [Unavailable("away"), NotConfirmed("perhaps"), TransportError("odd")])
@pytest.mark.parametrize("attempt", [1, 10_000])
def test_what_may_work_later_is_tried_without_end(error: TransportError, attempt: int) -> None:
    with pytest.raises(type(error)):
        sent(json.dumps(written({})), attempt, error)
    for policy in (publish_message.retry, Retry()):
        assert not is_final(policy, error)
    assert publish_message.retry.attempts is None


@pytest.mark.parametrize("error", [Refused("no rights"), TooLarge("too large"), ConfigError("no broker 'shop'")])
def test_what_will_never_work_is_tried_once(error: Exception) -> None:
    with pytest.raises(Undeliverable, match=str(error)) as caught:
        sent(json.dumps(written({})), 1, error)
    assert is_final(Retry(), caught.value), "whatever the call's own policy"


def test_a_queue_that_is_missing_is_looked_for_for_some_minutes() -> None:
    text = json.dumps(written({}))
    with pytest.raises(UnknownQueue):
        sent(text, UNKNOWN_QUEUE_ATTEMPTS - 1, UnknownQueue("no queue"))
    with pytest.raises(Undeliverable):
        sent(text, UNKNOWN_QUEUE_ATTEMPTS, UnknownQueue("no queue"))


def test_the_id_is_that_of_the_step_unless_one_was_written_down() -> None:
    assert sent(json.dumps({"url": URL, "text": "1"})).id == f"{'e' * 26}-3"
    assert sent(json.dumps({"url": URL, "text": "1", "id": "given"})).id == "given"


# Names


def test_every_registry_knows_what_sends() -> None:
    registry = Registry()
    assert registry.step(PUBLISH) is publish_message
    assert registry.flow(PUBLISH, 1) is outbox_entry
    assert (registry.flows, registry.steps) == ((), ())


def own_flow() -> Any:
    @flow(name="milepost.mine")
    async def mine() -> None: ...

    return mine


def own_step() -> Any:
    @step(name="milepost.publish")
    def mine() -> None: ...

    return mine


@pytest.mark.parametrize("make", [own_flow, own_step])
def test_the_names_of_the_engines_own_are_not_for_others(make: Callable[[], Any]) -> None:
    with pytest.raises(DefinitionError, match=r"names that begin with 'milepost\.' are for the engine's own"):
        Registry([make()])
