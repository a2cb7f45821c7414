from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.flights.policy import KILOMETRES_PER_MILE, award_for

SHORT_MILES = 900
MIDDLE_MILES = 2000
LONG_MILES = 4500


@pytest.mark.parametrize(
    "delay, miles, euros",
    [
        (179, SHORT_MILES, 0),
        (179, LONG_MILES, 0),
        (180, SHORT_MILES, 250),
        (1000, SHORT_MILES, 250),
        (180, MIDDLE_MILES, 400),
        (1000, MIDDLE_MILES, 400),
        (180, LONG_MILES, 300),
        (239, LONG_MILES, 300),
        (240, LONG_MILES, 600),
    ],
)
def test_delay_and_distance_decide(delay: int, miles: int, euros: int) -> None:
    assert award_for(delay, miles).euros == euros


@pytest.mark.parametrize("limit_kilometres, below, above", [(1500, 250, 400), (3500, 400, 600)])
def test_distances_are_compared_in_kilometres(limit_kilometres: int, below: int, above: int) -> None:
    miles = int(limit_kilometres / KILOMETRES_PER_MILE)
    assert award_for(300, miles).euros == below
    assert award_for(300, miles + 1).euros == above


@given(st.integers(-60, 2000), st.integers(0, 6000), st.integers(0, 600))
def test_a_longer_delay_is_never_worth_less(delay: int, miles: int, longer: int) -> None:
    assert award_for(delay + longer, miles).euros >= award_for(delay, miles).euros


def test_every_award_says_why() -> None:
    assert {award_for(delay, miles).reason for delay in (10, 200, 300) for miles in (500, 1500, 3000)} == {
        "the delay was shorter than three hours",
        "three hours or more, on a flight of up to 1500 km",
        "three hours or more, on a flight of up to 3500 km",
        "between three and four hours, on a flight of more than 3500 km: half of the full sum",
        "four hours or more, on a flight of more than 3500 km",
    }
