"""What is wrong with a model is said before it is used: what clashes, goes in circles, and what cells cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from engine.rules import model
from engine.rules.checking import check
from engine.rules.problems import SHOWN, Problem, RuleFileError, Spot
from tests.unit.rules.models import models

AGE = model.InputData("age", "Age", "number")
TYPES = (
    model.ItemDefinition("tAge", "number", allowed="[0..150]"),
    model.ItemDefinition("tFare", "string", allowed='"half", "full"'),
)


def fares(*rules: tuple[str, str], **options: object) -> model.DecisionTable:
    """Return a table from Age to a fare."""
    return replace(
        model.DecisionTable(
            (model.InputClause("Age", "Years", "tAge"),),
            (model.OutputClause("Fare", type="tFare"),),
            tuple(model.Rule((condition,), (conclusion,)) for condition, conclusion in rules),
        ),
        **options,  # type: ignore[arg-type]
    )


def of(expression: model.Expression | None, *more: model.Element, type_: str | None = None) -> model.Model:
    decision = model.Decision("fare", "Fare", type_, expression, ("age",))
    return model.Model("Fares", "urn:fares", TYPES, (AGE, decision, *more))


def said(source: model.Model, *imported: model.Model) -> list[str]:
    return [str(problem) for problem in check(source, imported)]


def test_nothing_is_said_of_a_model_that_works() -> None:
    table = fares(("< 18", '"half"'), ("[18..150]", 'if Age > 65 then "half" else "full"'))
    assert said(of(table)) == []


@pytest.mark.parametrize(
    "condition, conclusion, says",
    [
        ("< ", '"half"', "rule 1, input 'Years': expected a value, but the text ends\n  < \n    ^"),
        ("5", '"half', "rule 1, output 'Fare': the string that begins here does not end"),
        ("151", '"half"', "rule 1, input 'Years': 151 cannot be here: tAge does not allow the value"),
        ("1, 2, 151", '"half"', "rule 1, input 'Years': 151 cannot be here"),
        ("not(151)", '"half"', "rule 1, input 'Years': 151 cannot be here"),
        ("= 151", '"half"', "rule 1, input 'Years': 151 cannot be here"),
        ('"old"', '"half"', "rule 1, input 'Years': \"old\" cannot be here: expected number, but it is string"),
        ("5", '"none"', "rule 1, output 'Fare': \"none\" cannot be here: tFare does not allow the value"),
        ("5", "half", "rule 1, output 'Fare': nothing here is called 'half'"),
        ("Limit", '"half"', "rule 1, input 'Years': nothing here is called 'Limit'"),
        ('@"2026-11-30"', '"half"', "cannot be here: expected number, but it is date"),
        ("Age > 18", '"half"', "the cell is true or false, and the input is number: write the test alone"),
        ("5, Age in [1..3] or false", '"half"', "the cell is true or false, and the input is number"),
    ],
)
def test_cells_are_judged_by_place(condition: str, conclusion: str, says: str) -> None:
    (problem,) = check(of(fares((condition, conclusion))))
    assert problem.decision == "Fare"
    assert f"decision 'Fare', {says}" in str(problem) or says in problem.text


@pytest.mark.parametrize(
    "condition",
    ["> 150", "[0..1000]", "-", "null", "? > 1", "not(? in [1..3] or ? > Age)", "Age", "for x in [1] return x"],
)
def test_what_may_be_is_left_alone(condition: str) -> None:
    assert said(of(fares((condition, '"half"')))) == []


def test_allowed_values_of_columns_count() -> None:
    inputs = (model.InputClause("Age", type="number", allowed="[1..9], 20"),)
    outputs = (model.OutputClause(None, None, "string", '"a", "b"', '"d"'),)
    found = check(of(fares(("10", '"c"'), ("20", '"a"'), inputs=inputs, outputs=outputs)))
    assert [(str(problem.spot), problem.text) for problem in found] == [
        (str(Spot("default", 1)), '"d" is none of the allowed values: "a", "b"'),
        (str(Spot("condition", 0, 0)), "10 is none of the allowed values: [1..9], 20"),
        (str(Spot("conclusion", 1, 0)), '"c" is none of the allowed values: "a", "b"'),
    ]


@pytest.mark.parametrize(
    "table, says",
    [
        (fares(outputs=()), "decision 'Fare': the table has no output"),
        (fares(("1", "2"), inputs=()), "decision 'Fare', rule 1: the rule has 1 conditions and 1 conclusions"),
        (
            fares(outputs=(model.OutputClause(type="tFee"),)),
            "decision 'Fare', the output, type: there is no type 'tFee': write number, string, ",
        ),
        (fares(inputs=(model.InputClause("Age +"),)), "decision 'Fare', input 'Age +': expected a value"),
        (fares(inputs=(model.InputClause("Size"),)), "decision 'Fare', input 'Size': nothing here is called 'Size'"),
        (
            fares(outputs=(model.OutputClause("a"), model.OutputClause("a"))),
            "decision 'Fare', output 'a': two outputs have the name 'a'",
        ),
    ],
)
def test_heads_are_judged_by_place(table: model.DecisionTable, says: str) -> None:
    (problem,) = said(of(table))
    assert problem.startswith(says)


def test_the_type_of_a_decision_counts_for_its_one_output() -> None:
    table = fares(("5", '"none"'), outputs=(model.OutputClause(),))
    assert "tFare does not allow the value" in said(of(table, type_="tFare"))[0]


def test_tables_of_knowledge_models_are_looked_through() -> None:
    function = model.FunctionDefinition((model.Parameter("Age", "number"),), fares(("5", "half")))
    (problem,) = said(of(None, model.BusinessKnowledgeModel("k", "Reduced", function)))
    assert problem.startswith("decision 'Reduced', rule 1, output 'Fare': nothing here is called 'half'")


def test_other_boxes_are_judged_as_a_whole() -> None:
    context = model.BoxedContext((model.ContextEntry(model.Parameter("a"), model.LiteralExpression("1 +")),))
    (problem,) = said(of(context))
    assert problem.startswith("'Fare': expected a value")


def test_names_that_clash_are_said() -> None:
    assert said(of(None, model.InputData("x", "Fare"))) == [
        "the element 'x' is called 'Fare', as the element 'fare' is: change one of the names"
    ]
    named = replace(of(None), imports=(model.Import("Age", "urn:other"),))
    other = model.Model("Other", "urn:other", (TYPES[0],), (model.InputData("i", "Fare"),))
    assert "the import of 'urn:other' is called 'Age', as the element 'age' is: change one of the names" in said(
        named, other
    )
    unnamed = replace(of(None), imports=(model.Import("", "urn:other"),))
    assert said(unnamed, other) == [
        "the element 'i' of 'urn:other' is called 'Fare', as the element 'fare' is: change one of the names",
        "the type of 'urn:other' is called 'tAge', as the type 'tAge' is: change one of the names",
    ]


def test_circles_are_said() -> None:
    decisions = tuple(
        model.Decision(id_, id_.upper(), None, None, (needs,)) for id_, needs in (("a", "b"), ("b", "c"), ("c", "a"))
    )
    (problem,) = said(model.Model("M", "urn:m", elements=decisions))
    assert problem.startswith("decisions require each other: ")
    assert problem.count(" requires ") == 3
    one = model.Model("One", "urn:1", imports=(model.Import("two", "urn:2"),))
    two = model.Model("Two", "urn:2", imports=(model.Import("one", "urn:1"),))
    assert said(one, two) == ["models import each other: urn:1 imports urn:2 imports urn:1"]


def test_models_that_are_not_there_are_said() -> None:
    assert said(replace(of(None), imports=(model.Import("other", "urn:other"),))) == [
        "model 'Fares' imports 'urn:other': give that model too"
    ]


@given(models())
@settings(deadline=None)
def test_checking_never_fails(source: model.Model) -> None:
    assert all(isinstance(problem, Problem) for problem in check(source))


def test_a_message_lists_some_problems_and_counts_the_others() -> None:
    error = RuleFileError("f.csv", [Problem(f"bad {number}", place=f"row {number}") for number in range(SHOWN + 5)])
    assert str(error).startswith("f.csv: row 0: bad 0\nrow 1: bad 1\n")
    assert str(error).endswith("and 5 more")
    assert len(error.problems) == SHOWN + 5
