from __future__ import annotations

from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver import FlowRun, drive
from engine.driver.awaitables import gather, race, sleep
from engine.errors import DeterminismError
from engine.model.history import Event, History, KnownCommand
from engine.model.states import CANCEL_SEQ
from tests.unit.driver.executions import Execution, start_of


@step
def a(item: Any = None) -> Any:
    return item


@step
def b(item: Any = None) -> Any:
    return item


@flow
async def ab() -> None:
    await a()
    await b()


def replay(flow_: Any, known: list[tuple[int, str, str]], *seqs: int) -> FlowRun:
    run = FlowRun(flow_, start_of(flow_))
    events = [Event(seq, "completed", "1", 1) for seq in seqs]
    run.replay(History(run._start, tuple(KnownCommand(*each) for each in known), tuple(events)))
    return run


def mismatch(flow_: Any, known: list[tuple[int, str, str]], *seqs: int) -> DeterminismError:
    with pytest.raises(DeterminismError) as caught:
        replay(flow_, known, *seqs)
    return caught.value


def test_a_history_that_fits_is_replayed() -> None:
    run = replay(ab, [(1, "step", "a"), (2, "step", "b")], 0, 1)
    assert run.position == 2
    assert run.advance([Event(2, "completed", "1", 1)]).ending is not None


def test_another_name_is_named_on_both_sides() -> None:
    error = mismatch(ab, [(1, "step", "charge")], 0)
    assert "history has step 'charge', but the code issued step 'a'" in str(error)
    assert "flow 'ab' version 1 at seq 1" in str(error)
    assert error.seq == 1


def test_another_kind_is_named_on_both_sides() -> None:
    error = mismatch(ab, [(1, "timer", "a")], 0)
    assert "history has timer 'a', but the code issued step 'a'" in str(error)


def test_a_command_that_history_does_not_have() -> None:
    error = mismatch(ab, [(1, "step", "a")], 0, 1)
    assert "history has nothing, but the code, given the same events, issued step 'b'" in str(error)
    assert error.seq == 2


def test_a_command_that_the_code_does_not_issue() -> None:
    error = mismatch(ab, [(1, "step", "a"), (2, "step", "b"), (3, "step", "c")], 0)
    assert "history has step 'b', but the code, given the same events, issued nothing after seq 1" in str(error)
    assert error.seq == 2


def test_known_commands_without_a_start() -> None:
    error = mismatch(ab, [(1, "step", "a")])
    assert "history has step 'a', but the code issued nothing" in str(error)


def test_a_result_for_a_command_never_issued() -> None:
    error = mismatch(ab, [(1, "step", "a"), (2, "step", "b")], 0, 2)
    assert "history has a result (completed) of step 'b'" in str(error)
    assert "issued nothing after seq 1" in str(error)
    live = Execution(ab)
    with pytest.raises(DeterminismError, match=r"at seq 7: history has a result \(completed\), but"):
        live.run.advance([live.done(7)])
    with pytest.raises(RuntimeError):
        live.run.advance([live.done(1)])


def test_a_result_given_twice() -> None:
    error = mismatch(ab, [(1, "step", "a"), (2, "step", "b")], 0, 1, 1)
    assert "finished before" in str(error)


def test_a_result_given_twice_after_the_step_was_given_up() -> None:
    @flow
    async def racing() -> None:
        await race(a(), b())
        await sleep(1)

    known = [(1, "step", "a"), (2, "step", "b"), (3, "timer", "sleep")]
    assert replay(racing, known, 0, 1, 2).position == 3
    assert "finished before" in str(mismatch(racing, known, 0, 1, 2, 2))


def test_the_start_comes_first_and_once() -> None:
    assert "comes first and comes once" in str(mismatch(ab, [(1, "step", "a")], 1))
    assert "comes first and comes once" in str(mismatch(ab, [(1, "step", "a")], CANCEL_SEQ))
    assert "comes first and comes once" in str(mismatch(ab, [(1, "step", "a")], 0, 0))


def test_code_that_ends_earlier_than_history() -> None:
    @flow
    async def shorter() -> None:
        await race(a(), b())

    error = mismatch(shorter, [(1, "step", "a"), (2, "step", "b")], 0, 1, 2)
    assert "history goes on with a result (completed), but the code ended before it (Completed)" in str(error)
    with pytest.raises(DeterminismError, match="the code ended before it"):
        drive(
            shorter,
            History(
                start_of(shorter),
                (KnownCommand(1, "step", "a"), KnownCommand(2, "step", "b")),
                (Event(0, "completed", None, 1), Event(1, "completed", "1", 1)),
                (Event(2, "completed", "1", 1),),
            ),
        )


def test_code_that_still_waits_for_what_was_given_up_is_named() -> None:
    """It would wait for ever: nothing brings the result of a step that was cancelled (I1)."""

    @flow
    async def patient() -> None:
        await gather(a(), b())

    history = (KnownCommand(1, "step", "a"), KnownCommand(2, "step", "b", cancelled=True))
    run = FlowRun(patient, start_of(patient))
    with pytest.raises(DeterminismError) as caught:
        run.replay(History(run._start, history, (Event(0, "completed", None, 1), Event(1, "completed", "1", 2))))
    assert "history says that the flow gave up step 'b'" in str(caught.value)
    assert "the code, given the same events, still waits for it" in str(caught.value)

    @flow
    async def racing() -> None:
        await race(a(), b())

    run = FlowRun(racing, start_of(racing))
    run.replay(History(run._start, history, (Event(0, "completed", None, 1), Event(1, "completed", "1", 2))))
    run.close()


def test_flow_code_cannot_catch_it() -> None:
    reached: list[str] = []

    @flow
    async def stubborn() -> None:
        while True:
            try:
                await gather(a(), b())
            except BaseException as error:  # noqa: BLE001 - the point of the test
                reached.append(type(error).__name__)

    with pytest.raises(DeterminismError):
        replay(stubborn, [(1, "step", "a"), (2, "step", "other")], 0)
    assert set(reached) == {"GeneratorExit"}  # from the closing of the run, after the error


def test_flow_code_that_does_not_block_runs_on_to_its_next_await() -> None:
    reached: list[str] = []

    @flow
    async def child() -> None: ...

    @flow
    async def shop() -> None:
        child.detach()
        reached.append("after detach")
        await a()
        reached.append("after await")

    error = mismatch(shop, [(1, "step", "x")], 0)
    assert "the code issued child 'child'" in str(error)
    assert reached == ["after detach"]


def test_a_mismatch_in_the_last_stretch_is_noticed() -> None:
    @flow
    async def child() -> None: ...

    @flow
    async def shop() -> None:
        child.detach()

    assert "child 'child'" in str(mismatch(shop, [(1, "step", "x")], 0))


def test_a_run_after_an_error_is_good_for_closing_only() -> None:
    run = FlowRun(ab, start_of(ab))
    with pytest.raises(DeterminismError):
        run.replay(History(run._start, (KnownCommand(1, "step", "x"),), (Event(0, "completed", None, 1),)))
    with pytest.raises(RuntimeError):
        run.advance([Event(1, "completed", "1", 1)])
    run.close()
    run.close()


def test_a_history_is_replayed_into_a_new_run_only() -> None:
    execution = Execution(ab)
    with pytest.raises(RuntimeError, match="new run"):
        execution.run.replay(execution.history())


def test_a_finished_history_can_be_replayed_to_its_end() -> None:
    execution = Execution(ab)
    execution.complete(1)
    execution.complete(2)
    decision = drive(ab, execution.history())
    assert decision.commands == []
    assert decision.ending == execution.ending
