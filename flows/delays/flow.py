"""The flow: what passengers of one late flight are given, at the gate and when they have arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine import flow, rules, step, wait_for_event
from flows.delays.data import Flight
from flows.flights.bank import take_time

POLICY = "delay-policy"
LANDED = "landed"
HANDING_OUT_SECONDS = 0.2

Moment = Literal["gate", "arrival"]


@dataclass(frozen=True)
class Award:
    """What every passenger is given: a line of the policy's right side."""

    action: Literal["none", "meal", "hotel", "voucher", "cash"]
    dollars: int


@dataclass(frozen=True)
class Case:
    """What became of a flight, and which versions of the policy said so."""

    flight: str
    at_the_gate: Award
    on_arrival: Award
    versions: tuple[int, int]


def question(flight: Flight, asked: Moment, delay: int) -> dict[str, Any]:
    """Return the policy's inputs by name."""
    return {
        "asked": asked,
        "delay": delay,
        "miles": flight.miles,
        "visibility": flight.visibility,
        "wind": flight.wind,
    }


@step
def hand_out(flight: str, award: Award) -> str:
    """Give the passengers what they are given, which takes its time; return what the desk notes."""
    take_time(HANDING_OUT_SECONDS)
    return f"{flight}: {award.action}, {award.dollars} dollars each"


@flow
async def look_after(flight: Flight) -> Case:
    """Ask the policy when the flight leaves, wait until it lands, and ask again."""
    leaving = await rules.decide(POLICY, question(flight, "gate", flight.departure_delay), type=Award)
    await hand_out(flight.key, leaving.outcome)
    delay = await wait_for_event(LANDED, timeout="1d", type=int)
    landing = await rules.decide(POLICY, question(flight, "arrival", delay), type=Award)
    await hand_out(flight.key, landing.outcome)
    return Case(flight.key, leaving.outcome, landing.outcome, (leaving.version, landing.version))
