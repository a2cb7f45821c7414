"""The pipeline: bounded everywhere, commits shared under load, the cache of flows, and workers side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from engine.definitions.registry import Registry
from engine.store.database import Database, Transaction
from engine.store.wakeups import READY_CHANNEL, send_hint
from tests.worker import sample_flows
from tests.worker.sample_flows import AT_ONCE, CALLS, GATE
from tests.worker.serving import Store, serving, wait_until

OWNED = "SELECT count(*) FROM milepost_steps WHERE owner IS NOT NULL AND kind = 'step'"


class Watched(Database):
    """A database that looks, at the end of each transaction that writes, at how many steps are claimed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.most = 0

    @contextmanager
    def write(self) -> Generator[Transaction]:
        with super().write() as tx:
            yield tx
            self.most = max(self.most, int(tx.connection.exec_driver_sql(OWNED).scalar_one()))


@pytest.mark.parametrize("concurrency", [1, 3])
def test_claims_never_exceed_the_room(store: Store, concurrency: int) -> None:
    watched = Watched(store.url)
    # Fifty that are ready already, and flows whose next steps could be taken with their results.
    store.start("many_counted", count=2, n=25)
    store.start("sequence", count=5, n=4)
    with serving(store.url, database=watched, concurrency=concurrency):
        store.wait_for_all(120)
    assert watched.most == concurrency, "as many as there is room for, and never more"
    assert AT_ONCE[1] <= concurrency
    store.check()


def test_what_is_not_claimed_is_left_to_others(store: Store) -> None:
    (execution_id,) = store.start("gates", n=50)
    with serving(store.url, concurrency=3) as first:
        wait_until(lambda: len(CALLS) == 3, "three steps being under way")
        ready = "SELECT count(*) FROM milepost_steps WHERE state = 'ready' AND kind = 'step'"
        assert store.rows(ready)[0][0] == 47
        with serving(store.url, concurrency=5) as second:
            wait_until(lambda: len(CALLS) == 8, "five more")
            counts = Counter(row[0] for row in store.rows("SELECT owner FROM milepost_steps WHERE kind = 'step'"))
            assert (counts[first.worker_id], counts[second.worker_id], counts[None]) == (3, 5, 42)
            GATE.set()
            assert store.result(execution_id) == sum(range(50))
    assert len(CALLS) == 50
    store.check()


def test_commits_are_shared_under_load(store: Store) -> None:
    store.start("sequence", count=100, n=10)
    with serving(store.url, concurrency=100):
        store.wait_for_all()
    flushes = store.flushes()
    print(f"1000 steps in {flushes} flushes")
    assert len(CALLS) == 1000
    assert flushes < 500, "far fewer commits than steps"
    store.check()


def test_a_single_flow_waits_for_no_batch(store: Store) -> None:
    """Each result is one flush, with the next step already in it; the start and its end need no more."""
    with serving(store.url, poll_interval="1h"):
        # Once it has answered to a hint, the worker listens.
        (first,) = store.start("sequence", n=1)
        send_hint(store.database, READY_CHANNEL, ["default"])
        assert store.result(first) == 1
        before = store.flushes()
        (execution_id,) = store.start("sequence", n=20)
        send_hint(store.database, READY_CHANNEL, ["default"])
        assert store.result(execution_id) == 20
    # What else the hints bring: on SQLite one may come too late, and find nothing.
    assert store.flushes() - before <= 22 + 3
    attempts = store.rows("SELECT attempt FROM milepost_steps WHERE execution_id = :id AND seq > 0", id=execution_id)
    assert {row[0] for row in attempts} == {1}
    assert store.step(execution_id, 0).attempt == 1, "its history was never loaded again"
    store.check()


@pytest.mark.parametrize("cached", [0, 1, 1000])
def test_results_do_not_depend_on_the_cache(store: Store, cached: int) -> None:
    store.execute("CREATE TABLE app_rows (name VARCHAR(20))")
    with serving(store.url, cached_flows=cached):
        ids = [store.start("everything", n=number)[0] for number in range(10)]
        parents = store.start("parent", count=3, n=3)
        waiting = store.start("two_signals", count=3)
        for number in (1, 2):
            for execution_id in waiting:
                store.signal(execution_id, "named", {"number": number})
        assert [store.result(execution_id) for execution_id in ids] == [number + 9 for number in range(10)]
        assert [store.result(execution_id) for execution_id in parents] == [[0, 1, 2, "LookupError"]] * 3
        assert [store.result(execution_id) for execution_id in waiting] == [[{"number": 1}, {"number": 2}]] * 3
    done = [(key, attempt) for name, key, attempt in CALLS if name != "inline"]
    assert len(done) == len(set(done)), "a replay runs no step"
    store.check()


def test_two_workers_share_the_work(store: Store) -> None:
    with serving(store.url, concurrency=4) as first, serving(store.url, concurrency=4) as second:
        (gates,) = store.start("gates", n=20)
        wait_until(lambda: len(CALLS) == 8, "as many steps side by side as both have room for")
        owned = store.rows(
            "SELECT owner, count(*) FROM milepost_steps WHERE kind = 'step' AND owner > 0 GROUP BY owner"
        )
        assert {row[0]: row[1] for row in owned} == {first.worker_id: 4, second.worker_id: 4}
        ids = store.start("many_counted", count=6, n=20)
        GATE.set()
        assert store.result(gates) == sum(range(20))
        assert [store.result(execution_id) for execution_id in ids] == [20] * 6
    assert len(CALLS) == 20 + 120, "each step ran once"
    store.check()


def test_threads_and_processes_are_bounded(store: Store) -> None:
    with serving(store.url, concurrency=20, threads=2):
        assert store.run("many_counted", n=12) == 12
    assert AT_ONCE[1] <= 2
    store.check()


def test_more_results_than_a_page_of_the_loop(store: Store) -> None:
    """Results of one flow that come together are read together, whatever else comes meanwhile."""
    with serving(store.url, concurrency=200), serving(store.url, concurrency=200):
        ids = store.start("fan", count=10, n=60)
        assert [store.result(execution_id) for execution_id in ids] == [sum(range(60))] * 10
    assert len(CALLS) == 600
    store.check()


def test_a_worker_without_the_flow_hands_results_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves the flow's queue too, but does not know the flow: the result is recorded all the same."""
    monkeypatch.setattr("engine.worker.driving.UNKNOWN_STEP_DELAY_US", 50_000)
    with serving(store.url, concurrency=1):
        (execution_id,) = store.start("gate_and_others", n=5)
        wait_until(lambda: len(CALLS) == 1, "the worker that knows the flow having no more room")
        with serving(store.url, Registry([sample_flows.add]), cached_flows=0):
            wait_until(lambda: len(CALLS) == 6, "the other one running the rest")
            for seq in range(2, 7):
                store.wait_for_step(execution_id, "completed", seq)
            # Both would claim the flow for as long as they live, and it is luck which of them gets it.
            wait_until(lambda: store.step(execution_id, 0).attempt > 1, "the flow being claimed to no purpose")
        GATE.set()
        assert store.result(execution_id) == sum(range(5))
    assert len(CALLS) == 6
    store.check()
