"""Messages as Service Bus carries them, and back; also those that other programs sent.

Headers are application properties, and an id is the message's id. Key and priority, which the service knows nothing of,
are application properties too, of names that headers cannot have, and so is an id that the service would not take.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from transports.checks import LOWEST_PRIORITY, objection
from transports.errors import Refused, TooLarge, TransportError
from transports.protocol import DEFAULT_PRIORITY, Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage

_KEY = "milepost-key"
_PRIORITY = "milepost-priority"
_TOPIC = "milepost-topic"
_ID = "milepost-id"
_OWN = (_KEY, _PRIORITY, _TOPIC, _ID)
_LONGEST_ID = 128
_MAX_PROPERTIES_BYTES = 60 * 1024
"""The service takes 64 KiB of properties, and counts more than their texts."""


def objection_to(message: Message, max_message_bytes: int) -> TransportError | None:
    """Return why this message cannot be sent at all, or None if it can."""
    wrong = objection(message, max_message_bytes)
    if wrong is not None:
        return wrong
    for name in _OWN:
        if name in message.headers:
            return Refused(f"a message to {message.queue!r} has a header {name}, which is used for something else")
    properties = message.size - len(message.body)
    if properties > _MAX_PROPERTIES_BYTES:
        return TooLarge(
            f"a message to {message.queue!r} has {properties} bytes of headers, and {_MAX_PROPERTIES_BYTES} are "
            "carried: put them in the body"
        )
    return None


def written(message: Message, *, topic: bool = False) -> ServiceBusMessage:
    """Write a message; that of a broadcast says what it is about."""
    from azure.servicebus import ServiceBusMessage

    properties: dict[str | bytes, Any] = {**message.headers}
    if topic:
        properties[_TOPIC] = message.queue
    else:
        if message.key is not None:
            properties[_KEY] = message.key
        if message.priority != DEFAULT_PRIORITY:
            properties[_PRIORITY] = message.priority
    given = message.id
    if given is not None and not 0 < len(given) <= _LONGEST_ID:
        properties[_ID], given = given, None
    return ServiceBusMessage(message.body, application_properties=properties or None, message_id=given)


def read(received: ServiceBusReceivedMessage, queue: str) -> Message:
    """Read a message that came from a queue, whoever sent it."""
    properties = dict(_texts(_standard(received))) | dict(_texts(received.application_properties or {}))
    key = properties.pop(_KEY, None)
    priority = _priority(properties.pop(_PRIORITY, None))
    queue = properties.pop(_TOPIC, queue)
    name = properties.pop(_ID, None)
    return Message(queue, _body(received), properties, key, priority, _id(received) if name is None else name)


def _standard(received: ServiceBusReceivedMessage) -> dict[str, Any]:
    """Return what other programs say of their messages in properties that AMQP has for it."""
    return {
        "content-type": received.content_type,
        "correlation-id": received.correlation_id,
        "reply-to": received.reply_to,
        "subject": received.subject,
    }


def _priority(text: str | None) -> int:
    if text is not None and text.isdecimal() and int(text) <= LOWEST_PRIORITY:
        return int(text)
    return DEFAULT_PRIORITY


def _id(received: ServiceBusReceivedMessage) -> str | None:
    given = _text(received.message_id)
    # A message keeps its number for as long as it is in the queue.
    return given or (None if received.sequence_number is None else str(received.sequence_number))


def _texts(properties: Mapping[Any, Any]) -> Iterable[tuple[str, str]]:
    for name, value in properties.items():
        name_text, value_text = _text(name), _text(value)
        if name_text is not None and value_text is not None:
            yield name_text, value_text


def _text(value: Any) -> str | None:
    """Return a native value as text; None where it has none."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float, uuid.UUID)) else None


def _body(received: ServiceBusReceivedMessage) -> bytes:
    """Return the bytes of a message: of data as they are, of a text in UTF-8, of any other value as its text."""
    from azure.servicebus.amqp import AmqpMessageBodyType

    body: Any = received.body
    if received.body_type == AmqpMessageBodyType.DATA:
        return b"".join(bytes(part) for part in body)
    if isinstance(body, bytes):
        return body
    if received.body_type == AmqpMessageBodyType.VALUE:
        return b"" if body is None else str(body).encode()
    return str(list(body)).encode()
