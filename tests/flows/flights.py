"""Made-up flights for the tests; the real ones need a package of data."""

from __future__ import annotations

from flows.flights.data import Flight


def flight(number: int = 1, *, delay_minutes: int = 200, miles: int = 900) -> Flight:
    return Flight(
        key=f"2013-05-01-XX{number}-JFK-0900",
        airline="Example Air",
        number=f"XX{number}",
        date="2013-05-01",
        origin="John F Kennedy Intl",
        destination="Chicago Ohare Intl",
        delay_minutes=delay_minutes,
        miles=miles,
    )
