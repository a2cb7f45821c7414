"""Requests to ``<entity>/$management``: locks renewed, messages settled and looked at."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proton import UNDESCRIBED, Array, Data, timestamp

from tests.servers.servicebus.clock import now_ms
from tests.servers.servicebus.consumers import encoded
from tests.servers.servicebus.queues import Entry, Outcome, Queue

_PREFIX = "com.microsoft:"


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    code: int
    body: Any = None
    condition: str = ""


OK = Answer(200)
_LOCK_LOST = Answer(410, {}, "message-lock-lost")


def answer(queue: Queue, operation: str, body: Mapping[str, Any]) -> Answer:
    """Do what a request asks for."""
    handler = _OPERATIONS.get(operation.removeprefix(_PREFIX))
    return Answer(501, {}, "not-implemented") if handler is None else handler(queue, body)


def _renew_lock(queue: Queue, body: Mapping[str, Any]) -> Answer:
    held = _held(queue, body)
    if held is None:
        return _LOCK_LOST
    for entry in held:
        entry.locked_until_ms = now_ms() + queue.lock_ms
    times = [timestamp(entry.locked_until_ms) for entry in held]
    return Answer(200, {"expirations": Array(UNDESCRIBED, Data.TIMESTAMP, *times)})


def _update_disposition(queue: Queue, body: Mapping[str, Any]) -> Answer:
    held = _held(queue, body)
    if held is None:
        return _LOCK_LOST
    outcome = Outcome(body["disposition-status"])
    for entry in held:
        queue.settle(entry, outcome, body.get("deadletter-reason") or "", body.get("deadletter-description") or "")
    return OK


def _peek(queue: Queue, body: Mapping[str, Any]) -> Answer:
    found = [
        {"message": encoded(entry)} for entry in queue.from_number(body["from-sequence-number"], body["message-count"])
    ]
    return Answer(200, {"messages": found}) if found else Answer(204, {})


def _receive_by_number(queue: Queue, body: Mapping[str, Any]) -> Answer:
    wanted = [queue.entries.get(number) for number in _elements(body["sequence-numbers"])]
    found: list[dict[str, Any]] = []
    if not all(entry is not None and entry.deferred and entry.token is None for entry in wanted):
        return Answer(404, {}, "message-not-found")
    for entry in wanted:
        assert entry is not None
        queue.lock(entry, now_ms())
        found.append({"lock-token": entry.token, "message": encoded(entry)})
    return Answer(200, {"messages": found})


def _held(queue: Queue, body: Mapping[str, Any]) -> list[Entry] | None:
    """Return the messages whose locks a request names; None if one of them was lost."""
    held: list[Entry] = []
    for token in _elements(body["lock-tokens"]):
        entry = queue.held(uuid.UUID(str(token)), now_ms())
        if entry is None:
            return None
        held.append(entry)
    return held


def _elements(value: Any) -> list[Any]:
    return list(value.elements) if isinstance(value, Array) else list(value)


_OPERATIONS: dict[str, Callable[[Queue, Mapping[str, Any]], Answer]] = {
    "renew-lock": _renew_lock,
    "update-disposition": _update_disposition,
    "peek-message": _peek,
    "receive-by-sequence-number": _receive_by_number,
}
