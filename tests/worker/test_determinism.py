"""Executions that the engine sets aside for an operator: code that does not fit, and flows that kill their workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.worker import sample_flows
from tests.worker.processes import Processes
from tests.worker.serving import Store, serving, wait_until


def parked(store: Store, execution_id: str) -> Any:
    """Wait until an execution is parked, and return the reason."""
    wait_until(lambda: store.state(execution_id) == "parked", f"{execution_id} being parked")
    return json.loads(store.rows("SELECT error FROM milepost_executions WHERE id = :id", id=execution_id)[0][0])


def test_changed_code_parks_the_execution_until_it_is_put_back(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("changing")
        store.wait_for_step(execution_id, "waiting", seq=2)
    sample_flows.CHANGED["now"] = True
    with serving(store.url):
        store.signal(execution_id, "go")
        reason = parked(store, execution_id)
        assert reason["type"] == "DeterminismError"
        for part in (execution_id, "changing", "seq 1", "history has step 'add'", "the code issued step 'add_on_loop'"):
            assert part in reason["message"], reason["message"]
        # Resumed with the wrong code, it is set aside once more.
        store.resume(execution_id)
        wait_until(lambda: store.step(execution_id, 0).attempt >= 3, "another try")
        parked(store, execution_id)
        assert store.run("sequence", n=2) == 2, "others are not held up"
    sample_flows.CHANGED["now"] = False
    with serving(store.url):
        store.resume(execution_id)
        assert store.result(execution_id) == 2
    assert [call[0] for call in sample_flows.CALLS].count("add") == 2, "its step ran once, and one of the other flow"
    store.check()


def test_results_that_come_while_it_is_parked_are_kept(store: Store) -> None:
    with serving(store.url):
        (execution_id,) = store.start("changing")
        store.wait_for_step(execution_id, "waiting", seq=2)
    sample_flows.CHANGED["now"] = True
    with serving(store.url):
        store.cancel(execution_id)
        parked(store, execution_id)
        store.signal(execution_id, "go")
    sample_flows.CHANGED["now"] = False
    with serving(store.url):
        store.resume(execution_id)
        store.result(execution_id, "cancelled")
    store.check()


def test_a_flow_that_kills_its_workers_is_parked(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "harmless"
    (execution_id,) = store.start("kills_when_driven", path=str(path))
    store.execute("UPDATE milepost_steps SET max_attempts = 2 WHERE execution_id = :id", id=execution_id)
    with Processes(store.url) as processes:
        for number in (1, 2):
            (process,) = processes.start(ready=False)
            assert process.wait() == 9
            assert store.step(execution_id, 0).attempt == number
        (survivor,) = processes.start()
        reason = parked(store, execution_id)
        assert reason["type"] == "FlowKeepsFailing"
        assert "'kills_when_driven' has killed 2 workers" in reason["message"]
        assert survivor.exit_code is None
        path.touch()
        store.resume(execution_id)
        assert store.result(execution_id) == "went on"
        store.check()
        survivor.terminate()
        assert survivor.wait() == 0


def test_a_parked_execution_can_be_cancelled(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "harmless"
    (execution_id,) = store.start("kills_when_driven", path=str(path))
    store.execute("UPDATE milepost_steps SET attempt = 10 WHERE execution_id = :id", id=execution_id)
    with serving(store.url):
        assert parked(store, execution_id)["type"] == "FlowKeepsFailing"
        path.touch()
        store.cancel(execution_id)
        store.resume(execution_id)
        # It has no await at which it could be cancelled.
        assert store.result(execution_id) == "went on"
    store.check()
