"""What flows do, end to end: timers, signals, children, groups, cancellation, versions, queues and limits."""

from __future__ import annotations

from typing import Any

import pytest

from engine.definitions.registry import Registry
from tests.worker import sample_flows
from tests.worker.sample_flows import CALLS, DONE
from tests.worker.serving import Store, serving, wait_until


def seconds_of(row: Any) -> float:
    return (row.finished_us - row.created_us) / 1e6


# -- timers and signals ------------------------------------------------------------------------------------------------


def test_timers(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("timers", n=3)
        assert store.result(execution_id) == 3
    assert all(seconds_of(store.step(execution_id, seq)) >= 0.02 for seq in (1, 2, 3)), "by the database's clock"
    store.check()


def test_a_delayed_start(store: Store) -> None:
    with serving(store.url):
        (late,) = store.start("sequence", n=1, delay_us=400_000)
        (early,) = store.start("sequence", n=1)
        assert store.result(late) == store.result(early) == 1
    first = {row[0]: row[1] for row in store.rows("SELECT execution_id, started_us FROM milepost_steps WHERE seq = 0")}
    asked = store.rows("SELECT created_us FROM milepost_executions WHERE id = :id", id=late)[0][0]
    assert first[late] - asked >= 400_000
    store.check()


def test_a_signal_with_a_payload(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("approval")
        store.wait_for_step(execution_id, "waiting")
        store.signal(execution_id, "approved", "by Grace")
        assert store.result(execution_id) == "got by Grace"
    store.check()


def test_signals_wait_for_the_flow_in_the_order_they_came(store: Store) -> None:
    (execution_id,) = store.start("two_signals")
    store.signal(execution_id, "named", {"number": 1})
    store.signal(execution_id, "named", {"number": 2})
    with serving(store.url):
        assert store.result(execution_id) == [{"number": 1}, {"number": 2}]
    store.check()


def test_a_wait_times_out(store: Store) -> None:
    with serving(store.url):
        assert store.run("approval", timeout="50ms") == "timeout"
        (execution_id,) = store.start("approval", timeout="1h")
        store.wait_for_step(execution_id, "waiting")
        store.signal(execution_id, "approved", "in time")
        assert store.result(execution_id) == "got in time"
    store.check()


def test_a_signal_of_the_wrong_type_fails_the_flow(store: Store) -> None:
    (execution_id,) = store.start("approval")
    store.signal(execution_id, "approved", {"not": "a text"})
    with serving(store.url):
        assert store.result(execution_id, "failed")["type"] == "CodecError"
    store.check()


# -- children ----------------------------------------------------------------------------------------------------------


def test_children_awaited_and_failing(store: Store) -> None:
    with serving(store.url):
        assert store.run("parent", n=4) == [0, 1, 2, 3, "LookupError"]
    store.check()


def test_a_child_that_continues_as_new_answers_its_parent(store: Store) -> None:
    with serving(store.url):
        assert store.run("parent_of_counting", limit=3) == 3
    states = sorted(row[0] for row in store.rows("SELECT state FROM milepost_executions"))
    assert states == ["completed", "completed", "continued", "continued", "continued"]
    store.check()


def test_a_detached_child_outlives_its_parent(store: Store) -> None:
    with serving(store.url):
        child = store.run("detached_and_gone", n=5)
        assert store.state(child) == "running"
        store.signal(child, "go")
        assert store.result(child) == 5
    store.check()


def test_a_child_is_cancelled_with_its_parent(store: Store) -> None:
    with serving(store.url):
        (parent,) = store.start("waits_for_child", n=7)
        (child,) = wait_until(lambda: store.rows("SELECT id FROM milepost_executions WHERE parent_id = :p", p=parent))
        store.wait_for_step(child[0], "waiting")
        store.cancel(parent)
        store.result(parent, "cancelled")
        store.result(child[0], "cancelled")
    assert DONE == ["child 7 cleaned up"]
    store.check()


def test_the_end_of_a_cancelled_child_is_an_error_in_its_parent(store: Store) -> None:
    with serving(store.url):
        (parent,) = store.start("waits_for_child", n=8)
        (child,) = wait_until(lambda: store.rows("SELECT id FROM milepost_executions WHERE parent_id = :p", p=parent))
        store.cancel(child[0])
        assert store.result(parent) == "FlowCancelled"
    store.check()


def test_continue_as_new(store: Store) -> None:
    with serving(store.url):
        (first,) = store.start("counting", n=1, limit=4)
        store.wait_for_all()
    line, following = [first], first
    while following := store.rows("SELECT continued_to FROM milepost_executions WHERE id = :id", id=following)[0][0]:
        line.append(following)
    assert [store.state(id) for id in line] == ["continued"] * 3 + ["completed"]
    assert store.result(line[-1]) == 4
    assert {len(store.rows("SELECT 1 FROM milepost_steps WHERE execution_id = :id", id=id)) for id in line} == {2}
    store.check()


# -- cancellation and sagas --------------------------------------------------------------------------------------------


def test_cancellation_runs_finally(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("cleaned")
        store.wait_for_step(execution_id, "waiting")
        store.cancel(execution_id)
        store.cancel(execution_id)
        assert store.result(execution_id, "cancelled")["type"] == "FlowCancelled"
    assert [call[0] for call in CALLS] == ["add"], "the step in the finally block ran, once"
    assert store.step(execution_id, 1).state == "cancelled"
    store.check()


def test_one_that_has_not_begun_is_cancelled(store: Store) -> None:
    (execution_id,) = store.start("cleaned", delay_us=3_600_000_000)
    store.cancel(execution_id)
    with serving(store.url):
        store.result(execution_id, "cancelled")
    store.check()


def test_a_failure_is_compensated_in_reverse_order(store: Store) -> None:
    with serving(store.url):
        error = store.run("booking", "failed", wait=False)
    assert (error["type"], "no money" in error["message"]) == ("StepFailed", True)
    assert DONE == ["hotel", "flight", "flight undone", "hotel undone"]
    store.check()


def test_a_cancellation_is_compensated(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("booking", wait=True)
        store.wait_for_step(execution_id, "waiting", seq=3)
        store.cancel(execution_id)
        store.result(execution_id, "cancelled")
    assert DONE == ["hotel", "flight", "flight undone", "hotel undone"]
    store.check()


# -- side by side ------------------------------------------------------------------------------------------------------


def test_bounded_map_runs_so_many_at_a_time(store: Store) -> None:
    with serving(store.url):
        assert store.run("at_most_two", n=9) == list(range(9))
    assert sample_flows.AT_ONCE[1] <= 2
    store.check()


def test_races_and_timeouts(store: Store) -> None:
    with serving(store.url):
        assert store.run("races") == [2, 4, 0]
        assert store.run("too_slow") == "timeout"
        assert sample_flows.CANCELLED.wait(20), "the loser's code is told"
    left = store.rows("SELECT count(*) FROM milepost_steps WHERE due_at_us IS NOT NULL OR ready_queue IS NOT NULL")
    assert left[0][0] == 0, "what was given up is not due any more"
    store.check()


# -- changed code ------------------------------------------------------------------------------------------------------


def test_patches_are_for_what_is_still_to_come(store: Store) -> None:
    sample_flows.PATCHED["now"] = False
    with serving(store.url):
        (before,) = store.start("patching")
        store.wait_for_step(before, "waiting", seq=2)
    sample_flows.PATCHED["now"] = True
    with serving(store.url):
        (after,) = store.start("patching")
        store.signal(before, "go")
        store.signal(after, "go")
        assert store.result(before) == ["old", "second"]
        assert store.result(after) == ["old", "new", "second"]
    store.check()


def test_executions_stay_with_their_version(store: Store) -> None:
    (first,), (second,) = store.start("versioned", version=1), store.start("versioned", version=2)
    with serving(store.url):
        for execution_id in (first, second):
            store.signal(execution_id, "go")
        assert (store.result(first), store.result(second)) == (1, 2)
    store.check()


# -- queues, priorities, definitions -----------------------------------------------------------------------------------


def test_lower_priorities_wait(store: Store) -> None:
    late = store.start("recorded", count=3, priority=9, what="late")
    soon = store.start("recorded", count=3, priority=1, what="soon")
    with serving(store.url, concurrency=1):
        for execution_id in late + soon:
            store.result(execution_id)
    assert DONE == ["soon"] * 3 + ["late"] * 3
    store.check()


def test_a_step_on_another_queue_is_run_by_who_serves_it(store: Store) -> None:
    """The worker of the special queue has only the step's module, and does not advance the flow."""
    only_the_step = Registry([sample_flows.on_special_queue])
    (execution_id,) = store.start("special")
    with serving(store.url) as general:
        store.wait_for_step(execution_id, "ready", seq=2)
        with serving(store.url, only_the_step, queues=["special"]) as special:
            assert store.result(execution_id)[0] == 2
            assert general.worker_id != special.worker_id
    assert [call[0] for call in CALLS] == ["add", "on_special_queue", "add"]
    # The flow's step is claimed at its start, and once more for the result that the other worker left.
    assert store.step(execution_id, 0).attempt == 2
    store.check()


def test_unknown_definitions_are_given_back_uncounted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.worker.attempts.UNKNOWN_STEP_DELAY_US", 100_000)
    monkeypatch.setattr("engine.worker.driving.UNKNOWN_STEP_DELAY_US", 100_000)
    (execution_id,) = store.start("recorded", what="found")
    with serving(store.url, Registry([sample_flows.add])):
        wait_until(lambda: store.step(execution_id, 0).attempt >= 3, "the flow being tried again")
    flow_step = store.step(execution_id, 0)
    assert flow_step.max_attempts - flow_step.attempt == 10, "none of these attempts counts"
    with serving(store.url, Registry([sample_flows.recorded])):
        wait_until(lambda: (row := store.step(execution_id, 1)) and row.attempt >= 3, "the step being tried again")
    step = store.step(execution_id, 1)
    assert step.max_attempts - step.attempt == 3
    with serving(store.url):
        assert store.result(execution_id) == "found"
    store.check()


# -- inline steps ------------------------------------------------------------------------------------------------------


def test_inline_steps_share_one_commit_with_their_flow(store: Store) -> None:
    with serving(store.url):
        wait_until(lambda: store.workers("alive"))
        before = store.flushes()
        (execution_id,) = store.start("only_inline", n=20)
        assert store.result(execution_id) == 20
    rows = store.rows(
        "SELECT finished_us, attempt, owner FROM milepost_steps WHERE execution_id = :id", id=execution_id
    )
    assert len(rows) == 21
    # One claims the flow, one records all of it; and polls in between find nothing, which are flushes too.
    written = store.rows(
        "SELECT DISTINCT created_us FROM milepost_steps WHERE execution_id = :id AND seq > 0", id=execution_id
    )
    assert len(written) == 1, "all of them were written in one transaction"
    assert store.flushes() - before < 20
    store.check()


def test_failing_and_abandoned_inline_steps(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("inline_given_up")
        store.wait_for_step(execution_id, "waiting", seq=4)
    # Another worker replays it: what never ran is in the history all the same.
    with serving(store.url):
        store.signal(execution_id, "go")
        assert store.result(execution_id) == "done"
    store.check()


def test_events_during_an_inline_step_are_read_after_it(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("inline_under_way")
        wait_until(lambda: "slow_inline" in {call[0] for call in CALLS}, "the inline step being under way")
        store.fire(execution_id)
        store.wait_for_step(execution_id, "claimed", seq=2)
        sample_flows.GATE.set()
        assert store.result(execution_id) == [2, "slept"]
    store.check()


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["large_argument", "large_result"])
def test_values_have_a_largest_size(store: Store, name: str) -> None:
    with serving(store.url, max_value_bytes=1500):
        assert len(store.run(name, size=1000)) == 1000
        error = store.run(name, "failed", size=2000)
    assert error["type"] == "ValueTooLarge"
    assert "1500" in error["message"].replace(",", "")
    store.check()


def test_an_execution_has_a_largest_number_of_steps(store: Store) -> None:
    with serving(store.url, settings={"limits.max_steps": 10}):
        assert store.run("sequence", n=10) == 10
        error = store.run("sequence", "failed", n=11)
        assert error["type"] == "TooManySteps"
        assert store.run("fan", "failed", n=11)["type"] == "TooManySteps"
    assert len(CALLS) == 20, "what was open when it went too far was given up, and never ran"
    store.check()


@pytest.mark.servers
def test_a_smoke_on_mariadb(mysql_url: str) -> None:
    store = Store(mysql_url)
    DONE.clear()
    CALLS.clear()
    try:
        with serving(store.url), serving(store.url):
            ids = store.start("mixed", count=10, n=3)
            assert store.run("parent", n=3) == [0, 1, 2, "LookupError"]
            assert store.run("races") == [2, 4, 0]
            (waiting,) = store.start("booking", wait=True)
            store.wait_for_step(waiting, "waiting", seq=3)
            store.cancel(waiting)
            store.result(waiting, "cancelled")
            assert [store.result(id) for id in ids] == [store.result(ids[0])] * 10
            store.wait_for_all()
        assert DONE == ["hotel", "flight", "flight undone", "hotel undone"]
        store.check()
    finally:
        store.close()
