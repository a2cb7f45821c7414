"""What people and clients are shown."""

from __future__ import annotations

import pytest

from engine.errors import ExecutionNotFound
from engine.model.states import ExecutionState
from engine.model.work import Checkpoint
from engine.store.cancels import cancel
from engine.store.history import load_histories
from engine.store.holds import pause
from engine.store.query import (
    dead_letters,
    find_executions,
    get_execution,
    get_history,
    get_results,
    queue_depths,
    worker_list,
)
from engine.store.start import NewExecution
from engine.store.workers import declare_dead, register_worker
from tests.conformance.stores.subject import LEASE_US, Store
from tests.conformance.stores.values import (
    DONE,
    ERROR,
    SECOND,
    START_US,
    back,
    drive,
    event,
    first_drive,
    inline,
    recorded,
    step,
    timer,
)


def test_executions_are_found_by_state(store: Store) -> None:
    worker = store.worker()
    running, paused, done = (store.start() for _ in range(3))
    store.write(pause, paused)
    worker.flush(first_drive(worker.claim_one(done, 0), ending=DONE))

    def found(state: object) -> set[str]:
        return {view.id for view in store.read(find_executions, state=state)}

    assert found(ExecutionState.PAUSED) == {paused}
    assert found({ExecutionState.RUNNING, ExecutionState.COMPLETED}) == {running, done}
    assert found(set()) == set()
    assert found(None) == {running, paused, done}


def test_executions_are_found_by_flow_and_attributes(store: Store) -> None:
    def new(flow: str, **attributes: str) -> NewExecution:
        return NewExecution(flow, 1, "{}", attributes=attributes)

    a, b, c, d = (
        one.id
        for one in store.start_all(
            new("order", customer="7", country="CH"), new("order", customer="8"), new("refund", customer="7"),
            new("order"),
        )
    )  # fmt: skip

    def found(**conditions: object) -> set[str]:
        return {view.id for view in store.read(find_executions, **conditions)}

    assert found(flow="order") == {a, b, d}
    assert found(flow="Order") == set()
    assert found(attributes={"customer": "7"}) == {a, c}
    assert found(flow="order", attributes={"customer": "7"}) == {a}
    assert found(attributes={"customer": "7", "country": "CH"}) == {a}
    assert found(attributes={"customer": "7 "}) == set()
    assert store.execution(a).attributes == {"customer": "7", "country": "CH"}


def test_executions_are_found_by_time(store: Store) -> None:
    ids = []
    for _ in range(4):
        ids.append(store.start())
        store.clock.go_on(10)
    found = store.read(find_executions, created_from_us=START_US + 10 * SECOND, created_until_us=START_US + 30 * SECOND)
    assert [view.id for view in found] == [ids[2], ids[1]]


def test_pages_follow_each_other_from_the_newest_on(store: Store) -> None:
    ids = []
    for _ in range(7):
        ids.append(store.start())
        store.clock.go_on(1)
    pages: list[list[str]] = [[]]
    while page := store.read(find_executions, limit=3, after_id=pages[-1][-1] if pages[-1] else None):
        pages.append([view.id for view in page])
    assert pages[1:] == [ids[:3:-1], ids[3:0:-1], ids[:1]]


def test_results_are_told_of_many_executions_at_once(store: Store) -> None:
    worker = store.worker()
    done, running = store.start(), store.start()
    worker.flush(first_drive(worker.claim_one(done, 0), ending=DONE))
    results = store.read(get_results, [done, running, "0" * 26])
    assert {id: (one.state, one.output) for id, one in results.items()} == {
        done: ("completed", '"done"'),
        running: ("running", None),
    }


def test_a_history_is_told_in_the_order_in_which_the_flow_asked(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), timer(2, 60), event(3))
    store.write(cancel, id)
    assert [view.seq for view in store.read(get_history, id)] == [-1, 0, 1, 2, 3]
    assert [view.seq for view in store.read(get_history, id, after_seq=0, limit=2)] == [1, 2]
    assert store.read(get_history, id, after_seq=3) == []
    view = store.step(id, 2)
    assert (view.kind, view.name, view.input, view.due_us) == (
        "timer", "sleep", '{"delay_us":60000000}', START_US + 60 * SECOND,
    )  # fmt: skip


def test_what_is_not_there_is_not_found(store: Store) -> None:
    for read in (get_execution, get_history):
        with pytest.raises(ExecutionNotFound):
            store.read(read, "0" * 26)  # type: ignore[arg-type]


def test_queues_show_how_much_work_there_is(store: Store) -> None:
    worker = store.worker("default", "gpu")
    id = store.running(
        worker, step(1), step(2), step(3, queue="gpu"), timer(4, 60), event(5), event(6, timeout_seconds=5),
        step(7, dead_letter=True), step(8),
    )  # fmt: skip
    worker.flush(reschedules=[back(worker.claim_one(id, 7), error=ERROR, dead=True)])
    worker.flush(reschedules=[back(worker.claim_one(id, 8), 60, error=ERROR)])
    worker.claim_one(id, 2)
    store.clock.go_on(3)
    default, gpu = store.read(queue_depths)
    assert (default.name, default.ready, default.claimed, default.waiting, default.dead) == ("default", 1, 1, 3, 1)
    assert (gpu.name, gpu.ready, gpu.claimed) == ("gpu", 1, 0)
    # Steps that became ready together are some microseconds apart, to have an order.
    assert 3 * SECOND - 10 < gpu.oldest_us <= 3 * SECOND


def test_an_idle_store_has_no_queues(store: Store) -> None:
    worker = store.worker()
    worker.flush(first_drive(worker.claim_one(store.start(), 0), ending=DONE))
    assert store.read(queue_depths) == []


def test_workers_are_listed_with_what_they_run(store: Store) -> None:
    busy = store.worker()
    store.start()
    busy.claim()
    other = store.write(register_worker, "other", ["gpu"], LEASE_US)
    store.write(declare_dead, [other])
    (view,) = store.read(worker_list)
    assert (view.id, view.claimed, view.queues) == (busy.id, 1, ["default"])
    assert [(view.name, view.state) for view in store.read(worker_list, alive_only=False)] == [
        ("worker", "alive"),
        ("other", "dead"),
    ]


def test_dead_letters_are_listed_by_queue(store: Store) -> None:
    worker = store.worker("default", "gpu")
    id = store.running(worker, step(1, dead_letter=True), step(2, dead_letter=True, queue="gpu"))
    worker.flush(reschedules=[back(claim, error=ERROR, dead=True) for claim in worker.claim()])
    assert [view.seq for view in store.read(dead_letters)] == [1, 2]
    assert [(view.execution_id, view.seq) for view in store.read(dead_letters, queue="gpu")] == [(id, 2)]
    assert len(store.read(dead_letters, limit=1)) == 1


def test_a_history_is_loaded_whole_or_from_a_position_on(store: Store) -> None:
    worker = store.worker()
    id = store.start(queue="default", priority=3)
    flow = worker.claim_one(id, 0)
    advance = drive(id, 0, (0, 1), step(2), timer(3, 60), inline=(inline(1),), flow_attempt=flow.attempt)
    worker.flush(Checkpoint(id, (), advance))
    assert [event.seq for event in store.unread(id)] == []
    worker.flush(recorded(worker.claim_one(id, 2)))
    whole = store.read(load_histories, {id: 0})[id]
    assert (whole.advanced, whole.state, whole.history.start.priority) == (2, "running", 3)
    assert [command.seq for command in whole.history.known] == [1, 2, 3]
    assert [event.seq for event in whole.history.consumed] == [0, 1]
    assert [(event.seq, event.output) for event in whole.history.unread] == [(2, '"ok"')]
    rest = store.read(load_histories, {id: 2, "0" * 26: 0})
    assert rest.keys() == {id}
    assert rest[id].history.consumed == ()
    assert [event.seq for event in rest[id].history.unread] == [2]
