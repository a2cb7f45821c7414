"""Why a step waits, what went wrong in it, and what an operator can do about an execution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from engine.cli.texts import clock, span
from engine.client.advice import failed_step, rerun_command
from engine.model.states import FLOW_SEQ, HELD, ExecutionState, StepKind, StepState

if TYPE_CHECKING:
    from engine.model.views import ExecutionView, StepView

MAX_ATTEMPTS_SHOWN: Final = 1_000_000


def note(step: StepView, execution: ExecutionView, now_us: int) -> str | None:
    """Return why a step waits or what went wrong in it; None where there is nothing to say."""
    error = "" if step.error is None else f"{step.error.type}: {step.error.message}"
    child = f"{step.child_id}: " if step.child_id is not None else ""
    match step.state:
        case StepState.FAILED:
            times = f" (after {_times(step.attempt)})" if step.attempt > 1 else ""
            return f"{child}{error or 'failed'}{times}"
        case StepState.DEAD:
            return f"dead letter after {_times(step.attempt)}: {error}"
        case StepState.READY:
            since = step.created_us if step.ready_us is None else step.ready_us
            what = "its flow has something to read, and " if step.seq == FLOW_SEQ else ""
            return f"{what}waits for a worker on queue {step.queue} for {span(now_us - since)}"
        case StepState.CLAIMED:
            if step.seq == FLOW_SEQ:
                return None
            progress = "" if step.progress is None else f", reported {step.progress}"
            return f"runs on worker {step.owner}, {_attempt(step, step.attempt)}{progress}"
        case StepState.WAITING:
            return _waiting(step, execution, error, now_us)
        case StepState.COMPLETED if step.kind == StepKind.CHILD:
            return step.child_id
        case _:
            return f"at attempt {step.attempt}" if step.kind == StepKind.STEP and step.attempt > 1 else None


def _waiting(step: StepView, execution: ExecutionView, error: str, now_us: int) -> str | None:
    due = step.due_us
    until = "" if due is None else f" until {clock(due, now_us)} (in {span(due - now_us)})"
    held = f", held while the execution is {execution.state}" if execution.state in HELD else ""
    if step.kind == StepKind.TIMER:
        return f"sleeps{until}{held}"
    if step.kind == StepKind.EVENT:
        return f"waits for signal {step.name}{until}{held}"
    if step.kind == StepKind.CHILD:
        return f"waits for flow {step.name}: {step.child_id}{held}"
    if step.seq == FLOW_SEQ:
        begins = due is not None and not execution.advanced
        return f"starts at {clock(due, now_us)} (in {span(due - now_us)}){held}" if begins and due is not None else None
    if error:
        return f"retries in {span((due or now_us) - now_us)} ({_attempt(step, step.attempt + 1)}){held}: {error}"
    return f"waits{until}{held}"


def hint(execution: ExecutionView, steps: Sequence[StepView]) -> tuple[str, str] | None:
    """Return what an operator can do, where something is expected of one: in words, and as a command."""
    if execution.state == ExecutionState.PARKED:
        return "set aside; once its code is right:", f"engine resume {execution.id}"
    if execution.state == ExecutionState.PAUSED:
        return "to let it go on:", f"engine resume {execution.id}"
    if execution.state == ExecutionState.FAILED:
        whence = "" if failed_step(execution, steps) is None else " from there"
        return f"to run it again{whence}, as a new execution:", rerun_command(execution, steps)
    if execution.state == ExecutionState.CONTINUED:
        return "to see how it goes on:", f"engine show {execution.continued_to}"
    dead = [step.seq for step in steps if step.state == StepState.DEAD]
    if dead:
        only = f" --step {dead[0]}" if len(dead) == 1 else ""
        return f"to give the dead letter{'' if only else 's'} new attempts:", f"engine retry {execution.id}{only}"
    return None


def _attempt(step: StepView, number: int) -> str:
    most = "" if step.max_attempts > MAX_ATTEMPTS_SHOWN else f" of {step.max_attempts}"
    return f"attempt {number}{most}"


def _times(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"
