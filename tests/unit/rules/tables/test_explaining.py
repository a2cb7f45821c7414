"""Why and why not, coverage and scenarios, of tables as people write them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from engine.errors import MilepostError
from engine.rules.coverage import cover, cover_model
from engine.rules.decider import TableDecider
from engine.rules.explaining import explain
from engine.rules.graph import Graph
from engine.rules.model import Decision, DecisionTable, HitPolicy, InputClause, InputData, Model, OutputClause, Rule
from engine.rules.scenarios import Difference, Scenario, differences, run_scenarios, try_out
from tests.unit.rules.analysis.tables import decider as decider_of
from tests.unit.rules.analysis.tables import tables

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def rates(policy: HitPolicy = "FIRST", senior: str = "2") -> DecisionTable:
    return DecisionTable(
        (InputClause("age", "Age", "number"), InputClause("member", None, "boolean")),
        (OutputClause("rate"),),
        (Rule(("< 18", "-"), ("1",)), Rule((">= 65", "true"), (senior,)), Rule(("-", "-"), ("3",))),
        policy,
    )


def decider(table: DecisionTable) -> TableDecider:
    return TableDecider(table, lambda: NOW)


def test_each_cell_says_what_it_came_to() -> None:
    explained = explain(decider(rates()), {"age": 70, "member": None})
    assert (explained.outcome, explained.matched) == (3, (3,))
    age, member = explained.rules[1].cells
    assert (age.column, age.text, age.value, age.result) == ("Age", ">= 65", 70, True)
    assert (member.column, member.text, member.value, member.result) == ("member", "true", None, False)
    assert explained.why_not(2) == (member,)
    assert explained.why_not(3) == ()
    assert [rule.outcome for rule in explained.rules] == [None, None, 3]


def test_a_cell_that_cannot_be_compared_is_null_and_the_reason_is_no_part_of_the_outcome() -> None:
    table = DecisionTable((InputClause("x"),), (OutputClause("o"),), (Rule(('"a"',), ("1",)), Rule(("5",), ("2",))))
    explained = explain(decider(table), {"x": 5})
    assert [rule.cells[0].result for rule in explained.rules] == [None, True]
    assert (explained.outcome, explained.problems) == (2, ())


def test_an_input_that_is_not_allowed_leaves_nothing_to_explain() -> None:
    table = DecisionTable((InputClause("x", None, "number", "< 5"),), (OutputClause("o"),), (Rule(("-",), ("1",)),))
    explained = explain(decider(table), {"x": 7})
    assert explained.rules == ()
    assert "none of those" in explained.problems[0]


@given(tables(opaque=True))
@settings(max_examples=40, deadline=None)
def test_the_explanation_decides_as_the_table_does(sampled: tuple[DecisionTable, list[list[Any]]]) -> None:
    table, samples = sampled
    one = decider_of(table)
    for values in zip(*(column * 2 for column in samples), strict=False):
        inputs = {f"c{place}": value for place, value in enumerate(values)}
        explained = explain(one, inputs)
        assert explained.outcome == one.decide(inputs)
        assert explained == explain(one, inputs)


def test_coverage_counts_what_was_reached() -> None:
    ages = [{"age": 10, "member": True}, {"age": 70, "member": True}, {"age": 70, "member": False}]
    covered = cover(decider(rates()), ages)
    assert [(rule.matched, rule.decided) for rule in covered.rules] == [(1, 1), (1, 1), (3, 1)]
    age, member = covered.rules[1].cells
    assert (age.true, age.false, age.covered) == (2, 0, False)
    assert (member.true, member.false, member.covered) == (1, 1, True)
    assert covered.never_matched == ()
    assert covered.cell_ratio == pytest.approx(5 / 6)


def test_what_nobody_tries_shows() -> None:
    covered = cover(decider(rates()), [{"age": 10, "member": True}])
    assert (covered.never_matched, covered.never_decided) == (("2",), ("2", "3"))
    assert not any(cell.reached for cell in covered.rules[1].cells)
    assert covered.rule_ratio == pytest.approx(1 / 3)
    assert cover(decider(rates()), []).rule_ratio == 0


def test_the_tables_of_a_model_are_covered_through_it() -> None:
    fee = DecisionTable(
        (InputClause("Base rate"),), (OutputClause("fee"),), (Rule(("< 3",), ("0",)), Rule((">= 3",), ("limit",)))
    )
    model = Model(
        "m", "ns", (),
        (
            InputData("a", "age", "number"), InputData("b", "member", "boolean"), InputData("l", "limit", "number"),
            Decision("r", "Base rate", None, rates(), ("a", "b")), Decision("f", "Fee", None, fee, ("r", "l")),
        ),
    )  # fmt: skip
    covered = cover_model(Graph(model), [{"age": 10}, {"age": 30, "limit": 4}, {"age": 30, "limit": 5}], lambda: NOW)
    assert [rule.matched for rule in covered["Base rate"].rules] == [1, 0, 3]
    assert [rule.matched for rule in covered["Fee"].rules] == [1, 2]


@dataclass
class Offer:
    rate: Decimal
    notes: list[str]


def test_outcomes_are_compared_as_rules_see_them() -> None:
    assert differences(Offer(Decimal("1.50"), ["a"]), {"rate": 1.5, "notes": ["a"]}) == ()
    assert differences({"a": [1, {"b": 2}], "c": 1}, {"a": [1, {"b": 3}, 4], "d": None}) == (
        Difference("$.a[1].b", 2, 3), Difference("$.a[2]", None, 4), Difference("$.c", 1, None),
        Difference("$.d", None, None),
    )  # fmt: skip
    assert differences(1, True) == (Difference("$", 1, True),)


def test_scenarios_pass_or_say_where_they_differ() -> None:
    child = Scenario("child", {"age": 10}, 1)
    passed, failed = run_scenarios(decider(rates()).decide, [child, Scenario("adult", {"age": 30}, 2)])
    assert passed.passed
    assert not failed.passed
    assert failed.differences == (Difference("$", 2, 3),)


def test_a_table_is_tried_out_by_scenarios() -> None:
    report = try_out(decider(rates()), [Scenario("child", {"age": 10}, 1), Scenario("adult", {"age": 30}, 3)])
    assert report.passed
    assert report.coverage.never_matched == ("2",)


def test_an_error_fails_its_scenario_alone() -> None:
    def decide(inputs: Any) -> Any:
        if inputs["age"] == 10:
            raise MilepostError("no")
        return 3

    failed, passed = run_scenarios(decide, [Scenario("a", {"age": 10}, 1), Scenario("b", {"age": 30}, 3)])
    assert (failed.passed, failed.error, passed.passed) == (False, "no", True)
