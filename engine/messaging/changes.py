"""Broadcasts: that something changed which workers hold copies of, and nothing else.

A broadcast names a topic. Whoever can write to the broker can have workers read from the store once more, at a bounded
rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.messaging.pointers import KIND
from transports.protocol import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANGE = "change"


def change_of(topic: str) -> Message:
    """Return the broadcast about a topic."""
    return Message(queue=topic, body=topic.encode(), headers={KIND: CHANGE})


def topics_of(messages: Iterable[Message]) -> set[str]:
    """Return what these broadcasts are about; those that are none of the engine's are passed over."""
    return {message.body.decode(errors="replace") for message in messages if message.headers.get(KIND) == CHANGE}
