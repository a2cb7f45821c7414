from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import pytest

from engine.definitions.flow import flow
from engine.driver.awaitables import gather, sleep, sleep_until, wait_for_event
from engine.driver.surroundings import now
from engine.errors import FlowTimeout, NotInFlow
from tests.unit.driver.executions import STARTED_US, Execution

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclasses.dataclass
class Verdict:
    outcome: str


@pytest.mark.parametrize(
    "duration, delay_us", [("30s", 30_000_000), ("2d", 172_800_000_000), (1.5, 1_500_000), (timedelta(0), 0), (0, 0)]
)
def test_sleep_is_a_timer(duration: Any, delay_us: int) -> None:
    @flow
    async def shop() -> bool:
        return await sleep(duration) is None

    execution = Execution(shop)
    [command] = execution.begun.commands
    assert (command.kind, command.name, command.delay_us, command.queue) == ("timer", "sleep", delay_us, "default")
    assert (command.input, command.max_attempts) == (None, 1)
    execution.fire(1)
    assert execution.result is True


@pytest.mark.parametrize("duration", ["soon", -1, "-5s", None])
def test_sleep_refuses_what_is_no_duration(duration: Any) -> None:
    @flow
    async def shop() -> None:
        await sleep(duration)

    assert Execution(shop).error.type == "InvalidDuration"


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-7))])
def test_sleep_until_takes_the_time_that_is_left(zone: Any) -> None:
    @flow
    async def shop() -> None:
        await sleep("1s")
        await sleep_until((now() + timedelta(hours=1, microseconds=1)).astimezone(zone))

    execution = Execution(shop)
    [command] = execution.fire(1).commands
    assert (command.kind, command.name, command.delay_us) == ("timer", "sleep_until", 3_600_000_001)


def test_sleep_until_a_moment_that_has_passed_still_takes_a_turn() -> None:
    @flow
    async def shop() -> None:
        await sleep_until(EPOCH)

    execution = Execution(shop)
    assert execution.begun.commands[0].delay_us == 0
    execution.fire(1)
    assert execution.result is None


def test_sleep_until_refuses_a_moment_without_a_zone() -> None:
    @flow
    async def shop() -> None:
        await sleep_until(datetime(2024, 1, 1))  # noqa: DTZ001 - the point of the test

    assert "no time zone" in Execution(shop).error.message


def test_sleeps_can_overlap() -> None:
    @flow
    async def shop() -> int:
        return len(await gather(sleep(1), sleep(2)))

    execution = Execution(shop)
    execution.fire(2)
    execution.fire(1)
    assert execution.result == 2


def test_an_event_brings_its_payload() -> None:
    @flow
    async def shop() -> Any:
        return await wait_for_event("approved")

    execution = Execution(shop)
    [command] = execution.begun.commands
    assert (command.kind, command.name, command.delay_us) == ("event", "approved", None)
    execution.complete(1, {"by": ["me"]})
    assert execution.result == {"by": ["me"]}


def test_a_payload_of_null_is_none_and_no_timeout() -> None:
    @flow
    async def shop() -> bool:
        return await wait_for_event("approved", "1h") is None

    execution = Execution(shop)
    execution.complete(1, None)
    assert execution.result is True


def test_a_payload_is_read_as_the_type_that_is_asked_for() -> None:
    @flow
    async def shop() -> str:
        verdict = await wait_for_event("approved", type=Verdict)
        assert type(verdict) is Verdict
        return verdict.outcome

    execution = Execution(shop)
    execution.complete(1, {"outcome": "yes"})
    assert execution.result == "yes"
    other = Execution(shop)
    other.complete(1, {"outcome": 3})
    assert other.error.type == "CodecError"


def test_a_hint_that_cannot_be_hashed_will_do() -> None:
    hint: Any = Annotated[int, []]

    @flow
    async def shop() -> int:
        return await wait_for_event("n", type=hint)

    execution = Execution(shop)
    execution.complete(1, 3)
    assert execution.result == 3


def test_an_event_that_does_not_come_in_time_is_a_timeout() -> None:
    @flow
    async def shop() -> str:
        try:
            await wait_for_event("approved", timeout="3d")
        except FlowTimeout as error:
            return str(error)
        return ""

    execution = Execution(shop)
    assert execution.begun.commands[0].delay_us == 3 * 86_400_000_000
    execution.fire(1)
    assert "'approved'" in execution.result


@pytest.mark.parametrize("name", ["", "a" * 191, 3])
def test_an_event_needs_a_name(name: Any) -> None:
    @flow
    async def shop() -> None:
        await wait_for_event(name)

    assert Execution(shop).error.type == "DefinitionError"


def test_waits_belong_into_flows() -> None:
    for call in (lambda: sleep(1), lambda: sleep_until(EPOCH), lambda: wait_for_event("x")):
        with pytest.raises(NotInFlow):
            call()


def test_time_is_that_of_the_latest_event_and_never_goes_back() -> None:
    @flow
    async def shop() -> list[int]:
        times = [now()]
        for _ in range(3):
            await sleep(1)
            times.append(now())
        assert all(time.tzinfo is UTC for time in times)
        return [(time - EPOCH) // timedelta(microseconds=1) for time in times]

    execution = Execution(shop)
    execution.fire(1)
    late, early = execution.event(2, "completed", None), execution.event(3, "completed", None)
    execution.give(type(late)(late.seq, late.state, None, early.at_us))
    execution.give(type(early)(early.seq, early.state, None, late.at_us))
    seconds = [(time - STARTED_US) // 1_000_000 for time in execution.result]
    assert seconds == [1, 2, 4, 4]
