"""Nothing may be heard of a run that is closed: warnings, and errors that nobody can catch, fail these tests."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver import FlowRun
from engine.driver.awaitables import bounded_map, gather, race, sleep, with_timeout
from engine.driver.closing import _unclosable
from engine.driver.saga import saga
from engine.driver.surroundings import now, patched, uuid
from engine.errors import DeterminismError, NotInFlow
from engine.model.decisions import Decision
from engine.model.history import Event, History, KnownCommand
from tests.unit.driver.executions import Execution, start_of


@step
def work(item: Any = None) -> Any:
    return item


@flow
async def child() -> None: ...


def begin(flow_: Any) -> tuple[FlowRun, Decision]:
    run = FlowRun(flow_, start_of(flow_))
    return run, run.advance([Event(0, "completed", None, 1)])


def drop(flow_: Any) -> None:
    run, decision = begin(flow_)
    assert decision.ending is None
    run.close()
    run.close()
    del run
    gc.collect()


def test_finally_blocks_that_await_steps_end_there() -> None:
    seen: list[str] = []

    @flow
    async def shop() -> None:
        try:
            try:
                await work(1)
            finally:
                seen.append("inner")
                await work(2)
                seen.append("never")
        finally:
            seen.append("outer")
            await gather(work(3), helper())
            seen.append("never")

    async def helper() -> None:
        seen.append("never")

    drop(shop)
    assert seen == ["inner", "outer"]


def test_except_blocks_that_await_steps_end_there() -> None:
    @flow
    async def shop() -> None:
        try:
            await work(1)
        except BaseException:
            await work(2)
            raise

    drop(shop)


def test_nothing_can_be_asked_of_a_closed_run() -> None:
    seen: list[str] = []

    @flow
    async def shop() -> None:
        for ask in (now, uuid, lambda: patched("x"), child.detach):
            try:
                if not seen:
                    await work(1)
            finally:
                seen.append("asked")
                ask()
                seen.append("answered")

    drop(shop)
    assert seen == ["asked"]


def test_sagas_do_not_compensate() -> None:
    @flow
    async def shop() -> None:
        async with saga() as undo:
            undo.compensate(work, "undo")
            await work(1)

    drop(shop)


def test_all_branches_are_closed() -> None:
    closed: list[str] = []

    async def branch(name: str) -> None:
        try:
            await work(name)
        finally:
            closed.append(name)
            await sleep(1)

    @flow
    async def shop() -> None:
        try:
            await gather(
                branch("a"), race(branch("b"), with_timeout(branch("c"), 1)), bounded_map(branch, "de", limit=1)
            )
        finally:
            closed.append("root")

    drop(shop)
    assert sorted(closed) == ["a", "b", "c", "d", "root"]


def test_coroutines_that_were_never_started_do_not_complain() -> None:
    async def helper() -> None: ...

    async def taker(*_args: Any) -> None: ...

    @flow
    async def shop() -> None:
        one = helper()
        many = {"more": [helper(), (helper(),)]}
        lazy = gather(helper(), race(helper(), work(1)))
        await taker(helper(), await work(2), one, many, lazy)

    drop(shop)


def test_coroutines_held_by_a_helper_and_by_a_generator_do_not_complain() -> None:
    async def helper() -> None: ...

    class Holder:
        def __await__(self) -> Any:
            kept = helper()
            yield from work(1).__await__()
            yield from kept.__await__()

    async def outer() -> None:
        kept = helper()
        await Holder()
        await kept

    @flow
    async def shop() -> None:
        await outer()

    drop(shop)


def test_members_that_were_never_started_do_not_complain() -> None:
    async def fails() -> None:
        raise ValueError("at once")

    async def helper() -> None: ...

    @flow
    async def shop() -> None:
        await gather(fails(), helper(), gather(helper()))

    assert Execution(shop).error.message == "at once"


def test_errors_in_a_clean_up_are_not_heard() -> None:
    @flow
    async def shop() -> None:
        try:
            await work(1)
        finally:
            raise ValueError("while closing")

    drop(shop)


def test_code_that_keeps_swallowing_everything_does_not_hang() -> None:
    count = 0

    @flow
    async def shop() -> None:
        nonlocal count
        while True:
            count += 1
            try:
                await work(1)
            except:  # noqa: E722, S112 - the point of the test
                continue

    before = len(_unclosable)
    drop(shop)
    assert count < 1000
    assert len(_unclosable) == before + 1


STUBBORN = """
from engine import flow, gather, step
from engine.driver import FlowRun
from engine.model.history import Event, FlowStart

@step
def work(): ...

@flow
async def stubborn():
    while True:
        try:
            await gather(work(), work())
        except BaseException:
            continue

run = FlowRun(stubborn, FlowStart("0" * 26, "stubborn", 1, "{}", "default", 5, 0))
run.advance([Event(0, "completed", None, 0)])
run.close()
print("closed", flush=True)
"""


def test_code_that_keeps_swallowing_everything_does_not_keep_its_process_from_ending() -> None:
    ended = subprocess.run([sys.executable, "-c", STUBBORN], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "closed\n", "")


def test_members_not_started_when_a_replay_fails_do_not_complain() -> None:
    async def helper() -> None:
        await work(1)

    @flow
    async def shop() -> None:
        await bounded_map(lambda _: gather(helper(), helper(), race(helper())), [1, 2], limit=2)

    start = start_of(shop)
    run = FlowRun(shop, start)
    with pytest.raises(DeterminismError):
        run.replay(History(start, (KnownCommand(1, "step", "other"),), (Event(0, "completed", None, 1),)))
    del run
    gc.collect()


def test_a_wide_run_is_closed_in_linear_time() -> None:
    async def helper(item: int) -> None:
        try:
            await work(item)
        finally:
            await work(-item)

    @flow
    async def shop() -> None:
        await gather(*(helper(item) for item in range(3000)))

    drop(shop)


def test_asynchronous_generators_dropped_half_way_are_closed_quietly() -> None:
    seen: list[str] = []

    async def pages() -> AsyncIterator[int]:
        try:
            for page in range(3):
                yield await work(page)
        finally:
            seen.append("closed")
            await work("never")
            seen.append("never")

    @flow
    async def shop() -> int:
        async for page in pages():
            if page == 1:
                break
        gc.collect()
        return await work("last")

    execution = Execution(shop)
    execution.complete(1, 0)
    execution.complete(2, 1)
    execution.complete(3, 9)
    assert execution.result == 9
    assert len(execution.commands) == 3
    assert set(seen) == {"closed"}


def test_asynchronous_generators_that_wait_are_closed_with_their_run() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lease() -> AsyncIterator[None]:
        await work("take")
        try:
            yield
        finally:
            seen.append("back")
            await work("give back")

    @flow
    async def shop() -> None:
        async with lease():
            await sleep(1)

    run, _ = begin(shop)
    run.advance([Event(1, "completed", "null", 1)])
    run.close()
    gc.collect()
    assert seen == ["back"]
    execution = Execution(shop)
    execution.complete(1)
    execution.fire(2)
    execution.complete(3)
    assert execution.result is None


def test_a_generator_that_will_not_close_is_left_alone() -> None:
    class Foreign:
        def __await__(self) -> Any:
            yield

    async def pages() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await Foreign()

    @flow
    async def shop() -> None:
        async for _ in pages():
            break
        await work(1)

    drop(shop)


def test_a_run_can_be_closed_before_it_starts_and_after_it_ended() -> None:
    @flow
    async def shop() -> None: ...

    FlowRun(shop, start_of(shop)).close()
    run, decision = begin(shop)
    assert decision.ending is not None
    run.close()


def test_closing_inside_of_another_flow_leaves_that_one_alone() -> None:
    @flow
    async def inner() -> None:
        try:
            await work("inner")
        finally:
            await work("never")

    waiting = begin(inner)[0]

    @flow
    async def outer() -> int:
        waiting.close()
        return await work("outer")

    execution = Execution(outer)
    execution.complete(1, 2)
    assert execution.result == 2


def test_a_step_called_by_a_closed_run_is_outside_of_any_flow_again() -> None:
    @flow
    async def shop() -> None:
        await work(1)

    drop(shop)
    try:
        work(1)
    except NotInFlow:
        return
    raise AssertionError("the closed run is still the current one")
