"""Single tables, decided from Python."""

from __future__ import annotations

from datetime import UTC, datetime

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
