"""Messages in kombu's form, in which they lie in the broker, and back.

The form is the one that kombu's virtual transports share (``kombu.transport.virtual.Channel``): a JSON object of
``body``, ``headers``, ``content-type``, ``content-encoding`` and ``properties``. The body is base64, as JSON has no
bytes. So programs that use kombu or Celery can read what is sent here, and the other way round.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from typing import TYPE_CHECKING, Any, cast

import msgspec

from transports.protocol import DEFAULT_PRIORITY, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "milepost-key"
"""The property that carries ``Message.key``."""
LOWEST_PRIORITY = 9

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def to_payload(message: Message, exchange: str = "") -> dict[str, Any]:
    """Return the message in kombu's form, its body still to be encoded by whoever publishes it."""
    properties: dict[str, Any] = {
        "delivery_mode": 2,
        "delivery_info": {"exchange": exchange, "routing_key": message.queue},
        "priority": message.priority,
    }
    if message.id is not None:
        properties["message_id"] = message.id
    if message.key is not None:
        properties[KEY] = message.key
    return {
        "body": message.body,
        "content-encoding": "binary",
        "content-type": "application/octet-stream",
        "headers": dict(message.headers),
        "properties": properties,
    }


def to_bytes(message: Message, exchange: str = "") -> bytes:
    """Return the message as the JSON that kombu would make of it."""
    payload = to_payload(message, exchange)
    payload["body"] = base64.b64encode(message.body).decode("ascii")
    payload["properties"]["body_encoding"] = "base64"
    payload["properties"]["delivery_tag"] = str(uuid.uuid4())
    return _encoder.encode(payload)


def from_bytes(data: bytes, queue: str | None) -> tuple[Message, bool]:
    """Read a message back, and whether it was handed out before.

    What is not in kombu's form becomes the body of a message without headers. ``queue`` is where it was found; None:
    what the message says of itself, as a broadcast does.
    """
    try:
        payload: Any = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Message(queue or "", data), False
    if not isinstance(payload, dict) or not isinstance(cast("dict[str, Any]", payload).get("properties"), dict):
        return Message(queue or "", data), False
    parts = cast("dict[str, Any]", payload)
    properties = _mapping(parts.get("properties"))
    body = _decoded(parts.get("body"), properties.get("body_encoding"))
    message = from_parts(body, _mapping(parts.get("headers")), properties, queue)
    return message, was_redelivered(parts, properties)


def was_redelivered(parts: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Tell whether a message in kombu's form bears one of the marks of having been given back."""
    headers, info = _mapping(parts.get("headers")), _mapping(properties.get("delivery_info"))
    return any(marked.get("redelivered") is True for marked in (parts, headers, info))


def from_parts(body: object, headers: Mapping[Any, Any], properties: Mapping[Any, Any], queue: str | None) -> Message:
    """Return the message that kombu has taken apart."""
    if queue is None:
        info = _mapping(properties.get("delivery_info"))
        queue = _text(info.get("routing_key")) or ""
    priority = properties.get("priority")
    return Message(
        queue,
        body if isinstance(body, bytes) else str(body or "").encode("utf-8", "surrogatepass"),
        {str(name): text for name, value in headers.items() if (text := _text(value)) is not None},
        _text(properties.get(KEY)),
        priority if isinstance(priority, int) and 0 <= priority <= LOWEST_PRIORITY else DEFAULT_PRIORITY,
        # Without an id of the sender's, the tag that kombu gave it; it stays with the message.
        _text(properties.get("message_id")) or _text(properties.get("delivery_tag")),
    )


def _mapping(value: object) -> Mapping[Any, Any]:
    return cast("dict[Any, Any]", value) if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Return a native header as text; None for what is no single value, which is dropped."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return None


def _decoded(body: object, encoding: object) -> object:
    if encoding == "base64" and isinstance(body, str):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return body
    # kombu's producers send text as it is, and Celery a JSON document.
    return body if isinstance(body, str | bytes) or body is None else _encoder.encode(body)
