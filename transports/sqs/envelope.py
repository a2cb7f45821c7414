"""Messages as SQS and SNS carry them: text of certain characters, and no more than ten attributes.

What is ours travels in one attribute, as JSON in ASCII, so that any number of headers with any characters fits. A body
that is plain text stays readable as it is; any other goes as base64. Messages of other programs, and those
for them, have no such attribute (see ``native``).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, cast

from transports.protocol import DEFAULT_PRIORITY, Message
from transports.sqs.native import read_native

if TYPE_CHECKING:
    from collections.abc import Mapping

ATTRIBUTE = "milepost"
_TYPE = "String"
_NOT_CARRIED = re.compile("[^\\x09\\x0a\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that SQS refuses, and the carriage return, which XML on the way may turn into a line feed."""
_NOTHING = "-"
"""Stands for an empty body, which SQS does not take."""


def wrap(message: Message, topic: str | None = None) -> tuple[str, dict[str, Any]]:
    """Return the text and the attributes of a message; ``topic`` is what a broadcast is about."""
    wrapping: dict[str, Any] = {}
    text = _plain_text(message.body)
    if text is None:
        text = base64.b64encode(message.body).decode() or _NOTHING
        wrapping["body"] = "base64" if message.body else "empty"
    if message.headers:
        wrapping["headers"] = dict(message.headers)
    if message.key is not None:
        wrapping["key"] = message.key
    if message.id is not None:
        wrapping["id"] = message.id
    if message.priority != DEFAULT_PRIORITY:
        wrapping["priority"] = message.priority
    if topic is not None:
        wrapping["topic"] = topic
    value = json.dumps(wrapping, separators=(",", ":"))
    return text, {ATTRIBUTE: {"DataType": _TYPE, "StringValue": value}}


def wire_size(text: str, attributes: Mapping[str, Any]) -> int:
    """Return the bytes that count at AWS: the text, and each attribute's name, type and value."""
    size = len(text.encode())
    for name, attribute in attributes.items():
        size += len(name.encode()) + len(attribute["DataType"]) + len(attribute["StringValue"].encode())
    return size


def unwrap(received: Mapping[str, Any], queue: str) -> Message:
    """Return the message that SQS delivered from this queue."""
    wrapping = _wrapping(received.get("MessageAttributes") or {})
    if wrapping is None:
        return read_native(received, queue)
    try:
        body = _body(str(received.get("Body", "")), wrapping.get("body"))
        headers = {str(name): str(value) for name, value in wrapping.get("headers", {}).items()}
        priority = int(wrapping.get("priority", DEFAULT_PRIORITY))
    except (AttributeError, TypeError, ValueError, binascii.Error):
        # Somebody else's attribute of the same name.
        return read_native(received, queue)
    return Message(
        queue=str(wrapping.get("topic", queue)),
        body=body,
        headers=headers,
        key=_text_or_none(wrapping.get("key")),
        priority=priority,
        id=_text_or_none(wrapping.get("id")) or received.get("MessageId"),
    )


def _plain_text(body: bytes) -> str | None:
    """Return the body as text that AWS carries unchanged; None if it is not such text."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if not text or _NOT_CARRIED.search(text) else text


def _body(text: str, kind: object) -> bytes:
    if kind == "base64":
        return base64.b64decode(text, validate=True)
    return b"" if kind == "empty" else text.encode()


def _wrapping(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        wrapping = json.loads(attributes[ATTRIBUTE]["StringValue"])
    except (KeyError, TypeError, ValueError):
        return None
    return cast("dict[str, Any]", wrapping) if isinstance(wrapping, dict) else None


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
