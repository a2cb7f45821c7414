"""Messages of other programs: what is known of one, and what becomes of it, as plain values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

KEY_LENGTH: Final = 190
"""The longest key or id of a message that is kept as it is."""


class MessageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a message beside its body.

    ``id`` is the sender's, else the broker's; None where neither gives one. One that is longer than 190 characters, or
    has signs that cannot be printed, is replaced by its hash. ``queue`` is the queue or topic it came from.
    """

    queue: str
    id: str | None = None
    key: str | None = None
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class ByKey(msgspec.Struct, frozen=True):
    """An execution named by the idempotency key that it was started with; made by ``by_key``."""

    key: str


class Start(msgspec.Struct, frozen=True):
    """A message starts an execution, unless one was started with its key before. ``input`` is JSON text."""

    flow: str
    version: int
    input: str
    queue: str
    priority: int
    key: str | None
    delay_us: int | None = None
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    """Which rules let it in, or started it; empty where none were asked."""


class Signal(msgspec.Struct, frozen=True):
    """A message is a signal to an execution that runs. ``payload`` is JSON text."""

    target: str | ByKey
    """The id of the execution, or the key it was started with."""
    name: str
    payload: str
    key: str | None


class Routed(msgspec.Struct, frozen=True):
    """A message does what rules said: each of these, or none of them if one cannot be done."""

    starts: tuple[Start, ...] = ()
    signals: tuple[Signal, ...] = ()
    key: str | None = None
    """Of the first start, unless that has a key of its own. Where one was started, all of it was done."""


class Dead(msgspec.Struct, frozen=True):
    """A message cannot be used, and waits for an operator."""

    reason: str
    key: str | None = None
    """Of what it would have started, if rules refused it: what was started by other versions of them is not dead."""


Decision = Start | Signal | Routed | Dead


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it came for a trigger."""

    trigger: str
    source: str
    """The URL of the queue it came from, without secrets."""
    info: MessageInfo
    body: bytes


class DeadMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that no execution got, and why."""

    id: int
    message: Received
    reason: str
    received_us: int
    """When it was recorded, in microseconds since 1970 by the database's clock."""


def fitted(text: str) -> str:
    """Return a key or id as it can be kept in a column: as it is, or its hash if it is too long or not printable."""
    if len(text) <= KEY_LENGTH and text.isprintable():
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
