"""What is meant for a flow reaches the execution that goes on in its place (continue-as-new), by any of their ids."""

from __future__ import annotations

import pytest

from engine.errors import ExecutionFinished
from engine.model.decisions import Continued
from engine.model.states import CANCEL_SEQ, ExecutionState, StepState
from engine.model.work import Checkpoint
from engine.store.cancels import cancel
from engine.store.holds import pause, resume
from engine.store.retries import retry_step
from engine.store.signals import send_signal
from tests.conformance.stores.subject import Store, Worker
from tests.conformance.stores.values import DONE, ERROR, back, drive, event, first_drive, recorded, step


def go_on(store: Store, worker: Worker, id: str) -> str:
    """Let the flow, whose step is ready, go on as a new execution; return its id."""
    store.clock.go_on(1)
    worker.flush(first_drive(worker.claim_one(id, 0), ending=Continued("{}")))
    successor = store.execution(id).continued_to
    assert successor is not None
    return successor


def test_signals_that_nobody_took_go_on_with_their_flow(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    store.write(send_signal, id, "approved", "1", "first")
    store.write(send_signal, id, "approved", "2")
    successor = go_on(store, worker, go_on(store, worker, id))
    worker.flush(first_drive(worker.claim_one(successor, 0), event(1), event(2), event(3)))
    assert [store.step(successor, seq).output for seq in (1, 2, 3)] == ["1", "2", None]


def test_a_signal_finds_the_execution_that_goes_on(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    successor = go_on(store, worker, go_on(store, worker, id))
    worker.flush(first_drive(worker.claim_one(successor, 0), event(1)))
    assert store.write(send_signal, id, "approved", "1").delivered
    assert store.step(successor, 1).output == "1"


def test_a_key_is_used_once_in_the_whole_line(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, event(1))
    assert store.write(send_signal, id, "approved", "1", "key").delivered
    flow = worker.claim_one(id, 0)
    advance = drive(id, 1, (1,), ending=Continued("{}"), flow_attempt=flow.attempt)
    worker.flush(Checkpoint(id, (), advance))
    assert store.execution(id).state == ExecutionState.CONTINUED
    assert not store.write(send_signal, id, "approved", "1", "key").delivered
    assert store.write(send_signal, id, "approved", "2", "other").delivered
    assert not store.write(send_signal, id, "approved", "2", "other").delivered


def test_a_request_to_cancel_is_not_lost_to_a_flow_that_goes_on(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    flow = worker.claim_one(id, 0)
    # It comes while the flow decides to go on.
    store.write(cancel, id)
    worker.flush(first_drive(flow, ending=Continued("{}")))
    successor = store.execution(id).continued_to
    assert successor is not None
    assert [one.seq for one in store.unread(successor)] == [0, CANCEL_SEQ]
    # One that the flow was given, and goes on all the same, is done with.
    flow = worker.claim_one(successor, 0)
    advance = drive(successor, 0, (0, CANCEL_SEQ), ending=Continued("{}"), flow_attempt=flow.attempt)
    store.clock.go_on(1)
    worker.flush(Checkpoint(successor, (), advance))
    last = store.execution(successor).continued_to
    assert last is not None
    assert [one.seq for one in store.unread(last)] == [0]


def test_operators_reach_the_execution_that_goes_on(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    successor = go_on(store, worker, id)
    store.write(pause, id)
    assert store.execution(successor).state == ExecutionState.PAUSED
    store.write(resume, id)
    assert store.execution(successor).state == ExecutionState.RUNNING
    worker.flush(first_drive(worker.claim_one(successor, 0), step(1, dead_letter=True)))
    worker.flush(reschedules=[back(worker.claim_one(successor, 1), dead=True, error=ERROR)])
    store.write(retry_step, id)
    assert store.step(successor, 1).state == StepState.READY
    store.write(cancel, id)
    assert [one.seq for one in store.unread(successor)] == [CANCEL_SEQ]


def test_a_line_that_has_ended_is_refused(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    successor = go_on(store, worker, id)
    worker.flush(first_drive(worker.claim_one(successor, 0), ending=DONE))
    with pytest.raises(ExecutionFinished, match=f"{successor} is completed"):
        store.write(send_signal, id, "approved", "1")
    with pytest.raises(ExecutionFinished):
        store.write(pause, id)
    with pytest.raises(ExecutionFinished):
        store.write(cancel, id)


def test_a_flow_that_others_have_driven_on_is_offered_again(store: Store) -> None:
    """By a message too: a refused drive that held the flow's step makes it ready."""
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    worker.flush(recorded(worker.claim_one(id, 1)))
    flow = other.claim_one(id, 0)
    stale = drive(id, 0, (0,), flow_attempt=flow.attempt)
    flushed = other.flush(Checkpoint(id, (), stale))
    assert flushed.stale == {id}
    assert [(one.execution_id, one.seq, one.attempt) for one in flushed.offered] == [(id, 0, flow.attempt)]
    assert store.step(id, 0).state == StepState.READY
