"""Steering executions: signals, cancelling, pausing, retries, reruns; one by one and many at a time."""

from __future__ import annotations

from typing import Any

import pytest

from engine import Client, ExecutionFailed, ExecutionFinished
from engine.client import Filter
from engine.errors import DefinitionError, NothingToRetry, StoreError
from tests.client.client_flows import approval, broken, counting, failing, paying, recovering, short_sleep, sums
from tests.worker.serving import serving, wait_until


def wait_for_state(client: Client, execution_id: str, state: str, seq: int = 1) -> None:
    def there() -> bool:
        return any(step.seq == seq and step.state == state for step in client.history(execution_id))

    wait_until(there, f"step {seq} being {state}")


def test_an_execution_is_steered_through_its_handle(client: Client, store_url: str) -> None:
    with serving(store_url, client.registry):
        handle = client.start(approval)
        wait_for_state(client, handle.id, "waiting")
        handle.pause()
        assert (handle.state(), handle.get().state) == ("paused", "paused")
        assert handle.signal("approved", "yes", key="once")
        assert not handle.signal("approved", "no", key="once")
        handle.resume()
        assert handle.result("20s") == "yes"
        for act in (handle.cancel, handle.pause, handle.resume, lambda: handle.signal("approved")):
            with pytest.raises(ExecutionFinished):
                act()

        cancelled = client.start(approval)
        cancelled.cancel()
        with pytest.raises(ExecutionFailed, match="cancelled"):
            cancelled.result("20s")

        again = handle.rerun()
        assert again.id != handle.id
        assert again.get().rerun_of == handle.id
        again.signal("approved", "again")
        assert again.result("20s") == "again"
        with pytest.raises(StoreError, match="99"):
            handle.rerun(99)


def test_a_retry_says_what_to_do_where_there_is_nothing_to_retry(client: Client, store_url: str) -> None:
    def refused(execution_id: str, seq: int | None = None) -> str:
        with pytest.raises((NothingToRetry, ExecutionFinished)) as caught:
            client.retry(execution_id, seq)
        return str(caught.value)

    with serving(store_url, client.registry):
        failed = client.start(failing, "no good")
        finished = client.start(sums, 1)
        fell = client.start(broken)
        caught = client.start(recovering, "bad")
        waiting = client.start(approval)
        continued = client.start(counting, 1)
        client.results([finished, continued], "20s")
        for handle in (failed, fell):
            with pytest.raises(ExecutionFailed):
                handle.result("20s")
        wait_for_state(client, caught.id, "waiting", 3)
        wait_for_state(client, waiting.id, "waiting")

        said = refused(failed.id)
        assert f"engine rerun {failed.id} --from 2" in said
        assert "refuse, failed (ValueError: no good)" in said
        assert f"engine rerun {finished.id};" in refused(finished.id)
        assert f"engine rerun {fell.id};" in refused(fell.id), "it failed of no step"
        assert f"engine rerun {caught.id} --from 1" in refused(caught.id)
        assert f"engine rerun {caught.id} --from 1" in refused(caught.id, 1)
        assert "is completed: only a dead letter" in refused(caught.id, 2)
        assert "has no step 9" in refused(caught.id, 9)
        assert "nothing to retry" in refused(waiting.id)
        assert f"engine retry {continued.get().continued_to}" in refused(continued.id)


def test_dead_letters_are_found_and_get_new_attempts(client: Client, store_url: str) -> None:
    with serving(store_url, client.registry):
        handles = client.start_many(paying, [(-1,), (-2,), (5,)])
        for handle in handles[:2]:
            wait_for_state(client, handle.id, "dead")
        dead = {found.id for found in client.find(Filter(dead_letters=True))}
        assert dead == {handle.id for handle in handles[:2]}
        handles[0].retry(1, {"cents": 9})
        assert client.results([handles[0], handles[2]], "20s") == [9, 5]
        told: list[int] = []
        assert client.retry_many(Filter(flow="paying"), told=told.append) == 1
        assert told == [1]
        wait_for_state(client, handles[1].id, "dead")
        assert client.cancel_many(Filter(dead_letters=True)) == 1


def test_many_are_steered_at_a_time(client: Client, store_url: str) -> None:
    with serving(store_url, client.registry):
        client.results(client.start_many(sums, [(n,) for n in range(4)]), "20s")
        # They end when they are told to: others might have ended before they are paused.
        handles: list[Any] = client.options(attributes={"lot": "7"}).start_many(approval, [()] * 6)
        lot = Filter(attributes={"lot": "7"})
        assert client.pause_many(lot, limit=4) == 4
        assert client.resume_many(lot) == 4
        for number, handle in enumerate(handles):
            handle.signal("approved", str(number))
        assert client.results(handles, "20s") == [str(number) for number in range(6)]
        # What has ended is not looked at: with a limit, it would stand before what is meant.
        client.start_many(approval, [()] * 3)
        client.results(client.start_many(sums, [(n,) for n in range(4)]), "20s")
        assert client.cancel_many(Filter(), limit=3) == 3
        wait_until(lambda: client.count(Filter(state="cancelled")) == {"cancelled": 3}, "the cancellations")
        assert client.prune("1h") == 0
        told: list[int] = []
        assert client.prune(0, told=told.append) == 17
        assert told[-1] == 17
        assert client.count() == {}


def test_a_queue_is_paused_and_resumed(client: Client, store_url: str) -> None:
    client.pause_queue("default", "to look at it")
    with serving(store_url, client.registry):
        waits = client.start(sums, 3)
        assert client.options(queue="default").start(short_sleep, 1).state() == "running"
        (view,) = client.queues()
        assert (view.name, view.ready, view.reason) == ("default", 2, "to look at it")
        assert view.paused_us is not None
        client.pause_queue("default")
        assert client.queues()[0].reason is None
        assert client.resume_queue("default")
        assert waits.result("20s") == client.start(sums, 3).result("20s")
    assert not client.resume_queue("default")


@pytest.mark.parametrize("name", ["", "two words", "x" * 101, None, 7])
def test_what_is_no_name_of_a_queue_is_neither_paused_nor_resumed(client: Client, name: Any) -> None:
    for act in (client.pause_queue, client.resume_queue):
        with pytest.raises(DefinitionError, match="queue name"):
            act(name)


@pytest.mark.parametrize("reason", ["", "a\x1b[31m colour", "x" * 1001, 7])
def test_a_reason_that_cannot_be_shown_is_refused(client: Client, reason: Any) -> None:
    with pytest.raises(DefinitionError, match="reason"):
        client.pause_queue("default", reason)
    assert client.queues() == []
