from __future__ import annotations

import contextvars
import decimal
from typing import Any
from uuid import UUID

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver import drive
from engine.driver.awaitables import gather
from engine.driver.surroundings import continue_as_new, now, patched, random, uuid
from engine.errors import CodecError, DeterminismError, NotInFlow
from engine.model.decisions import Command, Continued
from engine.model.history import FlowStart
from tests.unit.driver.executions import Execution, known


@step
def work(item: Any = None) -> Any:
    return item


@step
def other(item: Any = None) -> Any:
    return item


def test_randomness_is_the_same_in_every_replay_and_differs_between_executions() -> None:
    @flow
    async def shop() -> list[Any]:
        first = [random().random(), str(uuid())]
        await work(random().randrange(10**9))
        return [*first, random().random(), str(uuid())]

    execution = Execution(shop)
    execution.complete(1)
    result = execution.result
    assert len(set(map(str, result))) == 4
    assert UUID(result[1]).version == 4
    start = FlowStart("1" * 26, "shop", 1, "{}", "default", 5, 0)
    elsewhere = drive(shop, type(execution.history())(start=start, unread=tuple(execution.consumed)))
    assert str(elsewhere.ending) != str(execution.ending)


@pytest.mark.parametrize("call", [now, random, uuid, lambda: patched("x"), continue_as_new])
def test_surroundings_belong_into_flows(call: Any) -> None:
    with pytest.raises(NotInFlow):
        call()


def test_a_context_variable_set_in_a_flow_stays_there() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    @flow
    async def shop() -> list[str]:
        seen = [variable.get()]
        token = variable.set("inside")
        await work()
        seen.append(variable.get())
        variable.reset(token)
        with decimal.localcontext() as context:
            context.prec = 3
            await work()
            seen.append(str(decimal.Decimal(1) / 3))
        return seen

    token = variable.set("worker")
    execution = Execution(shop)
    execution.complete(1)
    assert decimal.getcontext().prec > 3
    execution.complete(2)
    assert execution.result == ["outside", "inside", "0.333"]
    assert variable.get() == "worker"
    variable.reset(token)


def test_a_new_execution_takes_the_changed_path_and_records_it() -> None:
    @flow
    async def shop() -> str:
        if patched("better"):
            return await other()
        return await work()

    execution = Execution(shop)
    assert execution.begun.commands[0] == Command(1, "marker", "better", "default", 5, issued=1)
    assert execution.names == ["better", "other"]
    execution.complete(2, "new")
    assert execution.result == "new"


def changed(before: Any, after: Any, execution: Execution) -> Execution:
    """Go on with ``execution``, which ran the code ``before``, under the code ``after``."""
    resumed = Execution.__new__(Execution)
    resumed.__dict__.update(execution.__dict__)
    assert execution.flow is before
    resumed.flow = after
    resumed.run = type(execution.run)(after, execution.start)
    resumed.run.replay(execution.history())
    return resumed


def test_an_execution_that_passed_the_place_keeps_to_the_earlier_code() -> None:
    @flow(name="shop")
    async def before() -> list[Any]:
        return [await work(1), await work(2)]

    @flow(name="shop")
    async def after() -> list[Any]:
        first = await work(1)
        return [first, await (other(2) if patched("better") else work(2))]

    execution = Execution(before)
    execution.complete(1, "a")
    resumed = changed(before, after, execution)
    resumed.complete(2, "b")
    assert resumed.result == ["a", "b"]
    assert resumed.names == ["work", "work"]


def test_an_execution_that_has_not_passed_the_place_takes_the_changed_path() -> None:
    @flow(name="shop")
    async def before() -> list[Any]:
        return [await work(1), await work(2)]

    @flow(name="shop")
    async def after() -> list[Any]:
        first = await work(1)
        return [first, await (other(2) if patched("better") else work(2))]

    resumed = changed(before, after, Execution(before))
    resumed.complete(1, "a")
    assert resumed.names == ["work", "better", "other"]
    resumed.complete(3, "c")
    assert resumed.result == ["a", "c"]


def test_where_earlier_code_issued_nothing_more_it_is_still_the_earlier_code() -> None:
    async def extra() -> None:
        if patched("extra"):
            await other()

    @flow(name="shop")
    async def before() -> None:
        await gather(work(1))

    @flow(name="shop")
    async def after() -> None:
        await gather(work(1), extra())

    resumed = changed(before, after, Execution(before))
    resumed.complete(1)
    assert resumed.names == ["work"]
    assert resumed.result is None


def test_an_answer_holds_for_the_whole_execution() -> None:
    @flow(name="shop")
    async def before() -> None:
        for _ in range(2):
            await work()

    @flow(name="shop")
    async def after() -> list[bool]:
        answers: list[bool] = []
        for _ in range(2):
            answers.append(patched("better"))
            await work()
        answers.append(patched("better"))
        return answers

    fresh = Execution(after)
    fresh.complete(2)
    fresh.complete(3)
    assert fresh.result == [True, True, True]
    assert fresh.names == ["better", "work", "work"]
    resumed = changed(before, after, Execution(before))
    resumed.complete(1)
    resumed.complete(2)
    assert resumed.result == [False, False, False]


def test_a_recorded_marker_that_the_code_lost_is_noticed() -> None:
    @flow(name="shop")
    async def before() -> None:
        patched("better")
        await other()

    @flow(name="shop")
    async def after() -> None:
        await other()

    with pytest.raises(DeterminismError, match="marker 'better'") as caught:
        changed(before, after, Execution(before))
    assert caught.value.seq == 1


def test_a_result_for_a_marker_is_refused() -> None:
    @flow
    async def shop() -> None:
        patched("better")
        await other()

    execution = Execution(shop)
    with pytest.raises(DeterminismError, match="finished before"):
        execution.run.advance([execution.done(1)])


def test_continue_as_new_ends_the_flow_with_new_arguments() -> None:
    @flow
    async def shop(turn: int, label: str = "x") -> int:
        await work(turn)
        try:
            continue_as_new(turn + 1, label="y")
        except Exception:  # noqa: BLE001 - the point of the test
            return -1

    execution = Execution(shop, 1)
    execution.complete(1)
    assert execution.ending == Continued('{"turn":2,"label":"y"}')


def test_continue_as_new_out_of_a_branch_cancels_the_others() -> None:
    async def branch() -> None:
        await work(2)
        continue_as_new(7)

    @flow
    async def shop(turn: int) -> None:
        await gather(work(1), branch(), return_exceptions=True)

    execution = Execution(shop, 1)
    assert execution.complete(2).cancels == [1]
    assert execution.ending == Continued('{"turn":7}')


def test_continue_as_new_checks_its_arguments() -> None:
    @flow
    async def shop() -> str:
        try:
            continue_as_new(1, 2, 3)
        except CodecError as error:
            return str(error)

    assert "shop" in Execution(shop).result


def test_continue_as_new_lets_finally_blocks_clean_up() -> None:
    @flow
    async def shop() -> None:
        try:
            continue_as_new()
        finally:
            await work("release")

    execution = Execution(shop)
    assert execution.ending is None
    execution.complete(1)
    assert execution.ending == Continued("{}")


def test_a_forgotten_call_is_reported_by_continue_as_new_too() -> None:
    @flow
    async def shop() -> None:
        work(1)
        continue_as_new()

    assert Execution(shop).error.type == "NeverAwaited"


def test_history_is_compared_in_kind_and_name() -> None:
    @flow
    async def shop() -> None:
        await work(1)

    assert known(Execution(shop).commands[1]).name == "work"
