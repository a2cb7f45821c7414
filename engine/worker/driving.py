"""The stage that drives flows: results of steps go in, checkpoints come out.

It drives a live flow on the strength of results that this worker has itself (then nothing is read from the store), or
with the flow's own step in hand and its history loaded. Where it can do neither, the results are recorded alone, and
the store wakes the flow's step.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from engine.codec import encode_error
from engine.errors import FlowKeepsFailing, UnknownDefinition
from engine.model.decisions import Decision, InlineResult
from engine.model.history import Event, FlowStart
from engine.model.states import FLOW_SEQ, ExecutionState
from engine.model.work import Advance, Checkpoint, Park, Reschedule, StepOutcome
from engine.worker.attempts import UNKNOWN_STEP_DELAY_US
from engine.worker.flows import Drive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from engine.model.decisions import Command
    from engine.model.work import Flush, Flushed
    from engine.store.history import LoadedHistory
    from engine.worker.flows import FlowCache

log = structlog.get_logger(__name__)


class Driving:
    """Collects results and claims of flow steps, and turns them into checkpoints, one for each execution and flush.

    ``run_inline`` runs one inline step; ``spawn`` starts a coroutine on the loop; ``on_ready`` is called when a drive
    that had
    to wait for inline steps is complete.
    """

    def __init__(
        self,
        flows: FlowCache,
        run_inline: Callable[[str, Command], Awaitable[Event]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        on_ready: Callable[[], None],
    ) -> None:
        self._flows = flows
        self._run_inline = run_inline
        self._spawn = spawn
        self._on_ready = on_ready
        self._outcomes: defaultdict[str, list[StepOutcome]] = defaultdict(list)
        self._advances: dict[str, tuple[tuple[StepOutcome, ...], Advance | None]] = {}
        self._held: dict[str, int] = {}
        self._driving: dict[str, Drive] = {}
        self._reload: dict[str, int] = {}
        self._parks: list[Park] = []
        self._returned: list[Reschedule] = []

    @property
    def busy(self) -> bool:
        """Whether anything waits to be recorded, or is being driven."""
        return bool(self._outcomes or self._advances or self._driving or self._reload or self._parks or self._returned)

    def add(self, outcome: StepOutcome) -> None:
        """Take in the result of a step."""
        self._outcomes[outcome.execution_id].append(outcome)

    def fill(self, flush: Flush) -> dict[str, int]:
        """Put everything that is ready into a flush; return the histories to be loaded again, from which position."""
        outcomes, self._outcomes = self._outcomes, defaultdict(list)
        for execution_id, ended in outcomes.items():
            if execution_id in self._driving:
                self._outcomes[execution_id] = ended
            elif execution_id in self._advances:
                before, advance = self._advances[execution_id]
                self._advances[execution_id] = (before + tuple(ended), advance)
            else:
                self._drive_live(execution_id, tuple(ended))
        flush.checkpoints += [
            Checkpoint(execution_id, ended, advance) for execution_id, (ended, advance) in self._advances.items()
        ]
        flush.parks += self._parks
        flush.reschedules += self._returned
        reload = self._reload
        self._advances, self._parks, self._returned, self._reload = {}, [], [], {}
        return reload

    def settle(self, flushed: Flushed, histories: dict[str, LoadedHistory]) -> None:
        """Learn what became of a flush: forget what went stale, and go on with flows that have more to read."""
        for execution_id in flushed.stale:
            self._flows.drop(execution_id)
        claimed = {claim.execution_id: claim for claim in flushed.claimed if claim.seq == FLOW_SEQ}
        for claim in claimed.values():
            self._held[claim.execution_id] = claim.attempt
            if claim.attempt > claim.max_attempts:
                error = FlowKeepsFailing(
                    f"advancing flow {claim.name!r} has killed {claim.max_attempts} workers in a row"
                )
                self._park(claim.execution_id, error)
        for execution_id, loaded in histories.items():
            if execution_id in self._held and not self._leaves_with(execution_id):
                self._drive_held(execution_id, loaded)

    def left(self, checkpoints: list[Checkpoint], held: set[str]) -> None:
        """Note which flow steps a flush has let go of."""
        for checkpoint in checkpoints:
            if checkpoint.advance is not None and checkpoint.execution_id not in held:
                self._held.pop(checkpoint.execution_id, None)

    def release(self) -> list[Reschedule]:
        """Give back every flow step that is held and not being driven, for a worker that ends."""
        given = [
            Reschedule(execution_id, FLOW_SEQ, attempt, 0, refund=True)
            for execution_id, attempt in self._held.items()
            if execution_id not in self._driving and execution_id not in self._advances
        ]
        for back in given:
            del self._held[back.execution_id]
        return given

    def forget(self) -> None:
        """Drop everything: what this worker held is not its own any more."""
        self._flows.clear()
        self._outcomes.clear()
        self._advances.clear()
        self._held.clear()
        self._driving.clear()
        self._reload.clear()
        self._parks.clear()
        self._returned.clear()

    def _leaves_with(self, execution_id: str) -> bool:
        """Whether the flow's step, claimed just now, leaves with a drive that was begun without it.

        That drive is ahead of the history that was loaded. Its commit reads nothing that was recorded meanwhile, so the
        store lets this worker keep the flow's step, and the rest is read then.
        """
        if execution_id in self._driving:
            return True
        ended, advance = self._advances.get(execution_id, ((), None))
        if advance is None:
            return False
        held = self._held[execution_id]
        self._advances[execution_id] = (ended, msgspec.structs.replace(advance, flow_attempt=held))
        return True

    # -- drives ------------------------------------------------------------------------------------------------------

    def _drive_live(self, execution_id: str, ended: tuple[StepOutcome, ...]) -> None:
        """Drive a live flow with results of its steps, or leave them to be recorded alone."""
        live = None if execution_id in self._held else self._flows.get(execution_id)
        if live is None or live.run.last_seq < max(o.seq for o in ended):
            # Not here, or others have driven it on since, to where it asked for these steps.
            self._flows.drop(execution_id)
            self._advances[execution_id] = (ended, None)
            return
        drive = Drive(live)
        try:
            drive.give([Event(o.seq, o.state, o.output, o.at_us) for o in ended])
        except Exception as error:  # noqa: BLE001 - whoever claims the flow's step meets it again, and parks it
            log.warning("flow could not be advanced", execution_id=execution_id, error=str(error))
            self._flows.drop(execution_id)
            self._advances[execution_id] = (ended, None)
            return
        self._conclude(drive, ended)

    def _drive_held(self, execution_id: str, loaded: LoadedHistory) -> None:
        """Drive a flow whose own step this worker holds with everything it has not read."""
        attempt = self._held[execution_id]
        if loaded.state != ExecutionState.RUNNING:
            # It was paused between claim and load: the store puts its step where it belongs.
            self._leave(execution_id, (), _nothing(loaded, attempt))
            return
        live = self._flows.get(execution_id)
        if live is not None and live.run.position != loaded.advanced:
            self._flows.drop(execution_id)
            live = None
        if live is None and loaded.after:
            self._reload[execution_id] = 0
            return
        try:
            live = live or self._flows.put(loaded)
            drive = Drive(live)
            drive.give(loaded.history.unread)
        except UnknownDefinition as error:
            log.warning("flow is not known here", execution_id=execution_id, error=str(error))
            self._return(execution_id)
        except Exception as error:  # noqa: BLE001 - an operator has to look at it
            self._flows.drop(execution_id)
            self._park(execution_id, error)
        else:
            self._conclude(drive, ())

    def _conclude(self, drive: Drive, ended: tuple[StepOutcome, ...]) -> None:
        if any(command.inline for command in drive.decision.commands):
            self._driving[drive.live.start.execution_id] = drive
            self._spawn(self._go_on(drive, ended))
        else:
            self._finish(drive, ended, ())

    async def _go_on(self, drive: Drive, ended: tuple[StepOutcome, ...]) -> None:
        """Run inline steps and drive the flow on, until it waits for something else."""
        execution_id = drive.live.start.execution_id
        inline: list[InlineResult] = []
        given_up: list[Command] = []
        try:
            while waiting := [command for command in drive.decision.commands if command.inline]:
                drive.decision.commands = [command for command in drive.decision.commands if not command.inline]
                for command in waiting:
                    if command.seq in drive.decision.cancels:
                        # It never ran, but the flow did ask for it: a replay must find it.
                        given_up.append(command)
                        continue
                    event = await self._run_inline(execution_id, command)
                    if self._driving.get(execution_id) is not drive:
                        return
                    inline.append(InlineResult(command, event))
                    drive.give([event])
            drive.decision.commands += given_up
        except Exception as error:  # noqa: BLE001 - an operator has to look at it
            if self._driving.get(execution_id) is not drive:
                return
            del self._driving[execution_id]
            self._flows.drop(execution_id)
            if ended:
                self._leave(execution_id, ended, None)
            if execution_id in self._held:
                self._park(execution_id, error)
        else:
            del self._driving[execution_id]
            self._finish(drive, ended, tuple(inline))
        self._on_ready()

    def _finish(self, drive: Drive, ended: tuple[StepOutcome, ...], inline: tuple[InlineResult, ...]) -> None:
        start, decision = drive.live.start, drive.decision
        if decision.ending is not None:
            self._flows.drop(start.execution_id)
        held = self._held.get(start.execution_id)
        self._leave(
            start.execution_id, ended, Advance(start, drive.base, tuple(drive.consumed), inline, decision, held)
        )

    def _leave(self, execution_id: str, ended: tuple[StepOutcome, ...], advance: Advance | None) -> None:
        """Have this recorded with the next flush, along with results that wait for it already."""
        before, _ = self._advances.get(execution_id, ((), None))
        self._advances[execution_id] = (before + ended, advance)

    def _park(self, execution_id: str, error: Exception) -> None:
        log.error("execution parked for an operator", execution_id=execution_id, error=str(error))
        attempt = self._held.pop(execution_id)
        self._parks.append(Park(execution_id, attempt, encode_error(error, attempt)))

    def _return(self, execution_id: str) -> None:
        attempt = self._held.pop(execution_id)
        self._returned.append(Reschedule(execution_id, FLOW_SEQ, attempt, UNKNOWN_STEP_DELAY_US, refund=True))


def _nothing(loaded: LoadedHistory, attempt: int) -> Advance:
    """A drive in which nothing was read and nothing decided."""
    start: FlowStart = loaded.history.start
    return Advance(start, loaded.advanced, (), (), Decision([], [], [], None), attempt)
