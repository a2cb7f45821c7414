"""The register of workers: leases, sessions and processes, and who is declared dead."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from sqlalchemy import Connection, update

from engine.errors import LeaseLost
from engine.store.database import Database
from engine.store.query import worker_list
from engine.store.schema import workers
from engine.store.sweep import find_dead
from engine.store.workers import (
    WorkerState,
    declare_dead,
    flushes_of,
    leave,
    living_workers,
    owned_steps,
    process_token,
    register_worker,
    renew_lease,
)
from tests.conformance.stores.outages import end_session, session_of
from tests.conformance.stores.subject import LEASE_US, Store, Worker
from tests.conformance.stores.values import SECOND, recorded, step
from tests.conformance.transports.helpers import Background, until


def hold(store: Store, worker: Worker) -> Connection | None:
    """Take the session lock of a worker, as its heartbeat does, where there is one."""
    if not store.database.dialect.locks_rows:
        return None
    session = store.database.engine.connect()
    store.database.dialect.hold_liveness(session, worker.id)
    return session


def test_a_worker_that_registers_is_alive(store: Store) -> None:
    id = store.write(register_worker, "packer", ["orders", "default"], LEASE_US)
    (row,) = store.read(living_workers)
    assert (row.id, row.name, row.queues, row.state) == (id, "packer", ["orders", "default"], WorkerState.ALIVE)
    assert (row.pid, row.process_token) == (os.getpid(), process_token(os.getpid()))
    assert (row.started_us, row.expires_us) == (store.clock.now_us, store.clock.now_us + LEASE_US)


def test_every_identity_is_new(store: Store) -> None:
    ids = [store.worker().id for _ in range(5)]
    assert ids == sorted(set(ids))
    assert min(ids) >= 1


def test_a_lease_is_renewed_by_the_heartbeat_and_by_every_flush(store: Store) -> None:
    worker = store.worker()
    session = hold(store, worker)
    for renew in (lambda: store.write(renew_lease, worker.id, LEASE_US), worker.flush):
        store.clock.go_on(LEASE_US / SECOND)
        assert store.read(find_dead, 0) == []
        assert renew()
    store.clock.go_on(LEASE_US / SECOND + 1)
    assert store.read(find_dead, worker.id) == []
    assert store.read(find_dead, 0) == [worker.id]
    if session is not None:
        session.invalidate()
        session.close()


def test_renewing_a_lease_without_any_change_is_not_taken_for_death(store: Store) -> None:
    worker = store.worker()
    assert all(store.write(renew_lease, worker.id, LEASE_US) for _ in range(2))
    flush = worker.build()
    worker.run(flush)
    worker.run(flush)


def test_a_worker_is_declared_dead_once_and_for_good(store: Store) -> None:
    first, second = store.worker(), store.worker()
    assert store.write(declare_dead, [second.id, first.id, 10**6]) == [first.id, second.id]
    assert store.write(declare_dead, [first.id]) == []
    assert not store.write(renew_lease, first.id, LEASE_US)
    assert store.read(living_workers) == []


def test_two_peers_that_declare_the_same_workers_dead(store: Store) -> None:
    ids = [store.worker().id for _ in range(10)]
    barrier = threading.Barrier(2)

    def declare(ordered: list[int]) -> list[int]:
        database = store.open()
        barrier.wait()
        with database.write() as tx:
            return declare_dead(tx, ordered)

    racing = [Background(lambda ordered=ordered: declare(ordered)) for ordered in (ids, ids[::-1])]
    assert sorted(id for one in racing for id in one.join()) == ids


def test_i4_a_worker_that_was_declared_dead_claims_and_records_nothing(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2))
    held = worker.claim_one(id, 1)
    store.write(declare_dead, [worker.id])
    with pytest.raises(LeaseLost):
        worker.flush(recorded(held), claim_due=True)
    assert store.states(id) == {0: "waiting", 1: "claimed", 2: "ready"}
    assert store.step(id, 1).output is None
    assert store.read(flushes_of, worker.id) == worker.number - 1


def test_a_worker_that_left_is_not_looked_after(store: Store) -> None:
    worker = store.worker()
    store.write(leave, worker.id)
    assert store.read(living_workers) == []
    assert store.read(find_dead, 0) == []
    store.start()
    with pytest.raises(LeaseLost):
        worker.claim()


def test_what_a_worker_owns_is_told_with_the_attempt(store: Store) -> None:
    worker = store.worker()
    id = store.running(worker, step(1), step(2))
    worker.claim()
    assert store.read(owned_steps, worker.id) == {(id, 1, 1), (id, 2, 1)}
    (view,) = store.read(worker_list)
    assert (view.id, view.claimed) == (worker.id, 2)


def test_the_number_of_the_last_flush_is_known(store: Store) -> None:
    worker = store.worker()
    assert store.read(flushes_of, worker.id) == 0
    for number in (1, 2):
        store.start()
        assert len(worker.claim()) == 1
        assert store.read(flushes_of, worker.id) == number


def test_a_flush_says_whether_it_renewed_the_lease(store: Store) -> None:
    """A worker relies on it: one that was declared dead hears so from any flush but a look that finds nothing."""
    worker = store.worker()
    assert not worker.flush(claim_due=True).renewed
    store.start()
    assert worker.flush(claim_due=True).renewed


def test_a_flush_without_effect_leaves_no_trace(store: Store) -> None:
    worker = store.worker()
    expires_us = store.read(living_workers)[0].expires_us
    store.clock.go_on(1)
    assert worker.claim() == []
    assert store.read(flushes_of, worker.id) == 0
    assert store.read(living_workers)[0].expires_us == expires_us


def test_a_worker_whose_session_fell_is_dead_at_once(server_store: Store) -> None:
    store = server_store
    worker, peer = store.worker(), store.worker()
    session, kept = hold(store, worker), hold(store, peer)
    assert session is not None
    assert kept is not None
    assert store.read(find_dead, peer.id) == []
    end_session(store, session_of(session))
    until(lambda: store.read(find_dead, peer.id) == [worker.id], "the lock falls with its session")
    for one in (session, kept):
        one.invalidate()
        one.close()


def test_looking_after_a_peer_does_not_take_its_lock_away(server_store: Store) -> None:
    store = server_store
    worker = store.worker()
    # Nobody holds it yet: whoever looks says so, and leaves it free.
    assert store.read(find_dead, 0) == [worker.id]
    session = hold(store, worker)
    assert session is not None
    assert store.read(find_dead, 0) == []
    session.invalidate()
    session.close()


def test_liveness_locks_of_two_stores_on_one_server_do_not_meet(
    server_store: Store, request: pytest.FixtureRequest
) -> None:
    store = server_store
    worker = store.worker()
    server = request.getfixturevalue(f"{store.kind}_server")
    session = hold(store, worker)
    assert session is not None
    with server.fresh_database() as url:
        other = Database(url)
        with other.read() as tx:
            assert other.dialect.surely_dead(tx.connection, worker.id)
        other.close()
    session.invalidate()
    session.close()


def test_on_sqlite_a_worker_whose_process_has_ended_is_dead_at_once(sqlite_store: Store) -> None:
    store = sqlite_store
    worker = store.worker()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    token = process_token(process.pid)
    with store.database.write() as tx:
        tx.connection.execute(update(workers).values(pid=process.pid, process_token=token))
    assert store.read(find_dead, 0) == []
    process.communicate(b"\n")
    assert store.read(find_dead, 0) == [worker.id]


def test_on_sqlite_another_process_with_the_same_pid_is_not_the_worker(sqlite_store: Store) -> None:
    store = sqlite_store
    worker = store.worker()
    with store.database.write() as tx:
        tx.connection.execute(update(workers).values(process_token=f"{os.getpid()}-1"))
    assert store.read(find_dead, 0) == [worker.id]


def test_on_sqlite_a_worker_on_another_host_has_its_lease(sqlite_store: Store) -> None:
    store = sqlite_store
    worker = store.worker()
    with store.database.write() as tx:
        tx.connection.execute(update(workers).values(host="elsewhere", process_token="1-1"))
    assert store.read(find_dead, 0) == []
    store.clock.go_on(LEASE_US / SECOND + 1)
    assert store.read(find_dead, 0) == [worker.id]
