"""Signals: each is taken by one wait, whichever of the two comes first."""

from __future__ import annotations

import threading

import pytest

from engine.errors import ExecutionFinished, ExecutionNotFound
from engine.model.states import StepState
from engine.model.work import Checkpoint, Claimed, StepOutcome
from engine.store.holds import pause, resume
from engine.store.signals import send_signal
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, START_US, drive, event, first_drive, recorded, step
from tests.conformance.transports.helpers import Background


def timed_out(wait: Claimed) -> Checkpoint:
    """Record that the time of a wait has run out."""
    outcome = StepOutcome(wait.execution_id, wait.seq, wait.attempt, StepState.COMPLETED, None, START_US)
    return Checkpoint(wait.execution_id, (outcome,))


def test_a_signal_completes_the_wait_for_it(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1, "paid"), event(2, "approved", timeout_seconds=60))
    sent = store.write(send_signal, id, "approved", '{"by":"me"}')
    assert sent.delivered
    assert [(pointer.execution_id, pointer.seq) for pointer in sent.offered] == [(id, 0)]
    view = store.step(id, 2)
    assert (view.state, view.output, view.due_us) == (StepState.COMPLETED, '{"by":"me"}', None)
    assert store.states(id) == {0: "ready", 1: "waiting", 2: "completed"}


def test_a_signal_waits_for_the_wait(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    assert store.write(send_signal, id, "approved", "1").offered == []
    assert store.states(id)[0] == StepState.WAITING
    advance = drive(id, 1, (1,), event(2, "other"), event(3, "approved"))
    flushed = worker.flush(recorded(worker.claim_one(id, 1), advance=advance))
    assert [(pointer.execution_id, pointer.seq) for pointer in flushed.offered] == [(id, 0)]
    assert store.states(id) == {0: "ready", 1: "completed", 2: "waiting", 3: "completed"}
    assert [(one.seq, one.output) for one in store.unread(id)] == [(3, "1")]


def test_the_oldest_wait_takes_a_signal_and_the_oldest_signal_a_wait(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1), event(2))
    for payload in "12345":
        store.write(send_signal, id, "approved", payload)
    flow = worker.claim_one(id, 0)
    advance = drive(id, 1, (1, 2), event(3), event(4), flow_attempt=flow.attempt)
    worker.flush(Checkpoint(id, (), advance))
    assert [store.step(id, seq).output for seq in (1, 2, 3, 4)] == list("1234")
    flow = worker.claim_one(id, 0)
    worker.flush(Checkpoint(id, (), drive(id, 3, (3, 4), event(5), event(6), flow_attempt=flow.attempt)))
    assert (store.step(id, 5).output, store.step(id, 6).state) == ("5", StepState.WAITING)


def test_names_of_signals_are_told_apart_by_their_bytes(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1, "paid"))
    for name in ("Paid", "paid ", "päid"):
        store.write(send_signal, id, name, "0")
    assert store.states(id)[1] == StepState.WAITING


def test_a_key_is_delivered_once(store: Store) -> None:
    worker = store.worker()
    id, other = store.running(worker, event(1), event(2)), store.running(worker, event(1))
    assert store.write(send_signal, id, "approved", "1", "key").delivered
    assert not store.write(send_signal, id, "approved", "2", "key").delivered
    assert not store.write(send_signal, id, "another", "2", "key").delivered
    assert store.write(send_signal, other, "approved", "3", "key").delivered
    assert (store.step(id, 1).output, store.step(id, 2).state) == ("1", StepState.WAITING)


def test_a_key_that_was_delivered_is_known_even_when_the_execution_has_ended(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1))
    store.write(send_signal, id, "approved", "1", "key")
    flow = worker.claim_one(id, 0)
    worker.flush(Checkpoint(id, (), drive(id, 1, (1,), ending=DONE, flow_attempt=flow.attempt)))
    assert not store.write(send_signal, id, "approved", "1", "key").delivered
    with pytest.raises(ExecutionFinished):
        store.write(send_signal, id, "approved", "1", "other key")


def test_two_senders_with_one_key_deliver_it_once(store: Store) -> None:
    id = store.running(store.worker(), event(1), event(2))
    barrier = threading.Barrier(2)

    def send(payload: str) -> bool:
        database = store.open()
        barrier.wait()
        with database.write() as tx:
            return send_signal(tx, id, "approved", payload, "key").delivered

    racing = [Background(lambda payload=payload: send(payload)) for payload in "12"]
    assert sorted(one.join() for one in racing) == [False, True]
    assert store.states(id) == {0: "ready", 1: "completed", 2: "waiting"}


def test_a_signal_waits_for_another_one_that_is_under_way(server_store: Store) -> None:
    store = server_store
    id = store.running(store.worker(), event(1), event(2))
    with store.open().write() as tx:
        send_signal(tx, id, "approved", "1")
        second = Background(lambda: store.write(send_signal, id, "approved", "2"))
        threading.Event().wait(0.1)
        assert second.running
    assert second.join().delivered
    assert [store.step(id, seq).output for seq in (1, 2)] == ["1", "2"]


def test_two_signals_at_once_reach_two_waits(store: Store) -> None:
    id = store.running(store.worker(), *(event(seq) for seq in range(1, 21)))
    barrier = threading.Barrier(2)

    def send() -> None:
        database = store.open()
        barrier.wait()
        for number in range(10):
            with database.write() as tx:
                send_signal(tx, id, "approved", str(number))

    for one in [Background(send) for _ in range(2)]:
        one.join()
    assert set(store.states(id).values()) == {"ready", "completed"}
    assert store.execution(id).unread == 20


def test_a_wait_whose_time_has_come_still_takes_a_signal_until_a_worker_holds_it(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1, timeout_seconds=5), event(2, timeout_seconds=5))
    store.clock.go_on(5)
    assert {pointer.seq for pointer in store.sweep().offered} == {1, 2}
    late = worker.claim_one(id, 1)
    store.write(send_signal, id, "approved", '"in time"')
    assert store.step(id, 2).output == '"in time"'
    # The one that a worker holds has timed out: its signal is there for the next wait.
    store.write(send_signal, id, "approved", '"too late"')
    worker.flush(timed_out(late))
    assert [(one.seq, one.output) for one in store.unread(id)] == [(1, None), (2, '"in time"')]
    flow = worker.claim_one(id, 0)
    worker.flush(Checkpoint(id, (), drive(id, 1, (1, 2), event(3), flow_attempt=flow.attempt)))
    assert store.step(id, 3).output == '"too late"'


def test_a_signal_and_a_timeout_that_race_leave_one_of_them(store: Store) -> None:
    worker = store.worker(database=store.open())
    ids = [store.running(worker, event(1, timeout_seconds=5)) for _ in range(12)]
    store.clock.go_on(5)
    barrier = threading.Barrier(2)

    def time_out() -> None:
        for _ in ids:
            barrier.wait(30)
            store.sweep()
            for claim in worker.claim():
                if claim.seq == 1:
                    worker.flush(timed_out(claim))

    def signal() -> None:
        database = store.open()
        for id in ids:
            barrier.wait(30)
            with database.write() as tx:
                send_signal(tx, id, "approved", '"in time"')

    for one in [Background(time_out), Background(signal)]:
        one.join()
    store.sweep()
    for claim in worker.claim():
        if claim.seq == 1:
            worker.flush(timed_out(claim))
    for id in ids:
        assert store.states(id)[1] == StepState.COMPLETED
        assert store.execution(id).unread == 1


def test_a_signal_to_a_paused_execution_is_read_when_it_is_resumed(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1, timeout_seconds=60), event(2))
    store.write(pause, id)
    assert store.write(send_signal, id, "approved", "1").offered == []
    assert store.write(send_signal, id, "approved", "2").offered == []
    assert worker.claim() == []
    assert [pointer.seq for pointer in store.write(resume, id)] == [0]
    assert [one.seq for one in store.unread(id)] == [1, 2]


def test_a_signal_to_nobody_is_refused(store: Store) -> None:
    with pytest.raises(ExecutionNotFound):
        store.write(send_signal, "0" * 26, "approved", "1")


def test_a_signal_to_a_finished_execution_is_refused(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    worker.flush(first_drive(worker.claim_one(id, 0), ending=DONE))
    with pytest.raises(ExecutionFinished):
        store.write(send_signal, id, "approved", "1")
