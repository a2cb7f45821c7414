from __future__ import annotations

from typing import Any

import pytest

from engine.definitions.flow import flow
from engine.definitions.step import step
from engine.driver.awaitables import bounded_map, race
from engine.errors import ChildFailed, NotInFlow, StepFailed
from engine.model.ids import derived_execution_id
from tests.unit.driver.executions import EXECUTION_ID, STARTED_US, Execution


@step
def work(item: int) -> int:
    return item


@flow(version=3, queue="children", priority=1)
async def child(x: int) -> list[int]:
    return [await work(x)]


@flow
async def plain(x: int) -> int:
    return x


def test_a_child_is_issued_and_its_result_is_read() -> None:
    @flow
    async def parent() -> int:
        return (await child(4))[0]

    execution = Execution(parent)
    [command] = execution.begun.commands
    assert (command.kind, command.name, command.input, command.child_version) == ("child", "child", '{"x":4}', 3)
    assert (command.queue, command.priority, command.detached) == ("children", 1, False)
    assert command.child_id == derived_execution_id(STARTED_US + 1_000_000, EXECUTION_ID, 1)
    execution.complete(1, [9])
    assert execution.result == 9


def test_a_child_uses_the_queue_and_priority_of_its_parent() -> None:
    @flow
    async def parent() -> None:
        await plain(1)

    [command] = Execution(parent).begun.commands
    assert (command.queue, command.priority) == ("default", 5)


def test_a_failed_child_raises() -> None:
    @flow
    async def parent() -> list[Any]:
        try:
            await plain(1)
        except ChildFailed as error:
            return [isinstance(error, StepFailed), error.step, error.error_type, error.error_message]
        return []

    execution = Execution(parent)
    execution.fail(1, "LookupError", "gone")
    assert execution.result == [True, "plain", "LookupError", "gone"]
    cancelled = Execution(parent)
    cancelled.give(cancelled.event(1, "cancelled", None))
    assert cancelled.result[2] == "FlowCancelled"


def test_a_child_that_loses_is_cancelled() -> None:
    @flow
    async def parent() -> None:
        await race(plain(1), work(2))

    execution = Execution(parent)
    decision = execution.complete(2, 1)
    assert decision.cancels == [1]
    assert decision.cancel_children == [execution.commands[1].child_id]


def test_children_can_be_mapped() -> None:
    @flow
    async def parent() -> list[int]:
        return await bounded_map(plain, [1, 2, 3], limit=2)

    execution = Execution(parent)
    for seq in (1, 2, 3):
        execution.complete(seq, seq)
    assert execution.result == [1, 2, 3]
    assert len({command.child_id for command in execution.commands.values()}) == 3


def test_a_detached_child_is_started_and_nobody_waits_for_it() -> None:
    @flow
    async def parent() -> list[str]:
        first = plain.detach(1)
        await work(1)
        return [first, child.detach(x=2)]

    execution = Execution(parent)
    assert [command.detached for command in execution.begun.commands] == [True, False]
    assert execution.names == ["plain", "work"]
    decision = execution.complete(2, 1)
    assert (decision.cancels, decision.cancel_children) == ([], [])
    assert execution.result == [execution.commands[1].child_id, execution.commands[3].child_id]
    assert execution.commands[3].queue == "children"


def test_a_detached_child_outlives_a_cancelled_parent() -> None:
    @flow
    async def parent() -> None:
        plain.detach(1)
        await work(1)

    execution = Execution(parent)
    decision = execution.cancel()
    assert (decision.cancels, decision.cancel_children) == ([2], [])


def test_a_flow_called_outside_of_a_flow_says_what_to_do() -> None:
    with pytest.raises(NotInFlow, match=r"Client\.start\(plain, \.\.\.\)"):
        plain(1)
    with pytest.raises(NotInFlow, match=r"Client\.start"):
        plain.detach(1)


def test_a_child_never_awaited_fails_its_parent() -> None:
    @flow
    async def parent() -> None:
        plain(1)

    assert "child flow 'plain'" in Execution(parent).error.message
