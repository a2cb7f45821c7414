"""What can go wrong on the way through a broker, decided by a seeded random source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from transports.errors import NotConfirmed, Refused, TransportError

if TYPE_CHECKING:
    import random

    from transports.protocol import Message


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one message: one entry of ``copies_us`` for each copy that arrives, after how many microseconds.

    ``error`` is what the sender hears; ``behind`` is how many later messages may overtake the first copy.
    """

    copies_us: tuple[int, ...] = (0,)
    error: TransportError | None = None
    behind: int = 0


SAFE = Fate()
"""Arrives once, at once, in its place, and the sender is told so."""


class Faults(Protocol):
    """Decides what becomes of every message."""

    def fate(self, message: Message) -> Fate:
        """Return what becomes of a message; a broadcast is asked about once for each subscriber."""
        ...


class NoFaults:
    """A broker that does everything right."""

    def fate(self, message: Message) -> Fate:
        """Deliver it."""
        return SAFE


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often each fault happens, as a share of all messages from 0 to 1."""

    drop: float = 0.0
    """Confirmed, and never delivered."""
    duplicate: float = 0.0
    """Delivered twice."""
    delay: float = 0.0
    """Delivered up to ``longest_delay_us`` late."""
    reorder: float = 0.0
    """Overtaken by up to ``furthest_behind`` later messages."""
    refuse: float = 0.0
    """Not taken, and the sender is told so."""
    unconfirmed: float = 0.0
    """Taken, and the sender is told that this is not known."""
    longest_delay_us: int = 10_000_000
    furthest_behind: int = 20

    def __post_init__(self) -> None:
        for name in ("drop", "duplicate", "delay", "reorder", "refuse", "unconfirmed"):
            rate = getattr(self, name)
            if not 0.0 <= rate <= 1.0:
                raise ValueError(f"the rate {name}={rate} is not between 0 and 1")


class RandomFaults:
    """Draws the fate of each message from ``rng``: one seed and one order of messages make one course of events."""

    def __init__(self, rng: random.Random, rates: FaultRates) -> None:
        self._rng = rng
        self._rates = rates

    def fate(self, message: Message) -> Fate:
        """Draw what becomes of this message."""
        rates = self._rates
        # Every draw is made for every message, so that changing one rate leaves the other faults where they were.
        refused, unconfirmed, dropped, duplicated, reordered = (
            self._rng.random() < rate
            for rate in (rates.refuse, rates.unconfirmed, rates.drop, rates.duplicate, rates.reorder)
        )
        delays_us = (self._delay_us(), self._delay_us())
        distance = self._rng.randint(1, max(rates.furthest_behind, 1))
        if refused:
            return Fate((), Refused(f"an injected fault: the message to {message.queue!r} was not taken"))
        error = NotConfirmed("an injected fault: the broker's answer was lost") if unconfirmed else None
        copies_us = () if dropped else delays_us[: 1 + duplicated]
        return Fate(copies_us, error, distance if reordered else 0)

    def _delay_us(self) -> int:
        late = self._rng.random() < self._rates.delay
        delay_us = self._rng.randint(1, max(self._rates.longest_delay_us, 1))
        return delay_us if late else 0
