"""What a worker hands to the store, and what it gets back: one flush of its pipeline."""

from __future__ import annotations

import msgspec

from engine.model.decisions import Decision, InlineResult
from engine.model.history import FlowStart

ANY_ATTEMPT = -1
"""In a pointer: whatever attempt the step is at, if it is ready."""


class Pointer(msgspec.Struct, frozen=True, gc=False):
    """What a message says: run this step, if it still is at this attempt."""

    execution_id: str
    seq: int
    attempt: int
    queue: str
    priority: int = 5


class StepOutcome(msgspec.Struct, frozen=True, gc=False):
    """How a step ended for good. ``state`` is ``completed`` or ``failed``."""

    execution_id: str
    seq: int
    attempt: int
    state: str
    output: str | None
    at_us: int
    """When it ended, by the worker's estimate of the database's time; the flow's ``now()`` comes from it."""


class Reschedule(msgspec.Struct, frozen=True, gc=False):
    """Give a claimed step back: to be retried after a delay, released unstarted, or left to an operator."""

    execution_id: str
    seq: int
    attempt: int
    delay_us: int
    error: str | None = None
    """The error of the attempt that failed, as JSON text."""
    refund: bool = False
    """The attempt was not made, so it does not count."""
    dead: bool = False
    """Its attempts are used up, and its policy is to wait for an operator: a dead letter."""
    queue: str | None = None
    priority: int | None = None
    """Where it is offered again when it is released; None: where its execution's own step is."""


class Progress(msgspec.Struct, frozen=True, gc=False):
    """Details that a running step reported; ``expires_us`` from now its silence counts as a failure, if that is set."""

    execution_id: str
    seq: int
    attempt: int
    details: str | None
    expires_us: int | None = None


class Advance(msgspec.Struct, frozen=True):
    """One drive of a flow: what it was given, and what it decided."""

    start: FlowStart
    base: int
    """How many events the flow had consumed before."""
    consumed: tuple[int, ...]
    """The seqs of the events it was given, in order."""
    inline: tuple[InlineResult, ...]
    decision: Decision
    flow_attempt: int | None = None
    """The attempt at which this worker holds the flow's own step; None if it advances on the strength of its
    results."""


class Checkpoint(msgspec.Struct, frozen=True):
    """All that one flush records of one execution: together or not at all (I5)."""

    execution_id: str
    outcomes: tuple[StepOutcome, ...]
    advance: Advance | None = None
    """None: record the outcomes and leave the flow to whoever claims its step."""


class Park(msgspec.Struct, frozen=True):
    """Set an execution aside for an operator, with the reason as the JSON text of an error."""

    execution_id: str
    flow_attempt: int
    error: str


class Flush(msgspec.Struct):
    """Everything a worker has for the store at one moment. It becomes one transaction."""

    worker_id: int
    lease_us: int
    queues: tuple[str, ...]
    """Queues this worker takes steps from: those it serves and that are not paused."""
    room: int
    """How many more steps it can take."""
    checkpoints: list[Checkpoint] = msgspec.field(default_factory=list[Checkpoint])
    reschedules: list[Reschedule] = msgspec.field(default_factory=list[Reschedule])
    progress: list[Progress] = msgspec.field(default_factory=list[Progress])
    parks: list[Park] = msgspec.field(default_factory=list[Park])
    pointers: list[Pointer] = msgspec.field(default_factory=list[Pointer])
    """Messages received: claim what they point at."""
    postponed: list[Pointer] = msgspec.field(default_factory=list[Pointer])
    """Messages received from queues that are paused: have these steps offered again later."""
    claim_due: bool = False
    """Claim whatever is ready on the queues served (the embedded queue)."""
    take_new: bool = False
    """Keep the first step that each checkpoint creates, as far as there is room, instead of offering it: whoever has
    recorded a step's result goes on with its flow."""
    take_woken: bool = False
    """Claim the flows that the checkpoints wake, on the queues served, instead of offering them."""
    resend_us: int | None = None
    """When a step that was offered is offered again; None where steps are claimed without messages."""
    number: int = 0
    """Grows by one with every flush of this worker; recorded, so that an unanswered commit can be resolved."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to record and nothing to claim."""
        return not (
            self.checkpoints or self.reschedules or self.progress or self.parks or self.pointers or self.postponed
            or self.claim_due
        )  # fmt: skip


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """A step that this worker owns now."""

    execution_id: str
    seq: int
    attempt: int
    kind: str
    name: str
    queue: str
    priority: int
    input: str | None
    max_attempts: int
    timeout_us: int | None = None
    dead_letter: bool = False
    progress: str | None = None
    waited_us: int = 0
    """How long it had been ready when it was claimed."""
    retry: str | None = None
    """A retry policy of this call's own; None: the step's."""


class Flushed(msgspec.Struct):
    """What became of a flush."""

    now_us: int
    claimed: list[Claimed] = msgspec.field(default_factory=list[Claimed])
    stale: set[str] = msgspec.field(default_factory=set[str])
    """Executions whose outcomes were recorded, but whose advance was not: others had advanced them, or hold them."""
    held: set[str] = msgspec.field(default_factory=set[str])
    """Executions whose own step this worker still holds, because more was recorded meanwhile."""
    finished: list[str] = msgspec.field(default_factory=list[str])
    """Executions that reached a terminal state."""
    offered: list[Pointer] = msgspec.field(default_factory=list[Pointer])
    """Steps that are ready for anybody: to be published."""
    cancelled_children: list[str] = msgspec.field(default_factory=list[str])
    given_up: set[int] = msgspec.field(default_factory=set[int])
    """The workers that run steps which flows gave up."""
    next_due_us: int | None = None
    """When the earliest timer that this flush has set falls due."""
    renewed: bool = False
    """The worker's lease was renewed: a look that found nothing does not ask about it."""
