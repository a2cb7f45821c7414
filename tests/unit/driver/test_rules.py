"""Rules in flows: what is asked is all that the outcome depends on, and what was recorded is read as a ruling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine import rules
from engine.codec import TypeCodec
from engine.definitions.deciding import DECIDE, decide_by_rules
from engine.definitions.flow import flow
from engine.definitions.registry import Registry
from engine.driver import drive
from engine.driver.awaitables import gather
from engine.errors import ArgumentsError, CodecError, NotInFlow, NotInStep
from engine.model.history import Event, History
from engine.model.retry import Retry
from engine.model.states import FLOW_SEQ, StepKind, StepState
from engine.rules.feel.exchange import NotAValue
from tests.unit.driver.executions import EXECUTION_ID, SECOND_US, STARTED_US, Execution, start_of


@dataclass
class Order:
    amount: Decimal
    day: date


@dataclass
class Terms:
    rate: Decimal
    day: date


RECORDED = {
    "rule": "credit", "version": 3, "hash": "ab", "decision": "terms", "inputs_digest": "cd",
    "outcome": {"rate": 0.5, "day": {"@": "2026-11-30"}}, "matched": [["terms", [2]]],
}  # fmt: skip


def test_a_decision_is_a_step() -> None:
    @flow
    async def asking() -> Any:
        return str(await rules.decide("credit", Order(Decimal("12.50"), date(2026, 11, 30))))

    execution = Execution(asking)
    (command,) = execution.begun.commands
    assert (command.kind, command.name, command.queue, command.inline) == (StepKind.STEP, DECIDE, "default", False)
    assert json.loads(command.input or "", parse_float=Decimal) == {
        "rule": "credit",
        "inputs": {"amount": Decimal("12.50"), "day": {"@": "2026-11-30"}},
        "begun_us": STARTED_US,
        "now_us": STARTED_US + SECOND_US,
        "key": EXECUTION_ID,
    }
    execution.complete(1, RECORDED)
    assert execution.result == (
        "Ruling(outcome={'rate': Decimal('0.5'), 'day': datetime.date(2026, 11, 30)}, rule='credit', version=3, "
        "hash='ab', decision='terms', matched=(('terms', (2,)),), problems=(), inputs_digest='cd')"
    )


def test_an_outcome_has_the_type_that_was_asked_for() -> None:
    @flow
    async def asking() -> str:
        return str((await rules.decide("credit", {}, type=Terms)).outcome)

    execution = Execution(asking)
    execution.complete(1, RECORDED)
    assert execution.result == "Terms(rate=Decimal('0.5'), day=datetime.date(2026, 11, 30))"


def test_an_outcome_of_another_type_is_an_error_in_the_flow() -> None:
    @flow
    async def asking() -> str:
        try:
            await rules.decide("credit", {}, type=int)
        except CodecError as error:
            return str(error)
        return ""

    execution = Execution(asking)
    execution.complete(1, RECORDED)
    assert "the outcome of the rules 'credit'" in execution.result


def test_calls_have_options_of_their_own() -> None:
    @flow
    async def asking() -> None:
        await gather(
            rules.decide("credit", {}, inline=True),
            rules.decide("credit", {}, retry=Retry(attempts=4, then="dead_letter")),
            rules.decide("credit", {}, decision="terms", version="latest"),
            rules.decide("credit", {}, tag="pilot"),
            rules.decide("credit", {}, as_of=date(1970, 1, 2)),
            rules.decide("credit", {}, as_of=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        )

    inline, own, *others = Execution(asking).begun.commands
    assert (inline.inline, own.max_attempts, own.dead_letter) == (True, 4, True)
    found = [json.loads(command.input or "") for command in others]
    for one in found:
        for name in ("rule", "inputs", "begun_us", "now_us", "key"):
            del one[name]
    assert found == [
        {"decision": "terms", "version": "latest"},
        {"tag": "pilot"},
        {"as_of_us": 86_400_000_000},
        {"as_of_us": 1_000_000},
    ]
    assert decide_by_rules.result.hint is not None, "the step itself stays as it is"


def test_a_key_is_recorded_and_is_that_of_the_past_where_none_is_given() -> None:
    @flow
    async def asking() -> None:
        await gather(*(rules.decide("credit", {}, key=key) for key in ("Ada", 7, None)))

    start = msgspec.structs.replace(start_of(asking), seed_id="the first one")
    beginning = Event(FLOW_SEQ, StepState.COMPLETED, None, STARTED_US)
    commands = drive(asking, History(start=start, known=(), consumed=(), unread=(beginning,))).commands
    assert [json.loads(command.input or "")["key"] for command in commands] == ["Ada", "7", "the first one"]


@pytest.mark.parametrize(
    "given, error",
    [
        ({"inputs": 5}, ArgumentsError),
        ({"inputs": object()}, NotAValue),
        ({"name": ""}, ArgumentsError),
        ({"name": None}, ArgumentsError),
        ({"version": 1, "tag": "a"}, ArgumentsError),
        ({"version": "newest"}, ArgumentsError),
        ({"version": True}, ArgumentsError),
        ({"as_of": "2026"}, ArgumentsError),
        ({"as_of": datetime(2026, 1, 1)}, ArgumentsError),  # noqa: DTZ001 - it is refused
        ({"tag": 5}, CodecError),
        ({"key": ""}, ArgumentsError),
        ({"key": True}, ArgumentsError),
        ({"key": 1.5}, ArgumentsError),
    ],
)
def test_what_cannot_be_asked_is_refused(given: dict[str, Any], error: type[Exception]) -> None:
    @flow
    async def asking() -> str:
        values: dict[str, Any] = {"name": "credit", "inputs": {}} | given
        try:
            await rules.decide(values.pop("name"), values.pop("inputs"), **values)
        except error as raised:
            return str(raised)
        return ""

    assert Execution(asking).result


def test_rules_are_asked_in_flows_and_decided_by_workers() -> None:
    with pytest.raises(NotInFlow):
        rules.decide("credit", {})
    assert Registry().step(DECIDE) is decide_by_rules
    args, kwargs = decide_by_rules.arguments.decode('{"rule": "a", "inputs": {}, "begun_us": 1, "now_us": 1}')
    with pytest.raises(NotInStep):
        decide_by_rules.fn(*args, **kwargs)
    assert isinstance(decide_by_rules.result, TypeCodec)
