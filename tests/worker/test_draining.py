"""Workers that are told to stop: what runs may end, and the rest goes to others at once, without an attempt lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from engine.store.workers import process_token
from engine.worker.supervisor import _Child, _watch
from tests.worker.processes import Processes
from tests.worker.sample_flows import CALLS, GATE
from tests.worker.serving import MODULE, PATIENCE_SECONDS, ROOT, Store, Trace, kill, serving, wait_until


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path / "trace")


def test_what_runs_may_end(store: Store, trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "go"
    with Processes(store.url, ENGINE_WORKER__THREADS="1", **{Trace.VARIABLE: str(trace.path)}) as processes:
        (worker,) = processes.start()
        ids = store.start("one_step", count=2, name="waits_for_file", path=str(path))
        (entry,) = wait_until(trace.entries, "one step being under way")
        for execution_id in ids:
            store.wait_for_step(execution_id, "claimed")
        worker.terminate()
        # It has understood once it gives back what waits for its only thread.
        (waiting,) = (execution_id for execution_id in ids if execution_id != entry.execution_id)
        store.wait_for_step(waiting, "ready")
        (late,) = store.start("recorded", what="late")
        path.touch()
        assert worker.wait() == 0
        # Its result is recorded, and the flow is driven on with it.
        assert store.result(entry.execution_id) == [worker.pid, 1]
        for step in (store.step(late, 0), store.step(waiting)):
            assert step.state == "ready", "a worker that ends takes nothing more"
    assert store.workers("gone"), "it said goodbye"
    assert store.workers("alive") == []
    assert not store.rows("SELECT 1 FROM milepost_steps WHERE owner IS NOT NULL")


def test_what_has_not_begun_goes_to_others_at_once(store: Store) -> None:
    """One thread is busy; the other claimed steps wait for it, and are given back with the signal."""
    with serving(store.url, threads=1, concurrency=10, drain_grace="20s") as first:
        (execution_id,) = store.start("gates", n=6)
        wait_until(lambda: len(CALLS) == 1, "one step being under way")
        owned = "SELECT count(*) FROM milepost_steps WHERE owner = :id AND kind = 'step'"
        wait_until(lambda: store.rows(owned, id=first.worker_id)[0][0] == 6, "all steps being claimed")
        with serving(store.url, threads=10):
            first.stop()
            wait_until(lambda: len(CALLS) == 6, "the other worker having the rest")
            rows = store.rows("SELECT attempt, max_attempts FROM milepost_steps WHERE kind = 'step' AND attempt > 1")
            assert [(row[0], row[1]) for row in rows] == [(2, 4)] * 5, "their first attempt does not count"
            GATE.set()
            assert store.result(execution_id) == 15
    assert len(CALLS) == 6, "each step ran once"
    store.check()


def test_the_grace_ends(store: Store, trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "go"
    with Processes(store.url, ENGINE_WORKER__DRAIN_GRACE="300ms", **{Trace.VARIABLE: str(trace.path)}) as processes:
        (first,) = processes.start()
        ids = store.start("one_step", count=3, name="waits_for_file", path=str(path))
        wait_until(lambda: len(trace.entries()) == 3, "all steps being under way")
        (second,) = processes.start()
        first.terminate()
        assert first.wait() == 0
        wait_until(lambda: len(trace.entries()) == 6, "the other worker taking all of them")
        path.touch()
        assert [store.result(execution_id) for execution_id in ids] == [[second.pid, 2]] * 3
        assert [store.step(execution_id).max_attempts for execution_id in ids] == [6] * 3, "broken off, not failed"
    store.check()
    trace.check(store)


def test_a_second_signal_does_not_wait(store: Store, trace: Trace, tmp_path: Path) -> None:
    with Processes(store.url, ENGINE_WORKER__DRAIN_GRACE="1h", **{Trace.VARIABLE: str(trace.path)}) as processes:
        (worker,) = processes.start()
        (execution_id,) = store.start("one_step", name="waits_for_file", path=str(tmp_path / "never"))
        wait_until(trace.entries, "the step being under way")
        worker.terminate()
        with pytest.raises(TimeoutError):
            worker.wait(0.5)
        worker.interrupt()
        assert worker.wait() == 0
    row = store.step(execution_id)
    assert (row.state, row.owner, row.attempt, row.max_attempts) == ("ready", None, 1, 6)


def test_released_work_keeps_its_place(store: Store) -> None:
    with serving(store.url, threads=1, concurrency=3) as first:
        (early,) = store.start("gates", n=3)
        wait_until(lambda: len(CALLS) == 1, "one step being under way")
        claimed = "SELECT seq FROM milepost_steps WHERE state = 'claimed' AND seq > 0"
        wait_until(lambda: len(store.rows(claimed)) == 3, "the others waiting for the only thread")
        store.start("recorded", count=50, what="late")
        first.stop()
        wait_until(lambda: len(_ready_before_the_backlog(store, early)) == 2, "two steps, given back to their place")
        GATE.set()
    CALLS.clear()
    with serving(store.url, threads=1, concurrency=1):
        store.wait_for_all()
    assert [call[0] for call in CALLS][:2] == ["gated", "gated"]
    store.check()


def _ready_before_the_backlog(store: Store, execution_id: str) -> list[Any]:
    return store.rows(
        "SELECT seq FROM milepost_steps WHERE execution_id = :id AND state = 'ready' "
        "AND ready_us < (SELECT min(created_us) FROM milepost_executions WHERE flow = 'recorded')",
        id=execution_id,
    )


def test_workers_that_come_and_go_lose_nothing(store: Store, trace: Trace) -> None:
    with Processes(store.url, ENGINE_WORKER__DRAIN_GRACE="50ms", **{Trace.VARIABLE: str(trace.path)}) as processes:
        workers = processes.start(2)
        ids = [store.start("mixed", n=number)[0] for number in range(60)]
        for _ in range(2):
            leaving = workers.pop(0)
            leaving.terminate()
            workers += processes.start()
            assert leaving.wait() == 0
        assert [store.result(execution_id) for execution_id in ids] == [number + 9 for number in range(60)]
    store.check()
    trace.check(store)


# -- several processes -------------------------------------------------------------------------------------------------


@contextmanager
def supervised(url: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "engine.cli.worker", "--store", url, "--flows", MODULE, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"ENGINE_STORE__AUTO_MIGRATE": "true"})
    children: list[int] = []
    try:
        wait_until(lambda: process.poll() is not None or len(children_of(process.pid)) >= 2, "two children")
        children = children_of(process.pid)
        yield process
    finally:
        for pid in {*children, *children_of(process.pid)}:
            # It may end by itself between the two.
            with suppress(ProcessLookupError):
                if process_token(pid) is not None:
                    os.kill(pid, signal.SIGKILL)
        if process.poll() is None:
            kill(process)


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_several_processes_share_signals_and_are_replaced(store: Store) -> None:
    with supervised(store.url, "--processes", "2") as process:
        wait_until(lambda: len(store.workers("alive")) == 2, "two workers")
        assert store.run("sequence", n=5) == 5
        before = set(store.workers("alive"))
        victim, other = children_of(process.pid)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in children_of(process.pid) and len(children_of(process.pid)) == 2, "a new one")
        assert other in children_of(process.pid)
        wait_until(lambda: len(alive := set(store.workers("alive"))) == 2 and alive != before, "two workers again")
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert store.workers("alive") == []
        assert len(store.workers("gone")) == 2


def test_processes_whose_supervisor_is_killed_end_too(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, trace, path = Store(sqlite_url), Trace(tmp_path / "trace"), tmp_path / "go"
    monkeypatch.setenv(Trace.VARIABLE, str(trace.path))
    with supervised(store.url, "--processes", "2") as process:
        wait_until(lambda: len(store.workers("alive")) == 2, "two workers")
        children = children_of(process.pid)
        (execution_id,) = store.start("one_step", name="waits_for_file", path=str(path))
        wait_until(trace.entries, "the step being under way")
        kill(process)
        wait_until(lambda: len(store.workers("alive")) == 1, "the idle one leaving")
        path.touch()
        wait_until(lambda: not any(process_token(pid) for pid in children), "the other one ending")
        assert store.result(execution_id)[1] == 1, "it had the time to finish"
    store.check()
    store.close()


def test_a_terminal_s_interrupt_counts_once(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches every process of a terminal's group, and is passed on too: no worker may take that for two."""
    store, trace, path = Store(sqlite_url), Trace(tmp_path / "trace"), tmp_path / "go"
    monkeypatch.setenv(Trace.VARIABLE, str(trace.path))
    with supervised(store.url, "--processes", "2") as process:
        wait_until(lambda: len(store.workers("alive")) == 2, "two workers")
        (execution_id,) = store.start("one_step", name="waits_for_file", path=str(path))
        wait_until(trace.entries, "the step being under way")
        for pid in [process.pid, *children_of(process.pid)]:
            os.kill(pid, signal.SIGINT)
        wait_until(lambda: len(store.workers("alive")) == 1, "the idle one leaving")
        assert process.poll() is None
        path.touch()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert store.result(execution_id)[1] == 1, "its only attempt"
    store.check()
    store.close()


@pytest.mark.parametrize(
    "end, code",
    [
        ("sys.exit(0)", 0),
        # Told once more, when it had done listening and closed what it had open; and later still.
        ("sys.exit(130)", 0),
        ("os.kill(os.getpid(), signal.SIGTERM)", 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", 9),
        ("sys.exit(3)", 3),
    ],
)
def test_children_that_end_as_told_are_no_failure(end: str, code: int) -> None:
    with subprocess.Popen([sys.executable, "-c", f"import os, signal, sys; {end}"]) as process:
        process.wait(30)
    assert _watch([_Child(process)], [signal.SIGINT], lambda: pytest.fail("nobody is started")) == code


def test_a_signal_while_the_processes_are_started(sqlite_url: str) -> None:
    Store(sqlite_url).close()
    command = [sys.executable, "-m", "engine.cli.worker", "--store", sqlite_url, "--flows", MODULE, "--processes", "2"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_until(lambda: children_of(process.pid), "the first child")
        process.terminate()
        # It ends, although its children were told before they could listen.
        process.wait(PATIENCE_SECONDS)
    finally:
        if process.poll() is None:
            kill(process)
