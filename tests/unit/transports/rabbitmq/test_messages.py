"""Messages as AMQP has them, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pika import BasicProperties

from transports import Message, Refused
from transports.rabbitmq.messages import from_native, objection_to, to_properties
from transports.rabbitmq.settings import read_settings

SETTINGS = read_settings("amqp://host", {})


@pytest.mark.parametrize(
    "message",
    [
        Message("work", b"x", {"a": "b", "x-mine": "1"}, key="ü", priority=0, id="short"),
        Message("work", b"x", id="i" * 1000),
        Message("work", b"x", id="", key="", priority=9),
    ],
    ids=["all", "long id", "empty texts"],
)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert objection_to(message, SETTINGS) is None
    assert from_native("work", to_properties(message, 17), b"x") == message


def test_what_amqp_has_a_property_for_goes_there() -> None:
    headers = {"content-type": "application/json", "reply-to": "answers", "app-id": "x" * 256, "x-own": "1"}
    properties = to_properties(Message("work", b"{}", headers), 3)
    assert (properties.content_type, properties.reply_to, properties.app_id) == ("application/json", "answers", None)
    assert "content-type" not in (properties.headers or {})
    assert from_native("work", properties, b"{}").headers == headers


def test_messages_are_kept_on_disk_and_the_urgent_ones_go_first() -> None:
    properties = to_properties(Message("work", b"", priority=2), 1)
    assert (properties.delivery_mode, properties.priority) == (2, 7)


def test_a_message_of_another_program_is_read() -> None:
    properties = BasicProperties(
        content_type="application/json",
        correlation_id="17",
        message_id="theirs",
        priority=200,
        headers={
            "text": "one",
            "number": 17,
            "exact": Decimal("1.5"),
            "yes": True,
            "when": datetime(2024, 1, 2, tzinfo=UTC),
            "nothing": None,
            "table": {"a": 1},
            "list": [1],
            "bytes": b"\xff",
            "x-delivery-count": 3,
            "x-death": [{"queue": "q"}],
            "x-first-death-queue": "q",
        },
    )
    message = from_native("work", properties, b"\xff")
    assert message.headers == {
        "content-type": "application/json",
        "correlation-id": "17",
        "text": "one",
        "number": "17",
        "exact": "1.5",
        "yes": "true",
        "when": "2024-01-02T00:00:00+00:00",
    }
    assert (message.id, message.key, message.priority, message.body) == ("theirs", None, 0, b"\xff")


def test_one_without_any_properties_is_read() -> None:
    assert from_native("work", BasicProperties(), b"x") == Message("work", b"x")


@pytest.mark.parametrize("header", ["milepost-key", "h" * 256])
def test_headers_that_cannot_be_carried_are_refused(header: str) -> None:
    assert isinstance(objection_to(Message("work", b"", {header: "x"}), SETTINGS), Refused)


def test_a_queue_whose_name_is_too_long_is_refused() -> None:
    assert isinstance(objection_to(Message("ü" * 200, b""), SETTINGS), Refused)
