"""What the driver decides: commands to record, steps to cancel, and whether the flow has ended."""

from __future__ import annotations

import msgspec

from engine.model.history import ErrorInfo, Event


class Command(msgspec.Struct, frozen=True, gc=False):
    """A step that the flow asked for: one row to be, at ``seq``."""

    seq: int
    kind: str
    name: str
    queue: str
    priority: int
    input: str | None = None
    delay_us: int | None = None
    """Not before so many microseconds from its commit; for an event, the timeout. None: at once (no timeout)."""
    max_attempts: int = 1
    timeout_us: int | None = None
    """An attempt longer than this is given up."""
    inline: bool = False
    """Run it where the flow runs, in the same commit."""
    dead_letter: bool = False
    """When its attempts are used up, wait for an operator instead of failing."""
    retry: str | None = None
    """A retry policy of this call's own, as ``encode_policy`` writes it; None: the step's."""
    child_id: str | None = None
    child_version: int | None = None
    """For a child: the execution to start, and the version of its flow."""
    detached: bool = False
    """For a child: nobody waits for it; its step is finished as soon as it is written."""
    issued: int = 0
    """The position of the event at which the flow issued it: what a rerun up to some event has to know."""


class Completed(msgspec.Struct, frozen=True):
    """The flow returned; ``output`` is its result as JSON text."""

    output: str


class Failed(msgspec.Struct, frozen=True):
    """The flow raised."""

    error: ErrorInfo


class Cancelled(msgspec.Struct, frozen=True):
    """The flow ended because it was cancelled."""


class Continued(msgspec.Struct, frozen=True):
    """The flow goes on as a new execution with this input (continue-as-new)."""

    input: str


Ending = Completed | Failed | Cancelled | Continued


class Decision(msgspec.Struct):
    """What one drive of a flow decided, to be recorded together or not at all (I5)."""

    commands: list[Command]
    cancels: list[int]
    """Seqs of unfinished steps that the flow no longer wants."""
    cancel_children: list[str]
    """Executions of unfinished children among ``cancels``, or left behind when the flow ended."""
    ending: Ending | None
    """None while the flow waits."""
    cancelled_at: dict[int, int] = msgspec.field(default_factory=dict[int, int])
    """Of each of ``cancels``: the position of the event at which the flow gave it up. A rerun has to know."""


class InlineResult(msgspec.Struct, frozen=True):
    """An inline step that was run during the drive: its command and its outcome."""

    command: Command
    event: Event
