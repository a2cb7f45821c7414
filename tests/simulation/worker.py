"""One simulated worker: the engine's own stages, tied together as ``engine/worker/worker.py`` does it.

What are threads and a loop there are calls here that the scheduler starts, one at a time, and lets go on.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.errors import LeaseLost, StoreUnavailable
from engine.model.topics import QUEUES
from engine.store.pauses import get_paused
from engine.store.workers import leave
from engine.worker.driving import Driving
from engine.worker.flows import FlowCache
from engine.worker.flusher import FlushReply, answer
from engine.worker.heartbeat import Heartbeat
from engine.worker.peers import Peers
from engine.worker.pipeline import Outlets, Pipeline, Serving
from engine.worker.recording import Recorder
from engine.worker.sweeper import Sweeper
from tests.simulation.jobs import Job
from tests.simulation.queues import Hints, Messages
from tests.simulation.steps import LIMIT, Steps
from tests.simulation.violations import ERROR, Violation

if TYPE_CHECKING:
    from engine.definitions.registry import Registry
    from engine.model.work import Flush, Pointer
    from engine.store.database import Transaction
    from tests.simulation.world import World

SWEEP_US = 1_000_000
NEVER = 1 << 62
PAUSE_AFTER_ERROR_US = 1_000_000
FLUSH, HEARTBEAT, SWEEP, REGISTER, STEP, MAIL, RECEIVE, LEAVE, PEERS = (
    "flush", "heartbeat", "sweep", "register", "step", "mail", "receive", "leave", "peers",
)  # fmt: skip
TOUCHES_IDENTITY = frozenset({HEARTBEAT, REGISTER, LEAVE})
"""These hold the heartbeat's lock: one at a time."""


class Action(NamedTuple):
    """Something that could happen next."""

    weight: float
    who: str
    what: str
    do: Callable[[], None]


class Kind(NamedTuple):
    """What a worker serves, and what it knows."""

    queues: tuple[str, ...]
    registry: Registry


class Worker:
    """One process."""

    def __init__(self, world: World, name: str, kind: Kind) -> None:
        self.world = world
        self.name = name
        self.kind = kind
        self.queues, self.registry = kind
        self.pid = world.processes.start()
        self.frozen_until_us = 0
        self.stuck_until_us = 0
        """Its loop does nothing until then, while its other threads go on."""
        self.gone = False
        scenario, database = world.scenario, world.database
        self.steps = Steps(self)
        self.queue: Hints | Messages = Hints(self) if scenario.embedded else Messages(self)
        self.flows = FlowCache(self.registry, scenario.cached_flows, LIMIT, 1000)
        self._driving = Driving(self.flows, self.steps.run_inline, self._spawn, self._pump)
        self._recorder = Recorder(database, self._wait)
        self._heartbeat = Heartbeat(
            database,
            scenario.lease_us,
            lambda asked_at: self.post("renewed", lambda: self.pipeline.renewed(int(asked_at * 1e6))),
            lambda owned, asked_at: self.post("owned", lambda: self.steps.still_owned(owned, asked_at)),
            lambda worker_id: self.post("lease lost", lambda: self._lose_lease(worker_id)),
        )
        self._sweeper = Sweeper(
            database, lambda: self.identity, SWEEP_US, self.queue.resend_us, self.queue.swept,
            monotonic=lambda: world.now_us() / 1e6,
        )  # fmt: skip
        self.pipeline = Pipeline(
            Serving(self.queues, scenario.concurrency, scenario.lease_us, scenario.embedded, self.queue.resend_us),
            self._driving,
            self.steps,
            Outlets(
                self._submit, self.queue.settle, lambda: None, self._wake_sweeper_by, self._lose_lease,
                lambda call: self.post("later", call),
            ),
            world.now_us,
        )  # fmt: skip
        self._peers = Peers(
            database, {QUEUES: self._pause}, self._heartbeat.look, told=True, monotonic=lambda: world.now_us() / 1e6
        )
        self.jobs: list[Job] = []
        self._posted: deque[tuple[str, Callable[[], None]]] = deque()
        self._coroutines: list[Coroutine[Any, Any, None]] = []
        self._flush: tuple[Flush, Mapping[str, int]] | None = None
        self._must_register = True
        self._suspended = True
        self._draining = False
        self.next_register_us = 0
        self.next_heartbeat_us = NEVER
        self.next_sweep_us = NEVER
        self.next_look_us = NEVER

    @property
    def identity(self) -> int:
        """Its identity in the store."""
        return self._heartbeat.worker_id if hasattr(self, "_heartbeat") else 0

    @property
    def frozen(self) -> bool:
        """Whether it has stopped for a while."""
        return self.world.now_us() < self.frozen_until_us

    # -- ports of the stages -----------------------------------------------------------------------------------------

    def post(self, name: str, call: Callable[[], None]) -> None:
        """Have the loop do something."""
        self._posted.append((name, call))

    def hear(self) -> None:
        """Be told that queues were paused or resumed."""
        if self._peers.hear([QUEUES]) and self.next_look_us != NEVER:
            self.next_look_us = self.world.now_us()

    def _pause(self, tx: Transaction) -> None:
        paused = frozenset(get_paused(tx))
        self.queue.pause(paused)
        self.post("pause", lambda: self.pipeline.pause(paused))

    def recorded_itself(self, offered: list[Pointer]) -> None:
        """A transactional step is recorded, and has woken its flow."""
        queues = self.pipeline.queues
        others = [pointer for pointer in offered if pointer.queue not in queues]
        if others:
            self.queue.announce(others)
        self.pipeline.woken([pointer for pointer in offered if pointer.queue in queues])

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutines.append(coroutine)

    def _pump(self) -> None:
        self.pipeline.pump()

    def _submit(self, flush: Flush, reload: Mapping[str, int]) -> None:
        assert self._flush is None, "one flush at a time"
        if flush.postponed:
            self.world.fire("message dropped for a pause")
        self._flush = (flush, reload)

    def _wake_sweeper_by(self, seconds: float) -> None:
        self.next_sweep_us = min(self.next_sweep_us, self.world.now_us() + int(seconds * 1e6))

    def _lose_lease(self, worker_id: int) -> None:
        if self._suspended or worker_id != self.identity:
            return
        self.world.fire("lease lost")
        self._suspended = True
        self.pipeline.suspend()
        self._must_register = not self._draining

    def _wait(self, seconds: float) -> bool:
        job = self.world.jobs.current
        assert job is not None
        job.wait(seconds)
        return False

    # -- what could happen next --------------------------------------------------------------------------------------

    def actions(self) -> Iterator[Action]:
        """Return everything that this worker could do now."""
        now_us, name = self.world.now_us(), self.name
        for job in self.jobs:
            if job.until_us is None or job.until_us <= now_us:
                yield Action(4, name, f"{job.name} goes on", lambda job=job: self._go_on(job))
        busy = {job.name for job in self.jobs}
        if self._flush is not None and FLUSH not in busy:
            yield Action(8, name, FLUSH, lambda: self.start(FLUSH, self._do_flush, self._flush))
        for attempt in self.steps.to_enter:
            yield Action(3, name, "enter", lambda attempt=attempt: self._enter(attempt))
        if now_us >= self.stuck_until_us:
            yield from self._of_the_loop(name)
        yield from self._periodic(busy, now_us)

    def _of_the_loop(self, name: str) -> Iterator[Action]:
        if self._posted:
            yield Action(8, name, f"loop: {self._posted[0][0]}", self._next_posted)
        for coroutine in self._coroutines:
            yield Action(4, name, "inline step", lambda coroutine=coroutine: self._step(coroutine))
        for finished in self.steps.to_end:
            if finished.at_us <= self.world.now_us():
                yield Action(3, name, "a step ends", lambda finished=finished: self.steps.end(finished))
        for attempt in self.steps.overdue():
            yield Action(2, name, "time out", lambda attempt=attempt: self.steps.time_out(attempt))

    def _periodic(self, busy: set[str], now_us: int) -> Iterator[Action]:
        name = self.name
        if not busy & TOUCHES_IDENTITY:
            if self._must_register and now_us >= self.next_register_us:
                yield Action(4, name, REGISTER, lambda: self.start(REGISTER, self._do_register))
            elif now_us >= self.next_heartbeat_us:
                yield Action(4, name, HEARTBEAT, lambda: self.start(HEARTBEAT, self._do_heartbeat))
            if self._draining and not (busy or self.gone) and self._at_rest:
                yield Action(4, name, LEAVE, lambda: self.start(LEAVE, self._do_leave))
        if now_us >= self.next_sweep_us and SWEEP not in busy:
            yield Action(4, name, SWEEP, lambda: self.start(SWEEP, self._do_sweep))
        if now_us >= self.next_look_us and PEERS not in busy and self.world.scenario.pauses:
            yield Action(4, name, PEERS, lambda: self.start(PEERS, self._do_look))
        if not self.identity:
            return
        if self.queue.has_mail and MAIL not in busy:
            yield Action(5, name, MAIL, lambda: self.start(MAIL, self.queue.publish))
        if not self._draining and RECEIVE not in busy and (wants := self.queue.wants()) is not None:
            yield Action(3, name, wants, lambda: self.start(RECEIVE, self.queue.do))

    @property
    def _at_rest(self) -> bool:
        return self._suspended or not (len(self.steps) or self.pipeline.busy or self._posted)

    def moments(self) -> Iterator[int]:
        """Return when something happens to this worker, besides what it does again and again."""
        yield self.frozen_until_us
        yield self.stuck_until_us
        for job in self.jobs:
            if job.until_us is not None:
                yield job.until_us
        if self._must_register:
            yield self.next_register_us
        for finished in self.steps.to_end:
            yield finished.at_us
        if (timeout_us := self.steps.next_timeout_us()) is not None:
            yield timeout_us

    def drain(self) -> bool:
        """Be told to end: take no more work. False if it has been told before."""
        if self._draining:
            return False
        self._draining = True
        self.pipeline.drain()
        self.post("release", self.pipeline.release)
        return True

    # -- doing it ----------------------------------------------------------------------------------------------------

    def start(self, name: str, call: Callable[[], None], flush: tuple[Flush, Any] | None = None) -> None:
        """Start a call on a thread of its own; a flush has the identity under which it was sent."""
        job = Job(self.world.jobs, self, name, call, slow=self.world.away)
        if flush is not None:
            job.identity = flush[0].worker_id
        self.jobs.append(job)
        self._go_on(job)

    def _go_on(self, job: Job) -> None:
        job.run()
        if not job.done:
            return
        self.jobs.remove(job)
        if job.error is not None:
            raise job.error
        if job.crashed:
            self.world.crash(self)

    def _next_posted(self) -> None:
        _, call = self._posted.popleft()
        call()

    def _step(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            coroutine.send(None)
        except StopIteration:
            self._coroutines.remove(coroutine)

    def _enter(self, attempt: Any) -> None:
        self.world.enters(self, attempt)

    def _do_flush(self) -> None:
        assert self._flush is not None
        flush, reload = self._flush
        reply = answer(self.world.database, self._recorder, self.flows.position_of, flush, reload)
        self._flush = None
        self._check(reply)
        self.post("reply", lambda: self.pipeline.replied(reply))
        if reply.flushed is not None and reply.flushed.offered:
            self.queue.announce(reply.flushed.offered)

    def _check(self, reply: FlushReply) -> None:
        self.world.raise_found()
        if reply.error is not None and not isinstance(reply.error, (LeaseLost, StoreUnavailable)):
            raise Violation(ERROR, f"a flush of {self.name} failed for good: {reply.error!r}") from reply.error

    def _do_heartbeat(self) -> None:
        pause_us = PAUSE_AFTER_ERROR_US
        with contextlib.suppress(StoreUnavailable):
            pause_us = int(self._heartbeat.turn() * 1e6)
        self.next_heartbeat_us = self.world.now_us() + pause_us

    def _do_sweep(self) -> None:
        pause_us = PAUSE_AFTER_ERROR_US
        self.next_sweep_us = NEVER
        with contextlib.suppress(StoreUnavailable):
            pause_us = int(self._sweeper.turn() * 1e6)
        self.next_sweep_us = min(self.next_sweep_us, self.world.now_us() + pause_us)

    def _do_look(self) -> None:
        pause_us = PAUSE_AFTER_ERROR_US
        self.next_look_us = self.world.now_us() + pause_us
        with contextlib.suppress(StoreUnavailable):
            pause_us = int(self._peers.turn() * 1e6)
        self.next_look_us = min(self.next_look_us, self.world.now_us() + pause_us)

    def _do_register(self) -> None:
        first = not self.identity
        try:
            self._heartbeat.register(self.name, self.queues)
        except StoreUnavailable:
            self.next_register_us = self.world.now_us() + PAUSE_AFTER_ERROR_US
            return
        self._must_register = False
        self.post("resume", self._resume)
        if first:
            self.next_heartbeat_us = self.next_sweep_us = self.next_look_us = self.world.now_us()

    def _resume(self) -> None:
        self._suspended = False
        self.pipeline.resume(self.identity)

    def _do_leave(self) -> None:
        with contextlib.suppress(StoreUnavailable), self.world.database.write() as tx:
            leave(tx, self.identity)
        self.world.fire("worker drained")
        self.gone = True

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Lose all memory."""
        self.gone = True
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job.kill()
        for coroutine in self._coroutines:
            coroutine.close()
        self._coroutines.clear()
        self.flows.clear()
