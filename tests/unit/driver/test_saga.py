from __future__ import annotations

from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver.awaitables import gather, with_timeout
from engine.driver.saga import Saga, saga
from engine.driver.surroundings import continue_as_new
from engine.errors import NotInFlow, StepFailed
from engine.model.decisions import Cancelled, Completed, Continued
from tests.unit.driver.executions import Execution


@step
def book(what: str) -> str:
    return what


@step
def refund(what: str) -> None: ...


@step
def after(what: str) -> None: ...


@flow
async def trip() -> str:
    async with saga() as undo:
        for what in ("car", "hotel", "plane"):
            await book(what)
            undo.compensate(refund, what=what)
        await book("insurance")
    return "booked"


def undone(execution: Execution) -> list[str]:
    return [str(c.input).split('"')[3] for c in execution.commands.values() if c.name == "refund"]


def test_nothing_is_undone_when_all_goes_well() -> None:
    execution = Execution(trip)
    for seq in range(1, 5):
        execution.complete(seq, "ok")
    assert execution.ending == Completed('"booked"')


def test_an_error_undoes_in_reverse_order_and_goes_on() -> None:
    execution = Execution(trip)
    for seq in (1, 2):
        execution.complete(seq, "ok")
    execution.fail(3, message="no seat")
    assert undone(execution) == ["hotel"]
    execution.complete(4)
    assert undone(execution) == ["hotel", "car"]
    assert execution.ending is None
    execution.complete(5)
    assert "no seat" in execution.error.message


def test_a_cancellation_undoes_too() -> None:
    execution = Execution(trip)
    execution.complete(1, "ok")
    assert execution.cancel().cancels == [2]
    assert undone(execution) == ["car"]
    execution.cancel()
    execution.complete(3)
    assert execution.ending == Cancelled()


def test_a_compensation_that_fails_does_not_stop_the_others() -> None:
    @flow
    async def shop() -> list[str]:
        try:
            async with saga() as undo:
                undo.compensate(refund, "a")
                undo.compensate(refund, "b")
                raise ValueError("odd")
        except ValueError as error:
            return error.__notes__
        return []

    execution = Execution(shop)
    execution.fail(1, message="no refund")
    execution.complete(2)
    [note] = execution.result
    assert "'refund'" in note
    assert "no refund" in note
    assert undone(execution) == ["b", "a"]


def test_a_cancellation_waits_until_all_is_undone() -> None:
    @flow
    async def shop() -> None:
        try:
            async with saga() as undo:
                undo.compensate(refund, "a")
                undo.compensate(refund, "b")
                raise ValueError("odd")
        except ValueError:
            await after("gone on")

    execution = Execution(shop)
    decision = execution.cancel()
    assert (decision.commands, decision.cancels, decision.ending) == ([], [], None)
    execution.complete(1)
    assert undone(execution) == ["b", "a"]
    decision = execution.complete(2)
    assert (decision.commands, decision.cancels) == ([], [])
    assert execution.ending == Cancelled()


def test_a_kept_cancellation_does_not_replace_the_error() -> None:
    execution = Execution(trip)
    execution.complete(1, "ok")
    execution.fail(2, message="first")
    execution.cancel()
    execution.complete(3)
    assert "first" in execution.error.message


def test_compensations_may_be_helpers_with_branches_of_their_own() -> None:
    async def both(one: str, two: str) -> None:
        await gather(refund(one), refund(two))

    @flow
    async def shop() -> None:
        async with saga() as undo:
            undo.compensate(both, "a", two="b")
            await book("c")

    execution = Execution(shop)
    execution.cancel()
    assert undone(execution) == ["a", "b"]
    execution.cancel()
    execution.complete(2)
    execution.complete(3)
    assert execution.ending == Cancelled()


def test_sagas_nest() -> None:
    @flow
    async def shop() -> None:
        async with saga() as outer:
            outer.compensate(refund, "outer")
            async with saga() as inner:
                inner.compensate(refund, "inner")
                await book("x")

    execution = Execution(shop)
    execution.fail(1)
    execution.complete(2)
    execution.complete(3)
    assert undone(execution) == ["inner", "outer"]


def test_a_branch_that_compensates_is_waited_for() -> None:
    async def part() -> None:
        async with saga() as undo:
            undo.compensate(refund, "part")
            await book("part")

    @flow
    async def shop() -> str:
        try:
            await with_timeout(part(), "1h")
        except TimeoutError:
            return "late"
        return ""

    execution = Execution(shop)
    execution.fire(2)
    assert execution.ending is None
    execution.complete(3)
    assert execution.result == "late"


def test_a_branch_cancelled_while_it_compensates_finishes_it() -> None:
    async def part() -> None:
        async with saga() as undo:
            undo.compensate(refund, "a")
            undo.compensate(refund, "b")
            raise ValueError("odd")

    @flow
    async def shop() -> None:
        await gather(part(), book("x"))

    execution = Execution(shop)
    execution.fail(2, message="x failed")
    execution.complete(1)
    assert undone(execution) == ["b", "a"]
    execution.complete(3)
    assert "x failed" in execution.error.message


def test_continuing_as_new_undoes_nothing() -> None:
    @flow
    async def shop(turn: int) -> None:
        async with saga() as undo:
            undo.compensate(refund, "a")
            continue_as_new(turn + 1)

    execution = Execution(shop, 1)
    assert isinstance(execution.ending, Continued)
    assert execution.commands == {}


def test_compensate_belongs_into_the_block() -> None:
    @flow
    async def shop() -> None:
        async with saga() as undo:
            pass
        undo.compensate(refund, "late")

    assert "outside of the saga" in Execution(shop).error.message


def test_a_saga_belongs_into_a_flow() -> None:
    async def elsewhere() -> Saga:
        async with saga() as undo:
            return undo

    with pytest.raises(NotInFlow):
        elsewhere().send(None)


def test_the_error_may_be_caught_after_it_was_undone() -> None:
    @flow
    async def shop() -> Any:
        try:
            async with saga() as undo:
                undo.compensate(refund, "a")
                await book("b")
        except StepFailed as error:
            return error.step

    execution = Execution(shop)
    execution.fail(1)
    execution.complete(2)
    assert execution.result == "book"
