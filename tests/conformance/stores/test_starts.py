"""Starting executions: many at a time, each idempotency key once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.exc import IntegrityError

from engine.model.states import ExecutionState, StepState
from engine.store.prune import prune
from engine.store.start import NewExecution, Started, start_executions
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, SECOND, first_drive
from tests.conformance.transports.helpers import Background


def keyed(*keys: str | None) -> list[NewExecution]:
    return [NewExecution("order", 1, "{}", idempotency_key=key) for key in keys]


def test_a_start_makes_an_execution_whose_flow_may_be_claimed(store: Store) -> None:
    new = NewExecution("order", 3, '{"line":1}', queue="orders", priority=2, attributes={"customer": "7"})
    (started,) = store.start_all(new)
    assert not started.existed
    assert started.offered is not None
    assert (started.offered.execution_id, started.offered.seq, started.offered.attempt) == (started.id, 0, 0)
    assert started.offered.queue == "orders"
    execution = store.execution(started.id)
    assert (execution.flow, execution.version, execution.queue, execution.priority) == ("order", 3, "orders", 2)
    assert (execution.state, execution.advanced, execution.unread) == (ExecutionState.RUNNING, 0, 1)
    assert (execution.input, execution.attributes) == ('{"line":1}', {"customer": "7"})
    assert execution.created_us == store.clock.now_us
    assert store.states(started.id) == {0: StepState.READY}
    (claim,) = store.worker("orders").claim()
    assert (claim.execution_id, claim.seq, claim.attempt, claim.input) == (started.id, 0, 1, '{"line":1}')


def test_many_start_at_once_and_each_answer_is_in_its_place(store: Store) -> None:
    new = [NewExecution("order", 1, f'{{"line":{number}}}') for number in range(1200)]
    started = store.start_all(*new)
    assert len({one.id for one in started}) == len(new)
    for number in (0, 1, 599, 1199):
        assert store.execution(started[number].id).input == f'{{"line":{number}}}'


def test_an_idempotency_key_starts_one_execution(store: Store) -> None:
    (first,) = store.start_all(*keyed("order-7"))
    again, other = store.start_all(*keyed("order-7", "order-8"))
    assert again == Started(first.id, existed=True)
    assert not other.existed
    assert other.id != first.id
    assert store.execution(first.id).idempotency_key == "order-7"


def test_a_key_that_is_used_twice_in_one_call_starts_one_execution(store: Store) -> None:
    first, again, other = store.start_all(*keyed("order-7", "order-7", None))
    assert again == Started(first.id, existed=True)
    assert not other.existed


def test_keys_are_told_apart_by_their_bytes(store: Store) -> None:
    started = store.start_all(*keyed("order", "Order", "örder", "order "))
    assert not any(one.existed for one in started)


def test_of_two_transactions_with_one_key_the_second_finds_the_execution_of_the_first(server_store: Store) -> None:
    store, begun = server_store, threading.Event()

    def second() -> list[Started]:
        with store.open().write() as tx:
            begun.set()
            return start_executions(tx, keyed("a", "order-7", "b", None))

    with store.database.write() as tx:
        (first,) = start_executions(tx, keyed("order-7"))
        racing = Background(second)
        assert begun.wait(10)
        # It is now, or will be, waiting for the transaction that is still open here.
        threading.Event().wait(0.1)
        assert racing.running
    a, same, b, keyless = racing.join()
    assert same == Started(first.id, existed=True)
    assert not any(one.existed for one in (a, b, keyless))
    for one in (a, b, keyless):
        assert store.states(one.id) == {0: StepState.READY}


def test_two_transactions_that_start_the_same_keys_agree(store: Store) -> None:
    keys = [f"order-{number}" for number in range(20)]
    barrier = threading.Barrier(2)

    def run(backwards: bool) -> dict[str, str]:
        database = store.open()
        barrier.wait()
        ordered = keys[::-1] if backwards else keys
        with database.write() as tx:
            return dict(zip(ordered, (one.id for one in start_executions(tx, keyed(*ordered))), strict=True))

    racing = [Background(lambda backwards=backwards: run(backwards)) for backwards in (False, True)]
    first, second = (one.join() for one in racing)
    assert first == second


def test_the_key_of_a_pruned_execution_is_free_again(store: Store) -> None:
    worker = store.worker()
    (first,) = store.start_all(*keyed("order-7"))
    worker.flush(first_drive(worker.claim_one(first.id, 0), ending=DONE))
    assert store.start_all(*keyed("order-7"))[0].existed
    store.clock.go_on(1)
    assert store.write(prune, store.clock.now_us) == 1
    (again,) = store.start_all(*keyed("order-7"))
    assert not again.existed
    assert again.id != first.id


def test_a_key_of_a_start_that_was_rolled_back_is_free(store: Store) -> None:
    with store.database.write() as tx:
        start_executions(tx, keyed("order-7"))
        tx.connection.rollback()
    assert not store.start_all(*keyed("order-7"))[0].existed


def test_an_id_that_is_in_use_is_refused_and_nothing_is_written(store: Store) -> None:
    (first,) = store.start_all(*keyed(None))
    taken = NewExecution("order", 1, "{}", id=first.id)
    with pytest.raises(IntegrityError):
        store.start_all(NewExecution("order", 1, "{}", idempotency_key="order-7"), taken)
    assert not store.start_all(*keyed("order-7"))[0].existed


def test_a_start_that_is_put_off_begins_at_its_time(store: Store) -> None:
    (started,) = store.start_all(NewExecution("order", 1, "{}", delay_us=60 * SECOND))
    worker = store.worker()
    assert started.offered is None
    assert store.step(started.id, 0).due_us == store.clock.now_us + 60 * SECOND
    store.clock.go_on(59)
    store.sweep()
    assert worker.claim() == []
    store.clock.go_on(1)
    assert [pointer.execution_id for pointer in store.sweep().offered] == [started.id]
    assert [claim.execution_id for claim in worker.claim()] == [started.id]


def test_a_start_for_a_broker_is_offered_again_if_nobody_takes_it(store: Store) -> None:
    (started,) = store.start_all(NewExecution("order", 1, "{}"), resend_us=5 * SECOND)
    assert store.step(started.id, 0).due_us == store.clock.now_us + 5 * SECOND
    assert store.sweep(5 * SECOND).offered == []
    store.clock.go_on(5)
    (pointer,) = store.sweep(5 * SECOND).offered
    assert pointer == started.offered
