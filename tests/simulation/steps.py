"""The stage that runs steps, simulated: code is entered when its turn comes, and ends later, or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import LeaseLost, StoreUnavailable, UnknownDefinition
from engine.model.history import Event
from engine.model.states import StepKind, StepState
from engine.model.work import Claimed, Pointer, Progress, Reschedule, StepOutcome
from engine.store import commands
from engine.store.transactional import record_in_transaction
from engine.worker import attempts
from engine.worker.executor import Attempt, Executor, RecordedInStep, Recording

if TYPE_CHECKING:
    from engine.model.decisions import Command
    from engine.worker.attempts import Ended
    from tests.simulation.worker import Worker

LIMIT = 1 << 20
Ending = Callable[[], "Ended | None"]


class Finished(NamedTuple):
    """Code that will have run by ``at_us``, and what its worker is told then."""

    attempt: Attempt
    ending: Ending
    at_us: int


class Steps:
    """The attempts of one worker. User code is the real one, run by the real executor."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        nothing: Any = None
        self._executor = Executor(
            worker.world.database, nothing, nothing, LIMIT, self._heard, self._may_begin, nothing, nothing
        )
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self.to_enter: list[Attempt] = []
        self.to_end: list[Finished] = []

    def __len__(self) -> int:
        return len(self._attempts)

    # -- what the pipeline asks for ----------------------------------------------------------------------------------

    def begin(self, claim: Claimed) -> None:
        """Take in what was claimed."""
        worker = self._worker
        if claim.kind != StepKind.STEP:
            worker.pipeline.ended(attempts.completed(claim, None, worker.pipeline.now_us()))
            return
        try:
            step = worker.registry.step(claim.name)
        except UnknownDefinition:
            worker.pipeline.ended(attempts.unknown(claim))
            return
        if claim.attempt > claim.max_attempts:
            worker.world.fire("attempts exhausted")
            worker.pipeline.ended(attempts.exhausted(claim, worker.pipeline.now_us()))
            return
        earlier = self._attempts.get((claim.execution_id, claim.seq))
        if earlier is not None:
            worker.world.fire("step came back to its worker")
            self._abandon(earlier)
        attempt = Attempt(claim, step, worker.world.now_us() / 1e6)
        self._attempts[claim.execution_id, claim.seq] = attempt
        self.to_enter.append(attempt)

    def release(self, *, only_waiting: bool) -> list[Reschedule]:
        """Break attempts off, and return them to be released."""
        given: list[Reschedule] = []
        for attempt in list(self._attempts.values()):
            if not (only_waiting and attempt.begun):
                self._abandon(attempt)
                given.append(attempts.released(attempt.claim))
        return given

    def abandon_all(self) -> None:
        """Break everything off."""
        for attempt in list(self._attempts.values()):
            self._abandon(attempt)

    def still_owned(self, owned: set[tuple[str, int, int]], asked_at: float) -> None:
        """Break off what is not this worker's any more."""
        for attempt in list(self._attempts.values()):
            claim = attempt.claim
            if attempt.started < asked_at and (claim.execution_id, claim.seq, claim.attempt) not in owned:
                self._worker.world.fire("attempt broken off")
                self._abandon(attempt)

    def _abandon(self, attempt: Attempt) -> None:
        attempt.abandoned = attempt.cancelled = True
        self._attempts.pop((attempt.claim.execution_id, attempt.claim.seq), None)

    # -- what happens when -------------------------------------------------------------------------------------------

    def enter(self, attempt: Attempt) -> None:
        """Run the code of an attempt; its end is told later."""
        self.to_enter.remove(attempt)
        if attempt.abandoned:
            return
        if attempt.step.transactional:
            self._worker.start("step", lambda: self._enter_transactional(attempt))
            return
        world = self._worker.world
        if attempt.step.timeout_us is not None and world.hangs():
            world.fire("step hangs")
            return
        try:
            output = self._executor.on_thread(attempt)
        except Exception as error:  # noqa: BLE001 - it is the attempt's
            failure = error
            self._ends(attempt, lambda: self._failed(attempt, failure))
        else:
            self._ends(attempt, lambda: attempts.completed(attempt.claim, output, self._now_us()))

    def _enter_transactional(self, attempt: Attempt) -> None:
        resend_us = self._worker.queue.resend_us

        def record(tx: Any, output: str, outbox: list[str]) -> list[Pointer]:
            assert outbox == [], "no flow here publishes"
            return record_in_transaction(tx, self._worker.identity, attempt.claim, output, resend_us)

        try:
            self._executor.in_transaction(attempt, Recording(record, self._worker.recorded_itself))
        except RecordedInStep:
            self._ends(attempt, lambda: None)
        except LeaseLost as error:
            if attempt.begun and not attempt.abandoned:
                self._worker.world.fire("transactional step fenced")
            lost = error
            self._ends(attempt, lambda: self._failed(attempt, lost))
        except Exception as error:  # noqa: BLE001 - it is the attempt's
            failure = error
            self._ends(attempt, lambda: self._failed(attempt, failure))

    def _ends(self, attempt: Attempt, ending: Ending) -> None:
        lasts_us = 0 if attempt.step.transactional else self._worker.world.lasts_us(attempt.claim.timeout_us)
        self.to_end.append(Finished(attempt, ending, self._worker.world.now_us() + lasts_us))

    def end(self, finished: Finished) -> None:
        """Tell the worker how an attempt ended, if anybody cares."""
        self.to_end.remove(finished)
        attempt, ending, _ = finished
        if attempt.abandoned:
            return
        if attempt.said:
            self._progress(attempt)
        attempt.abandoned = True
        self._attempts.pop((attempt.claim.execution_id, attempt.claim.seq), None)
        self._worker.pipeline.ended(ending())

    def overdue(self) -> list[Attempt]:
        """Return the attempts that run for longer than they may."""
        now = self._worker.world.now_us() / 1e6
        return [
            attempt
            for attempt in self._attempts.values()
            if attempt.claim.timeout_us is not None and attempt.started + attempt.claim.timeout_us / 1e6 <= now
        ]

    def next_timeout_us(self) -> int | None:
        """Return when the next attempt runs for too long."""
        return min(
            (
                int(attempt.started * 1e6) + attempt.claim.timeout_us + 1
                for attempt in self._attempts.values()
                if attempt.claim.timeout_us is not None
            ),
            default=None,
        )

    def time_out(self, attempt: Attempt) -> None:
        """Give an attempt up that takes too long."""
        error = attempts.timed_out(attempt.step, (attempt.claim.timeout_us or 0) / 1e6, "ran longer than")
        ended = self._failed(attempt, error)
        self._abandon(attempt)
        self._worker.world.fire("step timed out")
        self._worker.pipeline.ended(ended)

    async def run_inline(self, execution_id: str, command: Command) -> Event:
        """Run an inline step to its end, as the loop would: others act between two attempts."""
        step = self._worker.registry.step(command.name)
        number = 0
        while True:
            number += 1
            claim = Claimed(
                execution_id, command.seq, number, command.kind, command.name, command.queue, command.priority,
                command.input, command.max_attempts, command.timeout_us, retry=command.retry,
            )  # fmt: skip
            attempt = Attempt(claim, step, self._worker.world.now_us() / 1e6)
            attempt.begun = True
            await _Turn()
            try:
                self._worker.world.may_raise(claim.name)
                output = self._executor.on_thread(attempt)
            except Exception as error:  # noqa: BLE001 - it is the attempt's
                ended = attempts.failed(claim, step, error, self._now_us(), self._worker.world.chance)
                if isinstance(ended, StepOutcome):
                    return Event(command.seq, ended.state, ended.output, ended.at_us)
            else:
                return Event(command.seq, StepState.COMPLETED, output, self._now_us())

    def _failed(self, attempt: Attempt, error: BaseException) -> Ended:
        if isinstance(error, LeaseLost) and not attempt.begun:
            return attempts.released(attempt.claim)
        if attempt.step.transactional and isinstance(error, StoreUnavailable):
            return attempts.interrupted(attempt.claim)
        return attempts.failed(attempt.claim, attempt.step, error, self._now_us(), self._worker.world.chance)

    def _may_begin(self, attempt: Attempt) -> bool:
        timeout_us, now_us = attempt.claim.timeout_us, self._worker.world.now_us()
        in_time = timeout_us is None or now_us < attempt.started * 1e6 + timeout_us
        if in_time and self._worker.pipeline.holds_lease():
            return True
        self._worker.world.fire("step not begun: no lease" if in_time else "step not begun: no time left")
        return False

    def _now_us(self) -> int:
        return self._worker.pipeline.now_us()

    # -- heartbeats of steps -----------------------------------------------------------------------------------------

    def _heard(self, attempt: Attempt) -> None:
        self._worker.post("progress", lambda: self._progress(attempt))

    def _progress(self, attempt: Attempt) -> None:
        if attempt.abandoned or not attempt.said:
            return
        while attempt.said:
            details = attempt.said.popleft()
            attempt.progress = attempt.progress if details is None else details
        claim = attempt.claim
        expires_us = None if claim.timeout_us is None else claim.timeout_us + commands.TIMEOUT_GRACE_US
        self._worker.world.fire("progress reported")
        self._worker.pipeline.reported(
            Progress(claim.execution_id, claim.seq, claim.attempt, attempt.progress, expires_us)
        )


class _Turn:
    """Awaited, it lets others act."""

    def __await__(self) -> Any:
        yield
