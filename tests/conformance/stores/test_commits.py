"""Commits: a result, what the flow decided and the steps that follow, together or not at all (I5)."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from engine.model.states import ExecutionState, StepKind, StepState
from engine.model.work import Checkpoint, Pointer
from engine.store.commands import TIMEOUT_GRACE_US
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import (
    DONE,
    ERROR,
    SECOND,
    START_US,
    child,
    drive,
    event,
    first_drive,
    inline,
    outcome,
    recorded,
    step,
    timer,
)

CHILD, OTHER_CHILD = "01jxt21q000000000000000001", "01jxt21q000000000000000002"


def test_the_first_drive_consumes_the_start(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), timer(2, 60), event(3, timeout_seconds=5), event(4, "other"))
    execution = store.execution(id)
    assert (execution.advanced, execution.unread) == (1, 0)
    assert store.states(id) == {0: "waiting", 1: "ready", 2: "waiting", 3: "waiting", 4: "waiting"}
    now_us = store.clock.now_us
    assert {seq: view.due_us for seq, view in store.steps(id).items()} == {
        0: None, 1: None, 2: now_us + 60 * SECOND, 3: now_us + 5 * SECOND, 4: None,
    }  # fmt: skip


def test_i5_a_result_and_the_next_step_come_together(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    flushed = worker.flush(recorded(worker.claim_one(id, 1), advance=drive(id, 1, (1,), step(2, "ship"))))
    first, second = store.step(id, 1), store.step(id, 2)
    assert (first.state, first.output, first.position) == (StepState.COMPLETED, '"ok"', 2)
    assert (first.owner, first.finished_us) == (None, START_US)
    assert (second.state, second.name, second.kind) == (StepState.READY, "ship", StepKind.STEP)
    assert flushed.offered == [Pointer(id, 2, 0, "default", 5)]
    assert flushed.stale == set()
    assert store.execution(id).advanced == 2


def test_i5_when_a_statement_fails_nothing_of_the_flush_is_there(store: Store) -> None:
    worker = store.worker()
    first, second = store.running(worker, step(1)), store.running(worker, step(1))
    claims = {id: worker.claim_one(id, 1) for id in (first, second)}
    before = {id: (store.execution(id), store.steps(id)) for id in claims}
    # The second drive asks for a step at a seq that is taken.
    flush = worker.build(
        recorded(claims[first], advance=drive(first, 1, (1,), step(2))),
        recorded(claims[second], advance=drive(second, 1, (1,), step(2), step(1))),
    )
    with pytest.raises(IntegrityError):
        worker.run(flush)
    assert {id: (store.execution(id), store.steps(id)) for id in claims} == before
    # The claims still hold.
    worker.flush(*(recorded(claim) for claim in claims.values()))
    assert store.states(first)[1] == store.states(second)[1] == StepState.COMPLETED


def test_several_executions_share_a_flush_and_each_stands_for_itself(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    ids = [store.running(worker, step(1)) for _ in range(4)]
    claims = [worker.claim_one(id, 1) for id in ids[:3]] + [other.claim_one(ids[3], 1)]
    flushed = worker.flush(
        recorded(claims[2], advance=drive(ids[2], 1, (1,), ending=DONE)),
        recorded(claims[0], advance=drive(ids[0], 1, (1,), step(2))),
        recorded(claims[1], advance=drive(ids[1], 7, (1,), step(2))),
        recorded(claims[3], advance=drive(ids[3], 1, (1,), step(2))),
        recorded(claims[0].__class__("0" * 26, 1, 1, "step", "charge", "default", 5, None, 1)),
    )
    assert flushed.stale == {ids[1], ids[3]}
    assert flushed.finished == [ids[2]]
    assert store.states(ids[0]) == {0: "waiting", 1: "completed", 2: "ready"}
    assert store.states(ids[1]) == {0: "ready", 1: "completed"}
    assert store.states(ids[2]) == {0: "completed", 1: "completed"}
    assert store.states(ids[3]) == {0: "waiting", 1: "claimed"}


def test_inline_results_are_recorded_with_the_drive(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    flow = worker.claim_one(id, 0)
    advance = drive(id, 0, (0, 1, 2), step(3), inline=(inline(1, '"a"'), inline(2, '"b"')), flow_attempt=flow.attempt)
    worker.flush(Checkpoint(id, (), advance))
    views = store.steps(id)
    assert [(views[seq].state, views[seq].output, views[seq].position) for seq in (1, 2)] == [
        ("completed", '"a"', 2),
        ("completed", '"b"', 3),
    ]
    assert (store.execution(id).advanced, store.execution(id).unread) == (3, 0)


def test_a_failure_is_recorded_as_one(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1))
    failed = outcome(worker.claim_one(id, 1), ERROR, state=StepState.FAILED)
    worker.flush(Checkpoint(id, (failed,), drive(id, 1, (1,), step(2))))
    view = store.step(id, 1)
    assert (view.state, view.output) == (StepState.FAILED, None)
    assert view.error is not None
    assert (view.error.type, view.error.message) == ("OSError", "no route")


def test_a_flow_gives_up_steps_of_every_kind_and_state(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, *(step(seq) for seq in (1, 2, 3)), timer(4, 60), event(5), child(6, CHILD))
    last, _running = worker.claim_one(id, 1), other.claim_one(id, 2)
    advance = drive(id, 1, (1,), step(7), cancels=(2, 3, 4, 5, 6, 7), cancel_children=(CHILD,))
    flushed = worker.flush(recorded(last, advance=advance))
    assert flushed.cancelled_children == [CHILD]
    assert store.states(id) == {0: "waiting", 1: "completed"} | dict.fromkeys(range(2, 8), "cancelled")
    views = store.steps(id)
    assert all(views[seq].position == 2 for seq in range(2, 8))
    assert all(views[seq].owner is None and views[seq].due_us is None for seq in range(2, 8))
    assert store.states(CHILD)[-1] == StepState.COMPLETED
    # A step that was asked for and given up in one drive is never offered.
    assert flushed.offered == [] or {pointer.execution_id for pointer in flushed.offered} == {CHILD}


def test_a_result_that_its_flow_gave_up_at_the_same_time_is_still_there_to_be_read(store: Store) -> None:
    worker, other = store.worker(), store.worker()
    id = store.running(worker, step(1), step(2))
    first, second = worker.claim_one(id, 1), other.claim_one(id, 2)
    other.flush(recorded(second))
    flow = worker.claim_one(id, 0)
    # The history was loaded before the first step's result came in.
    worker.flush(recorded(first))
    flushed = worker.flush(Checkpoint(id, (), drive(id, 1, (2,), step(3), cancels=(1,), flow_attempt=flow.attempt)))
    assert flushed.held == {id}
    assert [one.seq for one in store.unread(id)] == [1]


def test_the_first_new_step_of_each_drive_is_kept_while_there_is_room(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    flow = worker.claim_one(id, 0)
    others = [store.start() for _ in range(3)]
    drives = [
        first_drive(flow, step(1, queue="gpu"), step(2, timeout_us=SECOND), step(3), child(4, CHILD)),
        first_drive(worker.claim_one(others[0], 0), child(1, OTHER_CHILD), step(2)),
        first_drive(worker.claim_one(others[1], 0), step(1, queue="gpu")),
        first_drive(worker.claim_one(others[2], 0), step(1)),
    ]
    flushed = worker.flush(*drives, take_new=True, room=9)
    assert {(claim.execution_id, claim.seq, claim.attempt) for claim in flushed.claimed} == {
        (id, 2, 1),
        (OTHER_CHILD, 0, 1),
        (others[2], 1, 1),
    }
    assert {(pointer.execution_id, pointer.seq) for pointer in flushed.offered} == {
        (id, 1),
        (id, 3),
        (CHILD, 0),
        (others[0], 2),
        (others[1], 1),
    }
    assert store.states(id) == {0: "waiting", 1: "ready", 2: "claimed", 3: "ready", 4: "waiting"}
    kept = store.step(id, 2)
    assert (kept.owner, kept.attempt, kept.due_us) == (worker.id, 1, START_US + SECOND + TIMEOUT_GRACE_US)
    worker.flush(*(recorded(claim) for claim in flushed.claimed if claim.seq == 2))
    assert store.states(id)[2] == StepState.COMPLETED


def test_no_more_new_steps_are_kept_than_there_is_room_for(store: Store) -> None:
    worker = store.worker()
    drives = [first_drive(worker.claim_one(store.start(), 0), step(1)) for _ in range(5)]
    flushed = worker.flush(*drives, take_new=True, room=2)
    assert (len(flushed.claimed), len(flushed.offered)) == (2, 3)


def test_what_becomes_ready_together_is_taken_in_the_order_in_which_it_was_asked_for(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, *(step(seq) for seq in range(1, 60)))
    found: list[int] = []
    while claimed := worker.claim(7):
        found += [claim.seq for claim in claimed]
    assert found == [*range(1, 60)]
    assert {claim.execution_id for claim in claimed} <= {id}


def test_room_that_new_steps_took_is_not_claimed_again(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    waiting = [store.start() for _ in range(3)]
    flow = worker.claim_one(id, 0)
    store.clock.go_on(1)
    flushed = worker.flush(first_drive(flow, step(1), step(2)), take_new=True, claim_due=True, room=3)
    assert len(flushed.claimed) == 3
    assert sum(claim.execution_id in waiting for claim in flushed.claimed) == 2


def test_nothing_is_kept_unless_the_worker_asks_for_it(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    flushed = worker.flush(first_drive(worker.claim_one(id, 0), step(1), child(2, CHILD)), room=9)
    assert flushed.claimed == []
    assert {(pointer.execution_id, pointer.seq) for pointer in flushed.offered} == {(id, 1), (CHILD, 0)}


def test_steps_for_a_broker_are_due_to_be_offered_again(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    worker.flush(first_drive(worker.claim_one(id, 0), step(1), child(2, CHILD)), resend_us=7 * SECOND)
    assert store.step(id, 1).due_us == store.step(CHILD, 0).due_us == START_US + 7 * SECOND


def test_the_earliest_time_that_a_flush_set_is_told(store: Store) -> None:
    worker = store.worker()
    id = store.start()
    flushed = worker.flush(first_drive(worker.claim_one(id, 0), timer(1, 60), event(2, timeout_seconds=20), step(3)))
    assert flushed.next_due_us == START_US + 20 * SECOND


def test_a_marker_is_finished_as_soon_as_it_is_written(store: Store) -> None:
    worker = store.worker()
    marker = step(1, "new-fee").__class__(1, StepKind.MARKER, "new-fee", "default", 5)
    id = store.running(worker, marker, step(2))
    view = store.step(id, 1)
    assert (view.state, view.position, view.kind) == (StepState.COMPLETED, 0, StepKind.MARKER)
    assert (store.execution(id).advanced, store.execution(id).unread) == (1, 0)


def test_values_of_every_kind_come_back_as_they_were(store: Store) -> None:
    worker = store.worker()
    text = '{"emoji":"🚚","accent":"é","null":"\\u0000","long":"' + "x" * 200_000 + '","quote":"\'%s %% ? :a"}'
    id = store.running(worker, step(1, input=text))
    held = worker.claim_one(id, 1)
    assert held.input == text
    worker.flush(Checkpoint(id, (outcome(held, text),), drive(id, 1, (1,), ending=DONE)))
    assert store.step(id, 1).output == text
    assert store.execution(id).state == ExecutionState.COMPLETED
