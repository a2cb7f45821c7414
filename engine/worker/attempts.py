"""Attempts at steps: what is run, and what its end means (pure decisions on values)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.codec import encode_error
from engine.errors import StepTimeout
from engine.model.history import ErrorInfo
from engine.model.retry import decode_policy, delay_for, should_retry
from engine.model.states import StepState
from engine.model.work import Claimed, Reschedule, StepOutcome

if TYPE_CHECKING:
    from engine.definitions.registry import AnyStep
    from engine.model.retry import RandomSource, Retry

Ended = StepOutcome | Reschedule

UNKNOWN_STEP_DELAY_US = 5_000_000
INTERRUPTED_DELAY_US = 200_000


def completed(claim: Claimed, output: str | None, at_us: int) -> StepOutcome:
    """The step has its result."""
    return StepOutcome(claim.execution_id, claim.seq, claim.attempt, StepState.COMPLETED, output, at_us)


def failed(claim: Claimed, step: AnyStep, error: BaseException, at_us: int, rnd: RandomSource) -> Ended:
    """An attempt raised: the step is retried later, fails, or becomes a dead letter."""
    text = encode_error(error, claim.attempt)
    policy = policy_of(claim, step)
    if should_retry(policy, error, claim.attempt, claim.max_attempts):
        return _again(claim, delay_for(policy, error, claim.attempt, rnd), text)
    return _given_up(claim, text, at_us)


def policy_of(claim: Claimed, step: AnyStep) -> Retry:
    """Return the retry policy of a call: its own, or else the step's."""
    return step.retry if claim.retry is None else decode_policy(claim.retry)


def exhausted(claim: Claimed, at_us: int) -> Ended:
    """Every attempt was begun and none of them ended: the step kills its workers."""
    info = ErrorInfo(
        "WorkerDied",
        f"all {claim.max_attempts} attempts were begun and none of them ended: the step kills its worker, or its "
        "workers were killed",
        attempts=claim.max_attempts,
    )
    return _given_up(claim, msgspec.json.encode(info).decode(), at_us)


def unknown(claim: Claimed) -> Reschedule:
    """This worker has no such step: another one may."""
    return Reschedule(claim.execution_id, claim.seq, claim.attempt, UNKNOWN_STEP_DELAY_US, refund=True)


def released(claim: Claimed) -> Reschedule:
    """The attempt was not made, or was broken off by this worker's own end."""
    return Reschedule(
        claim.execution_id, claim.seq, claim.attempt, 0, refund=True, queue=claim.queue, priority=claim.priority
    )


def interrupted(claim: Claimed) -> Reschedule:
    """The database went away under the step's own transaction: nothing was written, and the attempt does not count."""
    return Reschedule(claim.execution_id, claim.seq, claim.attempt, INTERRUPTED_DELAY_US, refund=True)


def timed_out(step: AnyStep, seconds: float, what: str) -> StepTimeout:
    """The error of an attempt that took too long."""
    return StepTimeout(f"an attempt at step {step.name!r} {what} {seconds:g} s")


def _again(claim: Claimed, delay_us: int, error: str) -> Reschedule:
    return Reschedule(claim.execution_id, claim.seq, claim.attempt, delay_us, error)


def _given_up(claim: Claimed, error: str, at_us: int) -> Ended:
    if claim.dead_letter:
        return Reschedule(claim.execution_id, claim.seq, claim.attempt, 0, error, dead=True)
    return StepOutcome(claim.execution_id, claim.seq, claim.attempt, StepState.FAILED, error, at_us)
