"""What operators do: pause, resume, cancel, and retry of dead letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import ExecutionFinished, ExecutionNotFound, NothingToRetry
from engine.model.states import ExecutionState, StepState
from engine.model.work import Checkpoint, Park, Pointer
from engine.store.cancels import cancel
from engine.store.holds import pause, resume
from engine.store.retries import retry_step
from tests.conformance.stores.subject import Store, Worker
from tests.conformance.stores.values import (
    DONE,
    ERROR,
    SECOND,
    START_US,
    back,
    drive,
    event,
    first_drive,
    recorded,
    step,
    timer,
)


def test_nothing_of_a_paused_execution_is_started(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), timer(2, 5), event(3, timeout_seconds=5))
    store.write(pause, id)
    assert store.execution(id).state == ExecutionState.PAUSED
    store.clock.go_on(10)
    store.sweep()
    assert worker.claim() == []
    assert worker.flush(pointers=[Pointer(id, 1, 0, "default")]).claimed == []


def test_what_was_due_meanwhile_is_ready_when_it_is_resumed_and_the_rest_keeps_its_time(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), timer(2, 5), timer(3, 60))
    store.write(pause, id)
    store.write(pause, id)
    store.clock.go_on(10)
    offered = store.write(resume, id, 7 * SECOND)
    assert {(pointer.seq, pointer.queue) for pointer in offered} == {(1, "default"), (2, "default")}
    assert store.step(id, 1).due_us == store.clock.now_us + 7 * SECOND
    assert store.step(id, 3).due_us == START_US + 60 * SECOND
    assert store.execution(id).state == ExecutionState.RUNNING
    assert store.write(resume, id) == []
    assert {claim.seq for claim in worker.claim()} == {1, 2}


def test_the_result_of_a_step_that_ran_on_is_kept_until_the_execution_is_resumed(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    held = worker.claim_one(id, 1)
    store.write(pause, id)
    flushed = worker.flush(recorded(held, advance=drive(id, 1, (1,), step(2))))
    assert flushed.stale == {id}
    assert flushed.offered == []
    assert store.states(id) == {0: "waiting", 1: "completed"}
    assert [pointer.seq for pointer in store.write(resume, id)] == [0]
    flow = worker.claim_one(id, 0)
    worker.flush(Checkpoint(id, (), drive(id, 1, (1,), step(2), flow_attempt=flow.attempt)))
    assert store.states(id)[2] == StepState.READY


def test_a_flow_that_was_claimed_before_the_pause_is_put_back_to_be_driven_afterwards(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    flow = worker.claim_one(id, 0)
    store.write(pause, id)
    assert worker.flush(first_drive(flow, step(1))).stale == {id}
    assert store.states(id) == {0: "waiting"}
    assert [pointer.seq for pointer in store.write(resume, id)] == [0]
    worker.begin(id, step(1))
    assert store.states(id) == {0: "waiting", 1: "ready"}


def test_a_start_that_is_put_off_can_be_paused(store: Store) -> None:
    id = store.start(delay_us=60 * SECOND)
    store.write(pause, id)
    store.clock.go_on(30)
    assert store.write(resume, id) == []
    assert store.step(id, 0).due_us == START_US + 60 * SECOND


def test_a_cancelled_execution_is_told_and_may_go_on(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, timer(1, 60))
    assert [(pointer.execution_id, pointer.seq) for pointer in store.write(cancel, id)] == [(id, 0)]
    store.write(cancel, id)
    assert [one.seq for one in store.unread(id)] == [-1]
    assert store.execution(id).unread == 1
    flow = worker.claim_one(id, 0)
    worker.flush(Checkpoint(id, (), drive(id, 1, (-1,), step(2), cancels=(1,), flow_attempt=flow.attempt)))
    assert store.states(id) == {-1: "completed", 0: "waiting", 1: "cancelled", 2: "ready"}
    assert store.write(cancel, id) == []


def test_a_start_that_is_put_off_begins_at_once_when_it_is_cancelled(store: Store) -> None:
    id = store.start(delay_us=60 * SECOND)
    assert [pointer.seq for pointer in store.write(cancel, id)] == [0]
    assert [claim.execution_id for claim in store.worker().claim()] == [id]
    assert [one.seq for one in store.unread(id)] == [0, -1]


def test_a_paused_execution_is_cancelled_when_it_is_resumed(store: Store) -> None:
    worker = store.worker()
    running, delayed = store.running(worker, timer(1, 60)), store.start(delay_us=60 * SECOND)
    for id in (running, delayed):
        store.write(pause, id)
        assert store.write(cancel, id) == []
        assert worker.claim() == []
        assert [pointer.seq for pointer in store.write(resume, id)] == [0]
        worker.claim_one(id, 0)


def test_a_parked_execution_that_is_cancelled_keeps_its_reason_until_it_is_resumed(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    worker.flush(parks=[Park(id, worker.claim_one(id, 0).attempt, ERROR)])
    store.write(pause, id)
    store.write(cancel, id)
    execution = store.execution(id)
    assert (execution.state, execution.error is not None) == (ExecutionState.PARKED, True)
    store.write(resume, id)
    assert [one.seq for one in store.unread(id)] == [0, -1]


# -- dead letters ----------------------------------------------------------------------------------------------------


def letter(store: Store, worker: Worker, *seqs: int, max_attempts: int = 1) -> str:
    """Make an execution in which these steps are dead letters."""
    id = store.running(worker, *(step(seq, dead_letter=True, max_attempts=max_attempts) for seq in seqs))
    claims = [worker.claim_one(id, seq) for seq in seqs]
    worker.flush(reschedules=[back(claim, error=ERROR, dead=True) for claim in claims])
    return id


def test_a_dead_letter_is_retried_with_the_attempts_that_its_policy_gave_it(store: Store) -> None:
    worker = store.worker()
    id = letter(store, worker, 1, max_attempts=4)
    assert store.write(retry_step, id, 1, resend_us=SECOND) == [Pointer(id, 1, 1, "default", 5)]
    view = store.step(id, 1)
    assert (view.state, view.owner, view.due_us) == (StepState.READY, None, store.clock.now_us + SECOND)
    claim = worker.claim_one(id, 1)
    assert (claim.attempt, claim.max_attempts, claim.input) == (2, 5, "{}")
    worker.flush(recorded(claim, advance=drive(id, 1, (1,), ending=DONE)))
    assert store.execution(id).state == ExecutionState.COMPLETED


@pytest.mark.parametrize("had, has", [(1, 2), (3, 3), (2_000_000_000, 2_000_000_000)])
def test_a_step_that_is_set_aside_keeps_the_attempts_that_it_has_left(store: Store, had: int, has: int) -> None:
    """It has no policy for dead letters: the store refused its result. One crash more must not be the end of it."""
    worker = store.worker()
    id = store.running(worker, step(1, max_attempts=had))
    worker.flush(reschedules=[back(worker.claim_one(id, 1), error=ERROR, dead=True)])
    store.write(retry_step, id, 1)
    claim = worker.claim_one(id, 1)
    assert (claim.attempt, claim.max_attempts) == (2, has)


def test_a_dead_letter_is_retried_with_another_input(store: Store) -> None:
    worker = store.worker()
    id = letter(store, worker, 1)
    store.write(retry_step, id, 1, '{"sum":7}')
    assert worker.claim_one(id, 1).input == '{"sum":7}'


def test_all_dead_letters_of_an_execution_are_retried_at_once(store: Store) -> None:
    worker = store.worker()
    id = letter(store, worker, 1, 2, 3)
    assert [pointer.seq for pointer in store.write(retry_step, id)] == [1, 2, 3]
    assert {claim.seq for claim in worker.claim()} == {1, 2, 3}


def test_a_dead_letter_of_a_paused_execution_waits_for_it(store: Store) -> None:
    worker = store.worker()
    id = letter(store, worker, 1)
    store.write(pause, id)
    assert store.states(id)[1] == StepState.DEAD
    assert store.write(retry_step, id, 1, '{"sum":7}') == []
    assert worker.claim() == []
    assert [pointer.seq for pointer in store.write(resume, id)] == [1]
    assert worker.claim_one(id, 1).input == '{"sum":7}'


def test_a_flow_may_give_a_dead_letter_up(store: Store) -> None:
    worker = store.worker()
    id = letter(store, worker, 1)
    store.write(cancel, id)
    flow = worker.claim_one(id, 0)
    worker.flush(Checkpoint(id, (), drive(id, 1, (-1,), ending=DONE, cancels=(1,), flow_attempt=flow.attempt)))
    assert store.states(id)[1] == StepState.CANCELLED
    with pytest.raises(ExecutionFinished):
        store.write(retry_step, id, 1)


def test_only_a_dead_letter_can_be_retried(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2))
    worker.claim_one(id, 2)
    for seq in (None, 0, 1, 2, 7):
        with pytest.raises(NothingToRetry):
            store.write(retry_step, id, seq)
    with pytest.raises(NothingToRetry):
        store.write(retry_step, letter(store, worker, 1), None, "{}")


OPERATIONS: list[Callable[..., Any]] = [pause, resume, cancel, retry_step]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_i3_an_execution_that_has_ended_cannot_be_steered(store: Store, operation: Callable[..., Any]) -> None:
    worker = store.worker()
    id = store.start()
    worker.flush(first_drive(worker.claim_one(id, 0), ending=DONE))
    before = store.execution(id), store.steps(id)
    with pytest.raises(ExecutionFinished):
        store.write(operation, id)
    assert (store.execution(id), store.steps(id)) == before


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_execution_that_is_not_there_cannot_be_steered(store: Store, operation: Callable[..., Any]) -> None:
    with pytest.raises(ExecutionNotFound):
        store.write(operation, "0" * 26)
