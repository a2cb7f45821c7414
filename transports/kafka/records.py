"""Messages as Kafka's records, and back.

Headers travel as headers, in UTF-8. What has no place of its own in a record (id, priority, a broadcast's topic)
travels in headers that begin with ``milepost.``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from transports.protocol import DEFAULT_PRIORITY, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = "milepost.id"
_PRIORITY = "milepost.priority"
_TOPIC = "milepost.topic"
_HOPS = "milepost.hops"
_OWN = frozenset({_ID, _PRIORITY, _TOPIC, _HOPS})


class Record(NamedTuple):
    """What a record says. ``hops``: how often it was passed on by a consumer that had no room for it."""

    message: Message
    hops: int


def headers_of(message: Message, *, hops: int = 0) -> list[tuple[str, bytes]]:
    """Return the headers of a message's record."""
    headers = [(name, value.encode()) for name, value in message.headers.items()]
    if message.id is not None:
        headers.append((_ID, message.id.encode()))
    if message.priority != DEFAULT_PRIORITY:
        headers.append((_PRIORITY, str(message.priority).encode()))
    if hops:
        headers.append((_HOPS, str(hops).encode()))
    return headers


def broadcast_headers(message: Message) -> list[tuple[str, bytes]]:
    """Return the headers of a broadcast's record."""
    own = [] if message.id is None else [(_ID, message.id.encode())]
    return [
        *((name, value.encode()) for name, value in message.headers.items()),
        *own,
        (_TOPIC, message.queue.encode()),
    ]


def read_record(record: Any, queue: str) -> Record:
    """Read a record, also one that another program has written: what is no text is left out."""
    headers: dict[str, str] = {}
    own: dict[str, str] = {}
    for name, value in record.headers() or ():
        text = _text(value)
        if text is not None:
            (own if name in _OWN else headers)[name] = text
    name = own.get(_ID) or f"{record.topic()}/{record.partition()}/{record.offset()}"
    priority = _number(own, _PRIORITY, DEFAULT_PRIORITY)
    key = record.key()
    key = None if key is None else _text(key)
    message = Message(own.get(_TOPIC, queue), record.value() or b"", headers, key, priority, name)
    return Record(message, _number(own, _HOPS, 0))


def _text(value: Any) -> str | None:
    if value is None:
        return ""
    try:
        return value.decode() if isinstance(value, bytes) else str(value)
    except UnicodeDecodeError:
        return None


def _number(own: Mapping[str, str], name: str, otherwise: int) -> int:
    text = own.get(name, "")
    return int(text) if text.isdecimal() and len(text) == 1 else otherwise
