"""Random flows, run again from random steps: with the same answers in the same order, all comes out the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from engine.codec import encode_error
from engine.definitions.flow import Flow, flow
from engine.definitions.registry import Registry
from engine.errors import ExecutionFinished
from engine.model.states import FLOW_SEQ, TERMINAL, StepKind, StepState
from engine.model.work import ANY_ATTEMPT, Claimed, Flush, Flushed, Pointer, StepOutcome
from engine.store.cancels import cancel
from engine.store.database import Database
from engine.store.flush import run_flush
from engine.store.history import load_histories
from engine.store.migrations import migrate
from engine.store.query import get_execution
from engine.store.rerun import rerun
from engine.store.schema import executions, metadata, steps
from engine.store.signals import send_signal
from engine.store.start import NewExecution, start_executions
from engine.store.sweep import sweep_due
from engine.store.workers import register_worker
from engine.worker.driving import Driving
from engine.worker.flows import FlowCache
from tests.conformance.stores.soundness import faults
from tests.store.rerun.working import LEASE_US, Clock
from tests.unit.driver.shapes import Call, compiled, fails, grown, parts_of, shapes

OPEN = (StepState.READY, StepState.WAITING, StepState.CLAIMED)
QUEUE = "default"
MAX_TURNS = 300


class Children(Registry):
    """Knows the shape, and every child that it may ask for: one that fails where the shape says so."""

    def __init__(self, shape: Any) -> None:
        super().__init__([compiled(shape)])
        self.calls = {part.name: part for part in parts_of(shape) if isinstance(part, Call)}
        self._children: dict[str, Flow[..., Any]] = {}

    def flow(self, name: str, version: int | None = None) -> Flow[..., Any]:
        if name == "shape":
            return super().flow(name, version)
        if name not in self._children:

            @flow(name=name)
            async def child() -> str:
                return self.answer(name)

            self._children[name] = child
        return self._children[name]

    def answer(self, name: str) -> str:
        """What a step or a child of this name gives: always the same."""
        base, _, items = name.partition(".")
        if fails(self.calls[f"{base}."], items):
            raise LookupError(f"{name} failed")
        return name


class World:
    """A worker that is told what ends next: a choice that depends on nothing but where the execution stands."""

    def __init__(self, database: Database, shape: Any, seed: int, *, batch: int, cancel_at: int | None) -> None:
        self.database = database
        self.registry = Children(shape)
        self.seed = seed
        self.batch = batch
        """How many things end at once: of several, those that were asked for first."""
        # When so many events were read is the same in all runs only if they are read one by one.
        self.cancel_at = cancel_at if batch == 1 else None
        self._number = 0
        self._flows = FlowCache(self.registry, 1 + seed % 3, 1 << 20, 10_000)
        self._driving = Driving(self._flows, _nothing_inline, _nothing_inline, lambda: None)
        with database.write() as tx:
            self._worker_id = register_worker(tx, "worker", (QUEUE,), LEASE_US)

    def start(self) -> str:
        with self.database.write() as tx:
            return start_executions(tx, [NewExecution("shape", 1, "{}")])[0].id

    def rerun(self, execution_id: str, from_seq: int) -> str:
        with self.database.write() as tx:
            return rerun(tx, execution_id, from_seq).id

    def rows(self, execution_id: str) -> list[Any]:
        query = select(steps).where(steps.c.execution_id == execution_id).order_by(steps.c.seq)
        with self.database.read() as tx:
            return list(tx.connection.execute(query))

    def outcome(self, execution_id: str) -> tuple[Any, ...]:
        """How the execution ended."""
        with self.database.read() as tx:
            view = get_execution(tx, execution_id)
        return view.state, view.output, None if view.error is None else (view.error.type, view.error.message)

    def story(self, execution_id: str) -> list[tuple[Any, ...]]:
        """What became of everything that the flow asked for, and of the flow."""
        told = [self.outcome(execution_id)]
        for row in self.rows(execution_id):
            if row.seq != FLOW_SEQ:
                output = None if row.state == StepState.FAILED else row.output
                told.append((row.seq, row.kind, row.name, row.state, row.position, row.issued, row.input, output))
        return told

    # -- turns -------------------------------------------------------------------------------------------------------

    def run(self, execution_id: str) -> None:
        """Go on until the execution ends."""
        for _ in range(MAX_TURNS):
            self._drive(execution_id)
            with self.database.read() as tx:
                view = get_execution(tx, execution_id)
            assert view.state in ("running", *TERMINAL), view.error
            if view.state in TERMINAL:
                return
            self._turn(execution_id, view.advanced)
        raise AssertionError("it does not end")

    def _turn(self, execution_id: str, advanced: int) -> None:
        rows = self.rows(execution_id)
        if self.cancel_at is not None and advanced >= self.cancel_at and rows[0].seq != -1:
            with self.database.write() as tx:
                cancel(tx, execution_id)
            return
        open_rows = [row for row in rows if row.seq > FLOW_SEQ and row.state in OPEN]
        assert open_rows, "nothing moves it (I1)"
        if self.batch > 1:
            # Several at once come out as one after the other does: what is asked for later also ends later.
            for row in open_rows[: self.batch]:
                self._end(row)
        else:
            self._end(min(open_rows, key=lambda row: Random(f"{self.seed}/{row.seq}").random()))

    def _end(self, row: Any) -> None:
        """Let one thing that the flow waits for come to its end."""
        timed_out = Random(f"{self.seed}/{row.seq}/out").random() < 0.5 and row.input is not None
        if row.kind == StepKind.EVENT and not timed_out:
            # What ended just before it, in the same turn, may have ended the flow.
            with suppress(ExecutionFinished), self.database.write() as tx:
                send_signal(tx, row.execution_id, row.name, json.dumps(row.name))
        elif row.kind == StepKind.CHILD:
            self._make_due(row.child_id, FLOW_SEQ)
            self._flush([Pointer(row.child_id, FLOW_SEQ, ANY_ATTEMPT, QUEUE)])
            self._flush([])
        else:
            self._make_due(row.execution_id, row.seq)
            for claim in self._flush([Pointer(row.execution_id, row.seq, ANY_ATTEMPT, QUEUE)]).claimed:
                self._driving.add(self._outcome(claim))

    def _make_due(self, execution_id: str, seq: int) -> None:
        with self.database.write() as tx:
            waits = (steps.c.execution_id == execution_id, steps.c.seq == seq, steps.c.due_at_us.is_not(None))
            tx.connection.execute(update(steps).where(*waits).values(due_at_us=0))
            sweep_due(tx, None)

    def _outcome(self, claim: Claimed) -> StepOutcome:
        state, output = StepState.COMPLETED, None
        if claim.kind == StepKind.STEP:
            try:
                output = json.dumps(self.registry.answer(claim.name))
            except LookupError as error:
                state, output = StepState.FAILED, encode_error(error, claim.attempt)
        with self.database.read() as tx:
            return StepOutcome(claim.execution_id, claim.seq, claim.attempt, state, output, tx.now_us)

    def _drive(self, execution_id: str) -> None:
        """Record what ended, and have the flow read all of it."""
        while True:
            flushed = self._flush([Pointer(execution_id, FLOW_SEQ, ANY_ATTEMPT, QUEUE)])
            if not (flushed.claimed or flushed.held or self._driving.busy):
                return

    def _flush(self, pointers: list[Pointer]) -> Flushed:
        self._number += 1
        flush = Flush(self._worker_id, LEASE_US, (QUEUE,), 100, pointers=pointers, number=self._number)
        wanted = self._driving.fill(flush)
        with self.database.write() as tx:
            flushed = run_flush(tx, flush)
        held = [claim.execution_id for claim in flushed.claimed if claim.seq == FLOW_SEQ]
        wanted |= {id: self._flows.position_of(id) for id in [*held, *flushed.held]}
        self._driving.left(flush.checkpoints, flushed.held)
        with self.database.read() as tx:
            self._driving.settle(flushed, load_histories(tx, wanted))
        return flushed


def _nothing_inline(*_args: Any) -> Any:
    raise AssertionError("no inline steps here")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database("sqlite://", clock=Clock())
    migrate(made)
    yield made
    made.close()


@contextmanager
def emptied(database: Database) -> Iterator[None]:
    with database.write() as tx:
        for table in metadata.sorted_tables:
            tx.connection.execute(table.delete())
    yield
    assert faults(database) == []
    with database.read() as tx:
        parked = select(executions.c.id).where(executions.c.state.not_in([*TERMINAL, "running"]))
        assert tx.connection.execute(parked).all() == []


def check(world: World, picks: list[int]) -> None:
    """Run the shape, then run it again from some steps, each time from the latest execution."""
    old = world.start()
    world.run(old)
    story = world.story(old)
    event(f"ending: {story[0][0]}")
    known = [row.seq for row in world.rows(old) if row.seq > FLOW_SEQ]
    event(f"steps: {min(len(known), 20) // 5 * 5}")
    source = old
    for pick in picks if known else []:
        new = world.rerun(source, known[pick % len(known)])
        before = world.story(source)
        world.run(new)
        if world.batch == 1:
            assert world.story(new) == story
        else:
            # What ends at the same time as its flow gives it up is an event in one run, and never ends in another.
            assert world.outcome(new) == world.outcome(old)
        assert world.story(source) == before
        source = new


modest = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
picks = st.lists(st.integers(0, 1000), min_size=1, max_size=3)
cancels = st.one_of(st.none(), st.integers(1, 8))


@modest
@given(shape=shapes(), seed=st.integers(0, 2**32), picks=picks, cancel_at=cancels, batch=st.integers(1, 3))
def test_a_rerun_comes_out_as_the_first_run(
    database: Database, shape: Any, seed: int, picks: list[int], cancel_at: int | None, batch: int
) -> None:
    with emptied(database):
        check(World(database, shape, seed, batch=batch, cancel_at=cancel_at), picks)


@modest
@given(seed=st.integers(0, 2**32), size=st.integers(4, 40), picks=picks, batch=st.integers(1, 3))
def test_a_rerun_of_a_large_flow_comes_out_as_the_first_run(
    database: Database, seed: int, size: int, picks: list[int], batch: int
) -> None:
    random = Random(seed)
    cancel_at = random.randrange(1, size) if random.random() < 0.3 else None
    with emptied(database):
        check(World(database, grown(random, size), seed, batch=batch, cancel_at=cancel_at), picks)
