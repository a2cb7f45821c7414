"""What the analysis reports of tables as people write them."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any

import pytest

from engine.rules.analysis.analyse import analyse, analyse_model
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.model import (
    BoxedContext,
    BusinessKnowledgeModel,
    ContextEntry,
    Decision,
    DecisionTable,
    FunctionDefinition,
    HitPolicy,
    InputClause,
    InputData,
    ItemDefinition,
    LiteralExpression,
    Model,
    OutputClause,
    Parameter,
    Rule,
)


def table(
    inputs: list[str | InputClause], *rows: tuple[str, ...], policy: HitPolicy = "UNIQUE", **output: Any
) -> DecisionTable:
    clauses = tuple(one if isinstance(one, InputClause) else InputClause(one) for one in inputs)
    rules = tuple(Rule(row[:-1], row[-1:]) for row in rows)
    return DecisionTable(clauses, (OutputClause("out", **output),), rules, policy)


def test_a_gap_is_shown_as_the_rule_that_would_close_it() -> None:
    age = InputClause("Age", None, "number", "[0..120]")
    (gap,) = analyse(table([age, "Status"], ("< 18", "-", "1"), ("> 18", '"a"', "2"), ("> 18", 'not("a")', "3"))).gaps
    assert gap.conditions == ("18", "-")
    assert gap.example.inputs == {"Age": 18, "Status": "a"}
    assert str(gap) == 'no rule matches 18 | -, such as Age = 18, Status = "a"'


def test_whole_numbers_leave_no_gap_between_two_of_them() -> None:
    ages = table(["age"], ("<= 17", "1"), (">= 18", "2"))
    assert analyse(ages).gaps[0].conditions == ("(17..18)",)
    assert analyse(ages, whole_numbers=("age",)).findings == ()


def test_days_leave_no_gap_between_two_of_them_either() -> None:
    days = table(["day"], ('<= @"2024-02-28"', "1"), ('> date("2024-02-29")', "2"))
    (gap,) = analyse(days).gaps
    assert gap.conditions == ('@"2024-02-29"',)
    assert gap.example.values == (date(2024, 2, 29),)


def test_a_default_output_closes_every_gap() -> None:
    assert analyse(table(["x"], ("1", "1"), default="0")).gaps == ()


def test_only_what_a_unique_table_cannot_use_is_a_finding() -> None:
    rows = (("> 1", "1"), ("> 2", "2"), ("<= 1", "0"))
    assert [one.rules for one in analyse(table(["x"], *rows)).overlaps] == [(1, 2)]
    assert not analyse(table(["x"], *rows)).overlaps[0].allowed
    assert analyse(table(["x"], *rows, policy="COLLECT")).findings == ()


def test_rules_of_an_any_table_may_overlap_if_they_agree() -> None:
    analysis = analyse(table(["x"], ("> 1", "1.0"), ("> 2", "1"), ("<= 3", "y"), policy="ANY"))
    assert [(one.rules, one.conflict, one.allowed) for one in analysis.overlaps] == [
        ((1, 2), False, True), ((1, 3), None, False), ((2, 3), None, False),
    ]  # fmt: skip


def test_a_rule_can_be_shadowed_by_several_together() -> None:
    rows = (("< 10", "-", "1"), (">= 10", "true", "2"), (">= 5", "false", "3"), ("[5..20]", "-", "4"), ("-", "-", "5"))
    analysis = analyse(table(["x", InputClause("flag", None, "boolean")], *rows, policy="FIRST"))
    assert [(one.rule, one.by) for one in analysis.shadowed] == [(4, (1, 2, 3)), (5, (1, 2, 3))]


def test_the_priority_of_outputs_decides_which_rule_goes_first() -> None:
    rows = (("> 2", '"low"'), ("> 1", '"high"'), ("<= 1", '"low"'))
    analysis = analyse(table(["x"], *rows, policy="PRIORITY", allowed='"high", "low"'))
    assert [(one.rule, one.by) for one in analysis.shadowed] == [(1, (2,))]


@pytest.mark.parametrize(
    "cell, reason, example",
    [
        ('"blue"', "is true of nothing that is allowed", "blue"),
        ("5", "is true of no string", None),
        ('not("red", "green")', "is true of nothing that is allowed", "blue"),
    ],
)
def test_a_cell_that_can_never_hold_is_named(cell: str, reason: str, example: str | None) -> None:
    colour = InputClause("colour", None, "string", '"red", "green"')
    (found,) = analyse(table([colour], ("-", "1"), (cell, "2"), ('"blue"', "3"), policy="FIRST")).unreachable[:1]
    assert (found.rule, found.column, found.text, found.reason) == (2, "colour", cell, reason)
    assert (None if found.example is None else found.example.values[0]) == example


def test_a_range_that_is_written_the_wrong_way_round_is_true_of_nothing() -> None:
    (found,) = analyse(table(["x"], ("[5..1]", "1"), ("-", "2"), policy="FIRST")).findings
    assert str(found) == "rule 1 never matches: [5..1] in 'x' is true of nothing"


def test_columns_of_one_expression_are_one_input() -> None:
    analysis = analyse(table(["x", " x"], ("> 1", "< 5", "1"), ("> 5", "< 1", "2")))
    assert [gap.conditions for gap in analysis.gaps] == [("<= 1, >= 5", "-")]
    assert [(one.rule, one.text) for one in analysis.unreachable] == [(2, "> 5 and < 1")]


def test_examples_of_members_are_contexts_and_those_of_computed_columns_have_no_inputs() -> None:
    (gap,) = analyse(table(["order.total", "order.paid"], ("> 1", "true, false", "1"))).gaps
    assert gap.example.inputs == {"order": {"total": 0, "paid": False}}
    (gap,) = analyse(table(["a + b"], ("> 1", "1"))).gaps
    assert (gap.example.values, gap.example.inputs) == ((0,), None)


def test_a_combination_that_is_missing_among_hundreds_is_found() -> None:
    numbers = ["< 10", "[10..20)", "[20..30)", ">= 30"]
    rows = [(*cells, "1") for cells in product(numbers, numbers, numbers, ['"a"', '"b"', 'not("a", "b")'])]
    names: list[str | InputClause] = ["a", "b", "c", "d"]
    assert analyse(table(names, *rows)).findings == ()
    (gap,) = analyse(table(names, *rows[:77], *rows[78:])).findings
    assert str(gap).startswith(f"no rule matches {' | '.join(rows[77][:-1])}")


def test_work_is_bounded_and_what_was_left_is_said() -> None:
    starts = [row * 7 % 50 for row in range(60)]
    rows = [(*(f"[{start}..{start + length}]" for length in range(1, 5)), "1") for start in starts]
    names: list[str | InputClause] = ["a", "b", "c", "d"]
    stopped = analyse(table(names, *rows), steps=200)
    assert not stopped.complete
    assert any("after 200 steps" in reason for reason in stopped.incomplete)
    few = analyse(table(names, *rows), limit=2)
    assert len(few.gaps) == 2
    assert "there are more than 2 overlaps" in few.incomplete


def test_a_table_of_a_thousand_columns_is_too_wide_and_that_is_said() -> None:
    wide = table([f"c{column}" for column in range(1000)], (*["1"] * 1000, "1"))
    assert not analyse(wide).complete


def test_the_types_of_a_model_say_what_is_allowed() -> None:
    fuel = ItemDefinition("Fuel", "string", allowed='"petrol", "diesel"')
    car = ItemDefinition("Car", components=(ItemDefinition("fuel", "Fuel"), ItemDefinition("age", "number")))
    tax = Decision("d", "Tax", None, table(["car.fuel"], ('"petrol"', "1"), ('"electric"', "0")), ("c",))
    model = Model("taxes", "ns", (fuel, car), (InputData("c", "car", "Car"), tax))
    analysis = analyse_model(model)["Tax"]
    assert [gap.example.inputs for gap in analysis.gaps] == [{"car": {"fuel": "diesel"}}]
    assert [one.text for one in analysis.unreachable] == ['"electric"']


def test_tables_within_contexts_and_functions_are_found() -> None:
    flag = table(["flag"], ("true", "1"))
    named = ContextEntry(Parameter("flag", "boolean"), LiteralExpression("1 = 1"))
    boxed = BoxedContext((named, ContextEntry(Parameter("rate"), flag), ContextEntry(None, flag)))
    function = FunctionDefinition((Parameter("flag", "string"),), flag)
    elements = (
        InputData("i", "flag", "number"), Decision("d", "D", None, boxed, ("i",)),
        BusinessKnowledgeModel("b", "B", function), Decision("e", "E", None, flag, ("i",)),
    )  # fmt: skip
    analyses = analyse_model(Model("m", "ns", (), elements))
    examples = {name: [str(one.example) for one in analysis.gaps] for name, analysis in analyses.items()}
    assert examples == {"D / rate": ["flag = false"], "D": ["flag = false"], "B": ['flag = "other"'], "E": ["flag = 0"]}


def test_what_is_allowed_and_cannot_be_seen_into_is_named() -> None:
    analysis = analyse(table([InputClause("x", None, "number", "? * 2 < 5")], ("-", "1")))
    assert [str(one) for one in analysis.not_analysed] == ["what is allowed, ? * 2 < 5, in 'x' was not analysed"]


def test_a_cell_that_is_no_feel_is_refused() -> None:
    with pytest.raises(FeelSyntaxError):
        analyse(table(["x"], ("< <", "1")))


def test_an_empty_table_is_one_gap() -> None:
    assert [gap.conditions for gap in analyse(table(["x", "y"])).gaps] == [("-", "-")]
