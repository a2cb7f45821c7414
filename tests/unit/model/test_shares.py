"""Shares by key: the same everywhere, growing shares keep whom they had, and a share is about as large as it says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ArgumentsError
from engine.model.rulebook import Activation, RuleVersion, Shelf, standing
from engine.model.shares import ALL, bucket_of, format_share, parse_share

DAY = 10
VERSIONS = 4


def test_the_bucket_of_a_key_is_what_others_compute() -> None:
    assert bucket_of("credit", "Ada") == int(hashlib.sha256(b"credit:Ada").hexdigest()[:16], 16) % 10_000 == 7876
    assert bucket_of("credit", "Zoë") == int(hashlib.sha256("credit:Zoë".encode()).hexdigest()[:16], 16) % 10_000


@given(st.text(), st.text())
def test_every_key_has_one_bucket(name: str, key: str) -> None:
    assert 0 <= bucket_of(name, key) == bucket_of(name, key) < ALL


@pytest.mark.parametrize("share", [1, 100, 1000, 5000, 9900])
def test_a_share_of_many_keys_is_about_as_large_as_it_says(share: int) -> None:
    count = 20_000
    inside = sum(bucket_of("credit", f"customer {number}") < share for number in range(count))
    expected = count * share / ALL
    # Five standard deviations of so many draws, which these keys either keep or not, and no run differs from another.
    assert abs(inside - expected) <= 5 * (expected * (1 - share / ALL)) ** 0.5 + 1


def test_keys_that_are_in_for_one_name_are_not_those_of_another() -> None:
    keys = [f"customer {number}" for number in range(1000)]
    one, other = ({key for key in keys if bucket_of(name, key) < ALL // 2} for name in ("credit", "rates"))
    assert 150 < len(one & other) < 350


@given(st.integers(1, ALL))
def test_shares_are_read_as_they_are_written(share: int) -> None:
    assert parse_share(format_share(share)) == share


@pytest.mark.parametrize("text, share", [("10%", 1000), ("0.5%", 50), ("12.25%", 1225), ("100%", ALL), ("0.01%", 1)])
def test_shares_are_written_in_per_cent(text: str, share: int) -> None:
    assert (parse_share(text), format_share(share)) == (share, text)


@pytest.mark.parametrize("text", ["0%", "101%", "100.01%", "10", "0.1", "-5%", "0.001%", "", "١٠%", " 10%", 10, None])
def test_what_is_no_share_is_refused(text: object) -> None:
    with pytest.raises(ArgumentsError, match="such as 10%"):
        parse_share(text)


def shelf(activations: Sequence[Activation], dates: Sequence[tuple[int | None, int | None]]) -> Shelf:
    versions = {
        number: RuleVersion(
            name="credit", number=number, hash="", state="", created_us=0, effective_from_us=first,
            effective_until_us=end,
        )
        for number, (first, end) in enumerate(dates, 1)
    }  # fmt: skip
    return Shelf(versions, activations, {})


DATES = st.lists(
    st.one_of(st.just((None, None)), st.tuples(st.integers(0, DAY), st.integers(DAY + 1, 2 * DAY))),
    min_size=VERSIONS, max_size=VERSIONS,
)  # fmt: skip
STEPS = st.lists(st.tuples(st.integers(1, VERSIONS), st.one_of(st.just(ALL), st.integers(1, ALL))), max_size=8)


@given(STEPS, DATES, st.integers(0, 9), st.integers(0, 2 * DAY), st.integers(0, ALL - 1))
def test_what_decides_is_the_newest_that_is_for_bucket_and_date(
    steps: list[tuple[int, int]], dates: list[tuple[int | None, int | None]], begun: int, date: int, bucket: int
) -> None:
    activations = [Activation(number, at, share=share) for at, (number, share) in enumerate(steps)]
    found = shelf(activations, dates).active(begun, date, bucket)

    # The same, said plainly: who comes first takes it, and a rollout that was followed by its own next step is gone.
    expected = None
    for at, (number, share) in list(enumerate(steps))[begun::-1]:
        follower = steps[at + 1] if at < min(begun, len(steps) - 1) else (0, 0)
        first, end = dates[number - 1]
        if share < ALL and follower[0] == number:
            continue
        if bucket < share and (at if first is None else first) <= date and (end is None or date < end):
            expected = number
            break
    assert (None if found is None else found.number) == expected


@given(st.lists(st.integers(1, ALL), min_size=1, max_size=6, unique=True), st.text(), DATES)
def test_a_share_that_grows_keeps_whom_it_had(
    shares: list[int], key: str, dates: list[tuple[int | None, int | None]]
) -> None:
    dates[0] = (None, None)
    activations = [Activation(1, 0), *(Activation(2, at, share=share) for at, share in enumerate(sorted(shares), 1))]
    one, bucket = shelf(activations, dates), bucket_of("credit", key)
    for date in (DAY - 1, DAY, DAY + 1, 2 * DAY):
        numbers = [version and version.number for at in range(DAY) for version in [one.active(at, date, bucket)]]
        assert numbers == sorted(numbers, key=lambda number: number == 2), "who is in stays in"
        assert set(numbers) <= {1, 2}
    assert len(standing(activations, DAY)) == 2


@given(STEPS, DATES, st.integers(0, 9))
def test_a_split_says_of_each_bucket_by_what_it_decides(
    steps: list[tuple[int, int]], dates: list[tuple[int | None, int | None]], at: int
) -> None:
    one = shelf([Activation(number, place, share=share) for place, (number, share) in enumerate(steps)], dates)
    split = one.split(at)
    buckets = [one.active(at, at, bucket) for bucket in range(0, ALL, 101)]
    assert {version.number for version in buckets if version is not None} <= split.keys() <= set(one.reachable(at))
    assert sum(split.values()) <= ALL


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(1, 3), st.sampled_from([ALL, 1, 10, 100])))))
def test_a_rollback_takes_back_a_whole_rollout_and_the_past_stays(steps: list[tuple[int, int] | None]) -> None:
    activations: list[Activation] = []
    places: list[list[tuple[int, int]]] = []
    known: list[list[tuple[int, int]]] = []
    for at, step in enumerate(steps):
        if step is None and len(places) < 2:
            step = (1, ALL)  # noqa: PLW2901 - there is nothing to take back
        if step is None:
            places.pop()
            number, share = places[-1][-1]
            activations.append(Activation(number, at, is_rollback=True, share=share))
        else:
            activations.append(Activation(step[0], at, share=step[1]))
            if places and places[-1][-1][0] == step[0] and places[-1][-1][1] < ALL:
                places[-1].append(step)
            else:
                places.append([step])
        known.append([place[-1] for place in places])
    for at, expected in enumerate(known):
        assert [(one.number, one.share) for one in standing(activations, at)] == expected
