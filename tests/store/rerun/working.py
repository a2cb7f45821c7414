"""A worker in one thread: the real driving stage on the real store, steps that run at once, and a clock that is set."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from engine.codec import encode_error
from engine.definitions.registry import Registry
from engine.model.states import FLOW_SEQ, TERMINAL, StepKind, StepState
from engine.model.views import ExecutionView, StepView
from engine.model.work import Claimed, Flush, Flushed, StepOutcome
from engine.store.database import Database
from engine.store.flush import run_flush
from engine.store.history import LoadedHistory, load_histories
from engine.store.query import get_execution, get_history
from engine.store.rerun import rerun
from engine.store.start import NewExecution, start_executions
from engine.store.sweep import sweep_due
from engine.store.workers import owned_steps, register_worker
from engine.worker.driving import Driving
from engine.worker.flows import FlowCache

START_US = 1_750_000_000_000_000
SECOND_US = 1_000_000
LEASE_US = 3600 * SECOND_US
MAX_ROUNDS = 400


class Clock:
    """The time that the store is told; it goes on a little with every look, so that no two events have the same."""

    def __init__(self) -> None:
        self.now_us = START_US

    def __call__(self) -> int:
        self.now_us += 1000
        return self.now_us


class Engine:
    """A store, and the worker that serves it."""

    def __init__(self, database: Database, clock: Clock, registry: Registry, cached_flows: int = 100) -> None:
        self.database = database
        self.clock = clock
        self.registry = registry
        self.runs: list[tuple[str, int]] = []
        """Every run of a step: execution and seq."""
        self.answer: Callable[[Claimed], Any] = self._call
        self.order: Callable[[list[Claimed]], list[Claimed]] = list
        """Which of the claimed steps end now, in which order; the others wait."""
        self._number = 0
        self._waiting: list[Claimed] = []
        self._flows = FlowCache(registry, cached_flows, 1 << 20, 10_000)
        self._driving = Driving(self._flows, self._no_inline, self._no_inline, lambda: None)
        with database.write() as tx:
            self._id = register_worker(tx, "worker", ("default",), LEASE_US)

    def _no_inline(self, *_args: Any) -> Any:
        raise AssertionError("no inline steps here")

    def forget(self) -> None:
        """Drop every flow from memory: each is replayed when it goes on."""
        self._flows.clear()

    # -- what clients do ---------------------------------------------------------------------------------------------

    def start(self, flow: str, *, version: int = 1, **options: Any) -> str:
        arguments = options.pop("arguments", {})
        with self.database.write() as tx:
            return start_executions(tx, [NewExecution(flow, version, json.dumps(arguments), **options)])[0].id

    def rerun(self, execution_id: str, from_seq: int) -> str:
        with self.database.write() as tx:
            return rerun(tx, execution_id, from_seq).id

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        with self.database.write() as tx:
            return function(tx, *args)

    # -- what is there -----------------------------------------------------------------------------------------------

    def execution(self, execution_id: str) -> ExecutionView:
        with self.database.read() as tx:
            return get_execution(tx, execution_id)

    def steps(self, execution_id: str) -> dict[int, StepView]:
        with self.database.read() as tx:
            return {view.seq: view for view in get_history(tx, execution_id)}

    def history(self, execution_id: str) -> LoadedHistory:
        with self.database.read() as tx:
            return load_histories(tx, {execution_id: 0})[execution_id]

    def result(self, execution_id: str) -> Any:
        view = self.execution(execution_id)
        assert view.state == "completed", view
        return json.loads(view.output or "null")

    def seqs_run(self, execution_id: str) -> list[int]:
        return [seq for id, seq in self.runs if id == execution_id]

    # -- working -----------------------------------------------------------------------------------------------------

    def finish(self, execution_id: str) -> Any:
        """Work until the execution has ended, letting time pass where only that helps; return its result."""
        self.work(lambda: self.execution(execution_id).state in TERMINAL)
        return self.result(execution_id)

    def work(self, until: Callable[[], bool] | None = None, *, wait: bool = True) -> None:
        """Work until the condition holds, or, without one, until nothing more happens by itself."""
        for _ in range(MAX_ROUNDS):
            if until is not None and until():
                return
            if not self.round() and not (wait and self.pass_time()):
                assert until is None, "nothing more happens"
                return
        raise AssertionError("it does not come to an end")

    def pass_time(self) -> bool:
        """Go on to the moment at which the next thing is due; False if there is none."""
        with self.database.write() as tx:
            due_us = sweep_due(tx, None).next_due_us
        if due_us is None:
            return False
        self.clock.now_us = max(self.clock.now_us, due_us)
        with self.database.write() as tx:
            sweep_due(tx, None)
        return True

    def round(self) -> bool:
        """Record, claim, drive and run once; tell whether anything happened."""
        self._number += 1
        flush = Flush(self._id, LEASE_US, ("default",), 1000, claim_due=True, take_woken=True, number=self._number)
        reload = self._driving.fill(flush)
        with self.database.write() as tx:
            flushed = run_flush(tx, flush)
        self._driving.left(flush.checkpoints, flushed.held)
        self._driving.settle(flushed, self._histories(flushed, reload))
        self._waiting += [claim for claim in flushed.claimed if claim.seq != FLOW_SEQ]
        with self.database.read() as tx:
            owned = owned_steps(tx, self._id)
        # What its flow gave up is let go of.
        self._waiting = [claim for claim in self._waiting if (claim.execution_id, claim.seq, claim.attempt) in owned]
        ended = self.order(self._waiting)
        for claim in ended:
            self._waiting.remove(claim)
            self._run(claim)
        return bool(flush.checkpoints or flush.parks or flushed.claimed or ended or self._driving.busy)

    def _histories(self, flushed: Flushed, reload: dict[str, int]) -> dict[str, LoadedHistory]:
        wanted = dict(reload)
        for id in [claim.execution_id for claim in flushed.claimed if claim.seq == FLOW_SEQ] + list(flushed.held):
            wanted[id] = self._flows.position_of(id)
        with self.database.read() as tx:
            return load_histories(tx, wanted)

    def _run(self, claim: Claimed) -> None:
        self.runs.append((claim.execution_id, claim.seq))
        try:
            value = None if claim.kind in (StepKind.TIMER, StepKind.EVENT) else self.answer(claim)
        except Exception as error:  # noqa: BLE001 - the flow gets it
            state, output = StepState.FAILED, encode_error(error, claim.attempt)
        else:
            state, output = StepState.COMPLETED, None if claim.kind != StepKind.STEP else json.dumps(value)
        self._driving.add(StepOutcome(claim.execution_id, claim.seq, claim.attempt, state, output, self.clock()))

    def _call(self, claim: Claimed) -> Any:
        function = self.registry.step(claim.name).fn
        args, kwargs = self.registry.step(claim.name).arguments.decode(claim.input or "{}")
        value = function(*args, **kwargs)
        assert not inspect.iscoroutine(value)
        return value
