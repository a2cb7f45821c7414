"""Every guard is there for a reason: without it, the invariant that it keeps is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import Column, select
from sqlalchemy.exc import IntegrityError

from engine.errors import LeaseLost
from engine.model.states import StepState
from engine.model.work import Checkpoint, Pointer
from engine.store import claim, commit, endings, executions, flush, sweep
from engine.store.batches import BatchUpdate
from engine.store.database import Database, Transaction
from engine.store.dialects.base import Dialect
from engine.store.flush import run_flush
from engine.store.holds import pause
from engine.store.workers import declare_dead
from tests.conformance.stores.soundness import faults
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, back, child, drive, first_drive, recorded, step

CHILD = "01jxt21q000000000000000001"


@pytest.fixture
def remove(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Remove the fences, or the guard, of a statement; the rows need not be in order any more."""

    def remove(module: Any, name: str, *, fences: bool = False, guard: bool = False) -> None:
        before: BatchUpdate = getattr(module, name)
        assert before.fences or not fences
        assert before.guard or not guard
        # What a fence was compared with is still among the values: as the new value of a column, it changes nothing
        # that the test looks at.
        after = BatchUpdate(
            before.table,
            keys=before.keys,
            fences=() if fences else before.fences,
            sets=before.sets,
            fixed=before.fixed,
            guard="" if guard else before.guard,
        )
        monkeypatch.setattr(module, name, after)
        if fences:
            _drop_values(store.database, monkeypatch, after, len(before.keys), len(before.fences))
        store.sound = False

    return remove


def _drop_values(database: Database, patch: pytest.MonkeyPatch, statement: BatchUpdate, keys: int, count: int) -> None:
    """Leave the values of the removed fences out of the rows of a statement."""
    genuine = database.dialect.update

    def update(connection: Any, which: BatchUpdate, rows: Any) -> set[int]:
        if which is statement:
            rows = [row[:keys] + row[keys + count :] for row in rows]
        return genuine(connection, which, rows)

    patch.setattr(database.dialect, "update", update)


def test_without_the_fence_of_the_result_a_lost_worker_writes(store: Store, remove: Callable[..., None]) -> None:
    slow, quick = store.worker(), store.worker()
    id = store.running(slow, step(1))
    lost = slow.claim_one(id, 1)
    slow.flush(reschedules=[back(lost)])
    quick.claim_one(id, 1)
    remove(commit, "RECORD", fences=True)
    slow.flush(recorded(lost))
    assert store.states(id)[1] == StepState.COMPLETED, "I4 holds without the fence"


def test_without_the_guard_of_the_result_a_second_one_replaces_the_first(
    store: Store, remove: Callable[..., None]
) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1))
    first = worker.claim_one(id, 1)
    worker.flush(reschedules=[back(first)])
    second = other.claim_one(id, 1)
    remove(commit, "RECORD", fences=True, guard=True)
    other.flush(recorded(second))
    worker.flush(recorded(msgspec.structs.replace(first, attempt=9)))
    assert store.execution(id).unread == 2, "I2 holds without the guard"
    assert faults(store.database)


def test_without_the_guard_of_the_claim_a_step_that_has_its_result_runs_again(
    store: Store, remove: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    worker.flush(recorded(worker.claim_one(id, 1)))
    pointer = Pointer(id, 1, 1, "default")
    remove(claim, "CLAIM", guard=True)

    def pointed_at(dialect: Dialect, columns: tuple[Column[Any], ...]) -> Any:
        # The query leaves out what is not ready, too.
        return select(*claim._COLUMNS).where(dialect.among(columns, "pointers"))

    monkeypatch.setattr(claim, "_pointed_at", pointed_at)
    assert [one.attempt for one in worker.flush(pointers=[pointer]).claimed] == [2], "I6 holds without the guard"


def test_without_the_fence_of_the_claim_two_workers_run_one_attempt(
    store: Store, remove: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = store.worker(), store.worker()
    id = store.running(first, step(1))
    remove(claim, "CLAIM", fences=True, guard=True)
    genuine = store.database.dialect.update

    def meanwhile(connection: Any, which: BatchUpdate, rows: Any) -> set[int]:
        # As on a database without locks on rows: between the query and the update, another worker claims the step.
        if which is claim.CLAIM and rows:
            genuine(connection, which, [(*row[:3], second.id, *row[4:]) for row in rows])
        return genuine(connection, which, rows)

    monkeypatch.setattr(store.database.dialect, "update", meanwhile)
    (claimed,) = first.flush(pointers=[Pointer(id, 1, 0, "default")]).claimed
    assert claimed.attempt != store.step(id, 1).attempt, "I4 holds without the fence"


def test_without_the_fence_of_the_drive_one_decision_is_taken_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = store.worker(), store.worker()
    id = store.running(first, step(1), step(2))
    one, two = first.claim_one(id, 1), second.claim_one(id, 2)
    first.flush(recorded(one, advance=drive(id, 1, (1,), step(3))))
    monkeypatch.setattr(commit, "_may_advance", lambda execution, advance: True)
    store.sound = False
    late = second.build(recorded(two, advance=drive(id, 1, (2,), step(3))))
    with pytest.raises(IntegrityError):
        # The key of the steps is the last line: the decision is refused, and the result with it.
        second.run(late)
    second.flush(recorded(two, advance=drive(id, 1, (2,), step(4))))
    assert [store.step(id, seq).position for seq in (1, 2)] == [2, 2]


def test_without_one_transaction_a_result_is_seen_without_what_follows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    held = worker.claim_one(id, 1)
    store.sound = False

    genuine = store.database.dialect.update

    def committing(connection: Any, which: BatchUpdate, rows: Any) -> set[int]:
        accepted = genuine(connection, which, rows)
        if which is commit.RECORD:
            connection.commit()
        return accepted

    monkeypatch.setattr(store.database.dialect, "update", committing)
    flush = worker.build(recorded(held, advance=drive(id, 1, (1,), step(2), step(1))))
    with store.database._writer.connect() as connection, pytest.raises(IntegrityError):
        run_flush(Transaction(connection, store.database.dialect, lambda _: store.clock.now_us), flush)
    assert store.states(id) == {0: "waiting", 1: "completed"}, "I5 holds without the transaction"
    assert faults(store.database)


def test_without_the_wake_a_result_is_never_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    never = BatchUpdate(
        executions.WAKE.table,
        keys=executions.WAKE.keys,
        sets=executions.WAKE.sets,
        fixed=executions.WAKE.fixed,
        guard="1 = 0",
    )
    monkeypatch.setattr(executions, "WAKE", never)
    store.sound = False
    worker.flush(recorded(worker.claim_one(id, 1)))
    store.clock.go_on(10**6)
    store.sweep(1)
    assert worker.claim() == []
    (fault,) = faults(store.database)
    assert "nothing wakes its flow (I1)" in fault


def test_without_the_count_of_unread_results_a_drive_overtakes_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    one, two = worker.claim_one(id, 1), other.claim_one(id, 2)
    other.flush(recorded(two))
    flow = other.claim_one(id, 0)
    monkeypatch.setattr(
        commit,
        "_may_advance",
        lambda execution, advance: execution.running and execution.was[1] == advance.base,
    )
    store.sound = False
    assert worker.flush(recorded(one, advance=drive(id, 1, (1,), step(3)))).stale == set()
    # Whoever holds the flow's step has read the history from before that.
    late = drive(id, 1, (2,), step(4), flow_attempt=flow.attempt)
    assert other.flush(Checkpoint(id, (), late)).stale == {id}


def test_without_the_fence_of_the_flows_step_a_lost_worker_decides(store: Store, remove: Callable[..., None]) -> None:
    slow, quick = store.worker(), store.worker()
    id = store.start()
    lost = slow.claim_one(id, 0)
    slow.flush(reschedules=[back(lost)])
    quick.claim_one(id, 0)
    remove(commit, "LEAVE_FLOW_STEP", fences=True)
    assert slow.flush(first_drive(lost, step(1))).stale == set(), "I4 holds without the fence"
    assert store.states(id)[1] == StepState.READY


def test_without_the_guard_of_the_lease_a_worker_declared_dead_goes_on(
    store: Store, remove: Callable[..., None]
) -> None:
    worker = store.worker()
    store.start()
    store.write(declare_dead, [worker.id])
    with pytest.raises(LeaseLost):
        worker.claim()
    remove(flush, "RENEW", guard=True)
    assert len(worker.claim()) == 1


def test_without_the_fence_of_giving_back_a_lost_worker_takes_a_step_from_its_owner(
    store: Store, remove: Callable[..., None]
) -> None:
    slow, quick = store.worker(), store.worker()
    id = store.running(slow, step(1))
    lost = slow.claim_one(id, 1)
    slow.flush(reschedules=[back(lost)])
    quick.claim_one(id, 1)
    remove(flush, "RELEASE", fences=True)
    slow.flush(reschedules=[back(lost)])
    assert store.states(id)[1] == StepState.READY, "I4 holds without the fence"


def test_without_the_guard_of_cancelling_a_recorded_result_is_lost(store: Store, remove: Callable[..., None]) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    one, two = worker.claim_one(id, 1), other.claim_one(id, 2)
    other.flush(recorded(two))
    flow = worker.claim_one(id, 0)
    worker.flush(recorded(one))
    remove(commit, "CANCEL", guard=True)
    worker.flush(Checkpoint(id, (), drive(id, 1, (2,), cancels=(1,), flow_attempt=flow.attempt)))
    assert any("events are said to be unread" in fault for fault in faults(store.database)), "I3 holds without it"


def test_without_the_guard_of_a_childs_end_a_cancelled_step_is_completed(
    store: Store, remove: Callable[..., None]
) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    worker.flush(recorded(worker.claim_one(parent, 2), advance=drive(parent, 1, (2,), cancels=(1,))))
    remove(endings, "END_CHILD_STEP", guard=True)
    worker.flush(first_drive(worker.claim_one(CHILD, 0), ending=DONE, parent_id=parent))
    assert store.states(parent)[1] == StepState.COMPLETED, "I3 holds without the guard"


def test_without_the_look_at_held_executions_a_sweeper_gives_their_steps_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, dead = store.worker(), store.worker()
    id = store.running(worker, step(1))
    dead.claim_one(id, 1)
    store.write(pause, id)
    store.write(declare_dead, [dead.id])
    monkeypatch.setattr(sweep, "_held", lambda tx, ids: set())
    store.sound = False
    store.sweep()
    assert [one.seq for one in worker.claim()] == [1]
