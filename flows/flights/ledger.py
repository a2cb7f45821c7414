"""The ledger of payments: a small SQLite file of its own, which stands for a bank.

A payment has the idempotency key of the step that asked for it, and the key is unique: asked again, the ledger returns
the payment it has and counts the request. Nothing else keeps it from paying twice for one flight.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

BUSY_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    number INTEGER PRIMARY KEY,
    idempotency_key TEXT NOT NULL UNIQUE,
    flight TEXT NOT NULL,
    euros INTEGER NOT NULL,
    payer_pid INTEGER NOT NULL,
    requests INTEGER NOT NULL DEFAULT 1,
    confirmed INTEGER NOT NULL DEFAULT 0
)
"""
_PAY = """
INSERT INTO payments (idempotency_key, flight, euros, payer_pid) VALUES (?, ?, ?, ?)
ON CONFLICT (idempotency_key) DO UPDATE SET requests = requests + 1
RETURNING number
"""


class UnknownPayment(Exception):
    """The ledger holds no such payment."""


@dataclass(frozen=True)
class Entry:
    """A payment as the ledger holds it. ``requests`` counts how often it was asked for."""

    number: int
    idempotency_key: str
    flight: str
    euros: int
    payer_pid: int
    requests: int
    confirmed: bool


class Ledger:
    """The file at ``path``; every call is one transaction of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def create(self) -> None:
        """Make the file, if there is none yet."""
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)

    def pay(self, idempotency_key: str, flight: str, euros: int, payer_pid: int) -> int:
        """Record a payment, or find the one with this key; return its number."""
        with self._connection() as connection:
            row = connection.execute(_PAY, (idempotency_key, flight, euros, payer_pid)).fetchone()
        return int(row[0])

    def confirm(self, number: int) -> None:
        """Mark a payment as arrived; harmless to repeat. Raises :class:`UnknownPayment`."""
        with self._connection() as connection:
            changed = connection.execute("UPDATE payments SET confirmed = 1 WHERE number = ?", (number,)).rowcount
        if not changed:
            raise UnknownPayment(f"the ledger has no payment {number}")

    def entries(self) -> list[Entry]:
        """Return all payments, in the order in which they were made."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT number, idempotency_key, flight, euros, payer_pid, requests, confirmed FROM payments ORDER BY 1"
            ).fetchall()
        return [Entry(r[0], r[1], r[2], r[3], r[4], r[5], bool(r[6])) for r in rows]

    def payments_by_payer(self) -> dict[int, int]:
        """Return how many payments each process has made."""
        with self._connection() as connection:
            rows = connection.execute("SELECT payer_pid, count(*) FROM payments GROUP BY payer_pid").fetchall()
        return {int(pid): int(count) for pid, count in rows}

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as connection, connection:
            yield connection
