"""Every guard is there for a reason: without it, the simulation sees the invariant broken that it keeps.

What is broken is named, so that no test passes for another reason.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

import engine.worker.sweeper
from engine.store import claim, commit, endings, executions, flush, sweep, transactional
from engine.store.batches import BatchUpdate
from engine.store.dialects.base import Dialect
from engine.store.schema import steps
from engine.store.sweep import Swept
from engine.worker.pipeline import Pipeline
from tests.simulation import client, world
from tests.simulation.course import run
from tests.simulation.scenario import BROKER, EMBEDDED
from tests.simulation.violations import I1, I2, I3, I4, I5, I6, I7, ROWS
from tests.simulation.witness import Witness

MOST_SEEDS = 600
Remove = Callable[..., None]


@pytest.fixture(scope="module", autouse=True)
def light() -> Iterator[None]:
    """Spare the collector what other tests have loaded, at which it would look again and again."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def remove(monkeypatch: pytest.MonkeyPatch) -> Remove:
    """Remove fences, or the guard, of a statement, in every module that has it."""

    def remove(name: str, *modules: Any, fences: tuple[str, ...] = (), guard: str | None = None) -> None:
        before: BatchUpdate = getattr(modules[0], name)
        kept = tuple(fence for fence in before.fences if fence not in fences)
        after = BatchUpdate(
            before.table,
            keys=before.keys,
            fences=kept,
            sets=before.sets,
            fixed=before.fixed,
            guard=before.guard if guard is None else guard,
        )
        for module in modules:
            monkeypatch.setattr(module, name, after)
        first = len(before.keys)
        dropped = {first + place for place, fence in enumerate(before.fences) if fence in fences}
        left = [place for place in range(len(before.columns)) if place not in dropped]
        genuine = Dialect.update

        def update(self: Dialect, connection: Any, which: BatchUpdate, rows: Any) -> set[int]:
            if which is after:
                rows = [tuple(row[place] for place in left) for row in rows]
            return genuine(self, connection, which, rows)

        if fences:
            monkeypatch.setattr(Dialect, "update", update)

    return remove


def broken(*invariants: str, mode: str | None = None, **changes: float) -> None:
    """Run seeds until one fails, and see that it fails for the reason that is expected.

    ``changes``: what happens more often than it does by default, so that fewer seeds do.
    """
    for seed in range(MOST_SEEDS):
        course = run(seed, mode=mode, verbose=False, **changes)
        if course.invariant is not None:
            assert course.invariant in invariants, course.told()
            print(f"{course.invariant} was broken after {seed + 1} seeds: {course.what[:200]}")
            return
    raise AssertionError(f"nothing was broken in {MOST_SEEDS} seeds")


def nothing(*_: Any, **__: Any) -> Swept:
    return Swept()


def test_without_the_fence_of_the_claim(remove: Remove, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that comes late, or twice, claims what it points at, whatever became of that meanwhile."""
    remove("CLAIM", claim, fences=("attempt",), guard="")

    def claim_pointers(tx: Any, owner: int, pointers: Any) -> Any:
        named = {(pointer.execution_id, pointer.seq) for pointer in pointers}
        query = select(*claim._COLUMNS).where(tx.dialect.among((steps.c.execution_id, steps.c.seq), "named"))
        return claim._claim(tx, owner, query, tx.dialect.bound("named", named))

    monkeypatch.setattr(flush, "claim_pointers", claim_pointers)
    broken(I3, I4, ROWS, mode=BROKER)


def test_without_the_fence_of_the_commit(remove: Remove, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever had the step at some time records its result.

    A worker that was declared dead is stopped by the guard of its lease: this is about one that is alive, and was too
    slow. Flows whose steps have timeouts, and flushes that linger, make it likely.
    """
    remove("RECORD", commit, transactional, fences=("attempt", "owner"))
    monkeypatch.setattr(client, "ROOTS", ("slowly", "saving", "mourning"))
    broken(I4, linger=0.3, concurrency=5, events=250)


def test_without_the_guard_of_the_commit(remove: Remove) -> None:
    """What was given up, or has its result, is recorded all the same."""
    remove("RECORD", commit, transactional, fences=("owner",), guard="")
    broken(I2, I3)


def test_without_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The results are committed by themselves, and the process ends before what follows from them is."""
    genuine = Dialect.update

    def update(self: Dialect, connection: Any, which: BatchUpdate, rows: Any) -> set[int]:
        accepted = genuine(self, connection, which, rows)
        if which is commit.RECORD and rows:
            raw = connection.connection.dbapi_connection
            raw.execute("COMMIT")
            raw.execute("BEGIN IMMEDIATE")
        return accepted

    monkeypatch.setattr(Dialect, "update", update)
    broken(I5)


def test_without_the_sweeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.worker.sweeper, "sweep_due", nothing)
    broken(I7)


def test_without_the_release_of_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.worker.sweeper, "release_orphans", nothing)
    broken(I7)


def test_without_looking_after_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.worker.sweeper, "find_dead", lambda *_, **__: [])
    broken(I7)


def test_without_the_adoption_of_steps_that_nobody_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.worker.sweeper, "adopt_unannounced", nothing)
    broken(I7, mode=BROKER)


def test_without_the_wake_of_the_flow(remove: Remove) -> None:
    remove("WAKE", executions, guard="1 = 0")
    broken(I1)


def test_without_the_fence_of_the_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "_may_advance", lambda execution, advance: execution.was[0] == "running")
    broken(I2, I5)


def test_without_the_fence_of_the_flows_step(remove: Remove, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the guard of the lease: a flow's step has no timeout, and is lost with the lease only."""
    remove("RENEW", flush, guard="")
    remove("LEAVE_FLOW_STEP", commit, fences=("attempt", "owner"))
    monkeypatch.setattr(Witness, "_alive", lambda self, now, actor: None)
    # Whoever was stopped for long is late while another holds the flow's step in turn: where all workers take flows,
    # and are often stopped, that is soon seen.
    monkeypatch.setattr(client, "ROOTS", ("chain", "mapped", "fan", "turning"))
    monkeypatch.setattr(world, "KINDS", (world.KINDS[0],) * 3)
    monkeypatch.setattr(world, "MOST_LEASES", 6)
    broken(I4, freeze=0.15, cached_flows=0, flows=5, events=300, workers=3)


def test_without_the_guard_of_the_lease(remove: Remove) -> None:
    remove("RENEW", flush, guard="")
    broken(I4)


@pytest.mark.parametrize("statement", ["GIVE_BACK", "RELEASE"])
def test_without_the_fence_of_giving_back(remove: Remove, monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    monkeypatch.setattr(client, "ROOTS", ("slowly", "saving", "mourning"))
    remove(statement, flush, fences=("attempt", "owner"))
    broken(I4, linger=0.3, concurrency=5)


def test_without_the_guard_of_giving_up(remove: Remove) -> None:
    """A flow gives up a step whose result was recorded meanwhile."""
    remove("CANCEL", commit, guard="")
    broken(I3, I5)


def test_without_the_guard_of_a_childs_end(remove: Remove) -> None:
    """A child that was given up ends, and its parent's step gets a result."""
    remove("END_CHILD_STEP", endings, guard="")
    broken(I3)


def test_without_the_look_at_held_executions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweeper gives out steps of an execution that an operator has paused."""
    monkeypatch.setattr(sweep, "_held", lambda tx, ids: set())
    broken(ROWS)


def test_without_the_look_at_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was stopped for long begins what others have done meanwhile."""
    monkeypatch.setattr(Pipeline, "holds_lease", lambda self: True)
    # It must be stopped with steps that it has not begun, and so for long that others have their results by then.
    monkeypatch.setattr(client, "ROOTS", ("fan", "elsewhere", "mapped"))
    monkeypatch.setattr(world, "MOST_LEASES", 10)
    broken(I6, freeze=0.2, crash=0, concurrency=5, flows=5, events=250)


def test_with_every_guard_in_its_place() -> None:
    for mode in (EMBEDDED, BROKER):
        for seed in range(10):
            course = run(seed, mode=mode)
            assert course.invariant is None, course.told()
