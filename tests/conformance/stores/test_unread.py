"""Results that nobody could drive the flow with: they wait to be read, and wake the flow (I1)."""

from __future__ import annotations

import threading

from engine.model.states import StepState
from engine.model.work import Checkpoint, Flushed
from engine.store.cancels import cancel
from engine.store.signals import send_signal
from engine.store.transactional import record_in_transaction
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, SECOND, back, drive, event, first_drive, recorded, step
from tests.conformance.transports.helpers import Background


def seqs(store: Store, id: str) -> list[int]:
    return [one.seq for one in store.unread(id)]


def test_i1_a_result_without_a_drive_wakes_the_flow(store: Store) -> None:
    worker = store.worker("gpu")
    id = store.running(store.worker(), step(1, queue="gpu"))
    flushed = worker.flush(recorded(worker.claim_one(id, 1)))
    assert [(pointer.execution_id, pointer.seq, pointer.queue) for pointer in flushed.offered] == [(id, 0, "default")]
    assert (store.execution(id).advanced, store.execution(id).unread) == (1, 1)
    assert store.states(id) == {0: "ready", 1: "completed"}
    assert store.step(id, 1).position is None
    assert seqs(store, id) == [1]


def test_i1_of_two_drives_from_the_same_place_the_second_is_stale_and_its_result_is_read_later(store: Store) -> None:
    first, second = store.worker(), store.worker()
    id = store.running(first, step(1), step(2))
    one, two = first.claim_one(id, 1), second.claim_one(id, 2)
    assert first.flush(recorded(one, advance=drive(id, 1, (1,), step(3)))).stale == set()
    flushed = second.flush(recorded(two, advance=drive(id, 1, (2,), step(3, "other"))))
    assert flushed.stale == {id}
    assert [pointer.seq for pointer in flushed.offered] == [0]
    assert store.step(id, 3).name == "charge"
    assert store.states(id) == {0: "ready", 1: "completed", 2: "completed", 3: "ready"}
    assert (store.execution(id).advanced, store.execution(id).unread) == (2, 1)
    assert seqs(store, id) == [2]
    # Whoever claims the flow's step reads it.
    flow = second.claim_one(id, 0)
    assert second.flush(Checkpoint(id, (), drive(id, 2, (2,), ending=DONE, cancels=(3,), flow_attempt=flow.attempt)))
    assert [store.step(id, seq).position for seq in (1, 2)] == [2, 3]


def test_i1_two_workers_that_finish_at_the_same_time_lose_nothing(store: Store) -> None:
    workers = [store.worker(database=store.open()) for _ in range(2)]
    ids = [store.running(workers[0], step(1), step(2)) for _ in range(15)]
    claims = {(id, seq): workers[seq - 1].claim_one(id, seq) for id in ids for seq in (1, 2)}
    barrier = threading.Barrier(2)

    def finish(seq: int) -> list[Flushed]:
        replies = []
        for id in ids:
            barrier.wait(30)
            claim = claims[id, seq]
            replies.append(workers[seq - 1].flush(recorded(claim, advance=drive(id, 1, (seq,), step(10 + seq)))))
        return replies

    racing = [Background(lambda seq=seq: finish(seq)) for seq in (1, 2)]
    replies = [one.join() for one in racing]
    for index, id in enumerate(ids):
        stale = [id in one[index].stale for one in replies]
        assert sorted(stale) == [False, True]
        winner = 1 if stale[1] else 2
        assert store.states(id) == {0: "ready", 1: "completed", 2: "completed", 10 + winner: "ready"}
        assert seqs(store, id) == [3 - winner]


def test_a_drive_without_the_flows_step_needs_that_nothing_is_unread(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2), step(3))
    one, two = worker.claim_one(id, 1), other.claim_one(id, 2)
    other.flush(recorded(two))
    # Its base is right, but it would overtake what the flow has not read yet.
    assert worker.flush(recorded(one, advance=drive(id, 1, (1,), step(4)))).stale == {id}
    assert seqs(store, id) == [1, 2]
    assert (store.execution(id).advanced, store.execution(id).unread) == (1, 2)


def test_a_worker_with_the_flows_step_keeps_it_while_there_is_more_to_read(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    one, two = worker.claim_one(id, 1), other.claim_one(id, 2)
    worker.flush(recorded(one))
    flow = worker.claim_one(id, 0)
    other.flush(recorded(two))
    flushed = worker.flush(Checkpoint(id, (), drive(id, 1, (1,), step(3), flow_attempt=flow.attempt)))
    assert flushed.held == {id}
    view = store.step(id, 0)
    assert (view.state, view.owner, view.attempt) == (StepState.CLAIMED, worker.id, flow.attempt)
    flushed = worker.flush(Checkpoint(id, (), drive(id, 2, (2,), step(4), flow_attempt=flow.attempt)))
    assert flushed.held == set()
    assert store.states(id) == {0: "waiting", 1: "completed", 2: "completed", 3: "ready", 4: "ready"}


def test_a_flow_that_is_woken_is_claimed_in_the_same_flush_by_a_worker_that_wants_it(store: Store) -> None:
    worker = store.worker()
    id, far = store.running(worker, step(1)), store.running(store.worker("far"), step(1), queue="far")
    claims = [worker.claim_one(id, 1), worker.claim_one(far, 1)]
    flushed = worker.flush(*(recorded(claim) for claim in claims), take_woken=True)
    assert [(claim.execution_id, claim.seq) for claim in flushed.claimed] == [(id, 0)]
    assert [(pointer.execution_id, pointer.seq) for pointer in flushed.offered] == [(far, 0)]


def test_a_drive_gives_the_flow_its_attempts_back(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    for _ in range(3):
        flow = worker.claim_one(id, 0)
        worker.flush(reschedules=[back(flow)])
    flow = worker.claim_one(id, 0)
    assert (flow.attempt, flow.max_attempts) == (4, 10)
    worker.flush(first_drive(flow, step(1)))
    worker.flush(recorded(worker.claim_one(id, 1)))
    flow = worker.claim_one(id, 0)
    assert (flow.attempt, flow.max_attempts) == (5, 14)


def test_everything_that_happens_meanwhile_is_read_in_the_order_in_which_it_was_recorded(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2), event(3))
    two = worker.claim_one(id, 2)
    store.clock.go_on(1)
    store.write(send_signal, id, "approved", "1")
    store.clock.go_on(1)
    store.write(record_in_transaction, worker.id, two, '"paid"', None)
    store.clock.go_on(1)
    store.write(cancel, id)
    assert seqs(store, id) == [3, 2, -1]
    flow = worker.claim_one(id, 0)
    worker.flush(Checkpoint(id, (), drive(id, 1, (3, 2, -1), step(4), flow_attempt=flow.attempt)))
    assert {seq: view.position for seq, view in store.steps(id).items()} == {0: 1, 3: 2, 2: 3, -1: 4, 1: None, 4: None}
    assert store.execution(id).unread == 0


def test_a_result_that_one_flush_records_and_reads_with_the_flows_step_in_hand(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    one, two = worker.claim_one(id, 1), other.claim_one(id, 2)
    other.flush(recorded(two))
    flow = worker.claim_one(id, 0)
    flushed = worker.flush(recorded(one, advance=drive(id, 1, (1,), step(3), flow_attempt=flow.attempt)))
    assert (flushed.stale, flushed.held) == (set(), {id})
    assert (store.execution(id).advanced, store.execution(id).unread) == (2, 1)
    assert seqs(store, id) == [2]


def test_i1_a_drive_one_of_whose_results_is_refused_is_not_recorded(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    lost, held = worker.claim_one(id, 1), worker.claim_one(id, 2)
    worker.flush(reschedules=[back(lost)])
    other.claim_one(id, 1)
    flushed = worker.flush(recorded(lost, held, advance=drive(id, 1, (1, 2), step(3))))
    assert flushed.stale == {id}
    assert store.states(id) == {0: "ready", 1: "claimed", 2: "completed"}
    assert seqs(store, id) == [2]


def test_i1_with_the_flows_step_in_hand_a_refused_result_leaves_the_rest_to_be_read(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    lost, two = worker.claim_one(id, 1), other.claim_one(id, 2)
    other.flush(recorded(two))
    flow = worker.claim_one(id, 0)
    worker.flush(reschedules=[back(lost)])
    other.claim_one(id, 1)
    advance = drive(id, 1, (2, 1), step(3), flow_attempt=flow.attempt)
    assert worker.flush(recorded(lost, advance=advance)).stale == {id}
    assert seqs(store, id) == [2]
    assert store.states(id) == {0: "ready", 1: "claimed", 2: "completed"}


def test_i1_of_two_attempts_at_a_step_that_end_with_one_worker_the_later_is_read(store: Store) -> None:
    """It was given away at its timeout, and came back to the worker that still ran it."""
    worker = store.worker()
    id = store.running(worker, step(1, timeout_us=SECOND), step(2))
    early = worker.claim_one(id, 1)
    store.clock.go_on(60)
    store.sweep()
    late = worker.claim_one(id, 1)
    flushed = worker.flush(recorded(early, late, advance=drive(id, 1, (1,), ending=DONE, cancels=(2,))))
    assert flushed.stale == {id}
    assert [pointer.seq for pointer in flushed.offered] == [0]
    assert (store.states(id)[1], store.step(id, 1).position) == (StepState.COMPLETED, None)
    assert seqs(store, id) == [1]
