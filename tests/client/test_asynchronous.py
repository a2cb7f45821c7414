"""The client for event loops: the same methods as the other one, and they work."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from engine import AsyncClient, Client, ExecutionFailed, Registry, ResultTimeout
from engine.client import AsyncHandle, Filter, Handle
from engine.client.asynchronous import AsyncStarter
from engine.client.synchronous import Starter
from engine.store.migrations import migrate
from tests.client.client_flows import approval, failing, paying, sums, total
from tests.worker.serving import serving

PAIRS = [(Client, AsyncClient), (Handle, AsyncHandle), (Starter, AsyncStarter)]
UNDERNEATH = {"launch", "launch_many", "expecting", "look_again"}
"""What the classes of the package need of each other; it is in no documentation."""
AT_ONCE = {"handle", "options", "read"}
"""What asks nothing of the store, and so is no coroutine."""


def methods(made: type) -> dict[str, Callable[..., Any]]:
    found = inspect.getmembers(made, inspect.isfunction)
    return {name: function for name, function in found if not name.startswith("_") and name not in UNDERNEATH}


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any, str]]:
    found = list(inspect.signature(function).parameters.values())
    return [(one.name, one.kind, one.default, str(one.annotation).replace("Async", "")) for one in found]


@pytest.mark.parametrize("plain, asynchronous", PAIRS, ids=lambda made: made.__name__)
def test_both_have_the_same_methods(plain: type, asynchronous: type) -> None:
    one, other = methods(plain), methods(asynchronous)
    assert one.keys() == other.keys()
    assert {name: parameters(function) for name, function in one.items()} == {
        name: parameters(function) for name, function in other.items()
    }
    for name, function in other.items():
        waits = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        assert waits == (name not in AT_ONCE), name
        assert function.__doc__, name
    assert parameters(plain.__init__) == parameters(asynchronous.__init__) or plain is not Client


def test_everything_works_from_a_loop(store_url: str, flows: Registry) -> None:
    async def program() -> None:
        async with AsyncClient(store_url, registry=flows) as client:
            await asyncio.to_thread(migrate, client.client.database)
            with serving(store_url, flows):
                await use(client)

    asyncio.run(program())


async def use(client: AsyncClient) -> None:
    keyed = client.options(key="one", attributes={"team": "blue"})
    first, second = await keyed.start(sums, 3), await keyed.start(sums, 3)
    assert first.id == second.id
    assert second.existed
    assert await first.result("20s") == 6
    assert await first.state() == (await first.get()).state == "completed"
    assert len(await first.history(after=0)) == 3
    many = await client.start_many(sums, [(n,) for n in range(10)])
    assert await client.results(many, "20s") == [n * (n - 1) for n in range(10)]
    assert [one.id async for one in client.find_all(limit=5)] == [one.id for one in await client.find(limit=5)]
    assert await client.count(Filter(flow="sums")) == {"completed": 11}
    assert await client.find_id(first.id[:25]) == first.id
    read = await keyed.start_input("total", {"order": {"id": 1, "lines": []}})
    assert read.id == first.id, "the key is used"
    order = await client.options().start_input(total, {"order": {"id": 1, "lines": []}})
    assert (await order.result("20s")).id == 2

    waiting = await client.start(approval)
    with pytest.raises(ResultTimeout):
        await waiting.result("50ms")
    await waiting.pause()
    assert await waiting.state() == "paused"
    await waiting.resume()
    answers = asyncio.gather(*(waiting.result("20s") for _ in range(50)))
    await asyncio.sleep(0.2)
    assert await waiting.signal("approved", "yes")
    assert set(await answers) == {"yes"}

    failed = await client.start(failing, "bad")
    with pytest.raises(ExecutionFailed):
        await failed.result("20s")
    again = await failed.rerun(2)
    with pytest.raises(ExecutionFailed):
        await again.result("20s")
    assert await client.cancel_many(Filter(flow="approval")) == 0
    dead = await client.start(paying, -1)
    while not await client.find(Filter(dead_letters=True)):
        await asyncio.sleep(0.01)
    await dead.retry(1, {"cents": 3})
    assert await dead.result("20s") == 3
    assert [worker.state for worker in await client.workers()] == ["alive"]
    await client.pause_queue("gpu", "new drivers")
    assert [(view.name, view.reason) for view in await client.queues() if view.paused_us] == [("gpu", "new drivers")]
    assert await client.resume_queue("gpu")
    ended = asyncio.create_task(client.start(approval))
    cancelled = await ended
    await cancelled.cancel()
    with pytest.raises(ExecutionFailed, match="cancelled"):
        await cancelled.result("20s")
    assert await client.prune(0) > 0


def test_a_wait_that_is_cancelled_leaves_nothing_behind(sqlite_url: str, flows: Registry) -> None:
    async def program() -> None:
        async with AsyncClient(sqlite_url, registry=flows) as client:
            await asyncio.to_thread(migrate, client.client.database)
            handle = await client.start(approval)
            waiting = asyncio.create_task(handle.result())
            await asyncio.sleep(0.2)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            with serving(sqlite_url, flows):
                await handle.signal("approved", "later")
                assert await handle.result("20s") == "later"

    asyncio.run(program())
