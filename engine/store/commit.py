"""Recording what happened: outcomes, the flow's next decision and the steps that follow, together or not at all (I5).

One call handles a batch of checkpoints, one per execution, in a transaction that the caller commits. For each
execution:

1. its row is locked (the lock order is in :mod:`engine.store.executions`);
2. its outcomes are written where the step is still claimed by this worker at this attempt (I4), which also makes each
of them
   the only one (I2);
3. if all were, and nobody advanced the flow meanwhile, the drive is recorded: new steps, cancelled steps, an ending;
   otherwise the outcomes stay recorded as *unread*, and the flow's own step is woken to read them (I1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.errors import StoreUnavailable
from engine.model.states import FLOW_SEQ, ExecutionState, StepKind, StepState
from engine.model.work import Pointer
from engine.store.batches import BatchUpdate
from engine.store.cancels import request_cancel
from engine.store.commands import CommandRows
from engine.store.endings import record_endings
from engine.store.executions import FLOW_ATTEMPTS, LockedExecution, lock_executions
from engine.store.schema import steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.model.work import Advance, Checkpoint, Flush, Flushed
    from engine.store.batches import Row
    from engine.store.database import Transaction
    from engine.store.endings import Ended

    Applied = tuple[LockedExecution, Advance]

STEPS_PER_QUERY = 500
_UNFINISHED = "state IN ('ready', 'waiting', 'claimed', 'dead')"
_LET_GO = "owner = NULL, ready_queue = NULL, due_at_us = NULL, held_due_us = NULL"

RECORD = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    fences=("attempt", "owner"),
    sets=("state", "output", "position", "finished_us"),
    fixed=_LET_GO,
    guard="state = 'claimed'",
)
"""A step's outcome. The fences are I4, the guard is I2 and I3."""

UNPLACE = BatchUpdate(steps, keys=("execution_id", "seq"), fixed="position = NULL")
PLACE = BatchUpdate(steps, keys=("execution_id", "seq"), sets=("position",), guard="position IS NULL")
CANCEL = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    sets=("position", "finished_us"),
    fixed=f"state = 'cancelled', {_LET_GO}",
    guard=_UNFINISHED,
)
LEAVE_FLOW_STEP = BatchUpdate(
    steps,
    keys=("execution_id", "seq"),
    fences=("attempt", "owner"),
    sets=("state", "owner", "ready_queue", "ready_us", "due_at_us", "held_due_us", "max_attempts"),
    # The start is the first event that every flow consumes.
    fixed="position = 1",
    guard="state = 'claimed'",
)
"""What becomes of the flow's own step when the worker that held it has driven the flow (I4)."""


class Commit:
    """The work of one transaction on a batch of checkpoints, at most one for each execution."""

    def __init__(
        self,
        tx: Transaction,
        flush: Flush,
        flushed: Flushed,
        locked: dict[str, LockedExecution],
        latest: Mapping[str, str] | None = None,
        living: Mapping[str, set[str]] | None = None,
    ) -> None:
        """``latest``: the executions that go on in the place of children that are cancelled here. ``living``: the
        children of an execution that are cancelled here, as its steps have them."""
        self._tx = tx
        self._latest = latest or {}
        self._living = living or {}
        self._flush = flush
        self._flushed = flushed
        self._locked = locked
        self._checkpoints = sorted(
            (checkpoint for checkpoint in flush.checkpoints if checkpoint.execution_id in locked),
            key=lambda checkpoint: checkpoint.execution_id,
        )

    def record(self) -> None:
        """Record every checkpoint of the flush."""
        refused = self._record_outcomes()
        lost = self._leave_flow_steps()
        applied: list[Applied] = []
        misplaced: list[Row] = []
        for checkpoint in self._checkpoints:
            execution, advance = self._locked[checkpoint.execution_id], checkpoint.advance
            outcomes = checkpoint.outcomes
            if refused:
                outcomes = tuple(o for o in outcomes if (o.execution_id, o.seq, o.attempt) not in refused)
            wanted = advance is not None and _may_advance(execution, advance)
            if (
                advance is not None
                and wanted
                and len(outcomes) == len(checkpoint.outcomes)
                and execution.id not in lost
            ):
                applied.append((execution, advance))
                execution.advanced += len(advance.consumed)
                execution.unread -= _newly_read(checkpoint, advance)
                continue
            if advance is not None:
                self._flushed.stale.add(execution.id)
            if wanted:
                misplaced.extend((o.execution_id, o.seq) for o in outcomes)
            if not execution.terminal:
                execution.unread += len(outcomes)
        self._tx.dialect.update(self._tx.connection, UNPLACE, misplaced)
        self._apply(applied)

    def _record_outcomes(self) -> set[tuple[str, int, int]]:
        """Write outcomes where the fence holds; return the attempts where it does not.

        Of one step there may be several: it was given away at its timeout, and came back to the worker that still ran
        it.
        """
        rows: list[Row] = []
        owner = self._flush.worker_id
        for checkpoint in self._checkpoints:
            outcomes, advance = checkpoint.outcomes, checkpoint.advance
            if not outcomes:
                continue
            places: dict[int, int] = {}
            if advance is not None and _may_advance(self._locked[checkpoint.execution_id], advance):
                places = {seq: place for place, seq in enumerate(advance.consumed, start=advance.base + 1)}
            rows += [
                (o.execution_id, o.seq, o.attempt, owner, o.state, o.output, places.get(o.seq), o.at_us)
                for o in (outcomes if len(outcomes) == 1 else sorted(outcomes, key=lambda o: o.seq))
            ]
        accepted = self._tx.dialect.update(self._tx.connection, RECORD, rows)
        if len(accepted) == len(rows):
            return set()
        return {(row[0], row[1], row[2]) for index, row in enumerate(rows) if index not in accepted}

    def _leave_flow_steps(self) -> set[str]:
        """Let go of the flow steps that this worker holds, or keep them; return the executions where it held none."""
        rows: list[Row] = []
        for checkpoint in self._checkpoints:
            advance = checkpoint.advance
            if advance is not None and advance.flow_attempt is not None:
                execution = self._locked[checkpoint.execution_id]
                remaining = execution.unread - _newly_read(checkpoint, advance)
                rows.append(self._flow_step_row(execution, advance, advance.flow_attempt, remaining))
        accepted = self._tx.dialect.update(self._tx.connection, LEAVE_FLOW_STEP, rows)
        return {row[0] for index, row in enumerate(rows) if index not in accepted}

    def _flow_step_row(self, execution: LockedExecution, advance: Advance, attempt: int, remaining: int) -> Row:
        """Choose how the flow's step goes on: at rest, still claimed as something remains to be read, held for an
        operator, or offered again."""
        owner, now_us = self._flush.worker_id, self._tx.now_us
        fence = (execution.id, FLOW_SEQ, attempt, owner)
        # A drive that was recorded gives the flow its attempts back.
        attempts = attempt + FLOW_ATTEMPTS
        if _may_advance(execution, advance):
            if remaining > 0:
                self._flushed.held.add(execution.id)
                return (*fence, StepState.CLAIMED, owner, None, None, None, None, attempts)
            execution.flow_idle = True
            return (*fence, StepState.WAITING, None, None, None, None, None, attempts)
        if execution.held:
            return (*fence, StepState.WAITING, None, None, None, None, now_us, attempts)
        resend_us = self._flush.resend_us
        due_us = None if resend_us is None else now_us + resend_us
        self._flushed.offered.append(Pointer(execution.id, FLOW_SEQ, attempt, execution.queue, execution.priority))
        return (*fence, StepState.READY, None, execution.queue, now_us, due_us, None, attempts)

    def _apply(self, applied: list[Applied]) -> None:
        """Write what the drives decided."""
        tx = self._tx
        commands = CommandRows(tx, self._flush, self._flushed)
        places: list[Row] = []
        cancels: list[Row] = []
        endings: list[Ended] = []
        for execution, advance in applied:
            decision = advance.decision
            commands.add(execution, advance)
            if advance.flow_attempt is not None:
                places += _places_of_read(execution.id, advance)
            if decision.cancels:
                at = decision.cancelled_at
                cancels += [
                    (execution.id, seq, at.get(seq, execution.advanced), tx.now_us) for seq in sorted(decision.cancels)
                ]
            if decision.ending is not None:
                endings.append((execution, advance.start, decision.ending))
        commands.write()
        tx.dialect.update(tx.connection, PLACE, places)
        if cancels:
            self._flushed.given_up |= _owners(tx, cancels)
            tx.dialect.update(tx.connection, CANCEL, cancels)
        if endings:
            record_endings(tx, self._flush, self._flushed, self._locked, endings)
        for execution, advance in applied:
            self._cancel_children(execution, advance)

    def _cancel_children(self, execution: LockedExecution, advance: Advance) -> None:
        tx = self._tx
        known = {self._latest.get(child, child) for child in advance.decision.cancel_children}
        for child in sorted(known | self._living.get(execution.id, set())):
            now = self._locked.get(child)
            if now is not None and now.state == ExecutionState.CONTINUED:
                if now.finished_us is None or now.continued_to is None:
                    raise StoreUnavailable(f"child {now.id} has just gone on as another execution: try again")
                # It goes on in this very transaction: nobody else knows of the new one yet.
                self._locked |= lock_executions(tx, [now.continued_to])
                now = self._locked[now.continued_to]
            if request_cancel(tx, now) and now is not None:
                self._flushed.cancelled_children.append(now.id)


def _owners(tx: Transaction, given_up: list[Row]) -> set[int]:
    """Return the workers that run steps which are about to be given up: they are told to look."""
    owners: set[int] = set()
    for first in range(0, len(given_up), STEPS_PER_QUERY):
        keys = [(row[0], row[1]) for row in given_up[first : first + STEPS_PER_QUERY]]
        among = tx.dialect.among((steps.c.execution_id, steps.c.seq), "keys")
        query = select(steps.c.owner).where(among, steps.c.state == StepState.CLAIMED)
        owners.update(tx.connection.execute(query, tx.dialect.bound("keys", keys)).scalars())
    return owners


def _newly_read(checkpoint: Checkpoint, advance: Advance) -> int:
    """By how much the unread events become fewer: those that the drive read, less what is recorded and not read yet."""
    return len(advance.consumed) - len(advance.inline) - len(checkpoint.outcomes)


def _places_of_read(execution_id: str, advance: Advance) -> list[Row]:
    """Positions of events that were recorded earlier, and are consumed by this drive."""
    inline = {result.command.seq for result in advance.inline}
    consumed = enumerate(advance.consumed, start=advance.base + 1)
    return [(execution_id, seq, place) for place, seq in consumed if seq not in inline and seq != FLOW_SEQ]


def _may_advance(execution: LockedExecution, advance: Advance) -> bool:
    """Whether the drive began from where the flow is now, and nobody else is about to drive it."""
    state, advanced, unread = execution.was
    if state != ExecutionState.RUNNING or advanced != advance.base:
        return False
    return advance.flow_attempt is not None or unread == 0


def children_cancelled(flush: Flush) -> set[str]:
    """Return the ids of the children that a flush cancels."""
    return {
        child
        for checkpoint in flush.checkpoints
        if checkpoint.advance is not None
        for child in checkpoint.advance.decision.cancel_children
    }


def living_children(tx: Transaction, flush: Flush) -> dict[str, set[str]]:
    """Return the children that a flush cancels as the steps of their parents have them, by parent.

    Of a child that went on as another execution the worker may know the first one only, which may have been pruned.
    """
    given_up = {
        checkpoint.execution_id: checkpoint.advance.decision.cancels
        for checkpoint in flush.checkpoints
        if checkpoint.advance is not None and checkpoint.advance.decision.cancel_children
    }
    if not given_up:
        return {}
    query = select(steps.c.execution_id, steps.c.seq, steps.c.child_id).where(
        steps.c.execution_id.in_(sorted(given_up)),
        steps.c.kind == StepKind.CHILD,
        steps.c.state == StepState.WAITING,
        steps.c.child_id.is_not(None),
    )
    found: dict[str, set[str]] = {}
    for execution_id, seq, child_id in tx.connection.execute(query):
        if seq in given_up[execution_id]:
            found.setdefault(execution_id, set()).add(child_id)
    return found


def executions_touched(flush: Flush) -> set[str]:
    """Return the ids of all executions that a flush may write to, besides parents: these must be locked first."""
    ids = {reschedule.execution_id for reschedule in flush.reschedules}
    ids.update(park.execution_id for park in flush.parks)
    ids.update(progress.execution_id for progress in flush.progress)
    for checkpoint in flush.checkpoints:
        ids.add(checkpoint.execution_id)
        if checkpoint.advance is not None:
            ids.update(checkpoint.advance.decision.cancel_children)
            parent_id = checkpoint.advance.start.parent_id
            if parent_id is not None and checkpoint.advance.decision.ending is not None:
                ids.add(parent_id)
    return ids
