"""What happened to an execution so far, as the driver sees it."""

from __future__ import annotations

from typing import Any

import msgspec


class ErrorInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An exception as data: what is stored, shown, and raised again inside a flow."""

    type: str
    message: str
    traceback: str = ""
    attempts: int = 1
    details: Any = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """One result that the flow is given. Events are given one at a time, in the order of their positions.

    ``output`` is the result as JSON text when ``state`` is ``completed``, that of an :class:`ErrorInfo` when it is
    ``failed``, and None where there is no value (a timer that fired, an event wait that ran out of time).
    A request to cancel the execution is the event at ``CANCEL_SEQ``. ``at_us`` is when it was recorded, in microseconds
    since 1970, by the database's clock.
    """

    seq: int
    state: str
    output: str | None
    at_us: int


class KnownCommand(msgspec.Struct, frozen=True, gc=False):
    """A command that was recorded earlier; replayed code must issue the same one at the same seq."""

    seq: int
    kind: str
    name: str
    child_id: str | None = None
    """The execution that a child command started, or the one that goes on in its place."""
    cancelled: bool = False
    """The flow gave it up: no event will ever bring its result."""


class FlowStart(msgspec.Struct, frozen=True):
    """How an execution began: all that the driver needs to know besides the history."""

    execution_id: str
    flow: str
    version: int
    input: str
    """The flow's arguments: a JSON object keyed by parameter name."""
    queue: str
    priority: int
    started_us: int
    parent_id: str | None = None
    """The execution that waits for this one, if any."""
    seed_id: str | None = None
    """The execution whose id seeds the flow's random numbers, where a rerun took over its past; None: its own."""


class History(msgspec.Struct, frozen=True):
    """An execution's past: what was issued, and what the flow has seen, in order."""

    start: FlowStart
    known: tuple[KnownCommand, ...] = ()
    consumed: tuple[Event, ...] = ()
    """Events that an earlier drive was given; the position of each is its place here, from 1."""
    unread: tuple[Event, ...] = ()
    """Events that are recorded and that no drive has been given yet."""
