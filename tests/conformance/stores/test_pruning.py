"""Forgetting what has been finished for long, in small batches."""

from __future__ import annotations

from sqlalchemy import func, select

from engine.model.states import StepState
from engine.store.prune import prune, prune_workers
from engine.store.schema import attributes, executions, metadata, signals, steps
from engine.store.signals import send_signal
from engine.store.workers import declare_dead, leave, renew_lease
from tests.conformance.stores.subject import LEASE_US, Store, Worker
from tests.conformance.stores.values import DONE, SECOND, event, first_drive, step
from tests.conformance.transports.helpers import Background


def finished(store: Store, worker: Worker, **options: object) -> str:
    """Run an execution to its end."""
    id = store.start(**options)
    store.write(send_signal, id, "approved", "1")
    worker.flush(first_drive(worker.claim_one(id, 0), event(1), ending=DONE))
    return id


def counts(store: Store) -> dict[str, int]:
    with store.database.read() as tx:
        return {
            table.name.removeprefix("milepost_"): tx.connection.execute(
                select(func.count()).select_from(table)
            ).scalar_one()
            for table in metadata.sorted_tables
        }


def test_what_has_finished_before_a_time_is_forgotten_with_all_that_belongs_to_it(store: Store) -> None:
    worker = store.worker()
    old = [finished(store, worker, attributes={"customer": "7"}) for _ in range(3)]
    running = store.running(worker, step(1))
    store.clock.go_on(10)
    late = finished(store, worker, attributes={"customer": "8"})
    assert store.write(prune, store.clock.now_us) == len(old)
    with store.database.read() as tx:
        for table, column in [(executions, "id"), *((t, "execution_id") for t in (steps, signals, attributes))]:
            kept = set(tx.connection.execute(select(table.c[column])).scalars())
            assert kept <= {running, late}
            assert late in kept
    assert store.write(prune, store.clock.now_us) == 0
    assert store.states(running) == {0: "waiting", 1: "ready"}


def test_batches_are_as_small_as_they_are_asked_for_and_the_oldest_go_first(store: Store) -> None:
    worker = store.worker()
    ids = []
    for _ in range(5):
        ids.append(finished(store, worker))
        store.clock.go_on(1)
    assert store.write(prune, store.clock.now_us, 2) == 2
    with store.database.read() as tx:
        assert sorted(tx.connection.execute(select(executions.c.id)).scalars()) == ids[2:]
    assert [store.write(prune, store.clock.now_us, 2) for _ in range(3)] == [2, 1, 0]
    assert counts(store)["steps"] == counts(store)["executions"] == counts(store)["signals"] == 0


def test_what_is_being_pruned_by_another_is_passed_over(server_store: Store) -> None:
    store = server_store
    worker = store.worker()
    for _ in range(4):
        finished(store, worker)
        store.clock.go_on(1)
    with store.open().write() as tx:
        assert prune(tx, store.clock.now_us, 3) == 3
        assert Background(lambda: store.write(prune, store.clock.now_us)).join() == 1
    assert counts(store)["executions"] == 0


def test_workers_that_are_gone_and_hold_nothing_are_forgotten(store: Store) -> None:
    alive, dead, gone, holding, recent = (store.worker() for _ in range(5))
    id = store.running(alive, step(1))
    holding.claim_one(id, 1)
    store.write(declare_dead, [dead.id, holding.id])
    store.write(leave, gone.id)
    store.clock.go_on(LEASE_US / SECOND + 1)
    store.write(renew_lease, recent.id, LEASE_US)
    store.write(declare_dead, [recent.id])
    assert store.write(prune_workers, store.clock.now_us) == 2
    assert counts(store)["workers"] == 3
    # Once what it held is others', it goes too.
    store.sweep()
    assert store.write(prune_workers, store.clock.now_us) == 1
    assert store.states(id)[1] == StepState.READY
