"""Runs the code of steps: on the loop, on threads, in other processes, or inside of a transaction."""

from __future__ import annotations

import asyncio
import functools
import json
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.codec import check_size
from engine.definitions.context import Mail, StepContext, running_step
from engine.errors import LeaseLost
from engine.worker.attempts import timed_out
from engine.worker.threads import carried

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.definitions.context import Decide
    from engine.definitions.registry import AnyStep
    from engine.model.outgoing import Outgoing
    from engine.model.work import Claimed, Pointer
    from engine.store.database import Database
    from engine.worker.processes import StepProcesses
    from engine.worker.threads import StepThreads


class Recording(NamedTuple):
    """How a transactional step is recorded; both are called on its own thread."""

    record: Callable[[Any, str, list[str]], list[Pointer]]
    """Writes the step's output and outbox in its transaction; returns what is offered."""
    offer: Callable[[list[Pointer]], None]
    """Gets what is offered, once that is committed: it holds whatever becomes of the attempt meanwhile, as when a
    heartbeat finds that the step is this worker's no more."""


class RecordedInStep(Exception):
    """The step's result was recorded by the step's own transaction."""

    def __init__(self) -> None:
        super().__init__("the result was recorded in the step's own transaction")


class Attempt:
    """One running attempt: its claim, and how it is cancelled."""

    __slots__ = (
        "abandoned", "begun", "cancelled", "claim", "last_beat", "progress", "said", "started", "step", "task",
    )  # fmt: skip

    def __init__(self, claim: Claimed, step: AnyStep, started: float) -> None:
        self.claim = claim
        self.step = step
        self.cancelled = False
        self.abandoned = False
        """Its outcome is decided already; what its code still does is not listened to."""
        self.begun = False
        """Its code has been entered; until then it may be given back as if never claimed."""
        self.task: asyncio.Task[Any] | None = None
        self.progress: str | None = None
        self.said: deque[str | None] = deque()
        """Heartbeats that the loop has not looked at yet, put here on the step's own thread."""
        self.started = started
        self.last_beat = started


class Executor:
    """Runs attempts and returns their results as JSON text; a raised error is the attempt's error.

    ``may_begin`` tells whether a step surely has not been given to another meanwhile. ``send`` sends messages to other
    programs, ``decide`` has rules decide.
    """

    def __init__(  # noqa: PLR0917 - its ports to the other parts
        self,
        database: Database,
        threads: StepThreads,
        processes: StepProcesses,
        max_value_bytes: int,
        on_heartbeat: Callable[[Attempt], None],
        may_begin: Callable[[Attempt], bool],
        send: Callable[[Outgoing], None],
        decide: Decide,
    ) -> None:
        self._database = database
        self._threads = threads
        self._processes = processes
        self._max_value_bytes = max_value_bytes
        self._on_heartbeat = on_heartbeat
        self._may_begin = may_begin
        self._send = send
        self._decide = decide

    def context_of(self, attempt: Attempt, connection: Any = None, outbox: list[str] | None = None) -> StepContext:
        """Return what the step's code will see of its attempt."""
        claim = attempt.claim
        return StepContext(
            execution_id=claim.execution_id,
            seq=claim.seq,
            attempt=claim.attempt,
            step=claim.name,
            progress=None if claim.progress is None else json.loads(claim.progress),
            connection=connection,
            mail=Mail(outbox, self._send),
            decide=self._decide,
            on_heartbeat=functools.partial(self._heard, attempt),
            is_cancelled=lambda: attempt.cancelled,
        )

    async def run(self, attempt: Attempt, recording: Recording) -> str:
        """Run an attempt that is not for a plain thread; ``recording`` is for a transactional step."""
        step = attempt.step
        if step.is_async:
            return await self._on_loop(attempt)
        if step.run_in == "process":
            self._begin(attempt)
            output = await self._processes.call(attempt.claim, step, self.context_of(attempt))
            check_size(output, self._max_value_bytes, f"the result of step {step.name!r}")
            return output
        if step.transactional:
            return await self._threads.call(functools.partial(self.in_transaction, attempt, recording))
        return await self._threads.call(functools.partial(self.on_thread, attempt))

    def on_thread(self, attempt: Attempt) -> str:
        """Run a plain function; called on a thread."""
        self._begin(attempt)
        step = attempt.step
        args, kwargs = step.arguments.decode(attempt.claim.input or "{}")
        with running_step(self.context_of(attempt)):
            return self.encode(step, step.fn(*args, **kwargs))

    def in_transaction(self, attempt: Attempt, recording: Recording) -> str:
        """Run a function and record its result in one transaction of the store's database; called on a thread."""
        step = attempt.step
        args, kwargs = step.arguments.decode(attempt.claim.input or "{}")
        outbox: list[str] = []
        with self._database.write() as tx:
            # Not before: it may have waited long for the database.
            self._begin(attempt)
            with tx.dialect.unhurried(tx.connection), running_step(self.context_of(attempt, tx.connection, outbox)):
                output = self.encode(step, step.fn(*args, **kwargs))
            for written in outbox:
                check_size(written, self._max_value_bytes, f"a message that step {step.name!r} published")
            if attempt.abandoned:
                raise LeaseLost("the attempt was given up while its transaction was open; nothing of it was written")
            offered = recording.record(tx, output, outbox)
        recording.offer(offered)
        raise RecordedInStep

    async def _on_loop(self, attempt: Attempt) -> str:
        self._begin(attempt)
        step = attempt.step
        args, kwargs = step.arguments.decode(attempt.claim.input or "{}")
        with running_step(self.context_of(attempt)):
            try:
                return self.encode(step, await step.fn(*args, **kwargs))
            except (Exception, asyncio.CancelledError):
                raise
            except BaseException as error:
                raise carried(error) from error

    def _begin(self, attempt: Attempt) -> None:
        """Take note that the code of an attempt is entered now. Raises LeaseLost where it must not be (I6)."""
        if attempt.abandoned:
            raise LeaseLost("the attempt was given back before it began")
        # An inline step is nobody else's before its flow is recorded.
        if not attempt.begun and not self._may_begin(attempt):
            raise LeaseLost("the step was claimed too long ago: a peer may have run it meanwhile")
        attempt.begun = True

    def encode(self, step: AnyStep, value: Any) -> str:
        """Return a result as JSON text, of the declared type and bounded in size."""
        output = step.result.encode(value)
        if len(output) * 4 > self._max_value_bytes:
            check_size(output, self._max_value_bytes, f"the result of step {step.name!r}")
        return output

    def _heard(self, attempt: Attempt, details: Any) -> None:
        said = None
        if details is not None:
            said = json.dumps(details, allow_nan=False)
            check_size(said, self._max_value_bytes, f"the heartbeat of step {attempt.step.name!r}")
        attempt.said.append(said)
        self._on_heartbeat(attempt)


async def within(attempt: Attempt, running: asyncio.Future[str]) -> str:
    """Wait for an attempt, at most as long as its timeouts allow; StepTimeout after that.

    However the wait ends, nothing of the attempt goes on.
    """
    try:
        return await _within(attempt, running)
    finally:
        running.cancel()


async def _within(attempt: Attempt, running: asyncio.Future[str]) -> str:
    step, timeout_us = attempt.step, attempt.claim.timeout_us
    loop = asyncio.get_running_loop()
    while True:
        now = loop.time()
        ends = attempt.started + timeout_us / 1e6 if timeout_us is not None else None
        silent = attempt.last_beat + step.heartbeat_timeout_us / 1e6 if step.heartbeat_timeout_us is not None else None
        nearest = min(moment for moment in (ends, silent) if moment is not None)
        finished, _ = await asyncio.wait({running}, timeout=max(nearest - now, 0))
        if finished:
            return running.result()
        now = loop.time()
        if ends is not None and now >= ends:
            error = timed_out(step, (timeout_us or 0) / 1e6, "ran longer than its timeout of")
        elif attempt.last_beat + (step.heartbeat_timeout_us or 0) / 1e6 <= now:
            error = timed_out(step, (step.heartbeat_timeout_us or 0) / 1e6, "sent no heartbeat for")
        else:
            continue
        attempt.cancelled = True
        raise error
