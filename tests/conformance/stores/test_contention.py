"""Errors that pass: a deadlock, a lock that is not had in time, a database that is busy or away."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, make_url, select, update

from engine.errors import StoreUnavailable
from engine.model.states import StepState
from engine.store.batches import BatchUpdate
from engine.store.commit import RECORD
from engine.store.database import Database
from engine.store.dialects import sqlite
from engine.store.schema import executions, steps, workers
from tests.conformance.stores.outages import session_of, wait_until_blocked
from tests.conformance.stores.subject import Store
from tests.conformance.stores.values import drive, recorded, step
from tests.conformance.transports.helpers import Background


def on_connect(database: Database, statement: str) -> None:
    """Execute a statement on every new connection."""

    @event.listens_for(database.engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.cursor().execute(statement)
        connection.commit()


def test_the_victim_of_a_deadlock_is_unavailable_and_the_same_flush_succeeds_afterwards(
    server_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server_store
    for _ in range(50):
        store.worker()
    own = store.open()
    if store.kind == "postgresql":
        on_connect(own, "SET deadlock_timeout = '500ms'")
    worker = store.worker(database=own)
    id = store.running(worker, step(1))
    flush = worker.build(recorded(worker.claim_one(id, 1), advance=drive(id, 1, (1,), step(2))))
    other = store.open()
    if store.kind == "postgresql":
        # Whoever looks for a deadlock first, while there is one, is its victim.
        on_connect(other, "SET deadlock_timeout = '60s'")
    sessions: list[int] = []
    has_step, has_execution = threading.Event(), threading.Event()

    def wrong_order() -> None:
        """Lock a step first, then its execution."""
        with other.write() as tx:
            # InnoDB chooses the transaction that has changed less.
            tx.connection.execute(update(workers).where(workers.c.id < worker.id).values(name="changed"))
            tx.connection.execute(select(steps.c.seq).where(steps.c.execution_id == id).with_for_update())
            sessions.append(session_of(tx.connection))
            has_step.set()
            assert has_execution.wait(60)
            tx.connection.execute(select(executions.c.id).where(executions.c.id == id).with_for_update())

    genuine = own.dialect.update

    def updating(connection: Any, which: BatchUpdate, rows: Any) -> set[int]:
        if which is RECORD:
            # The flush has locked the execution, and is about to wait for its step.
            has_execution.set()
            wait_until_blocked(store, sessions[0])
        return genuine(connection, which, rows)

    crossing = Background(wrong_order)
    assert has_step.wait(60)
    with monkeypatch.context() as patch:
        patch.setattr(own.dialect, "update", updating)
        with pytest.raises(StoreUnavailable, match=r"(?i)deadlock"):
            worker.run(flush)
    crossing.join()
    assert store.states(id) == {0: "waiting", 1: "claimed"}
    assert worker.run(flush).stale == set()
    assert store.states(id) == {0: "waiting", 1: "completed", 2: "ready"}


def test_a_lock_that_is_not_had_in_time_is_unavailable_and_the_same_flush_succeeds_afterwards(
    server_store: Store,
) -> None:
    store = server_store
    own = store.open()
    impatient = {"postgresql": "SET lock_timeout = '100ms'", "mysql": "SET innodb_lock_wait_timeout = 1"}
    on_connect(own, impatient[store.kind])
    worker = store.worker(database=own)
    id = store.running(worker, step(1))
    flush = worker.build(recorded(worker.claim_one(id, 1)))
    with store.database.write() as tx:
        tx.connection.execute(select(executions.c.id).where(executions.c.id == id).with_for_update())
        with pytest.raises(StoreUnavailable):
            worker.run(flush)
    worker.run(flush)
    assert store.states(id)[1] == StepState.COMPLETED


def test_a_busy_sqlite_file_is_unavailable_and_the_same_flush_succeeds_afterwards(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sqlite_store
    worker = store.worker()
    id = store.running(worker, step(1))
    flush = worker.build(recorded(worker.claim_one(id, 1)))
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(make_url(store.url).database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="write lock"):
            worker.run(flush)
        # Readers are not kept waiting.
        assert store.states(id)[1] == StepState.CLAIMED
        other.execute("ROLLBACK")
    worker.run(flush)
    assert store.states(id)[1] == StepState.COMPLETED


def test_whoever_comes_to_a_new_sqlite_file_waits_for_whom_it_finds_there(tmp_path: Path) -> None:
    """To switch the file over to the log that is written ahead is refused at once where two do so together."""
    file = tmp_path / "new.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as first:
        first.execute("BEGIN IMMEDIATE")
        database = Database(f"sqlite:///{file}")

        def come() -> None:
            with database.read():
                pass

        coming = Background(come)
        threading.Event().wait(0.2)
        assert coming.running
        first.execute("ROLLBACK")
        coming.join()
        database.close()


def test_writers_of_one_sqlite_file_take_turns(sqlite_store: Store) -> None:
    store = sqlite_store
    barrier = threading.Barrier(4)

    def run() -> None:
        worker = store.worker(database=store.open())
        barrier.wait()
        for _ in range(10):
            worker.begin(store.start(), step(1))

    for one in [Background(run) for _ in range(4)]:
        one.join()


def test_a_server_that_is_not_there_is_unavailable(server_store: Store) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = make_url(server_store.url).set(port=unused.getsockname()[1])
        database = Database(nobody.render_as_string(hide_password=False))
        for transaction in (database.write, database.read):
            assert_unavailable(transaction)
        database.close()


def assert_unavailable(transaction: Callable[[], Any]) -> None:
    with pytest.raises(StoreUnavailable) as caught, transaction():
        pass
    assert "milepost:" not in str(caught.value).replace("milepost:***", "")
