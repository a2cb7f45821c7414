"""Fences: what is no longer a worker's own, it cannot write (I2, I3, I4, I6)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from engine.errors import LeaseLost
from engine.model.states import ExecutionState, StepState
from engine.model.work import Checkpoint, Claimed, Flush, Park, Pointer, Progress
from engine.store.cancels import cancel
from engine.store.transactional import record_in_transaction
from engine.store.workers import declare_dead
from tests.conformance.stores.subject import Store, Worker
from tests.conformance.stores.values import DONE, ERROR, back, drive, outcome, recorded, step

Write = Callable[[Claimed], dict[str, list[object]]]

WRITES: dict[str, Write] = {
    "result": lambda claim: {"checkpoints": [recorded(claim)]},
    "failure": lambda claim: {
        "checkpoints": [Checkpoint(claim.execution_id, (outcome(claim, ERROR, state=StepState.FAILED),))]
    },
    "retry": lambda claim: {"reschedules": [back(claim, 5, error=ERROR)]},
    "release": lambda claim: {"reschedules": [back(claim, refund=True)]},
    "dead letter": lambda claim: {"reschedules": [back(claim, error=ERROR, dead=True)]},
    "progress": lambda claim: {"progress": [Progress(claim.execution_id, claim.seq, claim.attempt, '"half"')]},
    "park": lambda claim: {"parks": [Park(claim.execution_id, claim.attempt, ERROR)]},
}


def send(worker: Worker, write: Write, claim: Claimed) -> None:
    flush: Flush = worker.build()
    for name, values in write(claim).items():
        setattr(flush, name, values)
    worker.run(flush)


def rows(store: Store, id: str) -> object:
    return store.execution(id), store.steps(id)


@pytest.fixture(params=list(WRITES))
def write(request: pytest.FixtureRequest) -> Write:
    """Something that a worker writes about a step that it holds."""
    return WRITES[request.param]


def test_i4_a_worker_whose_step_was_given_to_another_one_writes_nothing(store: Store, write: Write) -> None:
    slow, quick = store.worker(), store.worker()
    id = store.running(slow, step(1))
    held = slow.claim_one(id, 1)
    slow.flush(reschedules=[back(held)])
    assert quick.claim_one(id, 1).attempt == 2
    before = rows(store, id)
    send(slow, write, held)
    assert rows(store, id) == before


def test_i4_an_attempt_is_not_enough_without_being_the_owner(store: Store, write: Write) -> None:
    owner, stranger = store.worker(), store.worker()
    id = store.running(owner, step(1))
    held = owner.claim_one(id, 1)
    before = rows(store, id)
    send(stranger, write, held)
    send(owner, write, msgspec.structs.replace(held, attempt=held.attempt + 1))
    assert rows(store, id) == before
    assert owner.flush(recorded(held)).stale == set()
    assert store.states(id)[1] == StepState.COMPLETED


def test_i2_i3_what_is_recorded_stays_as_it_is(store: Store, write: Write) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    held = worker.claim_one(id, 1)
    worker.flush(recorded(held))
    before = rows(store, id)
    send(worker, write, held)
    assert rows(store, id) == before
    assert store.step(id, 1).output == '"ok"'


def test_i3_a_step_that_its_flow_gave_up_stays_cancelled(store: Store, write: Write) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    held, quick = other.claim_one(id, 1), worker.claim_one(id, 2)
    worker.flush(recorded(quick, advance=drive(id, 1, (2,), cancels=(1,))))
    assert store.states(id)[1] == StepState.CANCELLED
    before = rows(store, id)
    send(other, write, held)
    assert rows(store, id) == before


def test_i3_nothing_of_a_finished_execution_changes(store: Store, write: Write) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    held, last = other.claim_one(id, 1), worker.claim_one(id, 2)
    worker.flush(recorded(last, advance=drive(id, 1, (2,), ending=DONE, cancels=(1,))))
    before = rows(store, id)
    send(other, write, held)
    send(worker, write, last)
    assert rows(store, id) == before
    assert store.execution(id).state == ExecutionState.COMPLETED


def test_i4_a_worker_that_was_declared_dead_writes_nothing(store: Store, write: Write) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    held = worker.claim_one(id, 1)
    assert store.write(declare_dead, [worker.id]) == [worker.id]
    before = rows(store, id)
    with pytest.raises(LeaseLost):
        send(worker, write, held)
    assert rows(store, id) == before


def test_i6_a_step_that_has_its_result_is_never_claimed_again(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1))
    worker.flush(recorded(worker.claim_one(id, 1)))
    for attempt in (-1, 0, 1, 2):
        assert other.flush(pointers=[Pointer(id, 1, attempt, "default")]).claimed == []
    store.clock.go_on(10**6)
    store.sweep(1)
    assert 1 not in {claim.seq for claim in other.claim()}


def test_i6_a_cancelled_step_is_never_claimed(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2))
    worker.flush(recorded(worker.claim_one(id, 2), advance=drive(id, 1, (2,), cancels=(1,))))
    assert worker.flush(pointers=[Pointer(id, 1, 0, "default")]).claimed == []
    assert worker.claim() == []


def test_i2_a_flush_that_is_sent_twice_records_once(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    flush = worker.build(recorded(worker.claim_one(id, 1), advance=drive(id, 1, (1,), step(2))))
    assert worker.run(flush).stale == set()
    before = rows(store, id)
    assert worker.run(flush).stale == {id}
    assert rows(store, id) == before


def test_i4_a_transactional_step_is_recorded_by_its_owner_alone(store: Store) -> None:
    slow, quick = store.worker(), store.worker()
    id = store.running(slow, step(1))
    held = slow.claim_one(id, 1)
    slow.flush(reschedules=[back(held)])
    current = quick.claim_one(id, 1)
    for worker, claim in [(slow, held), (slow, current), (quick, held)]:
        with pytest.raises(LeaseLost):
            store.write(record_in_transaction, worker.id, claim, '"late"', None)
    (woken,) = store.write(record_in_transaction, quick.id, current, '"paid"', None)
    assert (woken.execution_id, woken.seq) == (id, 0)
    assert store.step(id, 1).output == '"paid"'
    with pytest.raises(LeaseLost):
        store.write(record_in_transaction, quick.id, current, '"again"', None)


def test_i4_the_drive_of_a_flow_whose_step_was_given_to_another_worker_is_refused(store: Store) -> None:
    slow, quick = store.worker(), store.worker()
    id = store.start()
    lost = slow.claim_one(id, 0)
    store.write(cancel, id)
    slow.flush(reschedules=[back(lost)])
    current = quick.claim_one(id, 0)
    late = Checkpoint(id, (), drive(id, 0, (0,), step(1), flow_attempt=lost.attempt))
    assert slow.flush(late).stale == {id}
    assert store.states(id).keys() == {-1, 0}
    quick.flush(Checkpoint(id, (), drive(id, 0, (0, -1), step(1), flow_attempt=current.attempt)))
    assert store.execution(id).advanced == 2
