"""Messages as any program reads and writes them on SQS: a text, and message attributes.

SQS names messages by itself, so the sender's own id goes along as an attribute, and so does a key. What SQS does not
take is refused, as no other program could read it in another form.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from transports.errors import Refused
from transports.protocol import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

ID, KEY = "milepost-id", "milepost-key"
MOST_ATTRIBUTES = 10
_TYPE = "String"
_NAME = re.compile(r"(?!aws\.|amazon\.|\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", re.IGNORECASE)
_NOT_TAKEN = re.compile("[^\\x09\\x0a\\x0d\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Amazon SQS API Reference, SendMessage."""


def write_native(message: Message) -> tuple[str, dict[str, Any]]:
    """Return the text and the attributes of a message. Raises Refused for what SQS cannot carry."""
    about = f"a message to {message.queue!r}"
    headers = dict(message.headers)
    for name, value in ((ID, message.id), (KEY, message.key)):
        if name in headers:
            raise Refused(f"{about} has a header {name}, which is used for something else")
        if value is not None:
            headers[name] = value
    if len(headers) > MOST_ATTRIBUTES:
        raise Refused(
            f"{about} has {len(headers)} headers, its id and key counted, and SQS carries {MOST_ATTRIBUTES} "
            "attributes: put the others into the body"
        )
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None:
            raise Refused(
                f"{about} has a header {name[:300]!r}, which cannot be the name of an attribute at SQS: use letters, "
                "digits, '_', '-' and single dots between them"
            )
        if not value or _NOT_TAKEN.search(value):
            raise Refused(f"{about} has a header {name} that is empty, or has characters that SQS does not take")
    return _text(message.body, about), {
        name: {"DataType": _TYPE, "StringValue": value} for name, value in headers.items()
    }


def read_native(received: Mapping[str, Any], queue: str) -> Message:
    """Return the message that SQS delivered from this queue. Attributes that are no text have no place in headers."""
    attributes: Mapping[str, Any] = received.get("MessageAttributes") or {}
    headers = {name: str(value["StringValue"]) for name, value in attributes.items() if "StringValue" in value}
    key, name = headers.pop(KEY, None), headers.pop(ID, None)
    body = str(received.get("Body", "")).encode()
    return Message(queue, body, headers, key, id=received.get("MessageId") if name is None else name)


def _text(body: bytes, about: str) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or _NOT_TAKEN.search(text):
        raise Refused(
            f"{about} is empty, or no text in UTF-8 without control characters, and SQS carries nothing else: send "
            "it as text, such as JSON or base64"
        )
    return text
