"""Back-tests: what other rules come to of the same, compared as rules see it, and counted in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MilepostError
from engine.rules import backtest
from engine.rules.backtest import Comparison, Decided, Group, Kind, Record, Tally, back_test, by_model, compare
from engine.rules.errors import RuleError
from engine.rules.feel.exchange import from_python
from engine.rules.model import Decision, InputData, LiteralExpression, Model
from engine.rules.prepared import Prepared
from engine.rules.scenarios import Difference
from tests.worker.rule_flows import model


def record(outcome: Any, name: str = "one", inputs: Mapping[str, Any] | None = None, **known: Any) -> Record:
    given = from_python(inputs or {})
    assert isinstance(given, dict)
    return Record(name, given, Decided(outcome), **known)


def literal(text: str) -> Prepared:
    decision = Decision("d", "rate", None, LiteralExpression(text), ("i",))
    return Prepared(Model("credit", "urn:test", (), (InputData("i", "amount"), decision)))


def again(rules: Prepared, *records: Record) -> list[Comparison]:
    return list(back_test(by_model(rules), records))


@pytest.mark.parametrize(
    "before, after, kind",
    [
        (Decimal("1.50"), Decimal("1.5"), Kind.SAME),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, Kind.SAME),
        (None, None, Kind.SAME),
        (1, 2, Kind.DIFFERS),
        (1, True, Kind.DIFFERS),
        (None, 1, Kind.DIFFERS),
        ({"a": 1}, {"a": None}, Kind.DIFFERS),
        ({"a": 1}, None, Kind.NULL),
        (False, None, Kind.NULL),
    ],
)
def test_outcomes_are_compared_as_rules_see_them(before: Any, after: Any, kind: Kind) -> None:
    assert compare(record(before), Decided(after)).kind == kind


def test_differences_are_said_by_their_path() -> None:
    found = compare(record({"a": [1, 2]}), Decided({"a": [1, 3]}))
    assert found.differences == (Difference("$.a[1]", 2, 3),)


def test_a_model_decides_again_with_the_inputs_the_decision_and_the_moment_of_the_record() -> None:
    outcome = {"rate": Decimal("0.1"), "since": "2026-11-30"}
    (one,) = again(Prepared(model("0.2")), record(outcome, inputs={"amount": 5000}))
    assert (one.kind, one.other.matched) == (Kind.DIFFERS, (("rate", (1,)),))
    (one,) = again(literal("string(now())"), record("1970-01-01T00:00:01Z", now_us=1_000_000))
    assert (one.kind, one.other.error) == (Kind.SAME, None)
    (one,) = again(literal("5"), record(5, decision="other"))
    assert (one.kind, one.other.outcome) == (Kind.UNDECIDED, None)
    assert "no decision 'other'" in (one.other.error or "")


def test_why_an_outcome_is_null_is_said() -> None:
    (one,) = again(Prepared(model("0.2")), record(1, inputs={"amount": "much"}))
    assert (one.kind, one.other.matched) == (Kind.NULL, (("rate", ()),))
    assert "no rule of the table matches" in " ".join(one.other.problems)


def test_outcomes_are_those_that_would_be_recorded() -> None:
    assert [one.kind for one in again(literal("[1..5]"), record("[1..5]"))] == [Kind.SAME]
    (one,) = again(literal("function(a) a"), record(1))
    assert (one.kind, "function" in (one.other.error or "")) == (Kind.UNDECIDED, True)


def test_one_that_cannot_be_decided_leaves_the_others_alone() -> None:
    def decide(one: Record) -> Decided:
        if one.name == "b":
            raise RuleError("no")
        return Decided(1)

    found = list(back_test(decide, [record(1, name) for name in "abc"]))
    assert [one.kind for one in found] == [Kind.SAME, Kind.UNDECIDED, Kind.SAME]
    assert found[1].other.error == "no"


def test_what_is_no_error_of_the_engine_is_raised() -> None:
    def decide(_one: Record) -> Decided:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(back_test(decide, [record(1)]))


def tallied(pairs: list[tuple[Any, Any]], keep: int = 100) -> Tally:
    tally = Tally(keep)
    for place, (before, after) in enumerate(pairs):
        other = Decided(error="no") if after == "error" else Decided(after)
        tally.add(compare(record(before, f"record {place}"), other))
    return tally


def test_changes_are_grouped_and_the_first_are_kept() -> None:
    tally = tallied([("a", "b"), ("a", "a"), ("a", None), ("x", "b"), ("a", "b"), ("a", "error")], keep=2)
    assert tally.counts == {Kind.SAME: 1, Kind.DIFFERS: 3, Kind.NULL: 1, Kind.UNDECIDED: 1}
    assert tally.groups == [
        Group(Kind.DIFFERS, "a", "b", 2, "record 0"), Group(Kind.NULL, "a", None, 1, "record 2"),
        Group(Kind.DIFFERS, "x", "b", 1, "record 3"), Group(Kind.UNDECIDED, "a", None, 1, "record 5"),
    ]  # fmt: skip
    assert [one.record.name for one in tally.changed] == ["record 0", "record 2"]


def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "MOST_GROUPS", 3)
    tally = tallied([(number, -1) for number in (0, 1, 2, 3, 4, 0)], keep=0)
    assert [(group.recorded, group.count) for group in tally.groups] == [(0, 2), (1, 1), (2, 1)]
    assert (tally.ungrouped, tally.changed, tally.total) == (2, [], 6)


OUTCOMES = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.text(max_size=2), st.just("error"))


@given(st.lists(st.tuples(OUTCOMES, OUTCOMES)), st.integers(0, 5))
def test_everything_is_counted_once(pairs: list[tuple[Any, Any]], keep: int) -> None:
    tally = tallied(pairs, keep)
    assert tally.total == len(pairs)
    assert sum(group.count for group in tally.groups) + tally.ungrouped == tally.would_change
    assert len(tally.changed) == min(keep, tally.would_change)
    assert Kind.SAME not in {group.kind for group in tally.groups}


def test_records_of_rules_in_python_are_taken_again_too() -> None:
    def decide(one: Record) -> Decided:
        return Decided(one.inputs["n"] * 2)

    assert [one.kind for one in back_test(decide, [record(4, inputs={"n": 2})])] == [Kind.SAME]
    with pytest.raises(MilepostError):
        compare(record(object()), Decided(1))
