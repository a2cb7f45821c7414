from __future__ import annotations

from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver import FlowRun
from engine.driver.awaitables import bounded_map, gather, race, sleep, wait_for_event, with_timeout
from engine.errors import FlowCancelled, StepFailed
from engine.model.decisions import Cancelled
from engine.model.history import Event
from engine.model.states import CANCEL_SEQ
from tests.unit.driver.executions import Execution, start_of


@step
def work(item: Any) -> Any:
    return item


@flow
async def child(item: Any) -> Any:
    return await work(item)


@pytest.mark.parametrize(
    "wait",
    [
        lambda: work(1),
        lambda: sleep("1h"),
        lambda: wait_for_event("x"),
        lambda: child(1),
    ],
)
def test_a_cancelled_flow_gives_up_what_it_waits_for(wait: Any) -> None:
    @flow
    async def shop() -> None:
        await wait()

    execution = Execution(shop)
    decision = execution.cancel()
    assert decision.cancels == [1]
    assert decision.ending == Cancelled()
    assert decision.cancel_children == [c.child_id for c in execution.commands.values() if c.kind == "child"]


@pytest.mark.parametrize(
    "wait",
    [
        lambda: gather(work(1), work(2), work(3)),
        lambda: race(work(1), work(2), work(3)),
        lambda: bounded_map(work, range(9), limit=3),
        lambda: with_timeout(gather(work(1), work(2)), "1h"),
        lambda: gather(race(work(1)), gather(work(2), work(3)), return_exceptions=True),
    ],
)
def test_a_cancelled_flow_gives_up_all_branches_it_waits_for(wait: Any) -> None:
    @flow
    async def shop() -> None:
        await wait()

    execution = Execution(shop)
    assert execution.cancel().cancels == [1, 2, 3]
    assert execution.ending == Cancelled()
    assert len(execution.commands) == 3


def test_finally_blocks_may_await_steps() -> None:
    @flow
    async def shop() -> None:
        try:
            await work(1)
        finally:
            await work("release")
            await work("report")

    execution = Execution(shop)
    assert execution.cancel().ending is None
    execution.complete(2)
    execution.complete(3)
    assert execution.ending == Cancelled()


def test_except_exception_does_not_swallow_a_cancellation() -> None:
    @flow
    async def shop() -> None:
        while True:
            try:
                await work(1)
            except Exception:  # noqa: BLE001, S112 - the point of the test
                continue

    execution = Execution(shop)
    execution.fail(1)
    execution.fail(2)
    execution.cancel()
    assert execution.ending == Cancelled()


def test_a_flow_that_swallows_its_cancellation_goes_on() -> None:
    @flow
    async def shop() -> str:
        try:
            await work(1)
        except FlowCancelled:
            return await work("instead")
        return ""

    execution = Execution(shop)
    execution.cancel()
    execution.complete(2, "saved")
    assert execution.result == "saved"


def test_an_error_in_the_clean_up_fails_the_flow() -> None:
    @flow
    async def shop() -> None:
        try:
            await work(1)
        finally:
            await work("release")

    execution = Execution(shop)
    execution.cancel()
    execution.fail(2, message="stuck")
    assert execution.error.type == "StepFailed"


def test_a_second_request_changes_nothing() -> None:
    @flow
    async def shop() -> None:
        try:
            await work(1)
        finally:
            await work("release")

    execution = Execution(shop)
    execution.cancel()
    decision = execution.cancel()
    assert (decision.commands, decision.cancels, decision.ending) == ([], [], None)
    execution.complete(2)
    assert execution.ending == Cancelled()


def test_a_cancellation_raised_by_the_flow_itself_is_a_failure() -> None:
    @flow
    async def shop() -> None:
        raise FlowCancelled("on my own")

    assert Execution(shop).error.type == "FlowCancelled"


def test_a_request_that_came_before_the_first_drive_is_seen_at_the_first_await() -> None:
    @flow
    async def shop() -> None:
        await work(1)

    run = FlowRun(shop, start_of(shop))
    decision = run.advance([Event(0, "completed", None, 1), Event(CANCEL_SEQ, "completed", None, 1)])
    assert [command.seq for command in decision.commands] == decision.cancels == [1]
    assert decision.ending == Cancelled()


def test_branches_clean_up_side_by_side() -> None:
    async def careful(name: str) -> None:
        try:
            await work(name)
        finally:
            await work(f"release {name}")

    @flow
    async def shop() -> None:
        try:
            await gather(careful("a"), careful("b"), work("c"))
        finally:
            await work("all released")

    execution = Execution(shop)
    decision = execution.cancel()
    assert decision.cancels == [1, 2, 3]
    assert [command.input for command in decision.commands] == ['{"item":"release a"}', '{"item":"release b"}']
    assert execution.complete(5).commands == []
    assert [command.input for command in execution.complete(4).commands] == ['{"item":"all released"}']
    execution.complete(6)
    assert execution.ending == Cancelled()


def test_a_request_while_losers_clean_up_does_not_disturb_them() -> None:
    async def careful() -> None:
        try:
            await work("use")
        finally:
            await work("release")

    @flow
    async def shop() -> Any:
        return (await race(careful(), work("win"))).index

    execution = Execution(shop)
    execution.complete(2)
    decision = execution.cancel()
    assert (decision.cancels, decision.ending) == ([], None)
    execution.complete(3)
    assert execution.ending == Cancelled()


def test_a_branch_not_yet_started_is_never_started() -> None:
    started: list[str] = []

    async def fails() -> None:
        raise ValueError("first")

    async def later(call: Any) -> None:
        started.append("later")
        await call

    @flow
    async def shop() -> str:
        try:
            await gather(fails(), later(work(1)))
        except ValueError:
            return "caught"
        return ""

    assert Execution(shop).result == "caught"
    assert started == []


def test_clean_up_may_have_its_own_timeout() -> None:
    @flow
    async def shop() -> str:
        try:
            await work(1)
        finally:
            try:
                await with_timeout(work("release"), "1m")
            except TimeoutError:
                await work("alarm")
        return ""

    execution = Execution(shop)
    execution.cancel()
    execution.fire(3)
    execution.complete(4)
    assert execution.ending == Cancelled()
    assert execution.cancelled == [1, 2]


def test_results_of_cancelled_steps_are_ignored() -> None:
    @flow
    async def shop() -> None:
        try:
            await work(1)
        finally:
            await work(2)

    execution = Execution(shop)
    execution.give(execution.event(-1, "completed", None), execution.failed(1))
    assert execution.run.position == 3
    execution.complete(2)
    assert execution.ending == Cancelled()


def test_a_step_that_an_operator_cancelled_is_a_failed_one() -> None:
    @flow
    async def shop() -> str:
        try:
            await work(1)
        except StepFailed as error:
            return error.error_type
        return ""

    execution = Execution(shop)
    execution.give(execution.event(1, "cancelled", None))
    assert execution.result == "FlowCancelled"


def test_a_command_may_be_issued_and_given_up_in_one_drive() -> None:
    async def fails() -> None:
        raise ValueError("at once")

    @flow
    async def shop() -> None:
        await gather(work(1), fails())

    execution = Execution(shop)
    assert [command.seq for command in execution.begun.commands] == [1]
    assert execution.begun.cancels == [1]
    assert execution.error.message == "at once"
