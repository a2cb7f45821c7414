"""The witness looks at the rows after every transaction, and at every entry into user code (I1 to I6)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from engine.model.states import FINISHED_STEP, FLOW_SEQ, TERMINAL, ExecutionState, StepKind, StepState
from tests.conformance.stores import soundness
from tests.simulation.replaying import replayed
from tests.simulation.rows import Execution, Rows, Step
from tests.simulation.violations import I1, I2, I3, I4, I5, I6, ROWS, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.definitions.context import StepContext
    from engine.model.work import Flush
    from tests.simulation.database import SimulatedDatabase

RESULTS = frozenset({StepState.COMPLETED, StepState.FAILED})
READ = frozenset({"position"})
EXPECTED_REASONS = frozenset({"RefusedByStore", "FlowKeepsFailing"})
"""Why an execution may be parked, where code and history always agree."""


class Actor(NamedTuple):
    """Who made a transaction: the kind of call, and the identity of its worker (0: nobody's)."""

    call: str
    identity: int


NOBODY = Actor("client", 0)


class Witness:
    """Remembers how the rows were, and holds everybody to the invariants."""

    def __init__(self, database: SimulatedDatabase, now_us: Callable[[], int]) -> None:
        self.rows = Rows(database.raw)
        self.violation: Violation | None = None
        self._now_us = now_us
        self._entered: set[tuple[str, int, int]] = set()
        self.cancelled: set[str] = set()
        """Executions that were asked to end."""
        self.looks = 0

    def found(self, violation: Violation) -> Violation:
        """Keep the first violation, whoever catches it on its way up."""
        self.violation = self.violation or violation
        return violation

    def look(self, actor: Actor) -> None:
        """Compare the rows with how they were before the transaction that ``actor`` has just committed."""
        changed, executions = self.rows.refresh()
        if not changed and not executions:
            return
        self.looks += 1
        try:
            for before, now in changed:
                self._step(before, now, actor)
            for was, is_now in executions:
                self._execution(was, is_now)
            touched = dict.fromkeys([now.execution_id for _, now in changed] + [now.id for _, now in executions])
            advanced = {now.id for was, now in executions if was is None or was.advanced != now.advanced}
            for id in touched:
                self._whole(id, replay=id in advanced)
            if any(now.name == "save" for _, now in changed):
                self._saved()
        except Violation as violation:
            raise self.found(violation) from None

    def look_again(self, actor: Actor) -> None:
        """See that a transaction which failed has left nothing behind (I5)."""
        changed, executions = self.rows.refresh()
        if changed or executions:
            what = f"a transaction of {actor} failed, and left something behind: {changed}, {executions}"
            raise self.found(Violation(I5, what))

    # -- one step ----------------------------------------------------------------------------------------------------

    def _step(self, before: Step | None, now: Step, actor: Actor) -> None:
        if now.seq < 0:
            self.cancelled.add(now.execution_id)
        if before is None:
            if now.attempt > 1 or (now.owner not in (None, actor.identity)):
                raise Violation(I4, f"step {now.id} was made as another's by {actor}: {now}")
            return
        if before.state in FINISHED_STEP:
            _frozen(before, now, actor)
            return
        if now.attempt != before.attempt:
            _claimed(before, now, actor)
            self._alive(now, actor)
        elif now.state in RESULTS:
            _recorded(before, now, actor)
        elif before.state == StepState.CLAIMED and before.owner != actor.identity:
            self._taken(before, now, actor)

    def _alive(self, now: Step, actor: Actor) -> None:
        if now.owner not in self.rows.living_workers():
            raise Violation(I4, f"{actor} claimed step {now.id}, and was declared dead before")

    def _taken(self, before: Step, now: Step, actor: Actor) -> None:
        """A claimed step changed, and not by its owner: only a sweep may do that, of what is due or orphaned."""
        if now.state == StepState.CANCELLED and actor.call == "flush":
            return
        due = before.due_at_us is not None and before.due_at_us <= self._now_us()
        if actor.call == "sweep" and (due or before.owner not in self.rows.living_workers()):
            return
        raise Violation(I4, f"{actor} changed step {now.id}, which was claimed by another: {before} -> {now}")

    # -- one execution -----------------------------------------------------------------------------------------------

    def _execution(self, was: Execution | None, now: Execution) -> None:
        if was is not None and was.state in TERMINAL:
            raise Violation(I3, f"execution {now.id} changed after its end: {was} -> {now}")
        if now.state == ExecutionState.PARKED:
            reason = json.loads(now.error or "{}").get("type")
            if reason not in EXPECTED_REASONS:
                raise Violation(I5, f"execution {now.id} was parked: {now.error}")

    def _whole(self, id: str, *, replay: bool) -> None:
        """An execution and its steps, together."""
        execution, steps = self.rows.executions.get(id), self.rows.steps.get(id)
        if execution is None or steps is None:
            raise Violation(I5, f"execution {id} is there without its steps, or they without it")
        rows = list(steps.values())
        for row in rows:
            for fault in soundness._of_step(row, execution.state):
                raise Violation(_named(fault), f"step {row.id}: {fault}")
        for fault in soundness._of_execution(execution, rows):
            raise Violation(_named(fault), f"execution {id}: {fault}")
        if execution.state in TERMINAL:
            self._told(execution)
        elif not any(self._moves(row) for row in rows) and execution.state == ExecutionState.RUNNING:
            raise Violation(I1, f"nothing will move execution {id}: {rows}")
        if replay or execution.state in TERMINAL:
            replayed(execution, steps)

    def _moves(self, row: Step) -> bool:
        """Whether something will come of this step by itself, by its owner, or from outside."""
        if row.state in FINISHED_STEP:
            return False
        if row.state in (StepState.READY, StepState.CLAIMED, StepState.DEAD) or row.due_at_us is not None:
            return True
        if row.kind == StepKind.CHILD and row.child_id is not None:
            child = self.rows.executions.get(row.child_id)
            return child is not None and child.state not in TERMINAL
        return row.kind == StepKind.EVENT

    def _told(self, execution: Execution) -> None:
        """A parent knows of the end of its child."""
        if execution.parent_id is None or execution.parent_seq is None:
            return
        waiting = self.rows.steps[execution.parent_id][execution.parent_seq]
        if waiting.state == StepState.WAITING and waiting.child_id == execution.id:
            raise Violation(I1, f"child {execution.id} has ended, and step {waiting.id} waits for it")

    def fenced(self, flush: Flush) -> Iterator[str]:
        """Return what of a flush will meet a fence, as somebody else has the step by now."""
        for checkpoint in flush.checkpoints:
            for outcome in checkpoint.outcomes:
                if not self._owns(flush.worker_id, checkpoint.execution_id, outcome.seq, outcome.attempt):
                    yield "a result"
            advance = checkpoint.advance
            held = None if advance is None else advance.flow_attempt
            if held is not None and not self._owns(flush.worker_id, checkpoint.execution_id, FLOW_SEQ, held):
                yield "a drive"
        for back in flush.reschedules:
            if not self._owns(flush.worker_id, back.execution_id, back.seq, back.attempt):
                yield "a step given back"

    def _owns(self, worker_id: int, execution_id: str, seq: int, attempt: int) -> bool:
        return self.rows.state_of(execution_id, seq) == (StepState.CLAIMED, attempt, worker_id)

    # -- user code ---------------------------------------------------------------------------------------------------

    def entered(self, context: StepContext) -> None:
        """User code of a step was entered."""
        key = (context.execution_id, context.seq, context.attempt)
        found = self.rows.state_of(context.execution_id, context.seq)
        if found is None:
            raise self.found(Violation(I5, f"user code of a step that does not exist was entered: {key}"))
        if found[0] in RESULTS:
            what = f"user code of step {key} was entered, whose result is recorded (attempt {found[1]})"
            raise self.found(Violation(I6, what))
        if key in self._entered:
            raise self.found(Violation(I4, f"user code was entered twice at one attempt: {key}"))
        self._entered.add(key)

    def _saved(self) -> None:
        """What transactional steps write is there exactly once, and exactly when their result is."""
        saved = self.rows.saved()
        recorded = [
            (step.execution_id, step.seq, step.attempt)
            for steps in self.rows.steps.values()
            for step in steps.values()
            if step.name == "save" and step.state == StepState.COMPLETED
        ]
        if sorted(saved) != sorted(recorded):
            raise Violation(I5, f"transactional steps wrote {sorted(saved)}, and recorded {sorted(recorded)}")


def _frozen(before: Step, now: Step, actor: Actor) -> None:
    """A finished step only gets its place, once."""
    changed = {name for name in Step._fields if getattr(before, name) != getattr(now, name)}
    if changed <= READ and before.position is None:
        return
    twice = before.state in RESULTS and now.state in RESULTS
    raise Violation(I2 if twice else I3, f"{actor} changed step {now.id}, which was finished: {before} -> {now}")


def _claimed(before: Step, now: Step, actor: Actor) -> None:
    """The attempt of a step changed: it was claimed."""
    mine = before.state == StepState.CLAIMED and before.owner == actor.identity
    free = before.state == StepState.READY or (before.state == StepState.WAITING and before.seq == FLOW_SEQ)
    if not (now.attempt == before.attempt + 1 and now.owner == actor.identity and (mine or free)):
        raise Violation(I4, f"{actor} claimed step {now.id} from under another: {before} -> {now}")


def _recorded(before: Step, now: Step, actor: Actor) -> None:
    """A result was recorded: by the owner, and made by it at this attempt."""
    claimed = before.state == StepState.CLAIMED
    if claimed and before.owner != actor.identity:
        raise Violation(I4, f"{actor} recorded the result of step {now.id} of another: {before} -> {now}")
    if now.kind in (StepKind.STEP, StepKind.TIMER) and not claimed:
        raise Violation(I4, f"{actor} recorded the result of step {now.id}, which nobody had: {before} -> {now}")
    if now.kind != StepKind.STEP:
        return
    made = json.loads(now.output or "null")
    if now.state == StepState.COMPLETED:
        if (made["attempt"], made["by"]) != (now.attempt, before.owner):
            raise Violation(I4, f"step {now.id} has the result of another attempt: {before} -> {now}")
    elif made["attempts"] != now.attempt and made["type"] != "WorkerDied":
        raise Violation(I4, f"step {now.id} has the error of another attempt: {before} -> {now}")


def _named(fault: str) -> str:
    """Return the invariant that a fault of the rows is about."""
    for name in (I1, I3):
        if f"({name[:2]})" in fault:
            return name
    return ROWS if fault.startswith("it does not hold") else I5
