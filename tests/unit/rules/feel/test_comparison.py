from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel import comparison
from engine.rules.feel.comparison import (
    between,
    compare,
    conjunction,
    disjunction,
    equals,
    greater,
    greater_equal,
    in_range,
    in_test,
    less,
    less_equal,
    negation,
    not_equals,
)
from engine.rules.feel.values import Range, Value
from tests.unit.rules.feel.calls import evaluation, value
from tests.unit.rules.feel.strategies import ATOMS, DATES, MOMENTS, MONTHS, NUMBERS, SPANS, STRINGS, TIMES, VALUES

PAIRS = st.one_of(*(st.tuples(kind, kind) for kind in (NUMBERS, STRINGS, DATES, TIMES, MOMENTS, MONTHS, SPANS)))
TRIPLES = st.one_of(*(st.tuples(kind, kind, kind) for kind in (NUMBERS, STRINGS, DATES, MONTHS, SPANS)))


@pytest.mark.parametrize(
    "a, b, result",
    [
        (1, Decimal("1.0"), True), (1, 2, False), (1, "1", None), (True, 1, None), (None, None, True), (None, 1, False),
        (1, None, False), ("a", "a", True), (True, True, True), ([1, 2], [1, 2], True), ([1, 2], [2, 1], False),
        ([1], ["1"], False), ([], {}, None), ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ({"a": None}, {}, False), ("@2020-01-01", "@2020-01-01", True), ("@2020-01-01", "@2020-01-01T00:00:00", None),
        ("@10:00:00Z", "@12:00:00+02:00", True), ("@10:00:00", "@10:00:00Z", False),
        ("@2020-01-01T10:00:00@Europe/Paris", "@2020-01-01T09:00:00Z", True),
        ("@2020-07-01T10:00:00@Europe/Paris", "@2020-07-01T10:00:00+02:00", True),
        ("@P1D", "@PT24H", True), ("@P1Y", "@P12M", True), ("@P0D", "@P0M", None), ("#[1..2]", "#[1..2]", True),
        ("#[1..2]", "#[1..2)", False), ("#[1..2]", "#[1..3]", False),
    ],
)  # fmt: skip
def test_what_is_equal(a: Any, b: Any, result: bool | None) -> None:
    ev = evaluation()
    assert equals(ev, value(a), value(b)) is result
    assert not_equals(ev, value(a), value(b)) is (None if result is None else not result)
    assert bool(ev.problems) is (result is None)


@pytest.mark.parametrize(
    "a, b",
    [
        (1, 2), ("a", "b"), ("@2020-01-01", "@2020-01-02"), ("@-0001-01-01", "@0000-01-01"),
        ("@10:00:00", "@10:00:00.000000001"), ("@10:00:00+02:00", "@09:00:00Z"), ("@P1M", "@P1Y"), ("@-P1D", "@PT0S"),
        ("@2020-01-01T10:00:00@Europe/Paris", "@2020-01-01T10:00:00@Etc/UTC"),
    ],
)  # fmt: skip
def test_what_is_less(a: Any, b: Any) -> None:
    ev, a, b = evaluation(), value(a), value(b)
    assert less(ev, a, b) is True
    assert less_equal(ev, a, b) is True
    assert greater(ev, a, b) is False
    assert greater_equal(ev, a, b) is False
    assert greater(ev, b, a) is True
    assert less_equal(ev, a, a) is True
    assert less(ev, a, a) is False


@pytest.mark.parametrize(
    "a, b",
    [
        (1, "1"), (True, False), (None, 1), (None, None), ([1], [2]), ({}, {}), ("@2020-01-01", "@2020-01-02T00:00:00"),
        ("@10:00:00", "@11:00:00Z"), ("@P1Y", "@P400D"), ("#[1..2]", "#[3..4]"),
    ],
)  # fmt: skip
def test_what_has_no_order(a: Any, b: Any) -> None:
    for order in (less, less_equal, greater, greater_equal, compare):
        ev = evaluation()
        assert order(ev, value(a), value(b)) is None
        assert ev.problems


@given(PAIRS)
def test_order_is_antisymmetric(pair: tuple[Value, Value]) -> None:
    a, b = pair
    ev = evaluation()
    order = compare(ev, a, b)
    back = compare(ev, b, a)
    assert (order is None) is (back is None)
    if order is not None and back is not None:
        assert order == -back
        assert (order == 0) is equals(ev, a, b)
        assert less_equal(ev, a, b) is (order <= 0)


@given(TRIPLES)
def test_order_is_transitive(triple: tuple[Value, Value, Value]) -> None:
    ev = evaluation()
    if less_equal(ev, triple[0], triple[1]) and less_equal(ev, triple[1], triple[2]):
        assert less_equal(ev, triple[0], triple[2])


@given(VALUES, VALUES)
def test_equality_is_symmetric_and_any_two_values_can_be_asked(a: Value, b: Value) -> None:
    ev = evaluation()
    assert equals(ev, a, b) is equals(ev, b, a)
    assert equals(ev, a, a) is True
    for operation in (less, less_equal, greater, greater_equal):
        assert operation(ev, a, b) in {True, False, None}
    assert in_test(ev, a, b) in {True, False, None}


THREE: tuple[bool | None, ...] = (True, False, None)


def test_the_logic_of_three_values() -> None:
    # Null is what could be either.
    could_be = {True: {True}, False: {False}, None: {True, False}}
    for a, b in itertools.product(THREE, THREE):
        for operation, of_two in ((conjunction, all), (disjunction, any)):
            outcomes = {of_two(pair) for pair in itertools.product(could_be[a], could_be[b])}
            assert operation(a, b) is (outcomes.pop() if len(outcomes) == 1 else None)
    assert [negation(a) for a in THREE] == [False, True, None]


@given(ATOMS, st.sampled_from(THREE))
def test_what_is_no_boolean_counts_as_null(a: Value, b: bool | None) -> None:
    if not isinstance(a, bool):
        assert conjunction(a, b) is conjunction(None, b)
        assert disjunction(b, a) is disjunction(b, None)
        assert negation(a) is None


@pytest.mark.parametrize(
    "number, low, high, result",
    [(5, 1, 10, True), (1, 1, 10, True), (10, 1, 10, True), (0, 1, 10, False), (None, 1, 10, None), (2, None, 10, None),
     (11, None, 10, False), (2, 1, "x", None)],
)  # fmt: skip
def test_between(number: Any, low: Any, high: Any, result: bool | None) -> None:
    assert between(evaluation(), value(number), value(low), value(high)) is result


@pytest.mark.parametrize(
    "given_value, within, result",
    [
        (1, "#[1..3]", True), (1, "#(1..3]", False), (3, "#[1..3)", False), (2, "#(1..3)", True),
        (None, "#[1..3]", None),
        ("a", "#[1..3]", None), ("b", '#["a".."c"]', True),
    ],
)  # fmt: skip
def test_in_range(given_value: Any, within: str, result: bool | None) -> None:
    within_range = value(within)
    assert isinstance(within_range, Range)
    assert in_range(evaluation(), value(given_value), within_range) is result


def test_ranges_without_an_end() -> None:
    ev = evaluation()
    above = Range(Decimal(5), None, start_closed=False, end_closed=False)
    below = Range(None, Decimal(5), start_closed=False, end_closed=True)
    assert [in_range(ev, Decimal(n), above) for n in (4, 5, 6)] == [False, False, True]
    assert [in_range(ev, Decimal(n), below) for n in (4, 5, 6)] == [True, True, False]


@pytest.mark.parametrize(
    "given_value, test, result",
    [
        (1, 1, True), (1, 2, False), ("a", "a", True), ("a", 1, None), (True, True, True), (True, False, False),
        (1, [2, 3, 1], True), (1, [2, 3], False), (5, ["#[2..4]", "#[4..6]"], True), (5, ["#[2..4]", "x"], False),
        ([1, 2], [[1, 2], [3]], True), ([1, 2], [1, 2], True), ([1], [[1, 2]], False), (1, [[1]], False),
        (True, [False, 2], False), (None, None, True), (None, [1, None], True), (None, ["#[1..2]"], False),
        (1, None, None),
        ({"a": 1}, {"a": 1}, True), ("#[1..2]", "#[1..2]", True), ("#[1..2]", ["#[1..3]", "#[1..2]"], True),
        (1, [], False),
        (None, "#[1..2]", None),
    ],
)  # fmt: skip
def test_in(given_value: Any, test: Any, result: bool | None) -> None:
    assert in_test(evaluation(), value(given_value), value(test)) is result


def test_null_in_null_is_no_problem() -> None:
    ev = evaluation()
    assert comparison.same(ev, None, None)
    assert not comparison.same(ev, None, Decimal(1))
    assert not comparison.same(ev, True, Decimal(1))
    assert ev.problems == []
