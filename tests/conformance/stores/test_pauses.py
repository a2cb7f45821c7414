"""Generations, and queues that are paused: nothing is sent for them again and again, and all goes on when resumed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from engine.model.states import StepState
from engine.model.topics import QUEUES
from engine.model.work import Pointer
from engine.store import pauses
from engine.store.database import Transaction
from engine.store.generations import bump, read_generations
from engine.store.pauses import RECALL_US, PausedQueue, get_paused, pause_queue, postpone, recall, resume_queue
from engine.store.places import MessageFront
from engine.store.query import queue_depths
from engine.store.schema import steps
from engine.store.start import NewExecution
from engine.store.sweep import sweep_due
from tests.conformance.stores.subject import Store, Worker
from tests.conformance.stores.values import SECOND, START_US, drive, event, first_drive, recorded, step, timer
from tests.conformance.transports.helpers import Background

RESEND_US = 10 * SECOND


def due_us(store: Store, *ids: str, seq: int = 0) -> list[int | None]:
    """When these steps are looked at by the sweeper."""
    with store.database.read() as tx:
        query = select(steps.c.execution_id, steps.c.due_at_us).where(steps.c.seq == seq)
        found = {row.execution_id: row.due_at_us for row in tx.connection.execute(query)}
    return [found[id] for id in ids]


def started(store: Store, count: int, **options: Any) -> list[str]:
    """Start executions whose steps are offered by messages."""
    new = [NewExecution("order", 1, "{}", **options) for _ in range(count)]
    return [one.id for one in store.start_all(*new, resend_us=RESEND_US)]


def recall_all(store: Store, queue: str) -> int:
    """Recall everything; return how many batches that took."""
    place, batches = store.write(recall, queue), 1
    while place is not None:
        place, batches = store.write(recall, queue, place), batches + 1
    return batches


# -- generations -----------------------------------------------------------------------------------------------------


def test_a_generation_grows_with_every_change_of_its_topic(store: Store) -> None:
    assert store.read(read_generations) == {}
    store.write(bump, "queues")
    store.write(bump, "rules")
    store.write(bump, "queues")
    assert store.read(read_generations) == {"queues": 2, "rules": 1}


def test_a_change_that_is_rolled_back_is_none(store: Store) -> None:
    def change(tx: Transaction) -> None:
        pause_queue(tx, "gpu")
        assert read_generations(tx) == {QUEUES: 1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.write(change)
    assert (store.read(read_generations), store.read(get_paused)) == ({}, {})


def test_changes_at_once_are_all_counted(server_store: Store) -> None:
    store = server_store
    barrier = threading.Barrier(4)

    def change() -> None:
        barrier.wait()
        for _ in range(10):
            store.write(bump, "queues")

    changing = [Background(change) for _ in range(4)]
    for each in changing:
        each.join()
    assert store.read(read_generations) == {"queues": 40}


# -- pausing ---------------------------------------------------------------------------------------------------------


def test_queues_are_paused_and_resumed(store: Store) -> None:
    store.write(pause_queue, "gpu", "the driver is broken")
    store.clock.go_on(5)
    store.write(pause_queue, "mail")
    assert store.read(get_paused) == {
        "gpu": PausedQueue("the driver is broken", START_US),
        "mail": PausedQueue(None, START_US + 5 * SECOND),
    }
    assert store.write(resume_queue, "gpu") is True
    assert set(store.read(get_paused)) == {"mail"}
    assert store.write(resume_queue, "gpu") is False
    assert store.read(read_generations) == {QUEUES: 4}


def test_pausing_again_gives_another_reason_and_keeps_the_time(store: Store) -> None:
    store.write(pause_queue, "gpu", "maintenance")
    store.clock.go_on(60)
    store.write(pause_queue, "gpu", "still: maintenance")
    assert store.read(get_paused) == {"gpu": PausedQueue("still: maintenance", START_US)}


def test_paused_queues_are_among_the_depths(store: Store) -> None:
    store.start()
    store.write(pause_queue, "default")
    store.write(pause_queue, "empty", "nothing to see")
    default, empty = store.read(queue_depths)
    assert (default.name, default.ready, default.paused_us, default.reason) == ("default", 1, START_US, None)
    assert (empty.name, empty.ready, empty.paused_us, empty.reason) == ("empty", 0, START_US, "nothing to see")


def test_a_flush_takes_nothing_from_queues_that_it_does_not_name(store: Store) -> None:
    """A worker whose queues are partly paused goes on with flows, and leaves new steps of those queues to wait."""
    worker = store.worker("default")
    id = store.start()
    flow = worker.claim_one(id, 0)
    flushed = worker.flush(
        first_drive(flow, step(1), step(2, queue="gpu")), take_new=True, take_woken=True, resend_us=RESEND_US
    )
    assert [claim.seq for claim in flushed.claimed] == [1]
    assert [pointer.queue for pointer in flushed.offered] == ["gpu"]


# -- sweeping --------------------------------------------------------------------------------------------------------


def test_nothing_is_offered_again_on_a_paused_queue(store: Store) -> None:
    ids = started(store, 3)
    store.write(pause_queue, "default")
    for _ in range(5):
        store.clock.go_on(60)
        swept = store.sweep(RESEND_US)
        assert (swept.offered, swept.more) == ([], False)
    assert {state for id in ids for state in store.states(id).values()} == {StepState.READY}


def test_the_longer_the_pause_the_rarer_a_waiting_step_is_looked_at(store: Store) -> None:
    """A backlog of a paused queue costs a few updates for each step, however long the pause is."""
    (id,) = started(store, 1)
    store.write(pause_queue, "default")
    looks = 0
    for _ in range(24 * 60):
        store.clock.go_on(60)
        before = due_us(store, id)
        store.sweep(RESEND_US)
        looks += due_us(store, id) != before
    assert looks <= 13


def test_other_queues_are_swept_as_ever(store: Store) -> None:
    (paused,) = started(store, 1, queue="gpu")
    (other,) = started(store, 1)
    store.write(pause_queue, "gpu")
    store.clock.go_on(10)
    assert [pointer.execution_id for pointer in store.sweep(RESEND_US).offered] == [other]
    assert due_us(store, paused) != [None]


def test_timers_of_a_paused_queue_become_ready_and_are_offered_once(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, timer(1, 5))
    store.write(pause_queue, "default")
    store.clock.go_on(6)
    assert [pointer.seq for pointer in store.sweep(RESEND_US).offered] == [1]
    store.clock.go_on(60)
    assert store.sweep(RESEND_US).offered == []
    assert store.states(id)[1] == StepState.READY


# -- resuming --------------------------------------------------------------------------------------------------------


def test_what_waited_in_a_paused_queue_is_offered_soon_after_it_is_resumed(store: Store) -> None:
    ids = started(store, 3)
    store.write(pause_queue, "default")
    for _ in range(8):
        store.clock.go_on(600)
        store.sweep(RESEND_US)
    store.write(resume_queue, "default")
    assert store.sweep(RESEND_US).offered == []
    recall_all(store, "default")
    store.clock.go_on(RECALL_US / SECOND)
    assert sorted(pointer.execution_id for pointer in store.sweep(RESEND_US).offered) == sorted(ids)


def test_a_recall_goes_through_a_backlog_in_bounded_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "BATCH", 10)
    ids = started(store, 25, priority=3)
    same_place = started(store, 1)
    ids += started(store, 30)
    store.clock.go_on(60)
    store.write(pause_queue, "default")
    store.sweep(RESEND_US)
    with store.database.write() as tx:
        # Several steps became ready at one moment.
        moment = select(func.max(steps.c.ready_us)).scalar_subquery()
        at = tx.connection.execute(select(moment)).scalar_one()
        tx.connection.execute(steps.update().where(steps.c.execution_id.in_(ids[25:])).values(ready_us=at))
    store.write(resume_queue, "default")
    assert recall_all(store, "default") == 6
    assert set(due_us(store, *ids, *same_place)) == {store.clock.now_us + RECALL_US}


def test_a_recall_brings_nothing_forward_that_is_due_soon_or_is_not_ready(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, timer(1, 3600), step(2), step(3))
    (other,) = started(store, 1, queue="gpu")
    claimed = worker.claim_one(id, 2)
    before = [*due_us(store, id, seq=1), *due_us(store, id, seq=2), *due_us(store, id, seq=3), *due_us(store, other)]
    assert recall_all(store, "default") == 1
    after = [*due_us(store, id, seq=1), *due_us(store, id, seq=2), *due_us(store, id, seq=3), *due_us(store, other)]
    assert after == before
    assert worker.flush(recorded(claimed)).stale == set()
    (soon,) = started(store, 1)
    store.clock.go_on(9)
    recall_all(store, "default")
    assert due_us(store, soon) == [START_US + RESEND_US]


def test_a_resumed_backlog_whose_messages_are_still_there_is_not_sent_once_more(store: Store) -> None:
    worker = store.worker()
    ids = started(store, 50)
    store.write(pause_queue, "default")
    for _ in range(5):
        store.clock.go_on(600)
        store.sweep(RESEND_US)
    store.write(resume_queue, "default")
    recall_all(store, "default")
    # Messages arrive again, the oldest first.
    store.clock.go_on(1)
    assert len(worker.flush(pointers=[Pointer(id, 0, 0, "default") for id in ids[:10]]).claimed) == 10
    store.clock.go_on(RECALL_US / SECOND - 1)
    with store.database.write() as tx:
        swept = sweep_due(tx, RESEND_US, MessageFront())
    assert swept.offered == []


def test_i7_a_message_that_is_dropped_for_a_pause_is_sent_again(store: Store) -> None:
    """A worker that has not heard of the end of a pause drops messages whose steps would not be offered for long."""
    worker = store.worker()
    (id,) = started(store, 1)
    store.write(pause_queue, "default")
    for _ in range(5):
        store.clock.go_on(600)
        store.sweep(RESEND_US)
    flushed = worker.flush(postponed=[Pointer(id, 0, 0, "default")], resend_us=RESEND_US)
    assert (flushed.claimed, flushed.offered) == ([], [])
    assert due_us(store, id) == [store.clock.now_us + RESEND_US]
    store.write(resume_queue, "default")
    store.clock.go_on(10)
    assert [pointer.execution_id for pointer in store.sweep(RESEND_US).offered] == [id]


def test_what_is_dropped_after_the_end_of_a_pause_is_sent_again_as_soon_as_what_was_recalled(store: Store) -> None:
    """A worker that has not heard of the end of a pause must not put off what the recall has brought forward."""
    worker = store.worker()
    ids = started(store, 2)
    store.write(pause_queue, "default")
    store.write(pause_queue, "gpu")
    store.clock.go_on(60)
    store.sweep(RESEND_US)
    store.write(resume_queue, "default")
    recall_all(store, "default")
    store.clock.go_on(1)
    (late,) = started(store, 1, queue="gpu")
    dropped = [Pointer(ids[0], 0, 0, "default"), Pointer(late, 0, 0, "gpu")]
    worker.flush(postponed=dropped, resend_us=RESEND_US)
    now_us = store.clock.now_us
    assert due_us(store, *ids, late) == [now_us + RECALL_US, now_us - SECOND + RECALL_US, now_us + RESEND_US]


def test_postponing_what_is_not_ready_any_more_changes_nothing(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    (id,) = started(store, 1)
    flow = other.claim_one(id, 0)
    worker.flush(postponed=[Pointer(id, 0, 0, "default"), Pointer("x" * 26, 7, 0, "default")], resend_us=RESEND_US)
    assert due_us(store, id) == [None]
    assert other.flush(first_drive(flow, event(1))).stale == set()


def swept(tx: Transaction, _id: str) -> None:
    assert sweep_due(tx, RESEND_US).offered == []


def dropped(tx: Transaction, id: str) -> None:
    postpone(tx, [Pointer(id, 0, 0, "default")], RESEND_US)


@pytest.mark.parametrize("put_off", [swept, dropped])
def test_a_queue_is_not_resumed_in_the_middle_of_what_puts_its_steps_off(
    server_store: Store, put_off: Callable[[Transaction, str], None]
) -> None:
    """Or else a recall would pass over the steps that are held by that, and they would wait for long."""
    store = server_store
    (id,) = started(store, 1)
    store.write(pause_queue, "default")
    store.clock.go_on(3600)
    with store.database.write() as tx:
        put_off(tx, id)
        resuming = Background(lambda: store.write(resume_queue, "default"))
        threading.Event().wait(0.3)
        assert resuming.running
    assert resuming.join() is True
    recall_all(store, "default")
    assert due_us(store, id) == [store.clock.now_us + RECALL_US]


# -- steps that are given up -----------------------------------------------------------------------------------------


def claimed_by(worker: Worker, id: str, *seqs: int) -> None:
    """Have a worker own these steps."""
    for seq in seqs:
        worker.claim_one(id, seq)


def test_whoever_gives_up_running_steps_learns_whose_they_are(store: Store) -> None:
    worker, other, third = store.worker(), store.worker(), store.worker()
    id = store.running(worker, step(1), step(2), step(3), step(4), timer(5, 10))
    claimed_by(other, id, 2)
    claimed_by(third, id, 3)
    first = worker.claim_one(id, 1)
    flushed = worker.flush(recorded(first, advance=drive(id, 1, [1], cancels=[2, 3, 4, 5])))
    assert flushed.given_up == {other.id, third.id}


def test_nobody_is_told_of_timers_and_of_steps_that_nobody_runs(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2), timer(3, 10), event(4))
    first = worker.claim_one(id, 1)
    flushed = worker.flush(recorded(first, advance=drive(id, 1, [1], cancels=[2, 3, 4])))
    assert flushed.given_up == set()
