"""Messages as RabbitMQ carries them, and those of other programs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pika import BasicProperties

from transports.checks import LOWEST_PRIORITY, objection
from transports.errors import Refused, TransportError
from transports.protocol import DEFAULT_PRIORITY, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transports.rabbitmq.settings import Settings

KEY = "milepost-key"
"""The header that carries a message's key: AMQP has none."""
ID = "milepost-id"
"""The header for an id that is too long for the property of that name."""
PLACE = "milepost-place"
"""The header by which a message that comes back as unroutable is told from the others of its batch."""
OURS = frozenset((KEY, ID, PLACE))
_BROKERS = ("x-delivery-count", "x-acquired-count", "x-death", "x-first-death-", "x-last-death-", "x-opt-")
"""Headers that the broker adds begin like this."""
_PROPERTIES = ("content_type", "content_encoding", "correlation_id", "reply_to", "type", "app_id")
"""What AMQP keeps beside the headers, and other programs may use."""
_STANDARD = {name: name.replace("_", "-") for name in _PROPERTIES if "_" in name}
"""Those that a header of ours becomes, for that is where other programs look for them."""
_MAX_SHORT = 255
_PERSISTENT = 2


def objection_to(message: Message, settings: Settings) -> TransportError | None:
    """Return why RabbitMQ cannot carry this message, or None if it can."""
    wrong = objection(message, settings.max_message_bytes)
    if wrong is not None:
        return wrong
    for name in message.headers:
        if name in OURS or len(name.encode()) > _MAX_SHORT:
            return Refused(
                f"a message to {message.queue!r} has a header {name[:40]!r}, which RabbitMQ or this transport cannot "
                f"carry: its name has to be one of up to {_MAX_SHORT} bytes, and none of {', '.join(sorted(OURS))}"
            )
    try:
        settings.native(message.queue)
    except Refused as error:
        return error
    return None


def to_properties(message: Message, place: int) -> BasicProperties:
    """Return what goes with the body of a message. ``place`` is its place among all that the channel has sent."""
    standard = {name: message.headers[header] for name, header in _STANDARD.items() if _fits(message, header)}
    headers: dict[str, Any] = {**message.headers, PLACE: place}
    for name in standard:
        del headers[_STANDARD[name]]
    if message.key is not None:
        headers[KEY] = message.key
    short_id = message.id
    if short_id is not None and (not short_id or len(short_id.encode()) > _MAX_SHORT):
        headers[ID], short_id = short_id, None
    return BasicProperties(
        delivery_mode=_PERSISTENT,
        headers=headers,
        message_id=short_id,
        # The other way round than ours: there the highest goes first.
        priority=LOWEST_PRIORITY - message.priority,
        **standard,
    )


def _fits(message: Message, header: str) -> bool:
    return len(message.headers.get(header, "").encode()) <= _MAX_SHORT and header in message.headers


def from_native(queue: str, properties: Any, body: bytes) -> Message:
    """Read a message, also one that another program has sent."""
    native: Mapping[str, Any] = properties.headers or {}
    headers: dict[str, str] = {}
    for name in _PROPERTIES:
        value = getattr(properties, name)
        if value is not None:
            headers[name.replace("_", "-")] = str(value)
    for name, value in native.items():
        text = None if name in OURS or name.startswith(_BROKERS) else _to_text(value)
        if text is not None:
            headers[name] = text
    key, long_id = _to_text(native.get(KEY)), _to_text(native.get(ID))
    priority = DEFAULT_PRIORITY if properties.priority is None else max(LOWEST_PRIORITY - properties.priority, 0)
    return Message(queue, bytes(body), headers, key, priority, properties.message_id if long_id is None else long_id)


def _to_text(value: object) -> str | None:
    """Write the value of a header as text; None for one that has no plain text, such as a table."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return str(value)
        case datetime():
            return value.isoformat()
        case _:
            return None
