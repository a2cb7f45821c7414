"""Messages in kombu's form, of ours and of others."""

from __future__ import annotations

import json

import pytest

from transports import Message
from transports.kombu.contents import from_bytes, to_bytes


def test_what_is_written_is_read_back() -> None:
    message = Message("work", bytes(range(256)), {"größe": "a\0\n大"}, "key/1", 3, "id-1")
    assert from_bytes(to_bytes(message), "work") == (message, False)
    read, _ = from_bytes(to_bytes(message), "work")
    assert dict(read.headers) == dict(message.headers)


def test_a_message_without_an_id_keeps_the_name_that_it_got() -> None:
    data = to_bytes(Message("work", b""))
    first, _ = from_bytes(data, "work")
    second, _ = from_bytes(data, "work")
    assert first.id is not None
    assert first.id == second.id


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"{", b"[1]", b'"text"', b'{"a": 1}', b'{"properties": 7}'])
def test_what_is_not_in_the_form_is_a_body(data: bytes) -> None:
    assert from_bytes(data, "work") == (Message("work", data), False)


def test_headers_of_others_become_text_where_they_can() -> None:
    headers = {"text": "yes", "number": 7, "half": 0.5, "flag": True, "none": None, "list": [1], "map": {"a": 1}}
    payload = {"body": "hello", "headers": headers, "properties": {"priority": "soon", "delivery_tag": "tag-1"}}
    message, redelivered = from_bytes(json.dumps(payload).encode(), "work")
    assert dict(message.headers) == {"text": "yes", "number": "7", "half": "0.5", "flag": "true"}
    assert (message.body, message.id, message.priority, redelivered) == (b"hello", "tag-1", 5, False)


@pytest.mark.parametrize(
    "body, expected",
    [
        ({"body": "not base64!", "properties": {"body_encoding": "base64"}}, b"not base64!"),
        ({"body": "aGk=", "properties": {"body_encoding": "base64"}}, b"hi"),
        ({"body": {"a": 1}, "properties": {}}, b'{"a":1}'),
        ({"properties": {}}, b""),
    ],
)
def test_bodies_of_others(body: dict[str, object], expected: bytes) -> None:
    assert from_bytes(json.dumps(body).encode(), "work")[0].body == expected


@pytest.mark.parametrize(
    "marked",
    [
        {"redelivered": True, "properties": {}},
        {"headers": {"redelivered": True}, "properties": {}},
        {"properties": {"delivery_info": {"redelivered": True}}},
    ],
)
def test_every_mark_of_having_been_given_back_is_seen(marked: dict[str, object]) -> None:
    assert from_bytes(json.dumps(marked).encode(), "work")[1]
