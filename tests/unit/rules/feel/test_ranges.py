"""How points and ranges lie to each other: the examples of the specification, and the relations by their definition."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.values import Range, Value
from tests.unit.rules.feel.calls import call, evaluation


@pytest.mark.parametrize(
    "name, a, b, result",
    [
        ("before", 1, 10, True), ("before", 10, 1, False), ("before", 1, "#[1..10]", False),
        ("before", 1, "#(1..10]", True), ("before", 1, "#[5..10]", True), ("before", "#[1..10]", 10, False),
        ("before", "#[1..10)", 10, True), ("before", "#[1..10]", 15, True), ("before", "#[1..10]", "#[15..20]", True),
        ("before", "#[1..10]", "#[10..20]", False), ("before", "#[1..10)", "#[10..20]", True),
        ("before", "#[1..10]", "#(10..20]", True),
        ("after", 10, 5, True), ("after", 5, 10, False), ("after", 12, "#[1..10]", True),
        ("after", 10, "#[1..10)", True),
        ("after", 10, "#[1..10]", False), ("after", "#[11..20]", 12, False), ("after", "#[11..20]", 10, True),
        ("after", "#(11..20]", 11, True), ("after", "#[11..20]", 11, False), ("after", "#[11..20]", "#[1..10]", True),
        ("after", "#[1..10]", "#[11..20]", False), ("after", "#[11..20]", "#[1..11)", True),
        ("after", "#(11..20]", "#[1..11]", True),
        ("meets", "#[1..5]", "#[5..10]", True), ("meets", "#[1..5)", "#[5..10]", False),
        ("meets", "#[1..5]", "#(5..10]", False), ("meets", "#[1..5]", "#[6..10]", False),
        ("met by", "#[5..10]", "#[1..5]", True), ("met by", "#[5..10]", "#[1..5)", False),
        ("overlaps", "#[1..5]", "#[3..8]", True), ("overlaps", "#[3..8]", "#[1..5]", True),
        ("overlaps", "#[1..8]", "#[3..5]", True), ("overlaps", "#[1..5]", "#[6..8]", False),
        ("overlaps", "#[1..5]", "#[5..8]", True), ("overlaps", "#[1..5]", "#(5..8]", False),
        ("overlaps", "#[1..5)", "#[5..8]", False), ("overlaps", "#[5..8]", "#[1..5]", True),
        ("overlaps before", "#[1..5]", "#[3..8]", True), ("overlaps before", "#[1..5]", "#[6..8]", False),
        ("overlaps before", "#[1..5]", "#[5..8]", True), ("overlaps before", "#[1..5)", "#[5..8]", False),
        ("overlaps before", "#[1..5)", "#(1..5]", True), ("overlaps before", "#[1..5]", "#(1..5]", True),
        ("overlaps before", "#[1..5)", "#[1..5]", False), ("overlaps before", "#[1..5]", "#[1..5]", False),
        ("overlaps after", "#[3..8]", "#[1..5]", True), ("overlaps after", "#[6..8]", "#[1..5]", False),
        ("overlaps after", "#[5..8]", "#[1..5]", True), ("overlaps after", "#(5..8]", "#[1..5]", False),
        ("overlaps after", "#(1..5]", "#[1..5)", True), ("overlaps after", "#(1..5]", "#[1..5]", True),
        ("overlaps after", "#[1..5]", "#[1..5)", False),
        ("finishes", 10, "#[1..10]", True), ("finishes", 10, "#[1..10)", False),
        ("finishes", "#[5..10]", "#[1..10]", True), ("finishes", "#[5..10)", "#[1..10]", False),
        ("finishes", "#[5..10)", "#[1..10)", True), ("finishes", "#[1..10]", "#(1..10]", False),
        ("finishes", "#(1..10]", "#[1..10]", True), ("finished by", "#[1..10]", 10, True),
        ("finished by", "#[1..10]", "#[5..10]", True), ("finished by", "#[1..10]", "#[5..10)", False),
        ("includes", "#[1..10]", 5, True), ("includes", "#[1..10]", 12, False), ("includes", "#[1..10)", 10, False),
        ("includes", "#[1..10]", "#[4..6]", True), ("includes", "#(1..10]", "#[1..5]", False),
        ("includes", "#[1..10]", "#(1..10)", True), ("includes", "#[1..10)", "#[5..10)", True),
        ("during", 5, "#[1..10]", True), ("during", 10, "#[1..10)", False), ("during", "#[4..6]", "#[1..10]", True),
        ("during", "#[1..5]", "#(1..10]", False),
        ("starts", 1, "#[1..10]", True), ("starts", 1, "#(1..10]", False), ("starts", 2, "#[1..10]", False),
        ("starts", "#[1..5]", "#[1..10]", True), ("starts", "#(1..5]", "#[1..10]", False),
        ("starts", "#[1..10]", "#[1..10]", True), ("starts", "#[1..10]", "#[1..10)", False),
        ("started by", "#[1..10]", 1, True), ("started by", "#[1..10]", "#[1..5]", True),
        ("started by", "#[1..10]", "#(1..5]", False),
        ("coincides", 5, 5, True), ("coincides", 3, 4, False), ("coincides", "#[1..5]", "#[1..5]", True),
        ("coincides", "#(1..5)", "#[1..5]", False), ("coincides", "#[1..5]", "#[2..6]", False),
        ("before", "@2020-01-01", "@2020-01-02", True), ("includes", '#["a".."c"]', "b", True),
    ],
)  # fmt: skip
def test_examples(name: str, a: object, b: object, result: bool) -> None:
    assert call(name, a, b) == ("true" if result else "false")


@pytest.mark.parametrize(
    "name, args",
    [
        ("before", (1, "a")), ("before", (1, None)), ("before", (1,)), ("before", (True, True)),
        ("meets", (1, "#[1..2]")),
        ("coincides", ("#[1..2]", 1)), ("during", (None, "#[1..2]")), ("includes", ("#[1..2]", "a")),
        ("before", ("#[1..2]", '#["a".."b"]')), ("starts", ("@10:00:00", '#[@"10:00:00Z"..@"11:00:00Z"]')),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_null(name: str, args: tuple[object, ...]) -> None:
    assert call(name, *args) == "null"


def is_inhabited(between: Range) -> bool:
    if between.start is None or between.end is None or between.start < between.end:  # type: ignore[operator]
        return True
    return between.start == between.end and between.start_closed and between.end_closed


ENDS = st.none() | st.integers(0, 3).map(Decimal)
RANGES = st.builds(Range, ENDS, ENDS, st.booleans(), st.booleans()).filter(is_inhabited)


def holds(name: str, a: Value, b: Value) -> bool:
    result = BUILTINS[name].invoke(evaluation(), [a, b])
    assert isinstance(result, bool)
    return result


def members(of: Range) -> set[Decimal]:
    """Return the quarters from -1 to 4 that are in the range; between any two ends there are some."""
    return {
        point
        for point in (Decimal(n) / 4 for n in range(-4, 17))
        if (of.start is None or of.start < point or (of.start == point and of.start_closed))  # type: ignore[operator]
        and (of.end is None or point < of.end or (point == of.end and of.end_closed))  # type: ignore[operator]
    }


@given(RANGES, RANGES)
def test_relations_are_those_of_the_points_within(a: Range, b: Range) -> None:
    ours, theirs = members(a), members(b)
    assert holds("before", a, b) == (max(ours) < min(theirs))
    assert holds("after", a, b) == (min(ours) > max(theirs))
    assert holds("overlaps", a, b) == bool(ours & theirs)
    assert holds("includes", a, b) == (ours >= theirs)
    assert holds("during", a, b) == (ours <= theirs)
    assert holds("coincides", a, b) == (ours == theirs)
    assert holds("starts", a, b) == (min(ours) == min(theirs) and ours <= theirs)
    assert holds("finishes", a, b) == (max(ours) == max(theirs) and ours <= theirs)
    assert holds("meets", a, b) == (a.end_closed and b.start_closed and a.end is not None and a.end == b.start)


@given(RANGES, RANGES)
def test_relations_turned_round(a: Range, b: Range) -> None:
    for name, turned in [
        ("before", "after"),
        ("meets", "met by"),
        ("finishes", "finished by"),
        ("starts", "started by"),
        ("includes", "during"),
        ("overlaps before", "overlaps after"),
    ]:
        assert holds(name, a, b) == holds(turned, b, a)
