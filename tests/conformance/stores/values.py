"""What workers hand to the store, written shortly: commands, outcomes, drives and checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from engine.model.decisions import Command, Completed, Decision, Ending, InlineResult
from engine.model.history import Event, FlowStart
from engine.model.states import FLOW_SEQ, StepKind, StepState
from engine.model.work import Advance, Checkpoint, Claimed, Reschedule, StepOutcome

SECOND = 1_000_000
START_US = 1_750_000_000_000_000
"""What time it is when a test begins."""
DONE = Completed('"done"')
ERROR = '{"type":"OSError","message":"no route"}'


def step(seq: int, name: str = "charge", *, queue: str = "default", priority: int = 5, **options: object) -> Command:
    """A step that may run at once."""
    settings: dict[str, object] = {"input": "{}", "max_attempts": 3} | options
    return Command(seq, StepKind.STEP, name, queue, priority, **settings)  # type: ignore[arg-type]


def timer(seq: int, seconds: float) -> Command:
    """A timer."""
    return Command(seq, StepKind.TIMER, "sleep", "default", 5, delay_us=round(seconds * SECOND))


def event(seq: int, name: str = "approved", timeout_seconds: float | None = None) -> Command:
    """A wait for a signal."""
    delay_us = None if timeout_seconds is None else round(timeout_seconds * SECOND)
    return Command(seq, StepKind.EVENT, name, "default", 5, delay_us=delay_us)


def child(seq: int, child_id: str, *, queue: str = "default", detached: bool = False) -> Command:
    """A child flow."""
    return Command(
        seq, StepKind.CHILD, "packing", queue, 5, input="{}", child_id=child_id, child_version=1, detached=detached
    )


def inline(seq: int, output: str = '"inline"') -> InlineResult:
    """An inline step that was run during the drive."""
    command = Command(seq, StepKind.STEP, "price", "default", 5, input="{}", inline=True)
    return InlineResult(command, Event(seq, StepState.COMPLETED, output, START_US))


def outcome(claim: Claimed, output: str = '"ok"', *, state: str = StepState.COMPLETED) -> StepOutcome:
    """How a claimed step ended."""
    return StepOutcome(claim.execution_id, claim.seq, claim.attempt, state, output, START_US)


def back(claim: Claimed, seconds: float = 0, **options: object) -> Reschedule:
    """A claimed step that is given back."""
    return Reschedule(claim.execution_id, claim.seq, claim.attempt, round(seconds * SECOND), **options)  # type: ignore[arg-type]


def drive(
    execution_id: str,
    base: int,
    consumed: Sequence[int],
    *commands: Command,
    ending: Ending | None = None,
    cancels: Sequence[int] = (),
    cancel_children: Sequence[str] = (),
    inline: Sequence[InlineResult] = (),
    flow_attempt: int | None = None,
    parent_id: str | None = None,
) -> Advance:
    """One drive of a flow, from where it had consumed ``base`` events."""
    start = FlowStart(execution_id, "order", 1, "{}", "default", 5, START_US, parent_id)
    decision = Decision(list(commands), list(cancels), list(cancel_children), ending)
    return Advance(start, base, tuple(consumed), tuple(inline), decision, flow_attempt)


def first_drive(
    flow: Claimed, *commands: Command, ending: Ending | None = None, parent_id: str | None = None
) -> Checkpoint:
    """The first drive of a flow whose step was claimed: it consumes the start."""
    advance = drive(
        flow.execution_id,
        0,
        (FLOW_SEQ,),
        *commands,
        ending=ending,
        flow_attempt=flow.attempt,
        parent_id=parent_id,
    )
    return Checkpoint(flow.execution_id, (), advance)


def recorded(*claims: Claimed, advance: Advance | None = None) -> Checkpoint:
    """Results of steps of one execution, and perhaps what the flow did with them."""
    return Checkpoint(claims[0].execution_id, tuple(outcome(claim) for claim in claims), advance)
