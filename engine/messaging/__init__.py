"""What is sent: pointers to steps, broadcasts of changes, and the broker that carries them."""

from __future__ import annotations

from engine.messaging.broker import EMBEDDED, Broker, is_embedded
from engine.messaging.changes import change_of, topics_of
from engine.messaging.pointers import NotAPointer, message_of, pointer_of

__all__ = [
    "EMBEDDED", "Broker", "NotAPointer", "change_of", "is_embedded", "message_of", "pointer_of", "topics_of",
]  # fmt: skip
