"""Messages as any program reads and writes them on SQS."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports import Message, Refused
from transports.sqs.envelope import unwrap
from transports.sqs.native import write_native

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1)
NAMES = st.from_regex(r"[a-z0-9_-]+(\.[a-z0-9_-]+)?", fullmatch=True)


def received(text: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"Body": text, "MessageAttributes": attributes, "MessageId": "given"}


@given(TEXTS, st.dictionaries(NAMES, TEXTS, max_size=8), st.none() | TEXTS, st.none() | TEXTS)
def test_what_is_written_is_read(body: str, headers: dict[str, str], key: str | None, name: str | None) -> None:
    message = Message("orders", body.encode(), headers, key, id=name)
    text, attributes = write_native(message)
    assert text == body
    back = unwrap(received(text, attributes), "orders")
    assert (back.body, dict(back.headers), back.key, back.id) == (message.body, headers, key, name or "given")


@pytest.mark.parametrize(
    "message",
    [
        Message("orders", b""),
        Message("orders", b"\xff"),
        Message("orders", b"\0"),
        Message("orders", b"x", {"": "x"}),
        Message("orders", b"x", {"größe": "x"}),
        Message("orders", b"x", {"a b": "x"}),
        Message("orders", b"x", {"AWS.trace": "x"}),
        Message("orders", b"x", {"a..b": "x"}),
        Message("orders", b"x", {".a": "x"}),
        Message("orders", b"x", {"a.": "x"}),
        Message("orders", b"x", {"a": ""}),
        Message("orders", b"x", {"a": "\0"}),
        Message("orders", b"x", {"milepost-id": "x"}),
        Message("orders", b"x", {"milepost-key": "x"}),
        Message("orders", b"x", {str(number): "x" for number in range(11)}),
        Message("orders", b"x", {str(number): "x" for number in range(9)}, key="k", id="i"),
        Message("orders", b"x", id=""),
    ],
    ids=repr,
)
def test_what_sqs_cannot_carry_is_refused(message: Message) -> None:
    with pytest.raises(Refused, match="orders"):
        write_native(message)


def test_ten_attributes_are_carried() -> None:
    message = Message("orders", b"a\r\nb", {str(number): "x" for number in range(8)}, key="k", id="i")
    assert len(write_native(message)[1]) == 10
