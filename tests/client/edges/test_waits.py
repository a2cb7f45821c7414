"""Waiting for many: from several threads, and from one loop without threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine import AsyncClient, ResultTimeout
from engine.client import Client, waiter
from tests.client.edges.stores import made
from tests.worker import sample_flows as flows
from tests.worker.serving import serving, wait_until


@pytest.fixture(autouse=True)
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiter, "LINGER_SECONDS", 0.2)


def test_one_result_after_the_other_takes_one_session(served: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiter, "LINGER_SECONDS", 60.0)
    opened: list[object] = []
    genuine = waiter.open_listener
    monkeypatch.setattr(waiter, "open_listener", lambda *about: opened.append(about) or genuine(*about))
    for n in range(5):
        assert served.start(flows.sequence, n).result("20s") == n
    assert len(opened) == 1


def test_results_of_many_from_several_threads(served: Client) -> None:
    started = served.start_many(flows.sequence, [(n,) for n in range(24)])
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda one: one.result("30s"), started)) == list(range(24))
        # Several threads wait for one, and some give up before the others.
        waited = served.start(flows.approval)
        patient = [threads.submit(waited.result, "20s") for _ in range(4)]
        hasty = [threads.submit(waited.result, "50ms") for _ in range(4)]
        assert all(isinstance(one.exception(), ResultTimeout) for one in hasty)
        waited.signal("approved", "yes")
        assert [one.result() for one in patient] == ["got yes"] * 4
    assert served.results(started, "20s") == list(range(24))
    wait_until(lambda: served._waiter._thread is None, "the thread that listens to end once nobody waits")


def test_a_client_is_used_by_eight_threads_for_everything(served: Client) -> None:
    def work(number: int) -> str:
        started = served.options(key=f"key-{number}", attributes={"n": number}).start(flows.approval)
        served.find()
        started.pause()
        started.resume()
        started.signal("approved", "x", key="once")
        served.queues()
        return started.result("20s")

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(16))) == ["got x"] * 16
        same = list(threads.map(lambda _: served.options(key="one").start(flows.sequence, 1), range(16)))
    assert len({one.id for one in same}) == 1
    assert [one.existed for one in same].count(False) == 1, "of those that start at once with one key, one does"


def test_a_thousand_waits_hold_no_thread(sqlite_url: str) -> None:
    url = made(sqlite_url)

    async def wait() -> list[int]:
        async with AsyncClient(url) as client:
            started = await client.start_many(flows.sequence, [(n % 3,) for n in range(1000)])
            waits = [asyncio.create_task(one.result("240s")) for one in started]
            while len(client.client._waiter._expected) < 1000:
                await asyncio.sleep(0.05)
            assert threading.active_count() < 50
            with serving(url):
                return await asyncio.gather(*waits)

    assert asyncio.run(wait()) == [n % 3 for n in range(1000)]


def test_cancelled_waits_leave_nothing_behind(sqlite_url: str) -> None:
    url = made(sqlite_url)

    async def wait() -> None:
        async with AsyncClient(url) as client:
            started = await client.start(flows.sequence, 1)
            waits = [asyncio.create_task(started.result()) for _ in range(20)]
            waiting = client.client._waiter
            while len(waiting._expected.get(started.id, ())) < 20:
                await asyncio.sleep(0.01)
            for one in waits:
                one.cancel()
            ended = await asyncio.gather(*waits, return_exceptions=True)
            assert {type(one) for one in ended} == {asyncio.CancelledError}
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(started.result(), 0.05)
            assert waiting._expected == {}
            while waiting._thread is not None:
                await asyncio.sleep(0.01)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(wait())
    # It says that it ends before it has ended, and those of other tests may still be at it.
    wait_until(lambda: "milepost-waiter" not in [thread.name for thread in threading.enumerate()], "the thread's end")
