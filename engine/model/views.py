"""What the store shows of itself: executions, steps, queues and workers, as plain values.

Times are microseconds since 1970 by the database's clock; inputs and outputs are JSON text.
"""

from __future__ import annotations

import msgspec

from engine.model.history import ErrorInfo


class ExecutionView(msgspec.Struct, frozen=True, kw_only=True):
    """An execution as operators and clients see it."""

    id: str
    flow: str
    version: int
    queue: str
    priority: int
    state: str
    advanced: int
    """How many events its flow has consumed."""
    unread: int
    """How many recorded events its flow has not consumed yet."""
    created_us: int
    finished_us: int | None = None
    parent_id: str | None = None
    parent_seq: int | None = None
    idempotency_key: str | None = None
    continued_to: str | None = None
    """The execution that goes on in its place (continue-as-new)."""
    rerun_of: str | None = None
    """The execution whose history it began with."""
    error: ErrorInfo | None = None
    """Why it failed, was cancelled, or is parked."""
    attributes: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    input: str | None = None
    """The flow's arguments; None in lists of executions."""
    output: str | None = None
    """The flow's result; None in lists of executions."""


class ExecutionResult(msgspec.Struct, frozen=True):
    """How far an execution is: what somebody who waits for its result has to know."""

    id: str
    state: str
    output: str | None
    error: ErrorInfo | None
    continued_to: str | None


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an execution. The step at seq 0 is the flow itself."""

    execution_id: str
    seq: int
    kind: str
    name: str
    queue: str
    priority: int
    state: str
    attempt: int
    """How often it was claimed."""
    max_attempts: int
    created_us: int
    ready_us: int | None = None
    """When it could be claimed, the last time."""
    started_us: int | None = None
    """When it was claimed, the last time."""
    finished_us: int | None = None
    due_us: int | None = None
    """When it is looked at next: a timer or retry that comes due, a timeout, a message that is sent again."""
    timeout_us: int | None = None
    """The longest that one attempt may take."""
    owner: int | None = None
    """The id of the worker that runs it."""
    position: int | None = None
    """The place of its result among the events that the flow consumed; None: not consumed."""
    child_id: str | None = None
    input: str | None = None
    output: str | None = None
    """Its result, once it completed."""
    error: ErrorInfo | None = None
    """Why it failed, or why its last attempt did."""
    progress: str | None = None
    """What its attempt reported last."""


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """How much work there is on one queue."""

    name: str
    ready: int = 0
    """Steps that any worker serving the queue may claim now."""
    oldest_us: int = 0
    """For how long the oldest of them has been ready, in microseconds."""
    claimed: int = 0
    """Steps that workers run now."""
    waiting: int = 0
    """Steps that wait for a time: timers, retries, and waits for events that have a timeout."""
    dead: int = 0
    """Dead letters: steps that wait for an operator."""
    paused_us: int | None = None
    """Since when the queue is paused, so that no step is taken from it; None if it is not."""
    reason: str | None = None
    """Why it is paused, if somebody said so."""


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as it registered itself."""

    id: int
    name: str
    host: str
    pid: int
    queues: list[str]
    state: str
    started_us: int
    expires_us: int
    """When its lease runs out, unless it is renewed."""
    claimed: int = 0
    """How many steps it runs now."""
