from __future__ import annotations

import asyncio
import types
from collections.abc import Generator
from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver import FlowRun
from engine.driver.awaitables import gather
from engine.errors import ForeignAwaitable
from engine.model.decisions import Decision, Failed
from engine.model.history import Event
from tests.unit.driver.executions import Execution, start_of


@step
def work(item: Any = None) -> Any:
    return item


def start(flow_: Any) -> Decision:
    return FlowRun(flow_, start_of(flow_)).advance([Event(0, "completed", None, 1)])


def failure(decision: Decision) -> Any:
    assert isinstance(decision.ending, Failed)
    return decision.ending.error


def test_a_bare_yield() -> None:
    @flow
    async def shop() -> None:
        await asyncio.sleep(0)

    error = Execution(shop).error
    assert error.type == "ForeignAwaitable"
    assert "sleep0()" in error.message
    assert "move the call into a step" in error.message
    assert "await asyncio.sleep(0)" in error.traceback


def test_an_asyncio_sleep_without_a_loop() -> None:
    @flow
    async def shop() -> None:
        await asyncio.sleep(1)

    error = Execution(shop).error
    assert error.type == "ForeignAwaitable"
    assert "event loop" in error.message


def test_an_asyncio_sleep_while_a_loop_runs() -> None:
    @flow
    async def shop() -> None:
        await asyncio.sleep(1)

    async def worker() -> Decision:
        before = asyncio.get_running_loop()
        decision = start(shop)
        assert asyncio.get_running_loop() is before
        return decision

    error = failure(asyncio.run(worker()))
    assert error.type == "ForeignAwaitable"
    assert "event loop" in error.message


def test_a_flow_cannot_start_tasks_on_the_loop_of_its_worker() -> None:
    ran: list[str] = []

    @flow
    async def shop() -> None:
        asyncio.get_running_loop().call_soon(ran.append, "on the worker's loop")

    async def worker() -> Decision:
        decision = start(shop)
        await asyncio.sleep(0)
        return decision

    assert failure(asyncio.run(worker())).type == "ForeignAwaitable"
    assert ran == []


def test_the_loop_comes_back_after_an_error() -> None:
    @flow
    async def shop() -> None: ...

    async def worker() -> None:
        run = FlowRun(shop, start_of(shop))
        with pytest.raises(Exception, match="comes first"):
            run.advance([Event(1, "completed", None, 1)])
        asyncio.get_running_loop()

    asyncio.run(worker())


def test_an_asyncio_future() -> None:
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()

        @flow
        async def shop() -> list[str]:
            seen: list[str] = []
            for _ in range(2):
                try:
                    await future
                except ForeignAwaitable as error:
                    seen.append(str(error))
            return seen

        first, second = Execution(shop).result
        assert first == second
        assert "Future" in first
    finally:
        loop.close()


def test_an_asyncio_future_that_is_done_needs_no_waiting() -> None:
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()
        future.set_result(3)

        @flow
        async def shop() -> int:
            return await future

        assert Execution(shop).result == 3
    finally:
        loop.close()


def test_a_generator_based_awaitable() -> None:
    class Odd:
        def __await__(self) -> Generator[str, None, int]:
            yield "something odd"
            return 1

    @flow
    async def shop() -> None:
        await Odd()

    error = Execution(shop).error
    assert error.type == "ForeignAwaitable"
    assert "Odd.__await__()" in error.message
    assert "yielded builtins.str" in error.message


def test_a_generator_coroutine() -> None:
    @types.coroutine
    def odd() -> Generator[int, None, None]:
        yield 7

    async def helper() -> None:
        await odd()

    @flow
    async def shop() -> None:
        await gather(helper(), work())

    execution = Execution(shop)
    assert "odd()" in execution.error.message
    assert execution.commands == {}


def test_a_future_of_its_own_yielded_raw() -> None:
    class Raw:
        def __await__(self) -> Generator[Any, Any, Any]:
            return (yield object())

    @flow
    async def shop() -> None:
        await Raw()

    assert "builtins.object" in Execution(shop).error.message


def test_the_error_may_be_caught_and_the_flow_goes_on() -> None:
    @flow
    async def shop() -> Any:
        try:
            await asyncio.sleep(0)
        except ForeignAwaitable:
            return await work("in a step")

    execution = Execution(shop)
    execution.complete(1, "done")
    assert execution.result == "done"


def test_an_ordinary_runtime_error_stays_one() -> None:
    @flow
    async def shop() -> None:
        raise RuntimeError("no running water")

    assert Execution(shop).error.type == "RuntimeError"
