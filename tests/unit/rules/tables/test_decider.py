"""Single tables, decided from Python."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.rules.decider import TableDecider
from engine.rules.model import DecisionTable, InputClause, OutputClause, Rule

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def decider(
    expression: str, cell: str, output: str, clause: dict[str, str] | None = None, variables: tuple[str, ...] = ()
) -> TableDecider:
    rules = (Rule((cell,), (output,)),)
    table = DecisionTable((InputClause(expression, **(clause or {})),), (OutputClause("out"),), rules)
    return TableDecider(table, lambda: NOW, variables=variables)


def test_a_built_in_that_an_input_calls_is_no_input() -> None:
    floored = decider("floor(x)", "1", '"one"')
    assert floored.names == ("x",)
    assert floored.decide({"x": 1.5}) == "one"


def test_an_input_may_be_called_like_a_built_in() -> None:
    assert decider("count", "1", '"one"').decide({"count": 1}) == "one"


def test_no_rule_matches_a_value_that_is_not_allowed() -> None:
    decided = decider("x", "> 2", "2", {"allowed": "< 5"}).trace({"x": 7})
    assert (decided.outcome, decided.matched) == (None, ())
    assert "none of those" in decided.problems[0]


def test_a_list_of_one_number_is_tested_as_that_number() -> None:
    assert decider("x", "> 2", "2", {"type": "number"}).trace({"x": [7]}).matched == (1,)


def test_cells_see_the_variables_that_the_table_declares() -> None:
    table = decider("x", "< limit", "x * 2", variables=("limit",))
    assert table.decide({"x": 2, "limit": 3}) == 4
    assert table.decide({"x": 3, "limit": 3}) is None


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), float("nan"), float("inf")])
def test_what_is_no_number_is_null(value: float | Decimal) -> None:
    decided = decider("x", "< 1", "1").trace({"x": value})
    assert (decided.outcome, decided.matched) == (None, ())


@pytest.mark.parametrize("value", [10**34 + 1, Decimal(10**34 + 1)])
def test_numbers_are_compared_as_the_rules_see_them(value: int | Decimal) -> None:
    assert decider("x", f"{10**34}", "1").decide({"x": value}) == 1


def test_a_number_of_too_many_digits_is_rounded_first() -> None:
    assert decider("x", "> 1", "1").decide({"x": Decimal("1." + "0" * 40 + "1")}) is None


@pytest.mark.parametrize("cell", ["? > 5", "[5..1]", "? in [1..5]", "not(? > 5)"])
def test_a_test_that_comes_to_null_is_not_true_of_null(cell: str) -> None:
    assert decider("x", cell, "1").trace({"x": None}).matched == ()


@pytest.mark.parametrize("value", [1, None])
def test_where_the_first_rule_decides_it_alone_matches(value: int | None) -> None:
    rules = (Rule(("-",), ("1",)), Rule(("-",), ("2",)), Rule(("5",), ("3",)))
    table = DecisionTable((InputClause("x"),), (OutputClause("out"),), rules, "FIRST")
    assert TableDecider(table, lambda: NOW).trace({"x": value}).matched == (1,)


def test_types_and_allowed_values_are_looked_at_the_quick_way() -> None:
    clause = InputClause("x", None, "string", '"a", "b"')
    table = DecisionTable((clause,), (OutputClause("out", default="0"),), (Rule(('"a"',), ("y + 1",)),))
    one = TableDecider(table, lambda: NOW, variables=("y",))
    assert one._quick is not None
    assert [one.trace({"x": value, "y": 2}) for value in ("a", "b", ["a"])] == [
        (3, (1,), ()),
        (0, (), ()),
        (3, (1,), ()),
    ]
    assert "none of those" in one.trace({"x": "c"}).problems[0]
    assert "expected string" in one.trace({"x": 1}).problems[0]
