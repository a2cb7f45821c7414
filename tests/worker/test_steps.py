"""What one worker makes of steps: their results, errors, retries and timeouts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine.store.retries import retry_step
from engine.store.workers import process_token
from tests.worker import sample_flows
from tests.worker.processes import Processes
from tests.worker.serving import Store, Trace, serving, wait_until


def test_steps_one_after_the_other_and_side_by_side(store: Store) -> None:
    with serving(store.url):
        assert store.run("sequence", n=9) == 9
        assert store.run("fan", n=20) == 190
    store.check()
    assert len(sample_flows.CALLS) == 29, "each step ran once"


def test_losers_of_a_race_are_cancelled(store: Store) -> None:
    with serving(store.url):
        assert store.run("racing") == [1, 2]
        assert sample_flows.CANCELLED.wait(20), "the loser's task was cancelled"
    store.check()


def given_back(store: Store, execution_id: str) -> int:
    """How many attempts at a step of one attempt were given back: its worker was told of its claim too late for the
    timeout, and did not begin."""
    return store.step(execution_id).max_attempts - 1


@pytest.mark.parametrize(
    "name, expected",
    [
        ("always_fails", ["ValueError", 3]),
        ("gives_up", ["NonRetryable", 1]),
        ("slow_on_loop", ["StepTimeout", 1]),
        ("slow_on_thread", ["StepTimeout", 1]),
        ("slow_in_process", ["StepTimeout", 1]),
        ("stops_iteration", ["RuntimeError", 1]),
        ("exits", ["RuntimeError", 1]),
        ("wrong_type", ["CodecError", 1]),
        ("large", ["ValueTooLarge", 1]),
        ("large_in_process", ["ValueTooLarge", 1]),
        ("gives_up_in_process", ["NonRetryable", 1]),
        ("crashes_once", ["ok", 2]),
        ("silent_once", ["ok", {"done": 7}]),
        ("reports_and_fails", ["ok", {"done": 2}]),
    ],
)
def test_how_a_step_ends(sqlite_url: str, name: str, expected: list[Any]) -> None:
    store = Store(sqlite_url)
    sample_flows.GATE.clear()
    with serving(store.url, max_value_bytes=1500):
        (execution_id,) = store.start("outcome", name=name)
        what, value = store.result(execution_id)
        if what == "StepTimeout":
            value -= given_back(store, execution_id)
        assert [what, value] == expected
        sample_flows.GATE.set()
    store.check()
    store.close()


def test_retries_then_success(store: Store) -> None:
    with serving(store.url):
        assert store.run("retried", attempt=3) == 3
    assert [attempt for _, _, attempt in sample_flows.CALLS] == [1, 2, 3]
    store.check()


def test_a_call_has_a_retry_policy_of_its_own(store: Store) -> None:
    with serving(store.url):
        assert store.run("own_policies") == [3, ["KeyError", 1]] * 3
    store.check()


def test_a_timed_out_task_does_not_go_on(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    sample_flows.CANCELLED.clear()
    with serving(store.url):
        (execution_id,) = store.start("outcome", name="slow_on_loop")
        what, attempts = store.result(execution_id)
        assert (what, attempts - given_back(store, execution_id)) == ("StepTimeout", 1)
        assert sample_flows.CANCELLED.wait(20)
    store.close()


def test_another_process_runs_the_step(store: Store) -> None:
    with serving(store.url):
        state, (value, pid) = store.run("outcome", name="in_process")
    assert (state, value) == ("ok", 1)
    assert pid != os.getpid()


def test_a_dead_letter_waits_for_an_operator(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("outcome", name="ends_dead")
        dead = "SELECT 1 FROM milepost_steps WHERE state = 'dead'"
        wait_until(lambda: store.rows(dead), "the dead letter")
        assert store.state(execution_id) == "running"
        with store.database.write() as tx:
            retry_step(tx, execution_id)
        assert store.result(execution_id) == ["ok", "revived"]
    store.check()


def test_inline_steps_run_with_their_flow(store: Store) -> None:
    with serving(store.url):
        assert store.run("inlined") == [2, 2, 4, 5]
    store.check()
    assert len([call for call in sample_flows.CALLS if call[0] == "inline_succeeds_at"]) == 2


@pytest.mark.parametrize("fail_until", [1, 3])
def test_a_transactional_step_writes_exactly_once(store: Store, fail_until: int) -> None:
    store.execute("CREATE TABLE app_rows (name VARCHAR(20))")
    with serving(store.url):
        assert store.run("transactional", names=["a", "b"], fail_until=fail_until) == [fail_until, fail_until]
    assert sorted(row[0] for row in store.rows("SELECT name FROM app_rows")) == ["a", "b"]
    store.check()


def test_retry_after_chooses_the_wait(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("one_step", name="asks_for_later")
        assert store.result(execution_id) == 2, "the policy alone would wait for an hour"
    store.check()


def test_the_timeout_of_a_call_goes_before_that_of_its_step(store: Store) -> None:
    with serving(store.url):
        kind, message, value = store.run("with_other_timeouts")
    assert (kind, value) == ("StepTimeout", "took its time")
    assert "0.1 s" in message
    store.check()


def test_a_dead_letter_is_retried_with_another_input(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("outcome", name="ends_dead")
        row = store.wait_for_step(execution_id, "dead")
        assert (row.attempt, row.owner, row.due_at_us) == (2, 0, None)
        with store.database.write() as tx:
            retry_step(tx, execution_id, 1, "{}")
        assert store.result(execution_id) == ["ok", "revived"]
        assert store.step(execution_id).attempt == 3, "attempts go on counting: they are the fence"
    store.check()


def test_what_was_reported_survives_the_worker(store: Store, tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace")
    with Processes(store.url, **{Trace.VARIABLE: str(trace.path)}) as processes:
        (first,) = processes.start()
        (execution_id,) = store.start("one_step", name="reports_and_waits", path=str(tmp_path / "never"))
        wait_until(lambda: (row := store.step(execution_id)) and row.progress, "the report being recorded")
        first.kill()
        processes.start()
        assert store.result(execution_id) == {"done": 5}
    assert [entry.attempt for entry in trace.entries()] == [1, 2]
    trace.check(store)
    store.check()


def test_a_step_that_was_given_up_is_told(store: Store) -> None:
    with serving(store.url, lease="1s"):
        (execution_id,) = store.start("giving_up_a_step")
        wait_until(lambda: sample_flows.CALLS, "the step being under way")
        store.fire(execution_id)
        assert store.result(execution_id) == "gave up"
        assert sample_flows.CANCELLED.wait(20), "it sees that it was cancelled"
    row = store.step(execution_id)
    assert (row.state, row.output) == ("cancelled", None), "what it returned is not recorded"
    store.check()


def test_a_step_that_kills_its_workers_fails(store: Store, tmp_path: Path) -> None:
    trace = Trace(tmp_path / "trace")
    (execution_id,) = store.start("one_step", name="kills_its_worker")
    with Processes(store.url, **{Trace.VARIABLE: str(trace.path)}) as processes:
        for _ in range(2):
            (process,) = processes.start(ready=False)
            assert process.wait() == 9
        processes.start()
        assert store.result(execution_id) == ["WorkerDied", 2]
    assert "kills its worker" in store.step(execution_id).output
    assert len(trace.entries()) == 2, "it did not run a third time"
    store.check()


def test_a_process_is_killed_at_its_timeout(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    with serving(store.url):
        found = store.run("one_step", name="process_times_out", path=str(path), forever=str(tmp_path / "never"))
        assert found[0] == "NonRetryable", "the next attempt finds that there was one"
        wait_until(lambda: not _lives(int(path.read_text())), "the end of its process, which was killed, not just left")
    store.check()


@pytest.mark.parametrize("end", ["drain", "kill"])
def test_no_process_outlives_its_worker(sqlite_url: str, tmp_path: Path, end: str) -> None:
    store = Store(sqlite_url)
    path, never = tmp_path / "pid", tmp_path / "never"
    with Processes(store.url, ENGINE_WORKER__DRAIN_GRACE="100ms") as processes:
        (worker,) = processes.start()
        assert store.run("outcome", name="in_process")[0] == "ok"
        (execution_id,) = store.start("one_step", name="process_waits", path=str(path), forever=str(never))
        wait_until(lambda: path.exists() and path.read_text(), "the step having begun")
        children = _children(worker.pid)
        assert int(path.read_text()) in children
        if end == "kill":
            worker.kill()
        else:
            worker.terminate()
            assert worker.wait() == 0
            assert store.step(execution_id).state == "ready", "it was given back"
        wait_until(lambda: not any(map(_lives, children)), "the end of every process")
    store.close()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _lives(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie that somebody has yet to collect."""
    return process_token(pid) is not None
