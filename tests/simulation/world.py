"""The scheduler: which of the things that could happen next happens; and everything that goes wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

import structlog

from engine.definitions.context import StepContext
from engine.model.states import TERMINAL
from tests.simulation.client import Client
from tests.simulation.diary import Diary
from tests.simulation.flows import OTHER_QUEUE, REGISTRY, STEPS_ONLY
from tests.simulation.jobs import CRASH, FREEZE, GO_ON, LINGER, PAUSE, Job, Jobs
from tests.simulation.messages import CountedFaults
from tests.simulation.refusing import Refusals
from tests.simulation.scenario import CALM, PERFECT, SECOND, Scenario
from tests.simulation.violations import I7, Violation
from tests.simulation.witness import NOBODY, Actor, Witness
from tests.simulation.worker import FLUSH, LEAVE, MAIL, RECEIVE, STEP, SWEEP, Action, Kind, Worker
from transports.memory import ManualClock, MemoryBroker

if TYPE_CHECKING:
    from engine.worker.executor import Attempt
    from tests.simulation.database import SimulatedDatabase
    from tests.simulation.processes import Processes

START_US = 1_750_000_000_000_000
QUEUES = ("default", OTHER_QUEUE)
KINDS = (Kind(QUEUES, REGISTRY), Kind(("default",), REGISTRY), Kind((OTHER_QUEUE,), STEPS_ONLY))
IGNORANT = Kind(QUEUES, STEPS_ONLY)
"""It serves the queue of flows, and does not know them."""
FEW = 3
BOUNDARIES = {FLUSH: 5, SWEEP: 6, MAIL: 4, RECEIVE: 2}
"""How many boundaries a call of a kind passes, about."""
RARE = {STEP: 12, MAIL: 3, LEAVE: 14, RECEIVE: 2}
"""Calls that are made less often than others meet their fate more often."""
MOST_LEASES = 3
"""How long a worker is stopped at most."""
IDLE_US = 900_000
"""How long at most nothing happens: workers renew their leases, and look after their peers."""
TROUBLE, OUTSIDE, TIME = 0.03, 0.06, 0.06
"""How often what happens next is no work: something goes wrong, somebody comes from outside, time just passes."""
MOST_ACTIONS = 6000
LONGEST_FLOW_US = 40 * SECOND
"""What the waits of one flow come to at most: its timers, retries, and timeouts that only the sweeper ends."""


class InjectedError(Exception):
    """What the code of a step raises now and then."""


class World:
    """One simulation: workers, a broker, a database, a client, and time."""

    def __init__(
        self, seed: int, scenario: Scenario, database: SimulatedDatabase, processes: Processes, hands: list[Any],
        *, verbose: bool,
    ) -> None:  # fmt: skip
        self.chance = random.Random(seed)
        self.scenario = scenario
        self.rates = scenario.rates
        self._clock = ManualClock(START_US)
        self._ahead_us = 0
        self._next_jump_us = 0
        self.diary = Diary(self.now_us, whole=verbose)
        self.note, self.fire = self.diary.note, self.diary.fire
        self._verbose = verbose
        self.processes = processes
        self.jobs = Jobs(self, hands)
        self.database = database
        self.witness = Witness(database, self.database_now_us)
        self.refusals = Refusals(self, self.chance)
        self._faults = CountedFaults(random.Random(seed), scenario.messages, self.fire)
        self.broker = MemoryBroker(clock=self._clock, faults=self._faults)
        self._broker_back_us = 0
        self._later: list[tuple[int, Callable[[], None]]] = []
        self._entering: Worker | None = None
        self._started = 0
        self.workers: list[Worker] = []
        self.client: Client

    # -- the course of events ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin with an empty database."""
        self.database.enter(self)
        self.client = Client(self)

    def run(self) -> None:
        """Let things happen, and go wrong; then let nothing go wrong any more, and see everything end."""
        for number in range(self.scenario.workers):
            self._start_worker(IGNORANT if number and self.scenario.ignorant else KINDS[number])
        for _ in range(self.scenario.events):
            self._happen(self._anything())
        self._settle()

    def _happen(self, actions: list[Action]) -> None:
        (action,) = self.chance.choices(actions, [action.weight for action in actions])
        if self._verbose:
            self.note(action.who, action.what)
        action.do()
        self.raise_found()

    def raise_found(self) -> None:
        """Raise the violation that the witness has found, if somebody caught it on its way up."""
        if self.witness.violation is not None:
            raise self.witness.violation

    def _work(self) -> Iterator[Action]:
        """What workers could do now."""
        now_us = self.now_us()
        for worker in self.workers:
            if worker.frozen_until_us <= now_us:
                yield from worker.actions()

    def _anything(self) -> list[Action]:
        """What could happen now, of one kind: something goes wrong, somebody comes from outside, or work goes on."""
        drawn = self.chance.random()
        if drawn < TROUBLE:
            return list(self._troubles())
        if drawn < TROUBLE + OUTSIDE:
            if len(self.client.roots) < self.scenario.flows:
                return [Action(1, "client", "starts a flow", self.client.start)]
            return [Action(1, "client", "steers", self.client.steer)]
        work = list(self._work())
        if not work:
            return [Action(1, "time", "passes until there is work", lambda: self._pass_until(self._next_us()))]
        if drawn < TROUBLE + OUTSIDE + TIME:
            return [Action(1, "time", "passes", self._time_passes)]
        return work

    def _troubles(self) -> Iterator[Action]:
        """What could go wrong now."""
        worker = self.chance.choice(self.workers)
        yield Action(3, worker.name, "is killed", lambda: self._kill(worker))
        yield Action(3, worker.name, "freezes", lambda: self._freeze(worker))
        yield Action(7, worker.name, "is stuck", lambda: self._stick(worker))
        yield Action(5, worker.name, "is told to end", lambda: self._drain(worker))
        yield Action(5, worker.name, "forgets its flows", lambda: self._forget(worker))
        yield Action(2, "store", "goes away", self._lose_store)
        yield Action(3, "clock", "jumps", self._jump)
        if not self.scenario.embedded:
            yield Action(3, "broker", "goes away", self._lose_broker)
            yield Action(3, "broker", "is wiped", self._wipe_broker)

    def _settle(self) -> None:
        """Stop all faults, and see that everything ends within a time that follows from the settings (I7)."""
        self.note("world", "no faults from now on")
        self.rates, self._faults.rates = CALM, PERFECT
        self.database.down_until_us = 0
        self.broker.set_down(False)
        chaos_us = self.now_us() - START_US
        # The longest wait of each kind, one after another; a message is sent again at the latest after as long as its
        # step has waited for it already.
        # Whoever is stopped just now comes back in its time.
        bound_us = (2 + MOST_LEASES) * self.scenario.lease_us + self.scenario.resend_us + chaos_us
        bound_us += (8 if self.scenario.ignorant else 2) * LONGEST_FLOW_US
        deadline_us = self.now_us() + bound_us
        for _ in range(MOST_ACTIONS):
            if self.client.put_right():
                self.raise_found()
            if self._all_ended():
                break
            actions = list(self._work())
            if actions:
                self._happen(actions)
            else:
                self._go_on_to(self._next_us(), deadline_us)
        else:
            raise Violation(I7, f"{MOST_ACTIONS} things happened, and there is no end: {self._unfinished()}")
        self.client.check_results()

    def _all_ended(self) -> bool:
        return all(one.state in TERMINAL for one in self.witness.rows.executions.values())

    def _unfinished(self) -> str:
        rows = self.witness.rows
        unfinished = [one for one in rows.executions.values() if one.state not in TERMINAL]
        return "\n".join(f"{one}\n    " + "\n    ".join(map(str, rows.steps[one.id].values())) for one in unfinished)

    def _go_on_to(self, moment_us: int, deadline_us: int) -> None:
        if moment_us > deadline_us:
            raise Violation(I7, f"not at its end in time: {self._unfinished()}")
        self._pass_until(moment_us)

    def _next_us(self) -> int:
        """Return when the next thing happens, or a little later what workers do again and again."""
        now_us = self.now_us()
        moments = [moment for worker in self.workers for moment in worker.moments()]
        moments += [at_us for at_us, _ in self._later]
        if (due_us := self.witness.rows.next_due_us()) is not None:
            moments.append(due_us - self._ahead_us)
        return min([now_us + IDLE_US, *(moment for moment in moments if moment > now_us)])

    # -- time --------------------------------------------------------------------------------------------------------

    def now_us(self) -> int:
        """Return the time as the machines count it."""
        return self._clock.now_us()

    def database_now_us(self) -> int:
        """Return the time by the database's clock."""
        return self._clock.now_us() + self._ahead_us

    def passes(self, us: int) -> None:
        """Let time pass."""
        self._clock.advance(us)
        now_us = self.now_us()
        due = [call for at_us, call in self._later if at_us <= now_us]
        self._later = [(at_us, call) for at_us, call in self._later if at_us > now_us]
        for call in due:
            call()

    def _time_passes(self) -> None:
        self.passes(int(self.chance.choice((0.01, 0.05, 0.3, 1.0)) * SECOND * (0.5 + self.chance.random())))

    def _pass_until(self, moment_us: int) -> None:
        self.passes(max(moment_us - self.now_us(), 1))

    def _after(self, us: int, call: Callable[[], None]) -> None:
        self._later.append((self.now_us() + us, call))

    # -- boundaries --------------------------------------------------------------------------------------------------

    def fate(self, name: str) -> tuple[str, int]:
        """Draw what is to happen to a call, and at which of the boundaries that it reaches."""
        rates, drawn = self.rates, self.chance.random()
        countdown = self.chance.randint(1, BOUNDARIES.get(name, FEW))
        often = RARE.get(name, 1)
        fates = (
            (CRASH, rates.crash * often),
            (FREEZE, rates.freeze * often),
            (LINGER, rates.linger * often),
            (PAUSE, rates.pause),
        )
        for fate, rate in fates:
            if drawn < rate:
                return fate, countdown
            drawn -= rate
        return GO_ON, countdown

    def lingers(self) -> float:
        """Draw how long a call stays at a boundary."""
        return self.chance.uniform(0.5, 3.0)

    def reached(self, job: Job, place: str, fate: str) -> None:
        """Take note of a boundary."""
        self.fire(f"{job.name} {place}")
        if fate == GO_ON:
            return
        self.fire(f"{fate}: {job.name} {place}")
        self.note(job.worker.name, f"{fate}: {job.name} {place}")
        if fate == FREEZE:
            self.freeze(job.worker)

    def actor(self) -> Actor:
        """Return who commits a transaction now."""
        job = self.jobs.current
        if job is None:
            return NOBODY
        return Actor(job.name, job.worker.identity if job.name == STEP else job.identity)

    # -- what the stages ask -----------------------------------------------------------------------------------------

    @property
    def resend_us(self) -> int | None:
        """When a step that was offered is offered again."""
        return None if self.scenario.embedded else self.scenario.resend_us

    @property
    def away(self) -> bool:
        """Whether the store is away."""
        return self.now_us() < self.database.down_until_us

    def hint(self, queues: Collection[str]) -> None:
        """Tell the workers that serve these queues, as far as hints are not lost."""
        for worker in self.workers:
            if set(worker.queues) & set(queues):
                if self.chance.random() < self.rates.hint_lost:
                    self.fire("hint lost")
                else:
                    worker.post("hint", worker.pipeline.hint)

    def tell(self) -> None:
        """Tell all workers that queues were paused or resumed, as far as broadcasts are not lost."""
        for worker in self.workers:
            if self.chance.random() < self.rates.hint_lost:
                self.fire("broadcast lost")
            else:
                worker.hear()

    def has_messages(self, queues: Collection[str]) -> bool:
        """Tell whether messages wait in one of these queues."""
        if self.broker.down:
            return False
        known = [queue for name in queues if (queue := self.broker._queue(name)) is not None]
        for queue in known:
            queue.ripen(self.now_us())
        return any(queue.ready for queue in known)

    def heard(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> Any:
        """Take in what the engine logs."""
        if self._verbose:
            self.note("log", " ".join(f"{name}={value}" for name, value in event.items()))
        raise structlog.DropEvent

    # -- user code ---------------------------------------------------------------------------------------------------

    def enters(self, worker: Worker, attempt: Attempt) -> None:
        """Let user code be entered: it may kill its process before, or after."""
        self._entering = worker
        if attempt.claim.name == "deadly" and not attempt.abandoned:
            self.fire("step kills its worker")
            self.crash(worker)
            return
        crash = self.chance.random() < self.rates.crash
        if crash and self.chance.random() < 0.5:
            self.fire("crash: before user code")
            self.crash(worker)
            return
        worker.steps.enter(attempt)
        if crash and not worker.gone:
            self.fire("crash: in user code")
            self.crash(worker)

    def hangs(self) -> bool:
        """Draw whether a step hangs."""
        return self.chance.random() < self.rates.raises * 2

    def lasts_us(self, timeout_us: int | None) -> int:
        """Draw how long the code of a step runs: now and then for longer than it may."""
        if self.chance.random() < 0.5:
            return 0
        return int(self.chance.random() * (100_000 if timeout_us is None else 1.5 * timeout_us))

    def entered(self, context: StepContext) -> int:
        """Take note that user code was entered; it may raise."""
        job = self.jobs.current
        worker = self._entering if job is None else job.worker
        assert worker is not None
        self.note(worker.name, f"runs {context.step} {context.execution_id[-4:]}/{context.seq} #{context.attempt}")
        self.fire("user code entered")
        self.witness.entered(context)
        self.may_raise(context.step)
        return worker.identity

    def may_raise(self, step: str) -> None:
        """Raise now and then, for the code of a step."""
        if self.chance.random() < self.rates.raises:
            self.fire("step raises")
            self.note("step", f"{step} raises")
            raise InjectedError(step)

    # -- troubles ----------------------------------------------------------------------------------------------------

    def crash(self, worker: Worker) -> None:
        """A process ends; its peers see it at once, or only its silence, and so does the broker."""
        if worker not in self.workers:
            return
        self.workers.remove(worker)
        worker.end()
        seen = self.chance.random() < 0.5
        self.note(worker.name, "crashed" if seen else "crashed unseen")
        self.fire("crash seen" if seen else "crash unseen")
        if seen:
            self.processes.end(worker.pid)
            worker.queue.close()
        else:
            self._after(self.chance.randint(0, 2 * self.scenario.lease_us), worker.queue.close)
        self._start_worker(worker.kind)

    def _start_worker(self, kind: Kind) -> None:
        self._started += 1
        worker = Worker(self, f"worker {self._started}", kind)
        worker.next_register_us = self.now_us() + self.chance.choice((0, 0, 300_000))
        self.workers.append(worker)

    def freeze(self, worker: Worker) -> None:
        """A process stops for longer than its lease; then it goes on where it was."""
        worker.frozen_until_us = self.now_us() + int(self.scenario.lease_us * self.chance.uniform(1.1, MOST_LEASES))
        self.fire("zombie")

    def _freeze(self, worker: Worker) -> None:
        self.fire("freeze: at any moment")
        self.freeze(worker)

    def _stick(self, worker: Worker) -> None:
        self.fire("loop is stuck")
        worker.stuck_until_us = self.now_us() + self.chance.randint(SECOND // 2, 3 * SECOND)

    def _kill(self, worker: Worker) -> None:
        self.fire("crash: at any moment")
        self.crash(worker)

    def _drain(self, worker: Worker) -> None:
        if worker.identity and worker.drain():
            self._after(self.scenario.lease_us, lambda: self._replace(worker))

    def _replace(self, worker: Worker) -> None:
        if worker in self.workers:
            self.workers.remove(worker)
            worker.end()
            worker.queue.close()
            self.processes.end(worker.pid)
            self._start_worker(worker.kind)

    def _forget(self, worker: Worker) -> None:
        self.fire("flow cache dropped")
        # As when others push them out: let go of, and not closed.
        worker.flows._live.clear()

    def _lose_store(self) -> None:
        self.fire("outage of the store")
        self.database.down_until_us = self.now_us() + int(self.chance.uniform(0.2, 1.5) * self.scenario.lease_us)

    def _jump(self) -> None:
        # By less than workers allow for, which rely on a part of their lease only.
        if self.now_us() >= self._next_jump_us:
            self.fire("clock jumps")
            self._ahead_us += self.chance.randint(1, self.scenario.lease_us // 5)
            self._next_jump_us = self.now_us() + self.scenario.lease_us

    def _lose_broker(self) -> None:
        self.fire("outage of the broker")
        self.broker.set_down(True)
        self._after(self.chance.randint(SECOND // 5, 3 * SECOND), lambda: self.broker.set_down(False))

    def _wipe_broker(self) -> None:
        self.fire("broker wiped")
        self.broker.wipe()

    def close(self) -> None:
        """End everything."""
        for worker in self.workers:
            worker.end()
        self.workers.clear()
