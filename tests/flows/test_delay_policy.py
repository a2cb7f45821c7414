"""The policy of the example: each of its lines on a real flight, worked out by hand, before and after the change."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.client.rules.decisions import usable_model
from engine.rules.analysis.analyse import analyse_model
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.files.scenarios import read_scenarios
from engine.rules.prepared import Prepared
from flows.delays.data import all_trips
from flows.delays.editing import make_room, raise_and_add
from flows.delays.flow import Moment, question
from flows.delays.site import SCENARIOS, WORKBOOK

Given = tuple[str, int]

TRIPS = {trip.flight.key: trip for trip in all_trips()}
GATE: Moment = "gate"
ARRIVAL: Moment = "arrival"
# The flight, when the policy is asked, and what it gives before and after the change.
BY_HAND = [
    # 121 minutes, and 240: the least for a line. Then 853.
    ("2013-01-20 EV4204", GATE, ("meal", 15), ("meal", 15)),
    ("2013-03-01 EV4086", GATE, ("meal", 30), ("meal", 30)),
    ("2013-01-01 MQ3944", GATE, ("hotel", 140), ("hotel", 140)),
    # 97 minutes, and 92 in a gale: nothing. 134 minutes, and 143 in fog: nothing, until there is a line for them.
    ("2013-04-01 B61178", ARRIVAL, ("none", 0), ("none", 0)),
    ("2013-02-08 UA1515", ARRIVAL, ("none", 0), ("none", 0)),
    ("2013-01-20 EV4204", ARRIVAL, ("none", 0), ("voucher", 50)),
    ("2013-02-11 EV4312", ARRIVAL, ("none", 0), ("voucher", 50)),
    # 612 minutes in fog, 760 miles; 309 in fog, 2133 miles.
    ("2013-01-13 DL269", ARRIVAL, ("voucher", 50), ("voucher", 50)),
    ("2013-11-17 UA1481", ARRIVAL, ("voucher", 50), ("voucher", 50)),
    # 851 minutes, 184 miles; 188 minutes, 1076 miles.
    ("2013-01-01 MQ3944", ARRIVAL, ("cash", 200), ("cash", 250)),
    ("2013-03-24 B6381", ARRIVAL, ("cash", 300), ("cash", 300)),
    # 230 minutes, 2475 miles; 274 minutes, 2454 miles.
    ("2013-12-16 AA117", ARRIVAL, ("cash", 400), ("cash", 400)),
    ("2013-04-19 VX169", ARRIVAL, ("cash", 600), ("cash", 600)),
]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Prepared, Prepared]:
    """The policy as it is, and as it is changed."""
    workbook = tmp_path_factory.mktemp("policies") / WORKBOOK.name
    shutil.copyfile(WORKBOOK, workbook)
    before = Prepared(usable_model(workbook))
    raise_and_add(workbook)
    make_room(workbook)
    return before, Prepared(usable_model(workbook))


def given(policy: Prepared, inputs: Any) -> Any:
    values = {name: from_python(value) for name, value in inputs.items()}
    outcome: Any = to_python(policy.decide(None, values, 0).outcome)
    return outcome["action"], outcome["dollars"]


@pytest.mark.parametrize("key, asked, before, after", BY_HAND)
def test_flights_are_given_what_the_table_says(
    policies: tuple[Prepared, Prepared], key: str, asked: Moment, before: Given, after: Given
) -> None:
    trip = TRIPS[key]
    delay = trip.flight.departure_delay if asked == GATE else trip.arrival_delay
    assert [given(policy, question(trip.flight, asked, delay)) for policy in policies] == [before, after]


@pytest.mark.parametrize("delay, expected", [(119, ("none", 0)), (120, ("meal", 15))])
def test_flights_less_than_two_hours_late_wait(
    policies: tuple[Prepared, Prepared], delay: int, expected: Given
) -> None:
    flight = TRIPS["2013-01-20 EV4204"].flight
    assert [given(policy, question(flight, GATE, delay)) for policy in policies] == [expected, expected]


def test_the_scenarios_are_of_the_changed_policy(policies: tuple[Prepared, Prepared]) -> None:
    scenarios = read_scenarios(SCENARIOS.name, SCENARIOS.read_bytes())
    before, after = [
        [one.name for one in scenarios if one.expected != to_python(policy.decide(None, dict(one.inputs), 0).outcome)]
        for policy in policies
    ]
    assert before == [
        "two and a half hours on arrival",
        "three hours on a short flight",
    ]
    assert after == []


def test_lines_that_clash_are_found_and_no_others(tmp_path: Path) -> None:
    workbook = tmp_path / WORKBOOK.name
    shutil.copyfile(WORKBOOK, workbook)
    assert findings(workbook) == []
    raise_and_add(workbook)
    (clash,) = findings(workbook)
    assert clash.startswith('rules 5 and 11 both match asked = "arrival", delay = 120,')
    make_room(workbook)
    assert findings(workbook) == []


def findings(workbook: Path) -> list[str]:
    return [str(one) for table in analyse_model(usable_model(workbook)).values() for one in table.findings]


def test_the_flights_are_eighty_two_hours_late_in_the_order_in_which_they_left() -> None:
    trips = all_trips()
    keys = [trip.flight.key for trip in trips]
    assert len(set(keys)) == len(trips) == 80
    assert [trip.flight.date for trip in trips] == sorted(trip.flight.date for trip in trips)
    assert min(trip.flight.departure_delay for trip in trips) >= 120
