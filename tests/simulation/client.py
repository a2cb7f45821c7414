"""The world outside: programs that start and signal flows, and an operator who steers them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engine.errors import ExecutionFinished, NothingToRetry, StoreUnavailable
from engine.messaging import Broker
from engine.model.ids import new_execution_id
from engine.model.states import FINISHED_STEP, HELD, TERMINAL, ExecutionState, StepKind, StepState
from engine.store.cancels import cancel
from engine.store.holds import pause, resume
from engine.store.pauses import pause_queue, recall, resume_queue
from engine.store.retries import retry_step
from engine.store.signals import send_signal
from engine.store.start import NewExecution, start_executions
from tests.simulation.flows import OTHER_QUEUE, ROOTS, may_come_to
from tests.simulation.violations import I7, Violation

if TYPE_CHECKING:
    from engine.model.work import Pointer
    from engine.store.database import Transaction
    from tests.simulation.rows import Execution
    from tests.simulation.world import World

SIGNALS = {"waiting": "go", "racing": "go", "asking": "answer"}


class Client:
    """Starts flows, signals and steers them, and knows what each may come to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        self.roots: dict[str, tuple[str, int]] = {}
        self._sent: defaultdict[str, list[int]] = defaultdict(list)
        self._cancelled_children = False
        self._paused: set[str] = set()
        """Queues that may be paused: the answer may have been lost."""
        self._broker = None if world.scenario.embedded else Broker("memory://simulated")

    def start(self) -> None:
        """Start a flow."""
        world = self._world
        name, n = self._chance.choice(ROOTS), self._chance.randint(1, 4)
        id = new_execution_id(world.database_now_us(), self._chance.randbytes(10))
        delay_us = self._chance.choice((None, None, None, 700_000))
        new = NewExecution(name, 1, json.dumps({"n": n}), delay_us=delay_us, id=id)
        resend_us = None if world.scenario.embedded or self._chance.random() < 0.1 else world.scenario.resend_us

        def started(tx: Transaction) -> list[Pointer]:
            return [one.offered for one in start_executions(tx, [new], resend_us) if one.offered is not None]

        if self._do(f"starts {name}({n}) as {id[-4:]}", started):
            self.roots[id] = (name, n)

    def steer(self) -> None:
        """Do something to an execution, or to a queue."""
        if self._world.scenario.pauses and self._chance.random() < 0.25:
            self._steer_queue()
            return
        running = [one for one in self._executions() if one.state not in TERMINAL]
        if not running:
            return
        one = self._chance.choice(running)
        what = self._chance.choices(("signal", "pause", "resume", "cancel", "retry"), (4, 1.5, 2.5, 0.5, 1))[0]
        if what == "signal":
            self._signal(one)
        else:
            self._apply(what, one)

    def put_right(self) -> bool:
        """Do what an operator has to do for everything to go on; tell whether there was anything."""
        acted = False
        for queue in sorted(self._paused):
            acted |= self._resume_queue(queue)
        for one in self._executions():
            if one.state in TERMINAL:
                continue
            steps = self._world.witness.rows.steps[one.id].values()
            if one.state in HELD:
                acted |= self._apply("resume", one)
            elif any(step.state == StepState.DEAD for step in steps):
                acted |= self._apply("retry", one)
            elif any(step.kind == StepKind.EVENT and step.state not in FINISHED_STEP for step in steps):
                acted |= SIGNALS.get(one.flow) == "answer" and self._signal(one)
        return acted

    def check_results(self) -> None:
        """Every flow has come to what it may come to (I7)."""
        for id, (name, n) in self.roots.items():
            one = self._latest(id)
            may = may_come_to(name, n, self._sent[id])
            output = self._world.witness.rows.steps[one.id][0].output
            if one.state == ExecutionState.CANCELLED and id in self._cancelled():
                continue
            # A child that somebody cancelled fails its parent.
            if one.state == ExecutionState.FAILED and (may is None or self._cancelled_children):
                continue
            if one.state == ExecutionState.COMPLETED and may is not None and json.loads(output or "null") in may:
                continue
            raise Violation(I7, f"{name}({n}) {id} came to {one.state} {output}, and may come to {may}")

    # -- one thing each ----------------------------------------------------------------------------------------------

    def _signal(self, one: Execution) -> bool:
        name = SIGNALS.get(one.flow, "go")
        value = self._chance.randint(1, 9)

        def send(tx: Transaction) -> list[Pointer]:
            sent = send_signal(tx, one.id, name, json.dumps(value), resend_us=self._world.resend_us)
            return sent.offered

        # It counts as sent even where the answer is lost.
        self._sent[one.id].append(value)
        self._world.fire("signal to a waiting flow" if self._waits(one, name) else "signal to nobody yet")
        return self._do(f"signals {name}={value} to {one.id[-4:]}", send)

    def _steer_queue(self) -> None:
        world = self._world
        if self._paused and self._chance.random() < 0.6:
            self._resume_queue(self._chance.choice(sorted(self._paused)))
            return
        queue = self._chance.choice(("default", OTHER_QUEUE))
        self._paused.add(queue)
        if self._do(f"pauses queue {queue}", lambda tx: pause_queue(tx, queue)):
            world.fire("operator: pause a queue")
            world.tell()

    def _resume_queue(self, queue: str) -> bool:
        def resume(tx: Transaction) -> None:
            resume_queue(tx, queue)

        def recall_all(tx: Transaction) -> None:
            assert recall(tx, queue) is None, "there is less than a batch"

        if not self._do(f"resumes queue {queue}", resume):
            return False
        self._world.tell()
        if not self._do(f"recalls queue {queue}", recall_all):
            return False
        self._paused.discard(queue)
        self._world.fire("operator: resume a queue")
        return True

    def _waits(self, one: Execution, name: str) -> bool:
        steps = self._world.witness.rows.steps[one.id].values()
        return any(step.kind == StepKind.EVENT and step.name == name and not step.finished_us for step in steps)

    def _apply(self, what: str, one: Execution) -> bool:
        resend_us = self._world.resend_us
        calls: dict[str, Callable[[Transaction], Sequence[Pointer] | None]] = {
            "pause": lambda tx: pause(tx, one.id),
            "resume": lambda tx: resume(tx, one.id, resend_us),
            "cancel": lambda tx: cancel(tx, one.id, resend_us),
            "retry": lambda tx: retry_step(tx, one.id, resend_us=resend_us),
        }
        self._cancelled_children |= what == "cancel" and one.id not in self.roots
        done = self._do(f"{what} {one.id[-4:]}", calls[what])
        if done:
            self._world.fire(f"operator: {what}")
        return done

    def _do(self, what: str, call: Callable[[Transaction], Sequence[Pointer] | None]) -> bool:
        world = self._world
        world.note("client", what)
        try:
            with world.database.write() as tx:
                offered = call(tx)
        except (ExecutionFinished, NothingToRetry, StoreUnavailable) as error:
            world.note("client", f"  refused: {type(error).__name__}")
            return False
        self._announce(list(offered or ()))
        return True

    def _announce(self, offered: list[Pointer]) -> None:
        if self._chance.random() < self._world.rates.hint_lost:
            self._world.fire("client did not publish")
        elif self._broker is None:
            self._world.hint({pointer.queue for pointer in offered})
        else:
            self._broker.publish(offered)

    # -- what is there -----------------------------------------------------------------------------------------------

    def _executions(self) -> list[Execution]:
        return list(self._world.witness.rows.executions.values())

    def _latest(self, id: str) -> Execution:
        executions: Any = self._world.witness.rows.executions
        while executions[id].continued_to is not None:
            id = executions[id].continued_to
        return executions[id]

    def _cancelled(self) -> set[str]:
        """Roots of which any execution was asked to end."""
        asked = self._world.witness.cancelled
        roots: set[str] = set()
        for id in self.roots:
            line = [id]
            while (following := self._world.witness.rows.executions[line[-1]].continued_to) is not None:
                line.append(following)
            if asked.intersection(line):
                roots.add(id)
        return roots
