"""Pointers as messages: which step to run, and nothing else.

A message carries no values and no code. Whoever can write to the broker can point at steps, and a pointer makes nothing
run that the store does not want run: the claim compares it with the step's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.errors import MilepostError
from engine.model.ids import ID_LENGTH
from engine.model.work import Pointer
from transports.protocol import Message

if TYPE_CHECKING:
    from transports.protocol import Delivery

KIND = "milepost-kind"
"""The header that names what a message is."""
STEP = "step"


class NotAPointer(MilepostError):
    """The message is none of the engine's."""


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    execution: str
    seq: int
    attempt: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Body)


def message_of(pointer: Pointer) -> Message:
    """Return the message for a pointer.

    Its key is that of the step, so that a broker that spreads messages by key spreads the steps of one flow too: their
    order means nothing.
    """
    return Message(
        queue=pointer.queue,
        body=_encoder.encode(_Body(pointer.execution_id, pointer.seq, pointer.attempt)),
        headers={KIND: STEP},
        key=f"{pointer.execution_id}-{pointer.seq}",
        priority=pointer.priority,
    )


def pointer_of(delivery: Delivery) -> Pointer:
    """Return the pointer that a delivery holds. Raises NotAPointer."""
    message = delivery.message
    if message.headers.get(KIND) != STEP:
        raise NotAPointer(f"a message on queue {message.queue!r} has no header {KIND}: {STEP}; it is not the engine's")
    try:
        body = _decoder.decode(message.body)
    except msgspec.DecodeError as error:
        raise NotAPointer(f"a message on queue {message.queue!r} cannot be read: {error}") from None
    if len(body.execution) != ID_LENGTH:
        raise NotAPointer(f"a message on queue {message.queue!r} names no execution")
    return Pointer(body.execution, body.seq, body.attempt, message.queue, message.priority)
