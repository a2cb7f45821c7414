"""The database goes away and comes back, or does not answer: the worker waits, and nothing is lost or done twice."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from engine.errors import StoreUnavailable
from engine.model.work import Flushed
from engine.store.database import Database, Transaction
from engine.store.workers import declare_dead
from engine.worker.worker import Worker
from tests.servers.databases import DatabaseServer
from tests.worker.sample_flows import CALLS, GATE
from tests.worker.serving import Store, serving, wait_until

OUTAGE_SECONDS = 1.6
LEASE = "1s"
"""The shortest there is: an outage is longer."""


def check_calls(store: Store) -> None:
    """I6, and I4: each attempt was made once, and none after the one that was recorded."""
    recorded = {
        f"{row[0]}-{row[1]}": row[2]
        for row in store.rows("SELECT execution_id, seq, attempt FROM milepost_steps WHERE state = 'completed'")
    }
    made = Counter((key, attempt) for name, key, attempt in CALLS if not name.startswith("inline"))
    assert [one for one, times in made.items() if times > 1] == []
    assert [one for one in made if one[1] > recorded[one[0]]] == []


def survive(store: Store) -> None:
    """Let steps outlive many workers: on a busy machine, one of a short lease may be declared dead again and again."""
    store.execute("UPDATE milepost_steps SET max_attempts = 30 WHERE kind = 'step'")


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


# -- away and back -----------------------------------------------------------------------------------------------------


class Outage:
    """Takes a database on a server away from everybody, for as long as it is told."""

    def __init__(self, server: DatabaseServer, url: str) -> None:
        self._admin = server._admin
        self._name = make_url(url).database

    def cut(self) -> None:
        """End every session."""
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name"
        self._admin.execute(text(query), {"name": self._name})

    @contextmanager
    def away(self) -> Iterator[None]:
        self._admin.execute(text(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false"))
        self.cut()
        try:
            yield
        finally:
            self._admin.execute(text(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true"))


@pytest.fixture
def outage(postgresql_server: DatabaseServer | None, postgresql_url: str) -> Outage:
    assert postgresql_server is not None
    return Outage(postgresql_server, postgresql_url)


@pytest.fixture
def postgresql_store(postgresql_url: str) -> Iterator[Store]:
    made = Store(postgresql_url)
    CALLS.clear()
    GATE.clear()
    yield made
    GATE.set()
    made.close()


@pytest.mark.servers
def test_sessions_are_ended_again_and_again(postgresql_store: Store, outage: Outage) -> None:
    store = postgresql_store
    store.execute("CREATE TABLE app_rows (name VARCHAR(20))")
    with serving(store.url, concurrency=10) as first, serving(store.url, concurrency=10) as second:
        for worker in (first, second):
            worker.wait_until_up()
        ids = [store.start("everything", n=number)[0] for number in range(40)]
        for _ in range(12):
            pause(0.1)
            outage.cut()
        store.wait_for_all()
        assert [store.result(execution_id) for execution_id in ids] == [number + 9 for number in range(40)]
    assert sorted(row[0] for row in store.rows("SELECT name FROM app_rows")) == sorted(f"row {n}" for n in range(40))
    store.check()
    check_calls(store)


@pytest.mark.servers
def test_an_outage_that_is_longer_than_the_lease(postgresql_store: Store, outage: Outage) -> None:
    store = postgresql_store
    with serving(store.url, lease=LEASE) as worker:
        (execution_id,) = store.start("gates", n=4)
        (timer,) = store.start("timers", n=5)
        wait_until(lambda: len(CALLS) == 4, "all steps being under way")
        before = worker.worker_id
        with outage.away():
            pause(OUTAGE_SECONDS)
        # Nobody was there to declare it dead, so what it ran goes on to its end.
        GATE.set()
        assert store.result(execution_id) == 6
        assert store.result(timer) == 5
        assert worker.worker_id == before
    assert len(CALLS) == 4
    store.check()
    check_calls(store)


@pytest.mark.servers
def test_results_of_an_outage_are_kept_until_it_is_over(postgresql_store: Store, outage: Outage) -> None:
    store = postgresql_store
    with serving(store.url, lease=LEASE):
        (execution_id,) = store.start("gates", n=4)
        wait_until(lambda: len(CALLS) == 4, "all steps being under way")
        with outage.away():
            GATE.set()
            pause(OUTAGE_SECONDS)
        assert store.result(execution_id) == 6
    assert len(CALLS) == 4, "each step ran once"
    store.check()


@pytest.mark.servers
def test_two_workers_after_an_outage(postgresql_store: Store, outage: Outage) -> None:
    """Each may find the other's lease run out; what is declared dead comes back under a new identity."""
    store = postgresql_store
    with serving(store.url, lease=LEASE, concurrency=4), serving(store.url, lease=LEASE, concurrency=4):
        (execution_id,) = store.start("gates", n=8)
        ids = store.start("mixed", count=10, n=1)
        wait_until(lambda: len({key for name, key, _ in CALLS if name == "gated"}) == 8, "all steps being under way")
        survive(store)
        with outage.away():
            pause(OUTAGE_SECONDS)
        GATE.set()
        assert store.result(execution_id) == 28
        assert [store.result(one) for one in ids] == [10] * 10
        wait_until(lambda: len(store.workers("alive")) == 2, "both workers being there")
    store.check()
    check_calls(store)


@pytest.mark.servers
def test_a_worker_is_told_to_stop_during_an_outage(postgresql_store: Store, outage: Outage) -> None:
    store = postgresql_store
    with serving(store.url, drain_grace="200ms") as worker:
        (execution_id,) = store.start("gates", n=2)
        wait_until(lambda: len(CALLS) == 2, "both steps being under way")
        with outage.away():
            worker.stop()
            worker.join()
    GATE.set()
    with serving(store.url):
        assert store.result(execution_id) == 1
    store.check()
    check_calls(store)


def test_the_write_lock_of_sqlite_is_held_for_longer_than_the_lease(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    CALLS.clear()
    GATE.clear()
    with serving(store.url, lease=LEASE, concurrency=4), serving(store.url, lease=LEASE, concurrency=4):
        (execution_id,) = store.start("gates", n=8)
        (timer,) = store.start("timers", n=5)
        wait_until(lambda: len({key for _, key, _ in CALLS}) == 8, "all steps being under way")
        survive(store)
        holder = sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None, timeout=30)
        holder.execute("BEGIN IMMEDIATE")
        pause(OUTAGE_SECONDS)
        GATE.set()
        holder.execute("COMMIT")
        holder.close()
        assert store.result(execution_id) == 28
        assert store.result(timer) == 5
    store.check()
    check_calls(store)
    store.close()


@pytest.mark.servers
def test_sessions_on_mariadb_are_ended(mysql_server: DatabaseServer | None, mysql_url: str) -> None:
    assert mysql_server is not None
    store = Store(mysql_url)
    CALLS.clear()
    name = make_url(mysql_url).database
    with serving(store.url) as worker:
        worker.wait_until_up()
        ids = [store.start("mixed", n=number)[0] for number in range(20)]
        for _ in range(5):
            pause(0.1)
            query = text("SELECT id FROM information_schema.processlist WHERE db = :name")
            for session in mysql_server._admin.execute(query, {"name": name}).scalars().all():
                # It may have ended by itself since it was listed.
                with suppress(OperationalError):
                    mysql_server._admin.execute(text(f"KILL {session}"))

        def results() -> list[object]:
            # This test's own sessions were among them, and each is found out by whoever uses it next.
            with suppress(StoreUnavailable):
                store.wait_for_all()
                return [store.result(execution_id) for execution_id in ids]
            return []

        assert wait_until(results) == [number + 9 for number in range(20)]
    store.check()
    check_calls(store)
    store.close()


# -- leases ------------------------------------------------------------------------------------------------------------


def test_a_worker_that_was_declared_dead_comes_back_as_another(store: Store) -> None:
    with serving(store.url, lease="20s") as worker:
        (execution_id,) = store.start("gates", n=3)
        wait_until(lambda: len(CALLS) == 3, "all steps being under way")
        old = worker.worker_id
        with store.database.write() as tx:
            assert declare_dead(tx, [old]) == [old]
        wait_until(lambda: worker.worker_id != old, "a new identity")
        wait_until(lambda: len(CALLS) == 6, "the steps being run again")
        owners = {row[0] for row in store.rows("SELECT owner FROM milepost_steps WHERE owner IS NOT NULL")}
        assert old not in owners
        # Both attempts at each step end now, and the earlier ones meet the fence.
        GATE.set()
        assert store.result(execution_id) == 3
    assert [row[0] for row in store.rows("SELECT attempt FROM milepost_steps WHERE kind = 'step'")] == [2, 2, 2]
    store.check()
    check_calls(store)


def test_a_worker_that_can_record_nothing_takes_one_identity_a_second_at_most(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[float] = []
    register = Worker._register

    def noted(worker: Worker) -> bool:
        # Before the worker looks at its own clock: the thread may stand still between the two.
        registered.append(time.monotonic())
        return register(worker)

    def refuse(_tx: Any, _flush: Any) -> Flushed:
        raise ValueError("nothing can be recorded")

    monkeypatch.setattr(Worker, "_register", noted)
    monkeypatch.setattr("engine.worker.worker.COME_BACK_SECONDS", 0.2)
    monkeypatch.setattr("engine.worker.recording.run_flush", refuse)
    with serving(store.url):
        store.start("one_step", name="recorded", what="never")
        wait_until(lambda: len(registered) >= 4, "three more identities")
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(registered))


def test_results_of_an_identity_that_was_given_up_are_not_written(store: Store) -> None:
    """The steps end between the declaration and the moment at which the worker learns of it."""
    with serving(store.url, lease="20s") as worker:
        (execution_id,) = store.start("gates", n=3)
        wait_until(lambda: len(CALLS) == 3, "all steps being under way")
        with store.database.write() as tx:
            declare_dead(tx, [worker.worker_id])
            GATE.set()
            pause(0.1)
        assert store.result(execution_id) == 3
    assert [row[0] for row in store.rows("SELECT attempt FROM milepost_steps WHERE kind = 'step'")] == [2, 2, 2]
    store.check()
    check_calls(store)


# -- commits without an answer -----------------------------------------------------------------------------------------


class Shaky(Database):
    """A database to which some commits are lost: the answer, or the commit itself."""

    def __init__(self, url: str, thread: str, spoil: Callable[[int], str | None]) -> None:
        super().__init__(url)
        self._thread = thread
        self._spoil = spoil
        self._count = 0
        self._lock = threading.Lock()
        self.spoilt: Counter[str] = Counter()

    @contextmanager
    def write(self) -> Generator[Transaction]:
        if not threading.current_thread().name.startswith(self._thread):
            with super().write() as tx:
                yield tx
            return
        with self._lock:
            self._count += 1
            how = self._spoil(self._count)
        with super().write() as tx:
            yield tx
            if how == "commit":
                self._break(tx)
        if how is not None:
            self.spoilt[how] += 1
        if how == "answer":
            raise StoreUnavailable("the answer was lost")

    def _break(self, tx: Transaction) -> None:
        """End the session under the transaction, so that the commit fails."""
        self.spoilt["commit"] += 1
        if self.dialect.name == "sqlite":
            raise StoreUnavailable("the disk was away for a moment")
        pid = tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with self.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})


@pytest.mark.parametrize("how", ["answer", "commit"])
def test_flushes_without_an_answer_are_looked_up(store: Store, how: str) -> None:
    shaky = Shaky(store.url, "milepost-flusher", lambda count: how if count % 4 == 0 else None)
    with serving(store.url, database=shaky, concurrency=5):
        ids = [store.start("mixed", n=number)[0] for number in range(12)]
        assert [store.result(execution_id) for execution_id in ids] == [number + 9 for number in range(12)]
    assert shaky.spoilt[how] > 3
    store.check()
    check_calls(store)
    attempts = store.rows("SELECT attempt FROM milepost_steps WHERE kind = 'step' AND name <> 'succeeds_at'")
    assert {row[0] for row in attempts} == {1}, "no attempt was lost with a commit"


@pytest.mark.parametrize("how", ["answer", "commit"])
def test_transactional_steps_without_an_answer(store: Store, how: str) -> None:
    store.execute("CREATE TABLE app_rows (name VARCHAR(20))")
    shaky = Shaky(store.url, "milepost-step", lambda count: how if count % 2 else None)
    names = [f"row {number}" for number in range(6)]
    with serving(store.url, database=shaky):
        (execution_id,) = store.start("transactional", names=names)
        assert len(store.result(execution_id)) == 6
    assert shaky.spoilt[how] >= 3
    assert sorted(row[0] for row in store.rows("SELECT name FROM app_rows")) == names
    store.check()
