"""What one worker makes of steps: their results, errors, retries and timeouts."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.worker import sample_flows
from tests.worker.serving import Store, serving, wait_until


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
        assert store.run("outcome", name=name) == expected
        sample_flows.GATE.set()
    store.check()
    store.close()


def test_retries_then_success(store: Store) -> None:
    with serving(store.url):
        assert store.run("retried", attempt=3) == 3
    assert [attempt for _, _, attempt in sample_flows.CALLS] == [1, 2, 3]
    store.check()


def test_a_timed_out_task_does_not_go_on(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    sample_flows.CANCELLED.clear()
    with serving(store.url):
        assert store.run("outcome", name="slow_on_loop") == ["StepTimeout", 1]
        assert sample_flows.CANCELLED.wait(20)
    store.close()


def test_another_process_runs_the_step(store: Store) -> None:
    with serving(store.url):
        state, (value, pid) = store.run("outcome", name="in_process")
    assert (state, value) == ("ok", 1)
    assert pid != os.getpid()


def test_a_dead_letter_waits_for_an_operator(store: Store) -> None:
    from engine.store.control import retry_step

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
