"""The stage that runs steps: claims go in, outcomes come out."""

from __future__ import annotations

import asyncio
import functools
import random
from typing import TYPE_CHECKING, Any

import structlog

from engine.errors import LeaseLost, StepTimeout, StoreUnavailable, UnknownDefinition
from engine.model.history import Event
from engine.model.states import StepKind, StepState
from engine.model.work import Claimed, Progress, StepOutcome
from engine.store.commands import TIMEOUT_GRACE_US
from engine.worker import attempts
from engine.worker.executor import Attempt, RecordedInStep, Recording, within

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from engine.definitions.registry import Registry
    from engine.model.decisions import Command
    from engine.model.work import Pointer, Reschedule
    from engine.worker.attempts import Ended
    from engine.worker.executor import Executor
    from engine.worker.threads import StepThreads

log = structlog.get_logger(__name__)


class Running:
    """The attempts under way. ``on_end`` gets how each of them ended, None for one that has recorded itself.

    ``record`` records a transactional step, and ``on_recorded`` gets what its transaction offers; both are called on
    the step's own thread.
    """

    def __init__(  # noqa: PLR0917 - its ports to the other stages
        self,
        registry: Registry,
        executor: Executor,
        threads: StepThreads,
        now_us: Callable[[], int],
        on_end: Callable[[Ended | None], None],
        on_recorded: Callable[[list[Pointer]], None],
        record: Callable[[Claimed, Any, str, list[str]], list[Pointer]],
        on_progress: Callable[[Attempt], None],
    ) -> None:
        self._registry = registry
        self._executor = executor
        self._threads = threads
        self._now_us = now_us
        self._on_end = on_end
        self._on_recorded = on_recorded
        self._record = record
        self._on_progress = on_progress
        self._random = random.Random()
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._attempts)

    def begin(self, claim: Claimed) -> None:
        """Run what was claimed; timers and waits that ran out of time end at once."""
        if claim.kind != StepKind.STEP:
            self._on_end(attempts.completed(claim, None, self._now_us()))
            return
        try:
            step = self._registry.step(claim.name)
        except UnknownDefinition as error:
            log.warning("step is not known here", execution_id=claim.execution_id, seq=claim.seq, error=str(error))
            self._on_end(attempts.unknown(claim))
            return
        if claim.attempt > claim.max_attempts:
            self._on_end(attempts.exhausted(claim, self._now_us()))
            return
        earlier = self._attempts.get((claim.execution_id, claim.seq))
        if earlier is not None:
            # It was given away at its timeout and came back; nobody waits for what the earlier attempt comes to.
            self._abandon(earlier)
        attempt = Attempt(claim, step, asyncio.get_running_loop().time())
        self._attempts[claim.execution_id, claim.seq] = attempt
        plain = not (step.is_async or step.transactional or step.run_in == "process")
        if plain and claim.timeout_us is None and step.heartbeat_timeout_us is None:
            self._threads.run(
                functools.partial(self._executor.on_thread, attempt), functools.partial(self._thread_ended, attempt)
            )
        else:
            attempt.task = self.spawn(self._run(attempt))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a coroutine and keep hold of it until it ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Whoever waited for it knows; an attempt that was broken off has nobody who does.
            log.debug("task ended with an error", error=f"{type(error).__name__}: {error}")

    def still_owned(self, owned: set[tuple[str, int, int]], asked_at: float) -> None:
        """Cancel attempts that are not this worker's any more: the flow gave them up, or peers took them over."""
        for attempt in list(self._attempts.values()):
            claim = attempt.claim
            if attempt.started < asked_at and (claim.execution_id, claim.seq, claim.attempt) not in owned:
                self._abandon(attempt)

    def release(self, *, only_waiting: bool) -> list[Reschedule]:
        """Break off attempts (or just those that still wait for a thread) and return them to be released."""
        given: list[Reschedule] = []
        for attempt in list(self._attempts.values()):
            if only_waiting and attempt.begun:
                continue
            self._abandon(attempt)
            given.append(attempts.released(attempt.claim))
        return given

    def abandon_all(self) -> None:
        """Break off everything; nothing of it will be recorded."""
        for attempt in list(self._attempts.values()):
            self._abandon(attempt)

    def progress_of(self, attempt: Attempt) -> Progress | None:
        """Take in the heartbeats of an attempt; return what is to be recorded of them."""
        if attempt.abandoned or not attempt.said:
            return None
        attempt.last_beat = asyncio.get_running_loop().time()
        while attempt.said:
            details = attempt.said.popleft()
            attempt.progress = attempt.progress if details is None else details
        claim, timeout_us = attempt.claim, attempt.claim.timeout_us
        expires_us = None
        if timeout_us is not None:
            spent_us = int((attempt.last_beat - attempt.started) * 1e6)
            expires_us = max(timeout_us - spent_us, 0) + TIMEOUT_GRACE_US
        # Silence about details leaves what an earlier attempt reported.
        details = claim.progress if attempt.progress is None else attempt.progress
        return Progress(claim.execution_id, claim.seq, claim.attempt, details, expires_us)

    async def run_inline(self, execution_id: str, command: Command) -> Event:
        """Run an inline step to its end, retries included, and return its event."""
        step = self._registry.step(command.name)
        number = 0
        while True:
            number += 1
            claim = Claimed(
                execution_id, command.seq, number, command.kind, command.name, command.queue, command.priority,
                command.input, command.max_attempts, command.timeout_us, retry=command.retry,
            )  # fmt: skip
            attempt = Attempt(claim, step, asyncio.get_running_loop().time())
            attempt.begun = True
            try:
                output = await self._result(attempt)
            except Exception as error:  # noqa: BLE001 - it is the step's outcome
                ended = attempts.failed(claim, step, error, self._now_us(), self._random)
                if isinstance(ended, StepOutcome):
                    return Event(command.seq, ended.state, ended.output, ended.at_us)
                await asyncio.sleep(ended.delay_us / 1e6)
            else:
                return Event(command.seq, StepState.COMPLETED, output, self._now_us())

    def _abandon(self, attempt: Attempt) -> None:
        attempt.abandoned = attempt.cancelled = True
        self._attempts.pop((attempt.claim.execution_id, attempt.claim.seq), None)
        if attempt.task is not None:
            attempt.task.cancel()

    async def _run(self, attempt: Attempt) -> None:
        try:
            output = await self._result(attempt)
        except RecordedInStep:
            self._ended(attempt, None)
        except asyncio.CancelledError:
            if not attempt.abandoned:
                error = StepTimeout(f"step {attempt.step.name!r} cancelled its own task; let it raise an error instead")
                self._ended(attempt, self._failed(attempt, error))
            raise
        except Exception as error:  # noqa: BLE001 - it is the step's outcome
            self._ended(attempt, self._failed(attempt, error))
        else:
            self._ended(attempt, attempts.completed(attempt.claim, output, self._now_us()))

    async def _result(self, attempt: Attempt) -> str:
        recording = Recording(functools.partial(self._record, attempt.claim), self._on_recorded)
        running = self._executor.run(attempt, recording)
        if attempt.claim.timeout_us is None and attempt.step.heartbeat_timeout_us is None:
            return await running
        return await within(attempt, self.spawn(running))

    def _thread_ended(self, attempt: Attempt, output: Any, error: BaseException | None) -> None:
        if error is None:
            self._ended(attempt, attempts.completed(attempt.claim, output, self._now_us()))
        else:
            self._ended(attempt, self._failed(attempt, error))

    def _failed(self, attempt: Attempt, error: BaseException) -> Ended:
        if isinstance(error, LeaseLost) and not attempt.begun:
            return attempts.released(attempt.claim)
        log.info(
            "step failed", execution_id=attempt.claim.execution_id, seq=attempt.claim.seq, step=attempt.claim.name,
            attempt=attempt.claim.attempt, error=f"{type(error).__name__}: {error}",
        )  # fmt: skip
        if attempt.step.transactional and isinstance(error, StoreUnavailable):
            return attempts.interrupted(attempt.claim)
        return attempts.failed(attempt.claim, attempt.step, error, self._now_us(), self._random)

    def _ended(self, attempt: Attempt, ended: Ended | None) -> None:
        if attempt.abandoned:
            return
        if attempt.said:
            self._on_progress(attempt)
        attempt.abandoned = True
        self._attempts.pop((attempt.claim.execution_id, attempt.claim.seq), None)
        self._on_end(ended)
