"""The flow: what happens to one delayed flight, from the decision to the confirmed payment."""

from __future__ import annotations

from dataclasses import dataclass

from engine import Retry, flow, sleep, step, step_context
from flows.flights.bank import take_time, transfer
from flows.flights.data import Flight
from flows.flights.desk import desk
from flows.flights.letter import put_letter
from flows.flights.policy import Award, award_for

WRITING_SECONDS = 0.05
CONFIRMING_SECONDS = 0.05
BEFORE_CONFIRMING = "1s"


@dataclass(frozen=True)
class Settlement:
    """How a flight's compensation ended: what was owed, the letter's file, and the payment's number if there is one."""

    flight: str
    euros: int
    letter: str
    payment: int | None = None


@step
def decide(flight: Flight) -> Award:
    """Decide what is owed, by the rules alone."""
    return award_for(flight.delay_minutes, flight.miles)


@step
def write_letter(flight: Flight, award: Award) -> str:
    """Write the letter to the passengers; return the name of its file."""
    take_time(WRITING_SECONDS)
    return put_letter(desk().letters, flight, award, step_context().attempt)


@step(retry=Retry(attempts=10, backoff="200ms..2s"))
def pay(flight: str, euros: int) -> int:
    """Pay through a bank that fails now and then; return the payment's number.

    Every attempt gives the bank the same key, so that it can tell a repeated request from a second payment.
    """
    context = step_context()
    return transfer(desk().ledger, context.idempotency_key, flight, euros, context.attempt)


@step
def confirm(payment: int) -> None:
    """See that the payment arrived."""
    take_time(CONFIRMING_SECONDS)
    desk().ledger.confirm(payment)


@flow
async def compensate(flight: Flight) -> Settlement:
    """Settle what is owed for one delayed flight."""
    award = await decide(flight)
    letter = await write_letter(flight, award)
    if not award.euros:
        return Settlement(flight.key, 0, letter)
    payment = await pay(flight.key, award.euros)
    await sleep(BEFORE_CONFIRMING)
    await confirm(payment)
    return Settlement(flight.key, award.euros, letter, payment)
