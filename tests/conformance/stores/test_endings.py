"""How executions end, who is told, and what goes on in their place."""

from __future__ import annotations

import threading

import pytest

from engine.errors import StoreUnavailable
from engine.model.decisions import Cancelled, Completed, Continued, Ending, Failed
from engine.model.history import ErrorInfo
from engine.model.states import ExecutionState, StepState
from engine.model.work import Checkpoint
from engine.store.prune import prune
from engine.store.query import get_results
from engine.store.schema import attributes
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import DONE, child, drive, first_drive, recorded, step
from tests.conformance.transports.helpers import Background

CHILD = "01jxt21q000000000000000001"
OTHER = "01jxt21q000000000000000002"
FAILED = Failed(ErrorInfo("ValueError", "no such order"))


@pytest.mark.parametrize(
    "ending, state, step_state, output, error",
    [
        (Completed('{"id":7}'), ExecutionState.COMPLETED, StepState.COMPLETED, '{"id":7}', None),
        (FAILED, ExecutionState.FAILED, StepState.FAILED, None, "ValueError"),
        (Cancelled(), ExecutionState.CANCELLED, StepState.CANCELLED, None, "FlowCancelled"),
    ],
)
def test_an_execution_ends(
    store: Store, ending: Ending, state: str, step_state: str, output: str | None, error: str | None
) -> None:
    worker = store.worker()
    id = store.start()
    store.clock.go_on(3)
    flushed = worker.flush(first_drive(worker.claim_one(id, 0), ending=ending))
    assert flushed.finished == [id]
    execution = store.execution(id)
    assert (execution.state, execution.output, execution.unread) == (state, output, 0)
    assert (execution.error.type if execution.error else None) == error
    assert execution.finished_us == store.clock.now_us
    assert store.states(id) == {0: step_state}
    (result,) = store.read(get_results, [id]).values()
    assert (result.state, result.output, result.error) == (state, output, execution.error)


@pytest.mark.parametrize(
    "ending, state, output",
    [
        (Completed('"packed"'), StepState.COMPLETED, '"packed"'),
        (FAILED, StepState.FAILED, None),
        (Cancelled(), StepState.FAILED, None),
    ],
)
def test_a_parent_is_told_how_its_child_ended(store: Store, ending: Ending, state: str, output: str | None) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD))
    assert (store.execution(CHILD).parent_id, store.execution(CHILD).parent_seq) == (parent, 1)
    flushed = worker.flush(first_drive(worker.claim_one(CHILD, 0), ending=ending, parent_id=parent))
    assert [(pointer.execution_id, pointer.seq) for pointer in flushed.offered] == [(parent, 0)]
    view = store.step(parent, 1)
    assert (view.state, view.output) == (state, output)
    assert [one.seq for one in store.unread(parent)] == [1]


def test_nobody_is_told_of_a_detached_child(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD, detached=True), step(2))
    assert store.states(parent) == {0: "waiting", 1: "completed", 2: "ready"}
    assert store.execution(CHILD).parent_id is None
    worker.flush(first_drive(worker.claim_one(CHILD, 0), ending=DONE))
    assert store.execution(parent).unread == 0


def test_a_parent_that_gave_its_child_up_is_not_told(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    advance = drive(parent, 1, (2,), step(3), cancels=(1,), cancel_children=(CHILD,))
    flushed = worker.flush(recorded(worker.claim_one(parent, 2), advance=advance))
    assert flushed.cancelled_children == [CHILD]
    assert [one.seq for one in store.unread(CHILD)] == [0, -1]
    flow = worker.claim_one(CHILD, 0)
    worker.flush(
        Checkpoint(CHILD, (), drive(CHILD, 0, (0, -1), ending=Cancelled(), flow_attempt=flow.attempt, parent_id=parent))
    )
    assert store.execution(CHILD).state == ExecutionState.CANCELLED
    assert (store.step(parent, 1).state, store.execution(parent).unread) == (StepState.CANCELLED, 0)


def test_a_parent_and_its_child_that_end_in_one_flush(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    flow, last = worker.claim_one(CHILD, 0), worker.claim_one(parent, 2)
    flushed = worker.flush(
        first_drive(flow, ending=DONE, parent_id=parent),
        recorded(last, advance=drive(parent, 1, (2,), ending=DONE, cancels=(1,), cancel_children=(CHILD,))),
    )
    assert set(flushed.finished) == {parent, CHILD}
    assert flushed.cancelled_children == []
    assert {store.execution(id).state for id in (parent, CHILD)} == {ExecutionState.COMPLETED}
    assert store.states(parent) == {0: "completed", 1: "cancelled", 2: "completed"}


def test_a_child_that_has_ended_is_not_cancelled(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    worker.flush(first_drive(worker.claim_one(CHILD, 0), ending=DONE, parent_id=parent))
    flow = worker.claim_one(parent, 0)
    advance = drive(parent, 1, (1,), ending=DONE, cancels=(2,), cancel_children=(CHILD,), flow_attempt=flow.attempt)
    assert worker.flush(Checkpoint(parent, (), advance)).cancelled_children == []
    assert -1 not in store.states(CHILD)


def test_a_child_is_asked_to_end_once(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), child(2, OTHER), step(3), step(4))
    for seq, base in ((3, 1), (4, 2)):
        advance = drive(parent, base, (seq,), cancels=(1, 2), cancel_children=(CHILD, OTHER))
        worker.flush(recorded(worker.claim_one(parent, seq), advance=advance))
    for id in (CHILD, OTHER):
        assert store.execution(id).unread == 2


def test_children_that_end_at_the_same_time_both_reach_their_parent(store: Store) -> None:
    workers = [store.worker(database=store.open()) for _ in range(2)]
    parents = [
        store.running(
            workers[0], child(1, f"01jxt21q00000000000000{n:02}11"), child(2, f"01jxt21q00000000000000{n:02}22")
        )
        for n in range(10)
    ]
    barrier = threading.Barrier(2)
    flows = {
        (parent, seq): workers[seq - 1].claim_one(f"01jxt21q00000000000000{n:02}{seq}{seq}", 0)
        for n, parent in enumerate(parents)
        for seq in (1, 2)
    }

    def end(seq: int) -> None:
        for parent in parents:
            barrier.wait(30)
            workers[seq - 1].flush(first_drive(flows[parent, seq], ending=DONE, parent_id=parent))

    for one in [Background(lambda seq=seq: end(seq)) for seq in (1, 2)]:
        one.join()
    for parent in parents:
        assert sorted(one.seq for one in store.unread(parent)) == [1, 2]
        assert store.states(parent)[0] == StepState.READY


def test_what_goes_on_takes_over_the_parent_and_the_attributes(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD))
    store.clock.go_on(1)
    flow = worker.claim_one(CHILD, 0)
    with store.database.write() as tx:
        tx.connection.execute(attributes.insert().values(execution_id=CHILD, name="customer", value="7"))
    flushed = worker.flush(first_drive(flow, ending=Continued('{"page":2}'), parent_id=parent))
    ended = store.execution(CHILD)
    assert ended.state == ExecutionState.CONTINUED
    assert ended.continued_to is not None
    successor = store.execution(ended.continued_to)
    assert (successor.parent_id, successor.parent_seq) == (parent, 1)
    assert (successor.flow, successor.version, successor.input) == ("order", 1, '{"page":2}')
    assert (successor.state, successor.attributes) == (ExecutionState.RUNNING, {"customer": "7"})
    assert [(pointer.execution_id, pointer.seq, pointer.attempt) for pointer in flushed.offered] == [
        (successor.id, 0, 0)
    ]
    # The parent still waits, and is told by the one that goes on.
    assert store.states(parent) == {0: "waiting", 1: "waiting"}
    worker.flush(first_drive(worker.claim_one(successor.id, 0), ending=DONE, parent_id=parent))
    assert store.step(parent, 1).output == '"done"'


def test_a_child_is_cancelled_wherever_it_goes_on(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    latest = CHILD
    for _ in range(3):
        store.clock.go_on(1)
        flow = worker.claim_one(latest, 0)
        worker.flush(first_drive(flow, ending=Continued("{}"), parent_id=parent))
        successor = store.execution(latest).continued_to
        assert successor is not None
        latest = successor
    advance = drive(parent, 1, (2,), ending=DONE, cancels=(1,), cancel_children=(CHILD,))
    flushed = worker.flush(recorded(worker.claim_one(parent, 2), advance=advance))
    assert flushed.cancelled_children == [latest]
    assert [one.seq for one in store.unread(latest)] == [0, -1]


def test_a_child_is_cancelled_even_when_its_beginning_was_pruned(store: Store) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    worker.flush(first_drive(worker.claim_one(CHILD, 0), ending=Continued("{}"), parent_id=parent))
    successor = store.execution(CHILD).continued_to
    assert successor is not None
    store.clock.go_on(10)
    assert store.write(prune, store.clock.now_us) == 1
    # The worker remembers the child by the id it was started with.
    advance = drive(parent, 1, (2,), ending=DONE, cancels=(1,), cancel_children=(CHILD,))
    flushed = worker.flush(recorded(worker.claim_one(parent, 2), advance=advance))
    assert flushed.cancelled_children == [successor]


def test_a_child_that_goes_on_while_it_is_cancelled_makes_the_flush_try_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = store.worker()
    parent = store.running(worker, child(1, CHILD), step(2))
    last, flow = worker.claim_one(parent, 2), worker.claim_one(CHILD, 0)
    worker.flush(first_drive(flow, ending=Continued("{}"), parent_id=parent))
    flush = worker.build(
        recorded(last, advance=drive(parent, 1, (2,), ending=DONE, cancels=(1,), cancel_children=(CHILD,)))
    )
    with monkeypatch.context() as patch:
        # As if it had gone on between the look for successors and the lock.
        patch.setattr("engine.store.flush.successors", lambda tx, ids: {})
        with pytest.raises(StoreUnavailable):
            worker.run(flush)
    assert store.states(parent)[2] == StepState.CLAIMED
    assert worker.run(flush).cancelled_children == [store.execution(CHILD).continued_to]
