"""One flush of a worker: everything it has to record and to claim, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import LeaseLost
from engine.model.states import FLOW_SEQ, ExecutionState, StepState
from engine.model.work import Flushed, Pointer
from engine.store.batches import BatchUpdate
from engine.store.claim import claim_pointers, claim_ready
from engine.store.commit import Commit, children_cancelled, executions_touched, living_children
from engine.store.executions import lock_executions, successors, write_executions
from engine.store.holds import hold_steps
from engine.store.pauses import postpone
from engine.store.places import heads_of
from engine.store.schema import OPERATOR, steps, workers

if TYPE_CHECKING:
    from engine.model.work import Flush, Reschedule
    from engine.store.batches import Row
    from engine.store.database import Transaction
    from engine.store.executions import LockedExecution

GIVE_BACK = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    fences=("attempt", "owner"),
    sets=("state", "owner", "due_at_us", "held_due_us", "output"),
    guard="state = 'claimed'",
)
RELEASE = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    fences=("attempt", "owner"),
    sets=("ready_us", "due_at_us"),
    fixed="state = 'ready', ready_queue = queue, owner = NULL",
    guard="state = 'claimed'",
)
REFUND = BatchUpdate(steps, keys=("execution_id", "seq"), fixed="max_attempts = max_attempts + 1")
REPORT = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    fences=("attempt", "owner"),
    sets=("progress", "due_at_us"),
    guard="state = 'claimed'",
)
PARK = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    fences=("attempt", "owner"),
    sets=("held_due_us",),
    fixed="state = 'waiting', owner = NULL, ready_queue = NULL, due_at_us = NULL",
    guard="state = 'claimed'",
)
RENEW = BatchUpdate(workers, keys=("id",), sets=("flushes", "expires_us"), guard="state = 'alive'")


def run_flush(tx: Transaction, flush: Flush) -> Flushed:
    """Record and claim everything in a flush.

    Flows that it wakes on queues that this worker takes steps from are claimed at once, if the worker wants them.
    Raises LeaseLost when peers have declared the worker dead: nothing is written. A flush that had nothing to record
    and found nothing to claim leaves no trace, and does not ask about the lease.
    """
    flushed = Flushed(tx.now_us)
    touched = executions_touched(flush)
    if touched:
        latest = successors(tx, children_cancelled(flush))
        living = living_children(tx, flush)
        locked = lock_executions(tx, touched.union(latest.values(), *living.values()))
        # Before their steps are given back: the next attempt is to find what this one reported.
        _report(tx, flush)
        Commit(tx, flush, flushed, locked, latest, living).record()
        _give_back(tx, flush, flushed, locked)
        _park(tx, flush, locked)
        woken = write_executions(tx, locked.values(), flush.resend_us)
        flushed.offered += _claim_woken(tx, flush, flushed, woken)
    if flush.postponed and flush.resend_us is not None:
        postpone(tx, flush.postponed, flush.resend_us)
    if flush.pointers:
        flushed.claimed += claim_pointers(tx, flush.worker_id, flush.pointers)
    if flush.claim_due and len(flushed.claimed) < flush.room:
        flushed.claimed += claim_ready(tx, flush.worker_id, flush.queues, flush.room - len(flushed.claimed))
    if not touched and not flushed.claimed:
        # Nothing was written, so nothing has to reach the disk, and no peer is told of a change.
        return flushed
    # Last, so that the row which every peer looks at is locked for the shortest time.
    renewed = (flush.worker_id, flush.number, tx.now_us + flush.lease_us)
    if not tx.dialect.update(tx.connection, RENEW, [renewed]):
        raise LeaseLost("this worker was declared dead by its peers; what it held was given to others")
    flushed.renewed = True
    return flushed


def _claim_woken(tx: Transaction, flush: Flush, flushed: Flushed, woken: list[Pointer]) -> list[Pointer]:
    """Claim the woken flows that this worker can drive itself; return the others."""
    if not woken or not flush.take_woken:
        return woken
    mine = [pointer for pointer in woken if pointer.queue in flush.queues]
    claimed = claim_pointers(tx, flush.worker_id, mine)
    flushed.claimed += claimed
    taken = {claim.execution_id for claim in claimed}
    return [pointer for pointer in woken if pointer.execution_id not in taken]


def _give_back(tx: Transaction, flush: Flush, flushed: Flushed, locked: dict[str, LockedExecution]) -> None:
    """Reschedule steps: retried later, released at once, or left to an operator."""
    if not flush.reschedules:
        return
    waiting: list[Row] = []
    released: list[Pointer] = []
    now_us = tx.now_us
    for r in sorted(flush.reschedules, key=lambda r: (r.execution_id, r.seq)):
        execution = locked.get(r.execution_id)
        if execution is None:
            continue
        fence = (r.execution_id, r.seq, r.attempt, flush.worker_id)
        due_us = now_us + r.delay_us
        if r.dead:
            waiting.append((*fence, StepState.DEAD, OPERATOR, None, None, r.error))
        elif execution.held:
            waiting.append((*fence, StepState.WAITING, None, None, due_us, r.error))
        elif r.delay_us or r.error is not None:
            waiting.append((*fence, StepState.WAITING, None, due_us, None, r.error))
            earliest = flushed.next_due_us
            flushed.next_due_us = due_us if earliest is None else min(earliest, due_us)
        else:
            released.append(_pointer(r, execution))
    given = _accepted(waiting, tx.dialect.update(tx.connection, GIVE_BACK, waiting))
    given |= _release(tx, flush, flushed, released)
    refunds = [(r.execution_id, r.seq) for r in flush.reschedules if r.refund and (r.execution_id, r.seq) in given]
    tx.dialect.update(tx.connection, REFUND, refunds)


def _release(tx: Transaction, flush: Flush, flushed: Flushed, pointers: list[Pointer]) -> set[tuple[str, int]]:
    """Offer claimed steps to all again; return those that were still this worker's."""
    resend_us = None if flush.resend_us is None else tx.now_us + flush.resend_us
    heads = heads_of(tx, ((pointer.queue, pointer.priority) for pointer in pointers))
    rows: list[Row] = [
        (p.execution_id, p.seq, p.attempt, flush.worker_id, heads[p.queue, p.priority], resend_us) for p in pointers
    ]
    accepted = tx.dialect.update(tx.connection, RELEASE, rows)
    flushed.offered += [pointers[index] for index in sorted(accepted)]
    return _accepted(rows, accepted)


def _pointer(r: Reschedule, execution: LockedExecution) -> Pointer:
    queue = execution.queue if r.queue is None else r.queue
    return Pointer(r.execution_id, r.seq, r.attempt, queue, execution.priority if r.priority is None else r.priority)


def _accepted(rows: list[Row], indexes: set[int]) -> set[tuple[str, int]]:
    return {(rows[index][0], rows[index][1]) for index in indexes}


def _park(tx: Transaction, flush: Flush, locked: dict[str, LockedExecution]) -> None:
    """Set executions aside for an operator, if this worker still holds their flow's step."""
    rows: list[Row] = [
        (park.execution_id, FLOW_SEQ, park.flow_attempt, flush.worker_id, tx.now_us)
        for park in sorted(flush.parks, key=lambda park: park.execution_id)
        if park.execution_id in locked
    ]
    accepted = tx.dialect.update(tx.connection, PARK, rows)
    reasons = {park.execution_id: park.error for park in flush.parks}
    parked = [locked[rows[index][0]] for index in sorted(accepted) if locked[rows[index][0]].running]
    for execution in parked:
        execution.state = ExecutionState.PARKED
        execution.error = reasons[execution.id]
    hold_steps(tx, [execution.id for execution in parked])


def _report(tx: Transaction, flush: Flush) -> None:
    rows: list[Row] = []
    for p in sorted(flush.progress, key=lambda p: (p.execution_id, p.seq)):
        due_us = None if p.expires_us is None else tx.now_us + p.expires_us
        rows.append((p.execution_id, p.seq, p.attempt, flush.worker_id, p.details, due_us))
    tx.dialect.update(tx.connection, REPORT, rows)
