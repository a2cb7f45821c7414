"""One worker: its stages and threads tied together on one event loop, and its life from register to goodbye.

All state is touched on the loop alone; threads hand their news over to it. What flows through the stages, and when, is
the pipeline's affair.
"""

from __future__ import annotations

import asyncio
import math
import os
import socket
import time
from typing import TYPE_CHECKING, Any

import structlog

from engine.definitions.publishing import PUBLISH
from engine.errors import ConfigError
from engine.messaging.outlets import OpenOutlets
from engine.model.topics import QUEUES, RULES, STEPS
from engine.rulebook.judging import RulebookJudge
from engine.rulebook.rulebook import Rulebook
from engine.store.pauses import get_paused
from engine.store.start import NewExecution
from engine.store.transactional import record_in_transaction
from engine.store.workers import leave
from engine.worker.background import Background
from engine.worker.driving import Driving
from engine.worker.executor import Executor
from engine.worker.flows import FlowCache
from engine.worker.flusher import Flusher
from engine.worker.heartbeat import Heartbeat
from engine.worker.inlet import Inlet
from engine.worker.peers import Peers
from engine.worker.pipeline import Outlets, Pipeline, Serving
from engine.worker.processes import StepProcesses
from engine.worker.running import Running
from engine.worker.sweeper import Sweeper
from engine.worker.threads import StepThreads
from engine.worker.triggers import Triggers
from engine.worker.workqueue import Ports, open_work_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from engine.config import Settings
    from engine.definitions.registry import Registry
    from engine.model.work import Claimed, Pointer
    from engine.store.database import Database, Transaction
    from engine.worker.attempts import Ended
    from engine.worker.executor import Attempt
    from engine.worker.receiving import Arrival

log = structlog.get_logger(__name__)

FINAL_FLUSH_SECONDS = 5.0
COME_BACK_SECONDS = 1.0
"""From one identity to the next, and from one try to register to the next."""
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
        self._mail = OpenOutlets({name: url.reveal() for name, url in settings.brokers.items()})
        self._rulebook = Rulebook(database, self._rules_changed)
        self._compiling = Background("milepost-rules", self._rulebook.compile)
        executor = Executor(
            database, self._threads, self._processes, limit, self._heard_from, self._may_begin, self._mail.send,
            self._rulebook.decide,
        )  # fmt: skip
        self._running = Running(
            registry, executor, self._threads, self._now_us, self._step_ended,
            lambda offered: self._post(self._recorded_itself, offered), self._record, self._note_progress,
        )  # fmt: skip
        flows = FlowCache(registry, self._settings.cached_flows, limit, settings.limits.max_steps)
        self._driving = Driving(flows, self._running.run_inline, self._running.spawn, self._pump)
        self._queue = open_work_queue(
            settings,
            database,
            Ports(
                lambda: self._post(self._pipeline.hint),
                self._arrived,
                self._room,
                self._heard,
            ),
        )
        inlet = Inlet(database, self._queue.announce, self._queue.resend_us)
        self._triggers = Triggers(settings, registry, inlet, lambda: RulebookJudge(self._rulebook))
        sweeper = Sweeper(
            database, lambda: self.worker_id, int(self._settings.sweep_interval), self._queue.resend_us,
            self._queue.swept,
        )  # fmt: skip
        self._sweeping = Background("milepost-sweeper", sweeper.turn)
        self._flusher = Flusher(
            database, flows.position_of, self._queue.announce, self._gave_up,
            lambda reply: self._post(self._pipeline.replied, reply),
        )  # fmt: skip
        self._pipeline = Pipeline(
            Serving(
                self._settings.queues, self._settings.concurrency, int(self._settings.lease), self._queue.embedded,
                self._queue.resend_us,
            ),
            self._driving,
            self._running,
            Outlets(
                self._flusher.submit, self._queue.settle, self._queue.room_changed,
                self._sweeping.wake_by, self._lose_lease,
                self._loop.call_soon,
            ),
            lambda: time.monotonic_ns() // 1000,
        )  # fmt: skip
        self._heartbeat = Heartbeat(
            database,
            int(self._settings.lease),
            lambda asked_at: self._post(self._pipeline.renewed, int(asked_at * 1e6)),
            lambda owned, asked_at: self._post(self._running.still_owned, owned, asked_at),
            lambda worker_id: self._post(self._lose_lease, worker_id),
        )
        reloads = {QUEUES: self._pause, RULES: self._rulebook.reload}
        self._peers = Peers(database, reloads, self._heartbeat.look, told=self._queue.told)
        self._peering = Background("milepost-peers", self._peers.turn)
        self._paused: frozenset[str] = frozenset()
        self._suspended = False
        self._registered_at = -math.inf
        self._draining = False
        self._stopped = asyncio.Event()
        self._hurried = asyncio.Event()

    # -- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until :meth:`stop`; returns when everything is recorded or released."""
        await self._loop.run_in_executor(None, self._register)
        # Before anything is claimed: what is paused already stays so.
        await self._loop.run_in_executor(None, self._peers.look)
        heartbeat = Background("milepost-heartbeat", self._heartbeat.turn)
        background = [self._sweeping, heartbeat, self._peering, self._compiling]
        self._flusher.start()
        self._queue.start()
        for thread in background:
            thread.start()
        self._pipeline.resume(self.worker_id)
        self._triggers.start()
        await self._stopped.wait()
        await self._drain()
        for thread in background:
            await self._loop.run_in_executor(None, thread.close)
        await self._loop.run_in_executor(None, self._flusher.close)
        await self._loop.run_in_executor(None, self._queue.close)
        await self._processes.close()
        self._threads.close()
        await self._loop.run_in_executor(None, self._mail.close)
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
        self._registered_at = self._loop.time()
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
        self._pipeline.drain()
        await self._loop.run_in_executor(None, self._triggers.close)
        await self._loop.run_in_executor(None, self._queue.stop)
        grace = self._settings.drain_grace.seconds
        await self._until(lambda: self._hurried.is_set() or not (len(self._running) or self._pipeline.busy), grace)
        self._pipeline.release()
        await self._until(lambda: not self._pipeline.busy, FINAL_FLUSH_SECONDS)
        self._flusher.abandon()

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait until a condition over several stages holds, at most so long."""
        deadline = self._loop.time() + seconds
        while not condition() and self._loop.time() < deadline:  # noqa: ASYNC110 - no one event says so
            await asyncio.sleep(DRAIN_POLL_SECONDS)

    def _lose_lease(self, worker_id: int) -> None:
        """Peers hold this worker for dead, or its state is in doubt: drop everything and come back as another one."""
        if self._suspended or worker_id != self.worker_id:
            return
        log.warning("lease lost", worker=self.worker_id, coming_back=not self._draining)
        self._suspended = True
        self._pipeline.suspend()
        if not self._draining:
            self._running.spawn(self._come_back())

    async def _come_back(self) -> None:
        # A worker that cannot record anything would take one identity after the other.
        await asyncio.sleep(max(self._registered_at + COME_BACK_SECONDS - self._loop.time(), 0.0))
        while not self._draining:
            try:
                if await self._loop.run_in_executor(None, self._register):
                    self._suspended = False
                    self._pipeline.resume(self.worker_id)
                return
            except Exception as error:  # noqa: BLE001 - the database may be away for long
                log.warning("cannot register", error=str(error))
                await asyncio.sleep(COME_BACK_SECONDS)

    # -- news from the stages ----------------------------------------------------------------------------------------

    def _post(self, call: Any, *args: Any) -> None:
        """Hand something over to the loop, from any thread."""
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            # The loop has ended, and so has everything that could care.
            return

    def _now_us(self) -> int:
        return self._pipeline.now_us()

    def _may_begin(self, attempt: Attempt) -> bool:
        """Tell whether a claim is fresh enough to be begun; asked on the step's own thread."""
        timeout_us = attempt.claim.timeout_us
        in_time = timeout_us is None or self._loop.time() < attempt.started + timeout_us / 1e6
        return in_time and self._pipeline.holds_lease()

    def _room(self) -> int:
        return self._pipeline.room()

    def _pump(self) -> None:
        self._pipeline.pump()

    def _arrived(self, arrivals: Sequence[Arrival]) -> None:
        self._post(self._pipeline.arrived, arrivals)

    def _step_ended(self, ended: Ended | None) -> None:
        self._pipeline.ended(ended)

    def _recorded_itself(self, offered: list[Pointer]) -> None:
        """A transactional step is recorded: claim its flow, which it has woken, and what sends its messages, if they
        are served here and there is room. The rest is everybody's."""
        queues = self._pipeline.queues
        woken = [pointer for pointer in offered if pointer.queue in queues][: max(self._pipeline.room(), 1)]
        others = [pointer for pointer in offered if pointer not in woken]
        if others:
            self._loop.run_in_executor(None, self._queue.announce, others)
        self._pipeline.woken(woken)

    def _record(self, claim: Claimed, tx: Any, output: str, outbox: list[str]) -> list[Pointer]:
        messages = [NewExecution(PUBLISH, 1, written) for written in outbox]
        return record_in_transaction(tx, self._heartbeat.worker_id, claim, output, self._queue.resend_us, messages)

    def _heard_from(self, attempt: Attempt) -> None:
        """A step reported; called on the step's own thread."""
        self._post(self._note_progress, attempt)

    def _note_progress(self, attempt: Attempt) -> None:
        progress = self._running.progress_of(attempt)
        if progress is not None:
            self._pipeline.reported(progress)

    # -- news from peers, on threads of theirs -----------------------------------------------------------------------

    def _heard(self, topics: Collection[str]) -> None:
        """Somebody says that something changed."""
        if self._peers.hear(topics):
            self._peering.wake()

    def _pause(self, tx: Transaction) -> None:
        """Other queues may be paused than before."""
        paused = frozenset(get_paused(tx))
        if paused or self._paused:
            log.info("paused queues", queues=sorted(paused))
        self._paused = paused
        # The pipeline first: what comes at once from a queue that was resumed would be dropped as that of a paused one.
        self._post(self._pipeline.pause, paused)
        self._queue.pause(paused)

    def _rules_changed(self) -> None:
        """Other versions of rules may be active than before."""
        self._compiling.wake()

    def _gave_up(self, owners: set[int]) -> None:
        """Flows that were driven here gave up steps that these workers run."""
        if owners - {self.worker_id}:
            self._queue.tell(STEPS)
        if self.worker_id in owners:
            self._heard([STEPS])
