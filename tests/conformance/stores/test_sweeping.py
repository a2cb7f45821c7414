"""The sweeper: what is due is made ready, and what dead workers owned goes on (I1, I7)."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import update

from engine.model.states import StepState
from engine.model.work import Pointer
from engine.store import sweep
from engine.store.commands import TIMEOUT_GRACE_US
from engine.store.holds import pause, resume
from engine.store.places import MessageFront
from engine.store.schema import steps
from engine.store.start import NewExecution, Started
from engine.store.sweep import Swept, adopt_unannounced, release_orphans, sweep_due
from engine.store.workers import declare_dead, leave
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import (
    DONE,
    ERROR,
    SECOND,
    START_US,
    back,
    event,
    first_drive,
    recorded,
    step,
    timer,
)
from tests.conformance.transports.helpers import Background


def test_i7_timers_retries_and_waits_are_ready_at_their_time(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, timer(1, 10), event(2, timeout_seconds=20), step(3), timer(4, 40))
    worker.flush(reschedules=[back(worker.claim_one(id, 3), 30, error=ERROR)])
    for seq in (1, 2, 3):
        swept = store.sweep()
        assert (swept.offered, swept.more) == ([], False)
        assert swept.next_due_us == START_US + seq * 10 * SECOND
        assert swept.now_us == store.clock.now_us
        store.clock.go_on(10)
        assert [(pointer.execution_id, pointer.seq) for pointer in store.sweep().offered] == [(id, seq)]
    assert {claim.seq for claim in worker.claim()} == {1, 2, 3}
    assert store.sweep().next_due_us == START_US + 40 * SECOND


def test_nothing_due_and_nothing_to_come(store: Store) -> None:
    swept = store.sweep()
    assert (swept.offered, swept.more, swept.next_due_us) == ([], False, None)


def test_i7_an_attempt_beyond_its_timeout_goes_to_others_and_the_late_result_is_refused(store: Store) -> None:
    stuck, other = store.worker(), store.worker()
    id = store.running(stuck, step(1, timeout_us=10 * SECOND))
    held = stuck.claim_one(id, 1)
    store.clock.go_on((10 * SECOND + TIMEOUT_GRACE_US) / SECOND - 1)
    assert store.sweep().offered == []
    store.clock.go_on(1)
    assert store.sweep().offered == [Pointer(id, 1, 1, "default", 5)]
    assert other.claim_one(id, 1).attempt == 2
    stuck.flush(recorded(held))
    assert store.states(id)[1] == StepState.CLAIMED


def test_an_attempt_of_a_paused_execution_beyond_its_timeout_waits_with_it(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1, timeout_us=10 * SECOND))
    worker.claim_one(id, 1)
    store.write(pause, id)
    store.clock.go_on(60)
    assert store.sweep().offered == []
    assert store.states(id)[1] == StepState.WAITING
    assert [pointer.seq for pointer in store.write(resume, id)] == [1]


def test_i7_what_a_dead_worker_owned_goes_on_at_the_next_attempt(store: Store) -> None:
    dead, gone, alive = store.worker(), store.worker(), store.worker()
    id = store.running(alive, *(step(seq) for seq in range(1, 5)))
    for seq, worker in [(1, dead), (2, gone), (3, alive), (4, dead)]:
        worker.claim_one(id, seq)
    assert store.sweep().offered == []
    store.write(declare_dead, [dead.id])
    store.write(leave, gone.id)
    assert {pointer.seq for pointer in store.sweep().offered} == {1, 2, 4}
    assert {(claim.seq, claim.attempt) for claim in alive.claim()} == {(1, 2), (2, 2), (4, 2)}
    assert store.sweep().offered == []


def test_dead_letters_are_nobodys_orphans(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1, dead_letter=True))
    worker.flush(reschedules=[back(worker.claim_one(id, 1), error=ERROR, dead=True)])
    store.write(declare_dead, [worker.id])
    assert store.sweep().offered == []
    assert store.states(id)[1] == StepState.DEAD


def test_orphans_of_a_paused_execution_wait_with_it(store: Store) -> None:
    dead, alive = store.worker(), store.worker()
    id, flow = store.running(alive, step(1)), store.start()
    dead.claim_one(id, 1)
    dead.claim_one(flow, 0)
    for execution in (id, flow):
        store.write(pause, execution)
    store.write(declare_dead, [dead.id])
    assert store.sweep().offered == []
    assert alive.claim() == []
    assert [pointer.seq for pointer in store.write(resume, id)] == [1]
    assert [pointer.seq for pointer in store.write(resume, flow)] == [0]


def test_what_nobody_takes_is_sent_again_after_a_delay_that_grows_with_its_age(store: Store) -> None:
    resend_us = 5 * SECOND
    (started,) = store.start_all(*_new(1), resend_us=resend_us)
    sent: list[int] = []
    for _ in range(80):
        if store.sweep(resend_us).offered:
            sent.append((store.clock.now_us - START_US) // SECOND)
        store.clock.go_on(5)
    assert sent == [5, 10, 20, 40, 80, 160, 320]
    (claim,) = store.worker().flush(pointers=[Pointer(started.id, 0, 0, "default")]).claimed
    assert claim.waited_us == 400 * SECOND


def test_what_is_sent_again_keeps_its_attempt_so_that_the_copies_claim_it_once(store: Store) -> None:
    (started,) = store.start_all(*_new(1), resend_us=SECOND)
    store.clock.go_on(1)
    (copy,) = store.sweep(SECOND).offered
    assert copy == started.offered
    worker = store.worker()
    assert len(worker.flush(pointers=[copy]).claimed) == 1
    assert worker.flush(pointers=[copy]).claimed == []


def test_steps_that_were_ready_without_messages_are_adopted(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), timer(2, 60))
    fresh = store.start()
    store.start_all(*_new(1), resend_us=SECOND)
    store.clock.go_on(3)
    adopted = store.write(adopt_unannounced, 5 * SECOND)
    assert {(pointer.execution_id, pointer.seq) for pointer in adopted.offered} == {(id, 1), (fresh, 0)}
    assert not adopted.more
    assert store.step(id, 1).due_us == store.clock.now_us + 5 * SECOND
    assert store.step(id, 1).ready_us == START_US
    assert store.write(adopt_unannounced, 5 * SECOND).offered == []


def test_steps_that_were_sent_by_messages_are_found_without_them(store: Store) -> None:
    (started,) = store.start_all(*_new(1), resend_us=SECOND)
    store.clock.go_on(1)
    store.sweep()
    assert store.step(started.id, 0).due_us is None
    assert [claim.execution_id for claim in store.worker().claim()] == [started.id]


@pytest.mark.parametrize("what", ["due", "orphans", "unannounced"])
def test_work_is_done_in_bounded_batches(store: Store, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(sweep, "BATCH", 4)
    dead = store.worker()
    ids = {one.id for one in store.start_all(*_new(10), resend_us=SECOND if what == "due" else None)}
    if what == "orphans":
        dead.claim()
        store.write(declare_dead, [dead.id])
    store.clock.go_on(1)

    def turn() -> Swept:
        if what == "due":
            return store.write(sweep_due, 60 * SECOND)
        if what == "orphans":
            return store.write(release_orphans, None)
        return store.write(adopt_unannounced, 60 * SECOND)

    turns = [turn() for _ in range(4)]
    assert [len(one.offered) for one in turns] == [4, 4, 2, 0]
    assert [one.more for one in turns] == [True, True, False, False]
    assert {pointer.execution_id for one in turns for pointer in one.offered} == ids


def test_the_longest_due_comes_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    store.running(store.worker(), timer(1, 30), timer(2, 10), timer(3, 20))
    store.clock.go_on(60)
    assert [pointer.seq for pointer in store.sweep().offered] == [2, 3]


def test_two_sweepers_share_what_is_due(store: Store) -> None:
    ids = {store.running(store.worker(), timer(1, 5)) for _ in range(20)}
    store.clock.go_on(5)
    barrier = threading.Barrier(2)

    def run() -> list[Pointer]:
        database = store.open()
        barrier.wait()
        with database.write() as tx:
            return sweep_due(tx, None).offered

    offered = [pointer for one in [Background(run) for _ in range(2)] for pointer in one.join()]
    offered += store.sweep().offered
    assert sorted(pointer.execution_id for pointer in offered) == sorted(ids)


def test_a_sweeper_passes_over_rows_that_somebody_is_at(server_store: Store) -> None:
    store = server_store
    worker = store.worker()
    first, second = store.running(worker, timer(1, 5)), store.running(worker, timer(1, 5))
    store.clock.go_on(5)
    with store.open().write() as tx:
        tx.connection.execute(update(steps).where(steps.c.execution_id == first, steps.c.seq == 1).values(name="x"))
        swept = store.sweep()
    assert [pointer.execution_id for pointer in swept.offered] == [second]
    assert [pointer.execution_id for pointer in store.sweep().offered] == [first]


def test_a_step_whose_message_waits_behind_others_is_not_offered_again(store: Store) -> None:
    resend_us = 10 * SECOND
    early, late = [one.id for _ in range(2) for one in _started_later(store, resend_us)]
    store.clock.go_on(12)
    # What became ready first is claimed by its message just now: the other one's message is behind it.
    worker = store.worker()
    held = worker.claim_one(early, 0)
    assert store.sweep(resend_us).offered == []
    # Looked at again when it has waited for twice as long; nothing was claimed lately, so its message may be lost.
    store.clock.go_on(11)
    assert store.sweep(resend_us).offered == []
    store.clock.go_on(2)
    assert [pointer.execution_id for pointer in store.sweep(resend_us).offered] == [late]
    assert store.step(early, 0).attempt == held.attempt


def test_a_sweeper_remembers_how_far_messages_had_come(store: Store) -> None:
    """Between two claims of short steps, nothing at all may be claimed."""
    resend_us = 10 * SECOND
    early, late = [one.id for _ in range(2) for one in _started_later(store, resend_us)]
    worker, front = store.worker(), MessageFront()
    store.clock.go_on(8)
    flow = worker.claim_one(early, 0)
    assert store.write(sweep_due, resend_us, front).offered == []
    worker.flush(first_drive(flow, ending=DONE))
    store.clock.go_on(4)
    assert store.write(sweep_due, resend_us, front).offered == []
    store.clock.go_on(13)
    assert [pointer.execution_id for pointer in store.write(sweep_due, resend_us, front).offered] == [late]


def test_a_step_that_messages_have_passed_by_is_offered_again(store: Store) -> None:
    resend_us = 10 * SECOND
    lost, later = [one.id for _ in range(2) for one in _started_later(store, resend_us)]
    store.clock.go_on(12)
    store.worker().claim_one(later, 0)
    assert [pointer.execution_id for pointer in store.sweep(resend_us).offered] == [lost]


def test_what_is_claimed_without_a_message_says_nothing_of_how_far_they_have_come(store: Store) -> None:
    resend_us = 10 * SECOND
    worker = store.worker()
    (waits,) = [one.id for one in _started_later(store, resend_us)]
    store.clock.go_on(12)
    # Started, and claimed as it became ready: its flow was woken by this worker's own flush.
    id = store.running(worker, step(1))
    worker.flush(recorded(worker.claim_one(id, 1)), take_woken=True, resend_us=resend_us)
    assert store.step(id, 0).state == StepState.CLAIMED
    assert [pointer.execution_id for pointer in store.sweep(resend_us).offered] == [waits]


def _started_later(store: Store, resend_us: int) -> list[Started]:
    store.clock.go_on(1)
    return store.start_all(*_new(1), resend_us=resend_us)


def _new(count: int) -> list[NewExecution]:
    return [NewExecution("order", 1, "{}") for _ in range(count)]
