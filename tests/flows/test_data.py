"""Reading the flights, from data files of the package's form."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from flows.flights import data
from flows.flights.data import NoFlights, delayed_flights

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)


def row(day: int, delay: str) -> str:
    return f"2013,1,{day},900,815,45,1100,1000,{delay},AA,7,N1,JFK,ORD,120,740,8,15,2013-01-01T13:00:00Z"


def put_package(root: Path, delays: list[str]) -> None:
    directory = root / "made_up_flights" / "data"
    directory.mkdir(parents=True)
    # Importing the package would raise: its data files are all that is asked of it.
    (directory.parent / "__init__.py").write_text("raise ImportError('pandas is missing')")
    (directory / "airlines.csv").write_text("carrier,name\nAA,American Airlines Inc.\n")
    (directory / "airports.csv").write_text("faa,name,lat\nJFK,John F Kennedy Intl,40.6\n")
    rows = [HEADER, *(row(day, delay) for day, delay in enumerate(delays, start=1))]
    with zipfile.ZipFile(directory / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", "\n".join(rows) + "\n")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(data, "PACKAGE", "made_up_flights")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_flights_come_with_names_and_numbers(package: Path) -> None:
    put_package(package, ["200"])
    (flight,) = delayed_flights(1)
    assert flight.key == "2013-01-01-AA7-JFK-0815"
    assert (flight.airline, flight.number, flight.date) == ("American Airlines Inc.", "AA7", "2013-01-01")
    assert (flight.origin, flight.destination) == ("John F Kennedy Intl", "ORD"), "an unknown airport keeps its code"
    assert (flight.delay_minutes, flight.miles) == (200, 740)


def test_punctual_and_cancelled_flights_are_left_out(package: Path) -> None:
    put_package(package, ["NA", "", "-15", "9", "149", "150", "-200", "1000"])
    assert [flight.delay_minutes for flight in delayed_flights(2)] == [150, 1000]


def test_the_choice_is_spread_over_the_year(package: Path) -> None:
    put_package(package, [str(delay) for delay in range(200, 210)])
    assert [flight.delay_minutes for flight in delayed_flights(3)] == [200, 203, 206]


def test_more_flights_than_there_are_is_said(package: Path) -> None:
    put_package(package, ["200", "5"])
    with pytest.raises(NoFlights, match="there are 1 delayed flights, and 2"):
        delayed_flights(2)


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "PACKAGE", "no_such_flights")
    with pytest.raises(NoFlights, match="pip install --no-deps no_such_flights"):
        delayed_flights(1)
