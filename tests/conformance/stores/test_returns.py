"""Steps that are given back: retried, released, refunded, reported on, left to an operator; and flows set aside."""

from __future__ import annotations

from engine.model.states import ExecutionState, StepState
from engine.model.work import Park, Pointer, Progress
from engine.store.holds import pause, resume
from engine.store.query import dead_letters
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import ERROR, SECOND, START_US, back, recorded, step, timer


def test_a_retry_waits_for_its_time_and_shows_the_error_of_the_last_attempt(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    flushed = worker.flush(reschedules=[back(worker.claim_one(id, 1), 30, error=ERROR)])
    assert flushed.next_due_us == START_US + 30 * SECOND
    view = store.step(id, 1)
    assert (view.state, view.owner, view.due_us) == (StepState.WAITING, None, START_US + 30 * SECOND)
    assert view.error is not None
    assert view.error.message == "no route"
    assert worker.claim() == []
    store.clock.go_on(30)
    store.sweep()
    (claim,) = worker.claim()
    assert (claim.seq, claim.attempt, claim.max_attempts) == (1, 2, 3)


def test_a_retry_without_a_delay_still_keeps_the_error(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    worker.flush(reschedules=[back(worker.claim_one(id, 1), error=ERROR)])
    assert store.step(id, 1).error is not None
    store.sweep()
    assert worker.claim_one(id, 1).attempt == 2


def test_a_released_step_is_ready_at_once_where_it_belongs(store: Store) -> None:
    worker = store.worker("default", "gpu")
    id = store.running(worker, step(1, queue="gpu", priority=2))
    held = worker.claim_one(id, 1)
    flushed = worker.flush(reschedules=[back(held, queue=held.queue, priority=held.priority)], resend_us=SECOND)
    assert flushed.offered == [Pointer(id, 1, 1, "gpu", 2)]
    view = store.step(id, 1)
    assert (view.state, view.owner, view.due_us) == (StepState.READY, None, START_US + SECOND)
    assert [claim.attempt for claim in store.worker("gpu").claim()] == [2]


def test_a_released_step_keeps_its_place_in_the_queue(store: Store) -> None:
    worker = store.worker()
    first = store.start()
    store.clock.go_on(1)
    second = store.start()
    (held,) = worker.claim(room=1)
    assert held.execution_id == first
    store.clock.go_on(1)
    worker.flush(reschedules=[back(held)])
    assert [claim.execution_id for claim in worker.claim()] == [first, second]


def test_an_attempt_that_was_not_made_is_given_back(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1, max_attempts=2))
    worker.flush(reschedules=[back(worker.claim_one(id, 1), refund=True)])
    worker.flush(reschedules=[back(worker.claim_one(id, 1), 5, refund=True)])
    store.clock.go_on(5)
    store.sweep()
    claim = worker.claim_one(id, 1)
    assert (claim.attempt, claim.max_attempts) == (3, 4)


def test_a_refund_needs_that_the_step_was_given_back(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    held = worker.claim_one(id, 1)
    again = back(held, refund=True)
    worker.flush(reschedules=[again])
    worker.flush(reschedules=[again])
    assert store.step(id, 1).max_attempts == 4


def test_a_dead_letter_waits_for_an_operator(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1, dead_letter=True))
    worker.flush(reschedules=[back(worker.claim_one(id, 1), error=ERROR, dead=True)])
    store.clock.go_on(10**6)
    store.sweep(1)
    assert worker.claim() == []
    (letter,) = store.read(dead_letters)
    assert (letter.execution_id, letter.seq, letter.state) == (id, 1, StepState.DEAD)
    assert letter.error is not None
    assert store.execution(id).state == ExecutionState.RUNNING


def test_progress_is_kept_for_the_next_attempt(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    held = worker.claim_one(id, 1)
    worker.flush(progress=[Progress(id, 1, 1, '{"row":7}', expires_us=20 * SECOND)])
    view = store.step(id, 1)
    assert (view.progress, view.due_us) == ('{"row":7}', START_US + 20 * SECOND)
    # Reported and given back in one flush: the report comes first.
    worker.flush(progress=[Progress(id, 1, 1, '{"row":9}')], reschedules=[back(held)])
    assert worker.claim_one(id, 1).progress == '{"row":9}'


def test_a_step_that_falls_silent_is_given_to_others(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    worker.claim_one(id, 1)
    worker.flush(progress=[Progress(id, 1, 1, None, expires_us=20 * SECOND)])
    store.clock.go_on(19)
    assert store.sweep().offered == []
    store.clock.go_on(1)
    assert store.sweep().offered == [Pointer(id, 1, 1, "default", 5)]
    assert store.worker().claim_one(id, 1).attempt == 2


def test_what_is_given_back_to_a_held_execution_waits_with_it(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2))
    released, retried = worker.claim_one(id, 1), worker.claim_one(id, 2)
    store.write(pause, id)
    worker.flush(reschedules=[back(released, refund=True), back(retried, 60, error=ERROR)])
    assert store.states(id) == {0: "waiting", 1: "waiting", 2: "waiting"}
    store.clock.go_on(59)
    store.sweep()
    assert worker.claim() == []
    assert [pointer.seq for pointer in store.write(resume, id)] == [1]
    store.clock.go_on(1)
    store.sweep()
    assert {claim.seq for claim in worker.claim()} == {1, 2}


def test_a_parked_execution_rests_until_it_is_resumed(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2), timer(3, 60))
    worker.flush(recorded(worker.claim_one(id, 1)))
    flow = worker.claim_one(id, 0)
    worker.flush(parks=[Park(id, flow.attempt, ERROR)])
    execution = store.execution(id)
    assert execution.state == ExecutionState.PARKED
    assert execution.error is not None
    assert execution.error.message == "no route"
    store.clock.go_on(100)
    store.sweep()
    assert worker.claim() == []
    offered = store.write(resume, id)
    assert {pointer.seq for pointer in offered} == {0, 2, 3}
    assert store.execution(id).error is None
    flow = worker.claim_one(id, 0)
    assert flow.max_attempts - flow.attempt == 9


def test_a_park_of_an_execution_that_was_paused_meanwhile_leaves_it_paused(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    flow = worker.claim_one(id, 0)
    store.write(pause, id)
    worker.flush(parks=[Park(id, flow.attempt, ERROR)])
    assert store.execution(id).state == ExecutionState.PAUSED
    assert [pointer.seq for pointer in store.write(resume, id)] == [0]
