"""Worker processes that are killed, or stopped for longer than their lease, in the middle of work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engine.errors import StoreUnavailable
from tests.worker.serving import Processes, Store, Trace, kill, wait_until

TAKE_OVER_SECONDS = 6.0
"""Far beyond what is measured: the machine that runs the tests may be busy."""
SHORT_LEASE = {"ENGINE_WORKER__LEASE": "1s"}


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path / "trace")


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("MILEPOST_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    # Shown with a test that fails.
    print(f"MILEPOST_TEST_SEED={chosen}")
    return chosen


def test_work_survives_workers_that_are_killed_again_and_again(store: Store, trace: Trace, seed: int) -> None:
    rnd = random.Random(seed)
    store.execute("CREATE TABLE app_rows (name VARCHAR(20))")
    with Processes(store.url, ENGINE_WORKER__CONCURRENCY="20", **{Trace.VARIABLE: str(trace.path)}) as processes:
        alive = processes.start(2)
        ids = [store.start("everything", n=number)[0] for number in range(60)]
        for _ in range(4):
            threading.Event().wait(rnd.uniform(0.05, 0.4))
            victim = alive.pop(rnd.randrange(len(alive)))
            kill(victim)
            alive += processes.start(ready=False)
        store.wait_for_all(seconds=60)
        results = [store.result(execution_id) for execution_id in ids]
    assert results == [number + 2 + 2 + 2 + 1 + 2 for number in range(60)]
    store.check()
    trace.check(store)
    written = sorted(row[0] for row in store.rows("SELECT name FROM app_rows"))
    assert written == sorted(f"row {number}" for number in range(60)), "transactional steps took effect exactly once"
    attempts = len(trace.entries())
    steps = store.rows("SELECT count(*) FROM milepost_steps WHERE kind = 'step' AND name <> 'inline'")[0][0]
    print(f"{attempts} attempts at {steps} steps")


def test_the_work_of_a_killed_process_goes_on_soon(store: Store, trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "go"
    with Processes(store.url, **{Trace.VARIABLE: str(trace.path)}) as processes:
        (first,) = processes.start()
        ids = store.start("one_step", count=5, name="waits_for_file", path=str(path))
        wait_until(lambda: len(trace.entries()) == 5, "all steps being under way")
        (second,) = processes.start()
        killed_at = time.monotonic()
        kill(first)
        wait_until(lambda: len(trace.entries()) == 10, "all steps being taken over", seconds=TAKE_OVER_SECONDS)
        taken_over = max(entry.at for entry in trace.entries()) - killed_at
        print(f"the work of a killed process went on after {taken_over:.2f} s")
        assert taken_over < TAKE_OVER_SECONDS
        path.touch()
        assert [store.result(execution_id) for execution_id in ids] == [[second.pid, 2]] * 5
    store.check()
    trace.check(store)


def test_work_that_was_taken_over_keeps_its_place(store: Store, trace: Trace, tmp_path: Path) -> None:
    """Behind a backlog that came after it, it would wait for all of that once more."""
    path = tmp_path / "go"
    settings = {Trace.VARIABLE: str(trace.path), "ENGINE_WORKER__CONCURRENCY": "2"}
    with Processes(store.url, **settings) as processes:
        (first,) = processes.start()
        early = store.start("one_step", count=2, name="waits_for_file", path=str(path))
        wait_until(lambda: len(trace.entries()) == 2, "both steps being under way")
        kill(first)
        store.start("recorded", count=100, what="late")
        path.touch()
        processes.start()
        for execution_id in early:
            store.result(execution_id)
        store.wait_for_all()
    order = [entry.step for entry in trace.entries()]
    again = [index for index, name in enumerate(order) if name == "waits_for_file"][2:]
    # The new worker may begin with the backlog: it takes over what the dead one held with its first sweep.
    assert len(again) == 2
    assert max(again) < len(order) - 50, f"taken over work came at places {again} of {len(order)}"
    store.check()
    trace.check(store)


def test_a_process_that_was_stopped_for_too_long_changes_nothing(store: Store, trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "go"
    with Processes(store.url, **SHORT_LEASE, **{Trace.VARIABLE: str(trace.path)}) as processes:
        (zombie,) = processes.start()
        (execution_id,) = store.start("one_step", name="waits_for_file", path=str(path))
        wait_until(trace.entries, "the step being under way")
        (old,) = store.workers("alive")
        stop_between_transactions(zombie, store)
        (peer,) = processes.start()
        wait_until(lambda: len(trace.entries()) == 2, "the step being taken over")
        assert store.workers("dead") == [old]
        path.touch()
        assert store.result(execution_id) == [peer.pid, 2]
        before = store.rows("SELECT * FROM milepost_steps ORDER BY execution_id, seq")

        zombie.send_signal(signal.SIGCONT)
        wait_until(lambda: len(store.workers("alive")) == 2, "the zombie coming back under a new identity")
        assert old not in store.workers("alive")
        assert store.rows("SELECT * FROM milepost_steps ORDER BY execution_id, seq") == before, (
            "it changed nothing (I4)"
        )
        assert store.rows("SELECT pid FROM milepost_workers WHERE state = 'alive' ORDER BY id") == [
            (peer.pid,),
            (zombie.pid,),
        ]

        peer.terminate()
        assert peer.wait(30) == 0
        assert store.run("one_step", name="waits_for_file", path=str(path)) == [zombie.pid, 1]
    store.check()
    trace.check(store)


def stop_between_transactions(process: subprocess.Popen[Any], store: Store) -> None:
    """Stop a process at a moment at which it holds no lock; its peers would wait for that as long as it is stopped."""

    def stopped() -> bool:
        process.send_signal(signal.SIGSTOP)
        # The signal takes effect a moment later.
        wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
        if _holds_nothing(store):
            return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_until(stopped, "a moment without a transaction")


def _holds_nothing(store: Store) -> bool:
    if store.url.startswith("sqlite"):
        connection = store.database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
            cursor.execute("PRAGMA busy_timeout = 30000")
        except Exception:  # noqa: BLE001 - it is locked
            connection.invalidate()
            return False
        finally:
            connection.close()
        return True
    try:
        open_elsewhere = store.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND state <> 'idle' AND backend_type = 'client backend'"
        )
    except StoreUnavailable:
        return False
    return not open_elsewhere


@pytest.mark.servers
def test_a_killed_process_on_mariadb(mysql_url: str, trace: Trace, tmp_path: Path) -> None:
    store = Store(mysql_url)
    path = tmp_path / "go"
    with Processes(store.url, **{Trace.VARIABLE: str(trace.path)}) as processes:
        (first,) = processes.start()
        ids = store.start("one_step", count=5, name="waits_for_file", path=str(path))
        wait_until(lambda: len(trace.entries()) == 5, "all steps being under way")
        (second,) = processes.start()
        killed_at = time.monotonic()
        kill(first)
        wait_until(lambda: len(trace.entries()) == 10, "all steps being taken over", seconds=TAKE_OVER_SECONDS)
        print(f"on MariaDB after {max(entry.at for entry in trace.entries()) - killed_at:.2f} s")
        path.touch()
        assert [store.result(execution_id) for execution_id in ids] == [[second.pid, 2]] * 5
    store.check()
    trace.check(store)
    store.close()
