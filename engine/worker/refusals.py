"""Flushes that the database refuses for good, taken apart: what is recorded of an execution instead (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.codec import encode_error
from engine.model.work import Checkpoint, Flush, Flushed, Park, Reschedule

if TYPE_CHECKING:
    from engine.errors import RefusedByStore


def parts_of(flush: Flush) -> dict[str, Flush]:
    """Return what a flush records of each execution, as a flush by itself that claims nothing new."""
    parts: dict[str, Flush] = {}

    def part(execution_id: str) -> Flush:
        if execution_id not in parts:
            parts[execution_id] = _like(flush)
        return parts[execution_id]

    for checkpoint in flush.checkpoints:
        part(checkpoint.execution_id).checkpoints.append(checkpoint)
    for reschedule in flush.reschedules:
        part(reschedule.execution_id).reschedules.append(reschedule)
    for progress in flush.progress:
        part(progress.execution_id).progress.append(progress)
    for park in flush.parks:
        part(park.execution_id).parks.append(park)
    return parts


def claims_of(flush: Flush, room: int) -> Flush:
    """Return what a flush claims, without what it records."""
    claims = _like(flush)
    claims.pointers, claims.postponed = flush.pointers, flush.postponed
    claims.claim_due, claims.room = flush.claim_due and room > 0, room
    return claims


def without_decision(part: Flush, error: RefusedByStore) -> Flush:
    """Return the results alone. What the flow decided is left out: a flow that is held is parked with the error, and
    another one is driven again from what is recorded."""
    lesser = _like(part)
    lesser.reschedules = part.reschedules
    lesser.checkpoints = [Checkpoint(each.execution_id, each.outcomes) for each in part.checkpoints if each.outcomes]
    lesser.parks = _parked(part, error)
    return lesser


def given_up(part: Flush, error: RefusedByStore) -> Flush:
    """Return every value of the part as a dead letter with the error, and a flow that is held as parked.

    What is just given back holds no value that could be refused. It may be the flow's own step, as no dead letter may
    be: whatever the flow has to read would wait for an operator too.
    """
    lesser = _like(part)
    refused = [outcome for checkpoint in part.checkpoints for outcome in checkpoint.outcomes]
    refused += [each for each in part.reschedules if each.error is not None]
    lesser.reschedules = [each for each in part.reschedules if each.error is None] + [
        Reschedule(each.execution_id, each.seq, each.attempt, 0, encode_error(error, each.attempt), dead=True)
        for each in refused
    ]
    lesser.parks = _parked(part, error)
    return lesser


def add(whole: Flushed, part: Flushed) -> None:
    """Add what became of one part to what became of the parts before."""
    whole.now_us = part.now_us
    whole.claimed += part.claimed
    whole.renewed = whole.renewed or part.renewed
    whole.stale |= part.stale
    whole.held |= part.held
    whole.finished += part.finished
    whole.offered += part.offered
    whole.cancelled_children += part.cancelled_children
    whole.given_up |= part.given_up
    due_us = [each.next_due_us for each in (whole, part) if each.next_due_us is not None]
    whole.next_due_us = min(due_us, default=None)


def _like(flush: Flush) -> Flush:
    return Flush(
        flush.worker_id, flush.lease_us, flush.queues, 0, take_woken=flush.take_woken, resend_us=flush.resend_us
    )


def _parked(part: Flush, error: RefusedByStore) -> list[Park]:
    held = {
        each.execution_id: each.advance.flow_attempt
        for each in part.checkpoints
        if each.advance is not None and each.advance.flow_attempt is not None
    }
    parks = [Park(execution_id, attempt, encode_error(error, attempt)) for execution_id, attempt in held.items()]
    return parks + [msgspec.structs.replace(each, error=encode_error(error, each.flow_attempt)) for each in part.parks]
