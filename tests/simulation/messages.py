"""What goes wrong on the way through the broker, counted."""

from __future__ import annotations

import random
from collections.abc import Callable

from transports.errors import Refused
from transports.memory import Fate, FaultRates, RandomFaults
from transports.protocol import Message


class CountedFaults:
    """Random faults at rates that can be changed."""

    def __init__(self, chance: random.Random, rates: FaultRates, fire: Callable[[str], None]) -> None:
        self._chance = chance
        self._fire = fire
        self._faults = RandomFaults(chance, rates)

    @property
    def rates(self) -> FaultRates:
        """How often each fault happens."""
        return self._faults._rates

    @rates.setter
    def rates(self, rates: FaultRates) -> None:
        self._faults = RandomFaults(self._chance, rates)

    def fate(self, message: Message) -> Fate:
        """Draw what becomes of a message."""
        fate = self._faults.fate(message)
        happened = {
            "message refused": isinstance(fate.error, Refused),
            "message not confirmed": fate.error is not None and not isinstance(fate.error, Refused),
            "message dropped": not fate.copies_us and not isinstance(fate.error, Refused),
            "message doubled": len(fate.copies_us) > 1,
            "message delayed": any(fate.copies_us),
            "message overtaken": fate.behind > 0,
        }
        for name, did in happened.items():
            if did:
                self._fire(name)
        return fate
