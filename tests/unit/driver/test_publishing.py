"""Messages in flows: a step like any other, to the driver and to its replays."""

from __future__ import annotations

import json

import pytest

from engine.definitions.flow import flow
from engine.definitions.publishing import PUBLISH, publish
from engine.driver.awaitables import gather
from engine.errors import StepFailed
from engine.model.retry import Retry
from engine.model.states import StepKind
from tests.unit.driver.executions import Execution

URL = "broker://shop/invoices"


def test_a_message_is_a_step() -> None:
    @flow
    async def billing() -> str:
        return await publish(URL, {"total": 5}, key="a")

    execution = Execution(billing)
    (command,) = execution.begun.commands
    assert (command.kind, command.name, command.queue) == (StepKind.STEP, PUBLISH, "default")
    assert json.loads(command.input or "") == {
        "url": URL,
        "text": '{"total":5}',
        "headers": {"content-type": "application/json"},
        "key": "a",
    }
    assert command.retry is None
    execution.complete(1, "the id")
    assert execution.result == "the id"


def test_messages_go_side_by_side_and_each_may_fail_by_itself() -> None:
    @flow
    async def billing() -> list[str]:
        found = await gather(*(publish(URL, n) for n in range(3)), return_exceptions=True)
        return [one.error_type if isinstance(one, StepFailed) else str(one) for one in found]

    execution = Execution(billing)
    assert execution.names == [PUBLISH] * 3
    execution.complete(2, "two")
    execution.fail(1, "Undeliverable")
    execution.complete(3, "three")
    assert execution.result == ["Undeliverable", "two", "three"]


def test_a_call_may_have_a_policy_of_its_own() -> None:
    @flow
    async def billing() -> None:
        await publish(URL, 1, retry=Retry(attempts=4, then="dead_letter"))

    (command,) = Execution(billing).begun.commands
    assert (command.max_attempts, command.dead_letter) == (4, True)


@pytest.mark.parametrize(
    "url, event, error", [("amqp://u:SECRET@h/q", 1, "ArgumentsError"), (URL, object(), "CodecError")]
)
def test_what_cannot_be_recorded_fails_at_once(url: str, event: object, error: str) -> None:
    @flow
    async def billing() -> None:
        await publish(url, event)

    execution = Execution(billing)
    assert execution.error.type == error
    assert "SECRET" not in execution.error.message + execution.error.traceback


def test_one_that_is_not_awaited_fails_the_flow() -> None:
    @flow
    async def billing() -> None:
        publish(URL, 1)

    assert Execution(billing).error.type == "NeverAwaited"
