"""The flow, driven without a worker or a store; and its steps, called as the plain functions they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.definitions.context import StepContext, running_step
from engine.driver import FlowRun
from engine.model.decisions import Completed, Decision, Failed
from engine.model.history import Event, FlowStart
from engine.model.states import FLOW_SEQ, StepKind, StepState
from flows.flights import bank, flow
from flows.flights.bank import BankUnavailable, trouble_with
from flows.flights.data import Flight
from flows.flights.desk import VARIABLE, Desk, desk
from flows.flights.ledger import Ledger, UnknownPayment
from flows.flights.policy import award_for
from tests.flows.flights import flight

STARTED_US = 1_700_000_000_000_000


class Settling:
    """One execution of the flow."""

    def __init__(self, of: Flight) -> None:
        text = flow.compensate.arguments.encode((of,), {})
        self.run = FlowRun(
            flow.compensate, FlowStart("0" * 26, "compensate", 1, text, "default", 5, started_us=STARTED_US)
        )
        self.decision = self.give(FLOW_SEQ)

    def give(self, seq: int, output: Any = None, state: str = StepState.COMPLETED) -> Decision:
        self.decision = self.run.advance([Event(seq, state, json.dumps(output), STARTED_US)])
        return self.decision

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(command.kind, command.name) for command in self.decision.commands]

    @property
    def result(self) -> Any:
        assert isinstance(self.decision.ending, Completed)
        return json.loads(self.decision.ending.output)


def test_a_flight_with_an_award_is_paid_and_confirmed() -> None:
    settling = Settling(flight())
    assert settling.asked == [(StepKind.STEP, "decide")]
    settling.give(1, {"euros": 250, "reason": "late"})
    assert settling.asked == [(StepKind.STEP, "write_letter")]
    settling.give(2, "letter.txt")
    (payment,) = settling.decision.commands
    assert payment.name == "pay"
    assert json.loads(payment.input or "") == {"flight": flight().key, "euros": 250}
    assert payment.max_attempts == 10
    settling.give(3, 77)
    (timer,) = settling.decision.commands
    assert (timer.kind, timer.delay_us) == (StepKind.TIMER, 1_000_000)
    settling.give(4)
    assert settling.asked == [(StepKind.STEP, "confirm")]
    settling.give(5)
    assert settling.result == {"flight": flight().key, "euros": 250, "letter": "letter.txt", "payment": 77}


def test_a_flight_without_an_award_gets_a_letter_and_no_payment() -> None:
    settling = Settling(flight(delay_minutes=160))
    settling.give(1, {"euros": 0, "reason": "early enough"})
    settling.give(2, "letter.txt")
    assert settling.asked == []
    assert settling.result == {"flight": flight().key, "euros": 0, "letter": "letter.txt", "payment": None}


def test_a_payment_that_is_given_up_fails_the_execution() -> None:
    settling = Settling(flight())
    settling.give(1, {"euros": 250, "reason": "late"})
    settling.give(2, "letter.txt")
    settling.give(3, {"type": "BankUnavailable", "message": "gone"}, StepState.FAILED)
    assert isinstance(settling.decision.ending, Failed)
    assert "pay" in settling.decision.ending.error.message


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(bank, "ANSWER_SECONDS", 0.0)
    monkeypatch.setattr(flow, "WRITING_SECONDS", 0.0)
    monkeypatch.setattr(flow, "CONFIRMING_SECONDS", 0.0)
    (tmp_path / "letters").mkdir()
    desk().ledger.create()
    return desk()


def attempt(number: int, seq: int = 3) -> Any:
    return running_step(StepContext(execution_id="e" * 26, seq=seq, attempt=number, step="a step"))


def flight_with(trouble: str | None) -> str:
    return next(key for number in range(10_000) if trouble_with(key := f"flight-{number}", 1) == trouble)


def test_a_lost_answer_is_asked_for_again_and_not_paid_twice(office: Desk) -> None:
    key = flight_with("answer lost")
    with attempt(1), pytest.raises(BankUnavailable, match="broke before"):
        flow.pay.fn(key, 250)
    assert len(office.ledger.entries()) == 1, "the bank had paid before the connection broke"
    later = next(number for number in range(2, 100) if trouble_with(key, number) is None)
    with attempt(later):
        payment = flow.pay.fn(key, 250)
    (entry,) = office.ledger.entries()
    assert (entry.number, entry.euros, entry.requests) == (payment, 250, 2)


def test_a_refused_payment_is_not_in_the_ledger(office: Desk) -> None:
    with attempt(1), pytest.raises(BankUnavailable, match="refused"):
        flow.pay.fn(flight_with("refused"), 250)
    assert office.ledger.entries() == []


def test_two_steps_are_two_payments(office: Desk) -> None:
    key = flight_with(None)
    for seq in (3, 4):
        with attempt(1, seq):
            flow.pay.fn(key, 250)
    assert [entry.requests for entry in office.ledger.entries()] == [1, 1]


def test_confirming_marks_the_payment(office: Desk) -> None:
    ledger: Ledger = office.ledger
    number = ledger.pay("a key", "a flight", 250, 1)
    assert not ledger.entries()[0].confirmed
    flow.confirm.fn(number)
    assert ledger.entries()[0].confirmed
    with pytest.raises(UnknownPayment, match="no payment 99"):
        flow.confirm.fn(99)


@pytest.mark.parametrize("delay_minutes, expected", [(200, "You are owed 250 euros"), (160, "no compensation")])
def test_the_letter_says_what_is_owed_and_may_be_written_again(office: Desk, delay_minutes: int, expected: str) -> None:
    late = flight(delay_minutes=delay_minutes)
    for number in (1, 2):
        with attempt(number):
            name = flow.write_letter.fn(late, award_for(late.delay_minutes, late.miles))
    assert [path.name for path in office.letters.iterdir()] == [name], "no draft is left behind"
    text = (office.letters / name).read_text()
    assert expected in text
    assert "Example Air flight XX1" in text
