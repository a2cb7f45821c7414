"""One worker: the stages tied together on one event loop.

Data flows one way: claims come in with the reply to a flush, are run, end as outcomes, drive their flows, and leave
with the next flush. All state is touched on the loop alone; threads hand their news over to it. One flush is under way
at a time, and the next starts when it returns, with whatever has gathered meanwhile: group commit without waiting.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import structlog

from engine.errors import ConfigError
from engine.model.states import FLOW_SEQ
from engine.model.work import Flush, Pointer, Progress, StepOutcome
from engine.store.transactional import record_in_transaction
from engine.store.workers import leave
from engine.worker.background import Background
from engine.worker.driving import Driving
from engine.worker.executor import Executor
from engine.worker.flows import FlowCache
from engine.worker.flusher import Flusher
from engine.worker.heartbeat import Heartbeat
from engine.worker.processes import StepProcesses
from engine.worker.running import Running
from engine.worker.sweeper import Sweeper
from engine.worker.threads import StepThreads
from engine.worker.workqueue import Ports, open_work_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.config import Settings
    from engine.definitions.registry import Registry
    from engine.model.work import Claimed, Reschedule
    from engine.store.database import Database
    from engine.worker.attempts import Ended
    from engine.worker.executor import Attempt
    from engine.worker.flusher import FlushReply
    from engine.worker.receiving import Arrival

log = structlog.get_logger(__name__)

FINAL_FLUSH_SECONDS = 5.0
COME_BACK_SECONDS = 1.0
DRAIN_POLL_SECONDS = 0.01


class Worker:
    """Serves queues until it is told to stop. Make it, and call :meth:`run`, on an event loop."""

    def __init__(self, settings: Settings, database: Database, registry: Registry) -> None:
        self._loop = asyncio.get_running_loop()
        if database.in_memory:
            raise ConfigError(
                "a worker cannot serve an SQLite database in memory, which several threads share one connection of; "
                "use a file: sqlite:///milepost.db"
            )
        self._settings = settings.worker
        self._database = database
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        limit = settings.limits.max_value_bytes
        self._threads = StepThreads(self._loop, self._settings.threads)
        self._processes = StepProcesses(settings.flows, max(os.cpu_count() or 1, 1))
        executor = Executor(database, self._threads, self._processes, limit, self._heard_from)
        self._running = Running(
            registry, executor, self._threads, self._now_us, self._step_ended, self._recorded_itself, self._record,
            self._note_progress,
        )  # fmt: skip
        self._flows = FlowCache(registry, self._settings.cached_flows, limit, settings.limits.max_steps)
        self._driving = Driving(self._flows, self._running.run_inline, self._running.spawn, self._pump)
        self._queue = open_work_queue(
            settings,
            database,
            Ports(functools.partial(self._post, self._hint), functools.partial(self._post, self._arrived), self._room),
        )
        self._flusher = Flusher(
            database, self._flows.position_of, self._queue.announce, lambda reply: self._post(self._replied, reply)
        )
        self._heartbeat = Heartbeat(
            database,
            int(self._settings.lease),
            lambda owned, asked_at: self._post(self._running.still_owned, owned, asked_at),
            lambda worker_id: self._post(self._lose_lease, worker_id),
        )
        self._reschedules: list[Reschedule] = []
        self._progress: dict[tuple[str, int], Progress] = {}
        self._pointers: list[Pointer] = []
        self._arrivals: list[Arrival] = []
        self._arrivals_in_flush: list[Arrival] = []
        self._flushing = False
        self._suspended = False
        self._pump_pending = False
        self._hinted = True
        self._draining = False
        self._stopped = asyncio.Event()
        self._hurried = asyncio.Event()
        self._offset_us = 0
        self._flushes = 0

    # -- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until :meth:`stop`; returns when everything is recorded or released."""
        await self._loop.run_in_executor(None, self._register)
        sweeper = Sweeper(
            self._database, lambda: self._heartbeat.worker_id, int(self._settings.sweep_interval),
            self._queue.resend_us, self._queue.swept,
        )  # fmt: skip
        self._sweeping = Background("milepost-sweeper", sweeper.turn)
        background = [
            self._sweeping,
            Background("milepost-heartbeat", self._heartbeat.turn),
        ]
        self._flusher.start()
        self._queue.start()
        for thread in background:
            thread.start()
        self._pump()
        await self._stopped.wait()
        await self._drain()
        for thread in background:
            await self._loop.run_in_executor(None, thread.close)
        await self._loop.run_in_executor(None, self._flusher.close)
        await self._loop.run_in_executor(None, self._queue.close)
        await self._processes.close()
        self._threads.close()
        await self._loop.run_in_executor(None, self._say_goodbye)
        self._driving.forget()

    def stop(self) -> None:
        """Take no more work; a second call does not wait for running steps either. Called on the loop."""
        if self._draining:
            self._hurried.set()
        self._draining = True
        self._stopped.set()

    @property
    def worker_id(self) -> int:
        """Its identity in the store; another one after a lost lease."""
        return self._heartbeat.worker_id

    @property
    def name(self) -> str:
        """The host and the process it runs in."""
        return self._name

    def _register(self) -> bool:
        return self._heartbeat.register(self._name, self._settings.queues)

    def _say_goodbye(self) -> None:
        try:
            with self._database.write() as tx:
                leave(tx, self._heartbeat.worker_id)
        except Exception as error:  # noqa: BLE001 - peers find out by themselves
            log.warning("could not say goodbye to the store", error=str(error))
        self._heartbeat.close()

    async def _drain(self) -> None:
        """Let running steps finish within the grace period, and release the rest."""
        self._reschedules += self._running.release(only_waiting=True)
        self._pump()
        await self._loop.run_in_executor(None, self._queue.stop)
        grace = self._settings.drain_grace.seconds
        await self._until(lambda: self._hurried.is_set() or not (len(self._running) or self._busy), grace)
        self._reschedules += self._running.release(only_waiting=False)
        self._reschedules += self._driving.release()
        self._pump()
        await self._until(lambda: not self._busy, FINAL_FLUSH_SECONDS)
        self._flusher.abandon()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until a condition over several stages holds, at most so long."""
        deadline = self._loop.time() + seconds
        while not condition() and self._loop.time() < deadline:  # noqa: ASYNC110 - no one event says so
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    @property
    def _busy(self) -> bool:
        return bool(self._flushing or self._driving.busy or self._reschedules or self._pointers)

    def _post(self, call: Any, *args: Any) -> None:
        """Hand something over to the loop, from any thread."""
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            # The loop has ended, and so has everything that could care.
            return

    def _now_us(self) -> int:
        """The database's time, estimated from what the last flush was told."""
        return time.monotonic_ns() // 1000 + self._offset_us

    # -- flushing ----------------------------------------------------------------------------------------------------

    def _hint(self) -> None:
        self._hinted = True
        self._pump()

    def _room(self) -> int:
        """How many more steps this worker can take. Read from other threads too, which may see a moment ago."""
        return 0 if self._draining else max(self._settings.concurrency - len(self._running), 0)

    def _pump(self) -> None:
        """Send the next flush, if none is under way and there is something for it."""
        if self._flushing or self._suspended:
            return
        room, embedded = self._room(), self._queue.embedded
        claim = embedded and self._hinted and room > 0
        # What arrived and is not claimed while this worker drains goes back to the broker.
        arrivals = [] if self._draining else self._arrivals
        flush = Flush(
            self._heartbeat.worker_id, self._flushes + 1, int(self._settings.lease), self._settings.queues, room,
            reschedules=self._reschedules, progress=list(self._progress.values()),
            pointers=self._pointers + [arrival.pointer for arrival in arrivals], claim_due=claim,
            take_new=embedded and not self._draining, take_woken=not self._draining, resend_us=self._queue.resend_us,
        )  # fmt: skip
        reload = self._driving.fill(flush)
        if not (
            flush.checkpoints or flush.reschedules or flush.progress or flush.parks or flush.pointers or reload or claim
        ):
            return
        self._reschedules, self._progress, self._pointers = [], {}, []
        self._arrivals, self._arrivals_in_flush = [], arrivals
        self._hinted = self._hinted and not claim
        self._flushes += 1
        self._flushing = True
        self._flusher.submit(flush, reload)

    def _replied(self, reply: FlushReply) -> None:
        self._flushing = False
        arrivals, self._arrivals_in_flush = self._arrivals_in_flush, []
        if reply.flushed is None:
            self._arrivals = arrivals + self._arrivals
        if self._suspended or reply.flush.worker_id != self.worker_id:
            # It was sent under the identity that was given up; what it claimed is released with the rest of that.
            self._settle(arrivals, reply)
            self._pump()
            return
        if reply.error is not None or reply.flushed is None:
            log.error("flush failed", error=str(reply.error), error_type=type(reply.error).__name__)
            self._lose_lease(reply.flush.worker_id)
            return
        flush, flushed = reply.flush, reply.flushed
        self._offset_us = flushed.now_us - time.monotonic_ns() // 1000
        self._driving.left(flush.checkpoints, flushed.held)
        self._driving.settle(flushed, reply.histories)
        for claim in flushed.claimed:
            if claim.seq != FLOW_SEQ:
                self._running.begin(claim)
        self._settle(arrivals, reply)
        if flush.claim_due and len(flushed.claimed) >= flush.room:
            # There may be more than there was room for.
            self._hinted = True
        if flushed.next_due_us is not None:
            self._sweeping.wake_by((flushed.next_due_us - flushed.now_us) / 1e6)
        self._loop.call_soon(self._pump)

    def _settle(self, arrivals: list[Arrival], reply: FlushReply) -> None:
        """Be done with messages once the flush that claimed what they point at is recorded."""
        if arrivals and reply.flushed is not None:
            self._queue.settle(arrivals)

    def _lose_lease(self, worker_id: int) -> None:
        """Peers hold this worker for dead, or its state is in doubt: drop everything and come back as another one."""
        if self._suspended or worker_id != self.worker_id:
            return
        log.warning("lease lost", worker=self.worker_id, coming_back=not self._draining)
        self._suspended = True
        self._running.abandon_all()
        self._driving.forget()
        self._reschedules, self._progress, self._pointers = [], {}, []
        if not self._draining:
            self._running.spawn(self._come_back())

    async def _come_back(self) -> None:
        while not self._draining:
            try:
                if await self._loop.run_in_executor(None, self._register):
                    self._flushes = 0
                    self._suspended = False
                    self._hint()
                return
            except Exception as error:  # noqa: BLE001 - the database may be away for long
                log.warning("cannot register", error=str(error))
                await asyncio.sleep(COME_BACK_SECONDS)

    # -- news from the stages ----------------------------------------------------------------------------------------

    def _step_ended(self, ended: Ended) -> None:
        if isinstance(ended, StepOutcome):
            self._driving.add(ended)
        else:
            self._reschedules.append(ended)
        self._queue.room_changed()
        self._pump_soon()

    def _pump_soon(self) -> None:
        """Send a flush after what else this turn of the loop brings."""
        if not self._flushing and not self._pump_pending:
            self._pump_pending = True
            self._loop.call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._pump_pending = False
        self._pump()

    def _arrived(self, arrivals: Sequence[Arrival]) -> None:
        """Messages came: claim what they point at."""
        self._arrivals += arrivals
        self._pump_soon()

    def _recorded_itself(self, offered: list[Pointer]) -> None:
        """A transactional step is recorded, and has woken its flow: claim that, if it is served here."""
        self._pointers += [pointer for pointer in offered if pointer.queue in self._settings.queues]
        others = [pointer for pointer in offered if pointer.queue not in self._settings.queues]
        if others:
            self._loop.run_in_executor(None, self._queue.announce, others)
        self._hint()

    def _record(self, claim: Claimed, tx: Any, output: str) -> list[Pointer]:
        return record_in_transaction(tx, self._heartbeat.worker_id, claim, output, self._queue.resend_us)

    def _heard_from(self, attempt: Attempt) -> None:
        """A step reported; called on the step's own thread."""
        self._post(self._note_progress, attempt)

    def _note_progress(self, attempt: Attempt) -> None:
        progress = self._running.progress_of(attempt)
        if progress is not None:
            self._progress[progress.execution_id, progress.seq] = progress
            self._pump_soon()
