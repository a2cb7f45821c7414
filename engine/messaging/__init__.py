"""Steps as messages: pointers, written for brokers and read back, and the broker that carries them."""

from __future__ import annotations

from engine.messaging.broker import EMBEDDED, Broker, is_embedded
from engine.messaging.pointers import NotAPointer, message_of, pointer_of

__all__ = ["EMBEDDED", "Broker", "NotAPointer", "is_embedded", "message_of", "pointer_of"]
