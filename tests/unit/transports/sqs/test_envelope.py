"""Messages as SQS carries them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports import Message
from transports.sqs.envelope import unwrap, wire_size, wrap

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CARRIED = re.compile("[\\x09\\x0a\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]+")
MESSAGES = st.builds(
    Message,
    queue=st.just("work"),
    body=st.binary(max_size=50) | TEXT.map(str.encode),
    headers=st.dictionaries(TEXT, TEXT, max_size=20),
    key=st.none() | TEXT,
    priority=st.integers(0, 9),
    id=st.none() | TEXT.filter(bool),
)


@given(MESSAGES)
def test_what_is_wrapped_comes_out_as_it_was(message: Message) -> None:
    text, attributes = wrap(message)
    assert CARRIED.fullmatch(text)
    assert CARRIED.fullmatch(attributes["milepost"]["StringValue"])
    assert unwrap({"Body": text, "MessageAttributes": attributes}, "work") == message


def test_plain_text_stays_readable() -> None:
    assert wrap(Message("work", '{"größe": 1}\n'.encode()))[0] == '{"größe": 1}\n'


def test_the_size_counts_text_names_types_and_values() -> None:
    assert wire_size("größe", {"ab": {"DataType": "String", "StringValue": "ü"}}) == 7 + 2 + 6 + 2


def test_a_message_without_an_id_has_the_brokers() -> None:
    text, attributes = wrap(Message("work", b"x"))
    assert unwrap({"Body": text, "MessageAttributes": attributes, "MessageId": "m-1"}, "work").id == "m-1"


def test_a_foreign_message_is_its_text_and_its_attributes() -> None:
    attributes = {
        "colour": {"DataType": "String", "StringValue": "größer"},
        "count": {"DataType": "Number.int", "StringValue": "17"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00"},
    }
    foreign = unwrap({"Body": "ü\r\n", "MessageAttributes": attributes, "MessageId": "m-1"}, "work")
    assert foreign == Message("work", "ü\r\n".encode(), {"colour": "größer", "count": "17"}, id="m-1")
    assert unwrap({"Body": "bare", "MessageId": "m-2"}, "work") == Message("work", b"bare", id="m-2")


@pytest.mark.parametrize(
    "value",
    [
        {"DataType": "String", "StringValue": "three miles"},
        {"DataType": "String", "StringValue": "[1]"},
        {"DataType": "String", "StringValue": json.dumps({"body": "base64"})},
        {"DataType": "String", "StringValue": json.dumps({"headers": 3})},
        {"DataType": "String", "StringValue": json.dumps({"priority": "high"})},
        {"DataType": "Binary", "BinaryValue": b"\xff"},
    ],
)
def test_an_attribute_that_is_named_like_ours_does_no_harm(value: dict[str, Any]) -> None:
    message = unwrap({"Body": "no base64!", "MessageAttributes": {"milepost": value}}, "work")
    assert message.body == b"no base64!"
