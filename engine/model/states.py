"""The states an execution and a step can be in, and the kinds of steps there are."""

from __future__ import annotations

from typing import Final


class ExecutionState:
    """States of an execution. The last four are terminal: an execution in one of them never changes (I3)."""

    RUNNING: Final = "running"
    PAUSED: Final = "paused"
    """An operator paused it; nothing of it is started until it is resumed."""
    PARKED: Final = "parked"
    """It needs an operator: its code and its history disagree, or advancing it kills workers."""
    COMPLETED: Final = "completed"
    FAILED: Final = "failed"
    CANCELLED: Final = "cancelled"
    CONTINUED: Final = "continued"
    """It went on as a new execution with a fresh history (continue-as-new)."""


TERMINAL: Final = frozenset(
    {ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED, ExecutionState.CONTINUED}
)
HELD: Final = frozenset({ExecutionState.PAUSED, ExecutionState.PARKED})
UNFINISHED: Final = HELD | {ExecutionState.RUNNING}


class StepState:
    """States of a step. ``completed``, ``failed`` and ``cancelled`` are final."""

    READY: Final = "ready"
    """Any worker that serves its queue may claim it now."""
    WAITING: Final = "waiting"
    """Until its ``due_at``, or for an outside event, or both."""
    CLAIMED: Final = "claimed"
    """A worker owns it and runs it."""
    DEAD: Final = "dead"
    """A dead letter: its attempts are used up and its policy is to wait for an operator."""
    COMPLETED: Final = "completed"
    FAILED: Final = "failed"
    CANCELLED: Final = "cancelled"


FINISHED_STEP: Final = frozenset({StepState.COMPLETED, StepState.FAILED, StepState.CANCELLED})


class StepKind:
    """What a row of the steps table stands for."""

    FLOW: Final = "flow"
    """The flow itself, always at seq 0: due when there is something new to drive it with."""
    STEP: Final = "step"
    TIMER: Final = "timer"
    EVENT: Final = "event"
    """Waits for a signal, perhaps with a timeout."""
    CHILD: Final = "child"
    """Stands for a child execution; its result is recorded by the child's end."""
    MARKER: Final = "marker"
    """A code version marker (``patched``); finished as soon as it is written."""
    CANCEL: Final = "cancel"
    """A request to cancel the execution, always at seq -1."""


FLOW_SEQ: Final = 0
CANCEL_SEQ: Final = -1
