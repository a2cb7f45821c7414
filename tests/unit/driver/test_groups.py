from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver.awaitables import bounded_map, gather, race, sleep, with_timeout
from engine.driver.groups import Winner
from engine.errors import AlreadyAwaited, CodecError, FlowCancelled, FlowTimeout, NotInFlow, StepFailed
from tests.unit.driver.executions import Execution


@step
def work(item: Any) -> Any:
    return item


def items(execution: Execution) -> list[str]:
    return [str(command.input) for command in execution.commands.values()]


def test_gather_issues_all_and_returns_in_the_order_of_its_arguments() -> None:
    @flow
    async def shop() -> list[str]:
        return await gather(work("a"), work("b"), work("c"))

    execution = Execution(shop)
    assert items(execution) == ['{"item":"a"}', '{"item":"b"}', '{"item":"c"}']
    execution.complete(3, "C")
    execution.complete(1, "A")
    execution.complete(2, "B")
    assert execution.result == ["A", "B", "C"]


def test_gather_of_nothing_is_an_empty_list() -> None:
    @flow
    async def shop() -> list[Any]:
        return await gather()

    assert Execution(shop).result == []


def test_members_start_from_left_to_right_each_until_it_blocks() -> None:
    async def deep(name: str) -> Any:
        return await gather(work(f"{name}1"), deeper(f"{name}2"), work(f"{name}3"))

    async def deeper(name: str) -> Any:
        return await work(name)

    @flow
    async def shop() -> Any:
        return await gather(deep("a"), work("b"), deep("c"))

    execution = Execution(shop)
    assert [str(item)[9:-2] for item in items(execution)] == ["a1", "a2", "a3", "b", "c1", "c2", "c3"]


def test_helpers_in_a_gather_go_on_independently() -> None:
    async def two(name: str) -> str:
        return await work(name) + await work(name + "2")

    @flow
    async def shop() -> list[str]:
        return await gather(two("a"), two("b"))

    execution = Execution(shop)
    execution.complete(2, "b")
    assert execution.names == ["work"] * 3
    execution.complete(3, "B")
    execution.complete(1, "a")
    execution.complete(4, "A")
    assert execution.result == ["aA", "bB"]


def test_a_gather_given_to_a_gather_is_a_member_of_it() -> None:
    @flow
    async def shop() -> Any:
        return await gather(gather(work(1), work(2)), race(work(3), work(4)), work(5))

    execution = Execution(shop)
    for seq in (1, 2, 4, 5):
        execution.complete(seq, seq)
    assert execution.result == [[1, 2], [1, 4], 5]
    assert execution.cancelled == [3]


def test_the_first_error_cancels_the_others_and_is_raised() -> None:
    @flow
    async def shop() -> str:
        try:
            await gather(work(1), work(2), work(3))
        except StepFailed as error:
            return error.error_message
        return ""

    execution = Execution(shop)
    execution.complete(3, 3)
    decision = execution.fail(2, message="second")
    assert decision.cancels == [1]
    assert execution.result == "second"


def test_an_error_waits_for_the_others_to_clean_up() -> None:
    async def careful() -> None:
        try:
            await work("use")
        finally:
            await work("release")

    @flow
    async def shop() -> str:
        try:
            await gather(careful(), work("other"))
        except StepFailed:
            return "failed"
        return ""

    execution = Execution(shop)
    decision = execution.fail(2)
    assert decision.cancels == [1]
    assert [command.input for command in decision.commands] == ['{"item":"release"}']
    assert execution.ending is None
    execution.complete(3)
    assert execution.result == "failed"


def test_an_error_in_the_clean_up_is_noted_on_the_first() -> None:
    async def careless() -> None:
        try:
            await work("use")
        finally:
            raise ValueError("cannot release")

    @flow
    async def shop() -> list[str]:
        try:
            await gather(careless(), work("other"))
        except StepFailed as error:
            return error.__notes__
        return []

    execution = Execution(shop)
    execution.fail(2)
    [note] = execution.result
    assert "ValueError: cannot release" in note


def test_return_exceptions_lets_every_member_end() -> None:
    async def boom() -> None:
        raise ValueError("boom")

    @flow
    async def shop() -> list[str]:
        return [str(type(result).__name__) for result in await gather(work(1), boom(), work(2), return_exceptions=True)]

    execution = Execution(shop)
    assert execution.fail(1).cancels == []
    execution.complete(2, "x")
    assert execution.result == ["StepFailed", "ValueError", "str"]


def test_return_exceptions_does_not_hold_back_what_is_no_exception() -> None:
    async def stop() -> None:
        raise FlowCancelled

    @flow
    async def shop() -> None:
        await gather(work(1), stop(), return_exceptions=True)

    execution = Execution(shop)
    assert execution.cancelled == [1]
    assert execution.error.type == "FlowCancelled"


def test_members_after_one_that_fails_at_once_are_not_started() -> None:
    call: Any = work

    @flow
    async def shop() -> str:
        try:
            await gather(work(1), call(1, 2, 3), work(2), later())
        except CodecError:
            return "refused"
        return ""

    async def later() -> None:
        await work(3)

    execution = Execution(shop)
    assert items(execution) == ['{"item":1}']
    assert execution.cancelled == [1]
    assert execution.result == "refused"


def test_race_returns_the_first_and_cancels_the_others() -> None:
    @flow
    async def shop() -> list[Any]:
        winner = await race(work(1), work(2), work(3))
        assert winner == Winner(1, "two")
        return [winner.index, winner.value]

    execution = Execution(shop)
    decision = execution.complete(2, "two")
    assert decision.cancels == [1, 3]
    assert execution.result == [1, "two"]


def test_a_race_is_lost_by_an_error_that_comes_first() -> None:
    @flow
    async def shop() -> None:
        await race(work(1), work(2))

    execution = Execution(shop)
    assert execution.fail(1).cancels == [2]
    assert execution.error.type == "StepFailed"


def test_a_race_waits_for_its_losers_to_clean_up() -> None:
    async def careful() -> str:
        try:
            return await work("use")
        finally:
            await work("release")

    @flow
    async def shop() -> str:
        winner = await race(careful(), sleep("1s"))
        return f"{winner.index}"

    execution = Execution(shop)
    execution.fire(2)
    assert execution.ending is None
    execution.complete(3)
    assert execution.result == "1"


def test_a_loser_that_fails_in_its_clean_up_changes_nothing() -> None:
    async def careless() -> None:
        try:
            await work("use")
        finally:
            await work("release")

    @flow
    async def shop() -> int:
        return (await race(careless(), work("win"))).value

    execution = Execution(shop)
    execution.complete(2, 5)
    execution.fail(3)
    assert execution.result == 5


def test_a_loser_that_swallows_its_cancellation_is_waited_for() -> None:
    async def stubborn() -> str:
        try:
            return await work("a")
        except FlowCancelled:
            return await work("b")

    @flow
    async def shop() -> int:
        return (await race(stubborn(), work("win"))).index

    execution = Execution(shop)
    execution.complete(2)
    assert execution.names == ["work"] * 3
    execution.complete(3)
    assert execution.result == 1


def test_those_after_one_that_wins_at_once_are_not_started() -> None:
    async def ready() -> str:
        return "ready"

    async def never() -> str:
        return await work("never")

    @flow
    async def shop() -> str:
        return (await race(ready(), never(), work("never"), gather(work("never"), never()))).value

    execution = Execution(shop)
    assert execution.commands == {}
    assert execution.result == "ready"


def test_a_race_of_nothing_is_refused() -> None:
    @flow
    async def shop() -> None:
        await race()

    assert "at least one" in Execution(shop).error.message


def test_results_for_losers_that_come_too_late_are_ignored() -> None:
    @flow
    async def shop() -> Any:
        await race(work(1), work(2))
        return await work(3)

    execution = Execution(shop)
    execution.give(execution.done(1, "a"), execution.done(2, "b"))
    assert execution.run.position == 3
    assert execution.ending is None
    execution.complete(3, "c")
    assert execution.result == "c"


def test_bounded_map_keeps_to_its_limit() -> None:
    @flow
    async def shop() -> list[Any]:
        return await bounded_map(work, range(5), limit=2)

    execution = Execution(shop)
    assert items(execution) == ['{"item":0}', '{"item":1}']
    execution.complete(2, "b")
    assert len(execution.commands) == 3
    execution.complete(1, "a")
    execution.complete(3, "c")
    execution.complete(5, "e")
    execution.complete(4, "d")
    assert execution.result == ["a", "b", "c", "d", "e"]


def test_bounded_map_takes_helpers_and_lambdas() -> None:
    async def helper(item: int) -> int:
        return await work(item) + 1

    @flow
    async def shop() -> list[Any]:
        first = await bounded_map(helper, [1], limit=1)
        return first + await bounded_map(lambda item: work(item + 0), [2], limit=10)

    execution = Execution(shop)
    execution.complete(1, 1)
    execution.complete(2, 5)
    assert execution.result == [2, 5]


def test_bounded_map_of_nothing_is_an_empty_list() -> None:
    @flow
    async def shop() -> list[Any]:
        return await bounded_map(work, [], limit=3)

    assert Execution(shop).result == []


def test_bounded_map_stops_at_the_first_error() -> None:
    @flow
    async def shop() -> None:
        await bounded_map(work, range(10), limit=3)

    execution = Execution(shop)
    assert execution.fail(2).cancels == [1, 3]
    assert execution.error.type == "StepFailed"
    assert len(execution.commands) == 3


def test_an_error_of_the_mapped_function_itself_fails_the_map() -> None:
    def broken(item: int) -> Any:
        raise LookupError(f"no {item}")

    @flow
    async def shop() -> None:
        await bounded_map(broken, [7], limit=1)

    assert Execution(shop).error.message == "no 7"


@pytest.mark.parametrize("limit", [0, -1, True, "2"])
def test_bounded_map_refuses_an_odd_limit(limit: Any) -> None:
    @flow
    async def shop() -> None:
        await bounded_map(work, [1], limit=limit)

    assert "limit=" in Execution(shop).error.message


def test_with_timeout_passes_a_result_on_and_cancels_its_timer() -> None:
    @flow
    async def shop() -> Any:
        return await with_timeout(work(1), "5s")

    execution = Execution(shop)
    assert [(command.kind, command.delay_us) for command in execution.commands.values()] == [
        ("step", None),
        ("timer", 5_000_000),
    ]
    assert execution.complete(1, "x").cancels == [2]
    assert execution.result == "x"


def test_with_timeout_passes_an_error_on() -> None:
    @flow
    async def shop() -> Any:
        return await with_timeout(work(1), 5)

    execution = Execution(shop)
    assert execution.fail(1).cancels == [2]
    assert execution.error.type == "StepFailed"


def test_with_timeout_cancels_what_takes_too_long() -> None:
    @flow
    async def shop() -> str:
        try:
            await with_timeout(work(1), "5s")
        except FlowTimeout as error:
            return f"{isinstance(error, TimeoutError)} {error}"
        return ""

    execution = Execution(shop)
    assert execution.fire(2).cancels == [1]
    assert execution.result == "True it did not finish within 5s"


def test_with_timeout_waits_for_the_clean_up_of_what_it_cancels() -> None:
    async def careful() -> None:
        try:
            await gather(work(1), work(2))
        finally:
            await work("release")

    @flow
    async def shop() -> str:
        try:
            await with_timeout(careful(), "1m")
        except FlowTimeout:
            return "late"
        return ""

    execution = Execution(shop)
    assert execution.fire(3).cancels == [1, 2]
    execution.complete(4)
    assert execution.result == "late"


def test_with_timeout_of_something_ready_needs_no_timer() -> None:
    async def ready() -> str:
        return "ready"

    @flow
    async def shop() -> str:
        return await with_timeout(ready(), "1m")

    execution = Execution(shop)
    assert execution.commands == {}
    assert execution.result == "ready"


def test_timeouts_nest() -> None:
    @flow
    async def shop() -> str:
        try:
            await with_timeout(with_timeout(work(1), "1h"), "1m")
        except FlowTimeout as error:
            return str(error)
        return ""

    execution = Execution(shop)
    assert sorted(execution.fire(3).cancels) == [1, 2]
    assert "1m" in execution.result


@pytest.mark.parametrize("make", [gather, race, lambda aw: with_timeout(aw, "1s"), lambda aw: with_timeout(aw, "soon")])
def test_what_is_not_awaitable_is_refused_at_once(make: Any) -> None:
    @flow
    async def shop() -> None:
        await make(work)

    error = Execution(shop).error
    assert error.type in {"TypeError", "InvalidDuration"}


@pytest.mark.parametrize(
    "make",
    [gather, race, lambda aw: with_timeout(aw, "1s"), lambda aw: bounded_map(lambda _: aw, [1], limit=1)],
)
def test_groups_work_inside_of_flows_only(make: Any) -> None:
    async def helper() -> None: ...

    coroutine = helper()
    with pytest.raises(NotInFlow):
        make(coroutine)
    coroutine.close()


def test_a_coroutine_given_twice_is_refused() -> None:
    async def helper() -> None:
        await work(1)

    @flow
    async def shop() -> None:
        coroutine = helper()
        await gather(coroutine, coroutine)

    execution = Execution(shop)
    assert execution.error.type == "AlreadyAwaited"
    assert execution.cancelled == [1]


def test_a_finished_coroutine_or_call_is_refused() -> None:
    async def helper() -> None: ...

    @flow
    async def shop() -> list[bool]:
        coroutine, call = helper(), work(1)
        await coroutine
        await call
        results = await gather(coroutine, call, return_exceptions=True)
        return [isinstance(result, AlreadyAwaited) for result in results]

    execution = Execution(shop)
    execution.complete(1)
    assert execution.result == [True, True]


def test_an_object_that_awaits_the_engine_is_welcome() -> None:
    class Later:
        def __await__(self) -> Any:
            return work("later").__await__()

    @flow
    async def shop() -> list[Any]:
        return [await Later(), *(await gather(Later(), work(2)))]

    execution = Execution(shop)
    for seq in (1, 2, 3):
        execution.complete(seq, seq)
    assert execution.result == [1, 2, 3]


def test_an_asyncio_future_in_a_gather_is_refused() -> None:
    loop = asyncio.new_event_loop()
    try:
        future = loop.create_future()

        @flow
        async def shop() -> None:
            await gather(work(1), future)

        execution = Execution(shop)
        assert execution.error.type == "ForeignAwaitable"
        assert execution.cancelled == [1]
    finally:
        loop.close()


def test_groups_may_be_nested_very_deeply() -> None:
    @flow
    async def shop() -> Any:
        awaitable: Any = work(1)
        for _ in range(150):
            awaitable = gather(awaitable)
        return await awaitable

    execution = Execution(shop)
    execution.complete(1, 7)
    result = execution.result
    for _ in range(150):
        [result] = result
    assert result == 7


def test_branches_may_be_nested_very_deeply() -> None:
    async def down(depth: int) -> int:
        if depth == 0:
            return await work(depth)
        return (await gather(down(depth - 1)))[0] + 1

    @flow
    async def shop() -> int:
        return await down(3000)

    execution = Execution(shop)
    execution.complete(1, 0)
    assert execution.result == 3000


def test_a_wide_gather_is_linear() -> None:
    @flow
    async def shop(width: int) -> int:
        return len(await gather(*(work(item) for item in range(width))))

    execution = Execution(shop, 2000)
    assert len(execution.begun.commands) == 2000
    execution.give(*(execution.done(seq) for seq in range(2000, 0, -1)))
    assert execution.result == 2000
