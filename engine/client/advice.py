"""What an operator can do where there is nothing to retry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import ChildFailed, StepFailed
from engine.model.states import FLOW_SEQ, TERMINAL, ExecutionState, StepState

if TYPE_CHECKING:
    from engine.model.views import ExecutionView, StepView


_SHOWN = 80
_OF_A_STEP = (StepFailed.__name__, ChildFailed.__name__)


def failed_step(execution: ExecutionView, steps: Sequence[StepView]) -> StepView | None:
    """Return the step whose failure the flow was told of last; of a failed execution, only if it failed of that."""
    failed = [step for step in steps if step.seq > FLOW_SEQ and step.state == StepState.FAILED]
    last = max(failed, key=lambda step: (step.position or 0, step.seq), default=None)
    if last is None or execution.state != ExecutionState.FAILED:
        return last
    of_a_step = execution.error is not None and execution.error.type in _OF_A_STEP
    return last if of_a_step or last.position == execution.advanced else None


def rerun_command(execution: ExecutionView, steps: Sequence[StepView]) -> str:
    """Return the command that runs a failed execution again, from the step that failed if one did."""
    step = failed_step(execution, steps)
    return f"engine rerun {execution.id}" if step is None else f"engine rerun {execution.id} --from {step.seq}"


def why_not_retried(execution: ExecutionView, steps: Sequence[StepView], seq: int | None) -> str:
    """Return why nothing of an execution could be retried, and what to do instead."""
    what = f"execution {execution.id}"
    again = rerun_command(execution, steps)
    step = failed_step(execution, steps)
    if execution.state == ExecutionState.CONTINUED:
        return f"{what} goes on as {execution.continued_to}: engine retry {execution.continued_to}"
    if execution.state == ExecutionState.FAILED and step is not None:
        return (
            f"{what} failed after its step {_told(step)}; what is finished never changes. To run it again from there, "
            f"as a new execution: {again}"
        )
    if execution.state in TERMINAL:
        return (
            f"{what} is {execution.state}, and what is finished never changes. To run it again from the beginning, as "
            f"a new execution: engine rerun {execution.id}; add --from SEQ to keep the results before a step"
        )
    chosen = next((one for one in steps if one.seq == seq), None)
    if seq is not None and (chosen is None or seq <= FLOW_SEQ):
        return f"{what} has no step {seq}: engine show {execution.id} lists its steps"
    if chosen is not None and chosen.state != StepState.FAILED:
        return f"step {seq} ({chosen.name}) of {what} is {chosen.state}: only a dead letter can be retried"
    if chosen is not None or step is not None:
        told = chosen or step
        assert told is not None
        return (
            f"{what} has no dead letter{'' if seq is None else f' at step {seq}'}. Its step {_told(told)}, and its "
            f"flow was told, which cannot be undone. To run it again from there, as a new execution: "
            f"engine rerun {execution.id} --from {told.seq}"
        )
    if execution.state == ExecutionState.PARKED:
        return f"{what} is parked and has no dead letter. Put its code right, then: engine resume {execution.id}"
    return (
        f"{what} is {execution.state} and has no dead letter, so there is nothing to retry; steps retry by themselves"
    )


def _told(step: StepView) -> str:
    error = "" if step.error is None else f"{step.error.type}: {step.error.message}"
    if len(error) > _SHOWN:
        error = error[:_SHOWN] + "..."
    error = f" ({error})" if error else ""
    return f"{step.seq}, {step.name}, failed{error}"
