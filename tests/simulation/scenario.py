"""What one seed is about: how the cluster is set up, and how often what goes wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from transports.memory import FaultRates

SECOND = 1_000_000
EMBEDDED, BROKER = "embedded", "broker"
MODES = (EMBEDDED, BROKER)


@dataclass(frozen=True)
class Rates:
    """How often a call meets its fate at one of its boundaries, and a transaction or a flush its own."""

    pause: float
    """Others act in between."""
    crash: float
    freeze: float
    """The worker stops for longer than its lease, and comes back."""
    linger: float
    """This call alone stops, for seconds."""
    lost: float
    """The transaction does not happen, and the worker is told that the store is not available."""
    unanswered: float
    """It does happen, and the worker is told the same."""
    refused: float
    """The store refuses a flush for good."""
    raises: float
    """An attempt at a step raises."""
    hint_lost: float


CALM = Rates(pause=0.25, crash=0, freeze=0, linger=0, lost=0, unanswered=0, refused=0, raises=0, hint_lost=0)
"""After the faults have stopped."""
PERFECT = FaultRates()


@dataclass(frozen=True)
class Scenario:
    """How one simulation is set up."""

    mode: str
    events: int
    """How many things happen before the faults stop."""
    workers: int
    concurrency: int
    cached_flows: int
    lease_us: int
    resend_us: int
    flows: int
    """How many executions are started."""
    ignorant: bool
    """Only one of the workers knows the flows."""
    rates: Rates
    messages: FaultRates
    pauses: bool
    """Queues are paused and resumed."""

    def changed(self, **values: float) -> Scenario:
        """Return this scenario with other values, of its own or of its rates."""
        rates = {name: value for name, value in values.items() if hasattr(self.rates, name)}
        own: dict[str, Any] = {name: int(value) for name, value in values.items() if name not in rates}
        return replace(self, rates=replace(self.rates, **rates), **own)

    @property
    def embedded(self) -> bool:
        """Whether steps are claimed without messages."""
        return self.mode == EMBEDDED


def drawn(chance: random.Random, mode: str | None) -> Scenario:
    """Draw a scenario: calm ones and wild ones, small caches and large, short leases and long."""
    wild = chance.choice((0.3, 1.0, 1.0, 2.0))
    drawn_mode = chance.choice(MODES)
    return Scenario(
        mode=mode or drawn_mode,
        events=chance.randint(80, 220),
        workers=chance.choice((2, 2, 3)),
        concurrency=chance.choice((1, 2, 5)),
        cached_flows=chance.choice((0, 1, 100, 100)),
        lease_us=chance.choice((2, 4)) * SECOND,
        resend_us=chance.choice((1, 3)) * SECOND,
        flows=chance.randint(1, 5),
        ignorant=chance.random() < 0.1,
        rates=Rates(
            pause=0.35, crash=0.03 * wild, freeze=0.03 * wild, linger=0.06 * wild, lost=0.02 * wild,
            unanswered=0.03 * wild, refused=0.05 * wild, raises=0.15 * wild, hint_lost=0.2 * wild,
        ),
        messages=FaultRates(
            drop=0.1 * wild, duplicate=0.15 * wild, delay=0.15 * wild, reorder=0.1 * wild, refuse=0.05 * wild,
            unconfirmed=0.05 * wild, longest_delay_us=4 * SECOND, furthest_behind=5,
        ),
        pauses=chance.random() < 0.25,
    )  # fmt: skip
