from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.lazy import Lazy
from engine.definitions.step import step
from engine.driver import FlowRun
from engine.driver.awaitables import gather, sleep
from engine.errors import AlreadyAwaited, CodecError, DeterminismError, NotInFlow, StepFailed
from engine.model.decisions import Command, Completed
from engine.model.history import Event
from engine.model.retry import Retry
from tests.unit.driver.executions import Execution, start_of


@dataclasses.dataclass
class Order:
    id: int
    lines: list[str]


@step
def charge(amount: int) -> int:
    return amount


@step
async def reserve(order: Order) -> Order:
    return order


@step
def nothing() -> None: ...


def test_steps_are_issued_one_after_the_other() -> None:
    @flow
    async def shop(amount: int) -> int:
        first = await charge(amount)
        second = await charge(amount=first + 1)
        return first + second

    execution = Execution(shop, 3)
    assert execution.begun.commands == [
        Command(
            seq=1,
            kind="step",
            name="charge",
            queue="default",
            priority=5,
            input='{"amount":3}',
            max_attempts=3,
            issued=1,
        )
    ]
    assert execution.begun.ending is None
    assert execution.complete(1, 10).commands[0].input == '{"amount":11}'
    assert execution.complete(2, 7).commands == []
    assert execution.ending == Completed("17")
    assert execution.run.position == 3


def test_a_flow_without_steps_ends_at_its_start() -> None:
    @flow
    async def quick(x: int = 4) -> int:
        return x

    assert Execution(quick).ending == Completed("4")
    assert Execution(quick, 5).result == 5


def test_a_helper_may_be_awaited_directly() -> None:
    async def twice(amount: int) -> int:
        return await charge(amount) + await charge(amount)

    @flow
    async def shop() -> int:
        return await twice(2)

    execution = Execution(shop)
    execution.complete(1, 3)
    execution.complete(2, 4)
    assert execution.result == 7


def test_results_are_read_as_the_step_declares_them() -> None:
    @flow
    async def shop() -> str:
        order = await reserve(Order(1, ["a"]))
        assert type(order) is Order
        return order.lines[0]

    execution = Execution(shop)
    execution.complete(1, {"id": 2, "lines": ["x"]})
    assert execution.result == "x"


def test_a_result_that_does_not_fit_is_an_error_in_the_flow() -> None:
    @flow
    async def shop() -> str:
        try:
            await reserve(Order(1, []))
        except CodecError:
            return "refused"
        return "taken"

    execution = Execution(shop)
    execution.complete(1, {"id": "two"})
    assert execution.result == "refused"


def test_a_step_without_a_result_returns_none() -> None:
    @flow
    async def shop() -> bool:
        return await nothing() is None

    execution = Execution(shop)
    execution.complete(1, None)
    assert execution.result is True


def test_a_failed_step_raises_where_it_is_awaited() -> None:
    @flow
    async def shop() -> dict[str, Any]:
        try:
            await charge(1)
        except StepFailed as error:
            return {
                "is": error.is_a(ValueError),
                "step": error.step,
                "type": error.error_type,
                "text": error.error_message,
                "n": error.attempts,
            }
        return {}

    execution = Execution(shop)
    execution.fail(1, "ValueError", "no money")
    assert execution.result == {"is": True, "step": "charge", "type": "ValueError", "text": "no money", "n": 3}


def test_an_error_out_of_the_flow_fails_it() -> None:
    @flow
    async def shop() -> None:
        await charge(1)

    execution = Execution(shop)
    execution.fail(1, "ValueError", "no money")
    assert execution.error.type == "StepFailed"
    assert "no money" in execution.error.message
    assert "shop" in execution.error.traceback


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), BaseException("odd")])
def test_even_an_odd_error_fails_the_flow_and_not_the_worker(error: BaseException) -> None:
    @flow
    async def shop() -> None:
        await charge(1)
        raise error

    execution = Execution(shop)
    execution.complete(1, 1)
    assert execution.error.type == type(error).__name__


def test_an_interrupt_from_the_keyboard_is_for_the_worker() -> None:
    @flow
    async def shop() -> None:
        raise KeyboardInterrupt

    run = FlowRun(shop, start_of(shop))
    with pytest.raises(KeyboardInterrupt):
        run.advance([Event(0, "completed", None, 1)])
    with pytest.raises(RuntimeError, match="closed, failed"):
        run.advance([Event(1, "completed", None, 1)])
    run.close()


def test_try_except_else_finally_around_steps() -> None:
    @flow
    async def shop(amount: int) -> list[str]:
        seen: list[str] = []
        try:
            try:
                await charge(amount)
            except StepFailed:
                seen.append("except")
                await charge(101)
                raise
            else:
                seen.append("else")
            finally:
                await charge(102)
                seen.append("finally")
        except StepFailed:
            seen.append("outer")
        return seen

    good = Execution(shop, 1)
    good.complete(1, 1)
    good.complete(2, 1)
    assert good.result == ["else", "finally"]
    bad = Execution(shop, 1)
    assert bad.fail(1).commands[0].input == '{"amount":101}'
    assert bad.complete(2, 1).commands[0].input == '{"amount":102}'
    bad.complete(3, 1)
    assert bad.result == ["except", "finally", "outer"]


def test_options_of_a_step_are_in_its_command() -> None:
    @step(
        name="slow",
        retry=Retry(attempts=None, then="dead_letter"),
        timeout="30s",
        queue="gpu",
        priority=9,
    )
    def slow_step() -> None: ...

    @step(inline=True, retry=Retry(attempts=7))
    def small() -> None: ...

    @flow
    async def shop() -> None:
        await gather(slow_step(), small(), slow_step.options(queue=None, priority=0, timeout=None, retry=Retry())())

    slow, inline, changed = Execution(shop).begun.commands
    assert (slow.name, slow.queue, slow.priority, slow.timeout_us) == ("slow", "gpu", 9, 30_000_000)
    assert slow.dead_letter
    assert slow.max_attempts == 2_000_000_000
    assert (inline.inline, inline.max_attempts, inline.queue) == (True, 7, "default")
    assert (changed.name, changed.queue, changed.priority, changed.timeout_us) == ("slow", "default", 0, None)
    assert (changed.dead_letter, changed.max_attempts) == (False, 3)


def test_arguments_that_do_not_fit_are_an_error_where_the_step_is_awaited() -> None:
    @flow
    async def shop() -> str:
        call: Any = charge
        try:
            await call(1, 2, 3)
        except CodecError as error:
            return str(error)
        return ""

    execution = Execution(shop)
    assert execution.commands == {}
    assert "charge" in execution.result


def test_values_have_a_size_limit() -> None:
    @step
    def keep(text: str) -> None: ...

    @flow
    async def shop(size: int) -> str:
        await keep("ä" * size)
        return "ä" * size

    for size, ending in ((40, "Completed"), (60, "Failed")):
        run = FlowRun(shop, start_of(shop, size), max_value_bytes=100)
        decision = run.advance([Event(0, "completed", None, 1), Event(1, "completed", "null", 1)])
        assert type(decision.ending).__name__ == ending
        assert len(decision.commands) == (1 if size == 40 else 0)
    run = FlowRun(shop, start_of(shop, 60), max_value_bytes=100)
    assert "ValueTooLarge" in repr(run.advance([Event(0, "completed", None, 1)]).ending)


def test_a_result_that_is_too_large_fails_the_flow() -> None:
    @flow
    async def shop() -> str:
        return "x" * 100

    run = FlowRun(shop, start_of(shop), max_value_bytes=50)
    decision = run.advance([Event(0, "completed", None, 1)])
    assert "ValueTooLarge" in repr(decision.ending)


def test_a_result_that_cannot_be_written_fails_the_flow() -> None:
    @flow
    async def shop() -> Any:
        return object()

    assert Execution(shop).error.type == "CodecError"


def test_arguments_that_cannot_be_read_fail_the_flow() -> None:
    @flow
    async def shop(order: Order) -> None: ...

    start = start_of(shop, Order(1, []))
    run = FlowRun(
        shop, type(start)(**{**{f: getattr(start, f) for f in start.__struct_fields__}, "input": '{"order":3}'})
    )
    decision = run.advance([Event(0, "completed", None, 1)])
    assert "CodecError" in repr(decision.ending)


def test_a_call_that_is_never_awaited_fails_the_flow() -> None:
    @flow
    async def shop() -> int:
        charge(1)
        return await charge(2)

    execution = Execution(shop)
    execution.complete(1, 2)
    assert execution.error.type == "NeverAwaited"
    assert "step 'charge'" in execution.error.message


def test_any_engine_awaitable_that_is_never_awaited_fails_the_flow() -> None:
    @flow
    async def shop() -> None:
        sleep("1s")
        gather(nothing())

    message = Execution(shop).error.message
    assert "timer 'sleep'" in message
    assert "gather()" in message
    assert "step 'nothing'" in message


def test_a_call_left_behind_by_an_error_fails_nothing() -> None:
    @flow
    async def shop() -> str:
        first, second = charge(1), charge(2)
        try:
            await first
            await second
        except StepFailed:
            return "none"
        return "both"

    execution = Execution(shop)
    execution.fail(1)
    assert execution.result == "none"


def test_a_call_left_behind_is_not_reported_when_the_flow_fails() -> None:
    @flow
    async def shop() -> None:
        charge(1)
        raise ValueError("first")

    assert Execution(shop).error.type == "ValueError"


def test_a_call_can_be_awaited_once() -> None:
    @flow
    async def shop() -> str:
        call = charge(1)
        await call
        try:
            await call
        except AlreadyAwaited as error:
            return str(error)
        return ""

    execution = Execution(shop)
    execution.complete(1, 1)
    assert "step 'charge' was awaited before" in execution.result


def test_a_step_called_outside_of_a_flow_says_what_to_call() -> None:
    with pytest.raises(NotInFlow, match=r"charge\.fn\(\.\.\.\)"):
        charge(1)
    assert charge.fn(4) == 4


def test_a_call_awaited_outside_of_its_flow_is_refused() -> None:
    calls: list[Lazy[Any]] = []

    @flow
    async def shop() -> None:
        calls.append(charge(1))
        await charge(2)

    Execution(shop)

    async def elsewhere() -> None:
        await calls[0]

    with pytest.raises(NotInFlow, match="step 'charge'"):
        elsewhere().send(None)


def test_a_run_is_not_driven_from_inside_of_a_flow() -> None:
    @flow
    async def inner() -> None: ...

    @flow
    async def outer() -> None:
        FlowRun(inner, start_of(inner)).advance([Event(0, "completed", None, 1)])

    assert "driven already" in Execution(outer).error.message


def test_events_after_the_end_are_left_alone() -> None:
    @flow
    async def shop() -> int:
        return await charge(1)

    execution = Execution(shop)
    execution.give(execution.done(1, 5), execution.done(1, 6))
    assert execution.result == 5
    assert execution.run.position == 2
    assert execution.run.advance([]).ending == Completed("5")
    with pytest.raises(DeterminismError, match="ended before"):
        execution.run.advance([execution.done(1, 6)])


def test_many_events_at_once_decide_the_same_as_one_by_one() -> None:
    @flow
    async def shop() -> int:
        total = 0
        for amount in range(4):
            total += sum(await gather(charge(amount), charge(total)))
        return total

    single = Execution(shop)
    for seq in range(1, 9):
        single.complete(seq, seq)
    at_once = FlowRun(shop, single.start)
    decision = at_once.advance(single.consumed)
    assert decision.commands == list(single.commands.values())
    assert decision.ending == single.ending
