"""How many steps one execution may have (``limits.max_steps``)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from engine import FlowTimeout, flow, gather, patched, saga, sleep, step, with_timeout
from engine.driver import FlowRun
from engine.model.decisions import Completed, Decision, Failed
from engine.model.history import Event, History
from tests.unit.driver.executions import known, start_of

TEN = 10


@step
def work(number: int) -> int:
    return number


@flow
async def part(number: int) -> int:
    return number


@flow
async def one_by_one(count: int) -> int:
    for number in range(count):
        await work(number)
    return count


@flow
async def at_once(count: int) -> list[int]:
    return await gather(*(work(number) for number in range(count)))


@flow
async def stubborn() -> int:
    """Goes on whatever it is told."""
    number = 0
    while True:
        number += 1
        with suppress(BaseException):
            await work(number)


@flow
async def of_every_kind() -> None:
    for number in range(20):
        patched(f"change-{number}")
        part.detach(number)
        try:
            await with_timeout(part(number), "1s")
        except FlowTimeout:
            await sleep("1s")


@flow
async def undoing(count: int) -> None:
    async with saga() as undo:
        for number in range(count):
            undo.compensate(work, await work(number))


def driven(flow_: Any, *args: Any, max_steps: int = TEN) -> tuple[FlowRun, list[Decision]]:
    """Drive a flow whose every command succeeds, until it ends."""
    run = FlowRun(flow_, start_of(flow_, *args), max_steps=max_steps)
    decisions = [run.advance([Event(0, "completed", None, 1)])]
    answered = 0
    while decisions[-1].ending is None:
        answered += 1
        decisions.append(run.advance([Event(answered, "completed", str(answered - 1), 1)]))
    return run, decisions


def error_of(decision: Decision) -> tuple[str, str]:
    assert isinstance(decision.ending, Failed)
    return decision.ending.error.type, decision.ending.error.message


@pytest.mark.parametrize("flow_", [one_by_one, at_once])
def test_as_many_as_are_allowed(flow_: Any) -> None:
    _, decisions = driven(flow_, TEN)
    assert isinstance(decisions[-1].ending, Completed)


@pytest.mark.parametrize("flow_, args", [(one_by_one, (11,)), (at_once, (11,)), (stubborn, ())])
def test_one_more_fails_the_flow(flow_: Any, args: tuple[Any, ...]) -> None:
    _, decisions = driven(flow_, *args)
    kind, message = error_of(decisions[-1])
    assert kind == "TooManySteps"
    assert "step 'work'" in message
    assert "10 steps" in message
    assert "limits.max_steps" in message
    assert "continue_as_new" in message
    issued = [command.seq for decision in decisions for command in decision.commands]
    assert issued == list(range(1, TEN + 1)), "nothing beyond the limit is issued"


def test_what_is_open_is_withdrawn() -> None:
    _, decisions = driven(at_once, 11)
    assert sorted(decisions[-1].cancels) == list(range(1, TEN + 1))


def test_everything_that_is_numbered_counts() -> None:
    run = FlowRun(of_every_kind, start_of(of_every_kind), max_steps=TEN)
    decision = run.advance([Event(0, "completed", None, 1)])
    assert [command.kind for command in decision.commands] == ["marker", "child", "child", "timer"]
    while decision.ending is None:
        timer = next(command.seq for command in decision.commands if command.kind == "timer")
        decision = run.advance([Event(timer, "completed", None, 2)])
    assert error_of(decision)[0] == "TooManySteps"


def test_compensations_are_not_run_beyond_the_limit() -> None:
    _, decisions = driven(undoing, 11)
    assert error_of(decisions[-1])[0] == "TooManySteps"
    assert decisions[-1].commands == []


def test_a_lower_limit_lets_history_be(recwarn: pytest.WarningsRecorder) -> None:
    """What was issued under a higher limit is replayed; the next new step meets the lower one."""
    high = FlowRun(at_once, start_of(at_once, 15), max_steps=20)
    commands = high.advance([Event(0, "completed", None, 1)]).commands
    consumed = (Event(0, "completed", None, 1),)
    history = History(start_of(at_once, 15), tuple(known(command) for command in commands), consumed, ())
    low = FlowRun(at_once, start_of(at_once, 15), max_steps=TEN)
    low.replay(history)
    decision = low.advance([Event(seq, "completed", "1", 2) for seq in range(1, 16)])
    assert isinstance(decision.ending, Completed)
    high.close()
    assert not recwarn.list


def test_a_run_that_was_cut_off_takes_no_more_events() -> None:
    run, _ = driven(one_by_one, 11)
    position = run.position
    assert position == TEN + 1, "the event at which it went too far was consumed"
    run.close()
