"""The bank: pays through the ledger, takes its time, and fails now and then.

Whether it fails depends on the flight and the attempt alone, so that every run of the demo meets the same trouble.
"""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Literal

from flows.flights.ledger import Ledger

ANSWER_SECONDS = 0.2
REFUSED_IN_256 = 45
ANSWER_LOST_IN_256 = 20

Trouble = Literal["refused", "answer lost"]


class BankUnavailable(Exception):
    """The bank did not answer: the payment may have been made, or not."""


def trouble_with(flight: str, attempt: int) -> Trouble | None:
    """Return what goes wrong at this attempt to pay for this flight, if anything does."""
    lot = hashlib.sha256(f"{flight}/{attempt}".encode()).digest()[0]
    if lot < REFUSED_IN_256:
        return "refused"
    return "answer lost" if lot < REFUSED_IN_256 + ANSWER_LOST_IN_256 else None


def transfer(ledger: Ledger, idempotency_key: str, flight: str, euros: int, attempt: int) -> int:
    """Pay, and return the number of the payment. Raises :class:`BankUnavailable`, before or after it has paid."""
    trouble = trouble_with(flight, attempt)
    take_time(ANSWER_SECONDS)
    if trouble == "refused":
        raise BankUnavailable("the bank refused the connection")
    number = ledger.pay(idempotency_key, flight, euros, os.getpid())
    if trouble == "answer lost":
        raise BankUnavailable("the connection broke before the bank's answer")
    return number


def take_time(seconds: float) -> None:
    """Take as long as the real thing would."""
    threading.Event().wait(seconds)
