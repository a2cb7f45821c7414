"""Graphs of decisions: requirements, functions, services, imports, boxed expressions and hit policies."""

from __future__ import annotations

from typing import Any

import pytest

from engine.rules.errors import ModelError
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.graph import Graph
from engine.rules.model import (
    Binding,
    BoxedContext,
    BoxedFilter,
    BoxedIterator,
    BoxedList,
    BusinessKnowledgeModel,
    Conditional,
    ContextEntry,
    Decision,
    DecisionService,
    DecisionTable,
    Element,
    Expression,
    FunctionDefinition,
    Import,
    InputClause,
    InputData,
    Invocation,
    ItemDefinition,
    LiteralExpression,
    Model,
    OutputClause,
    Parameter,
    Relation,
    Rule,
)
from tests.unit.rules.feel.feeling import evaluation


def text(source: str, type: str | None = None) -> LiteralExpression:
    return LiteralExpression(source, type)


def model_of(*elements: Element, items: tuple[ItemDefinition, ...] = (), imports: tuple[Import, ...] = ()) -> Model:
    return Model("test", "urn:test", items, elements, imports)


def decided(graph: Graph, name: str, **inputs: Any) -> Any:
    given = {key.replace("_", " "): from_python(value) for key, value in inputs.items()}
    return to_python(graph.decide(evaluation(), name, given))


def box(expression: Expression, **inputs: Any) -> Any:
    """Return what a single boxed expression comes to, with these inputs in its scope."""
    data = [InputData(name, name) for name in inputs]
    decision = Decision("d", "d", None, expression, tuple(inputs))
    graph = Graph(model_of(*data, decision))
    assert graph.problems == []
    return decided(graph, "d", **inputs)


def test_decisions_see_what_they_require_and_nothing_else() -> None:
    graph = Graph(
        model_of(
            InputData("i1", "Monthly income", "number"),
            Decision("d1", "Yearly income", "number", text("Monthly income * 12"), ("i1",)),
            Decision("d2", "Is rich", "boolean", text("Yearly income > 100000"), ("d1",)),
            Decision("d3", "Blind", None, text("Yearly income"), ()),
        )
    )
    assert decided(graph, "Is rich", Monthly_income=10_000) is True
    assert decided(graph, "Is rich", Monthly_income=1) is False
    assert decided(graph, "Blind", Monthly_income=1) is None
    assert decided(graph, "Yearly income", Monthly_income="a lot") is None, "an input of another type is null"


def test_a_knowledge_model_may_call_itself() -> None:
    body = text("if n <= 1 then 1 else n * fact(n - 1)")
    function = FunctionDefinition((Parameter("n", "number"),), body)
    graph = Graph(
        model_of(
            BusinessKnowledgeModel("b", "fact", function),
            Decision("d", "d", None, Invocation(text("fact"), (Binding(Parameter("n"), text("5")),)), ("b",)),
            Decision("e", "e", None, text('fact("x")'), ("b",)),
        )
    )
    assert decided(graph, "d") == 120
    assert decided(graph, "e") is None
    assert to_python(graph.invoke(evaluation(), "fact", {"n": from_python(4)})) == 24


def test_a_service_is_a_function_of_its_inputs() -> None:
    graph = Graph(
        model_of(
            InputData("i", "amount", "number"),
            Decision("rate", "rate", "number", text("0.5")),
            Decision("out", "interest", "number", text("amount * rate"), ("i", "rate")),
            DecisionService("s", "price", outputs=("out",), input_decisions=("rate",), input_data=("i",)),
            Decision("d", "d", None, text("price(200, 0.1)"), ("s",)),
            Decision("few", "few", None, text("price(200)"), ("s",)),
        )
    )
    assert decided(graph, "d") == 20
    assert decided(graph, "few") is None
    values = {"amount": from_python(10), "rate": from_python(3)}
    assert to_python(graph.invoke(evaluation(), "price", values)) == 30


def test_what_is_imported_is_known_by_the_name_of_the_import() -> None:
    inner = Model(
        "inner", "urn:inner",
        (ItemDefinition("tPercent", "number", allowed="[0..100]"),),
        (Decision("x", "base rate", "number", text("7")),),
    )  # fmt: skip
    outer = model_of(
        InputData("p", "percent", "lib.tPercent"),
        Decision("d", "d", None, text("lib.base rate + percent"), ("urn:inner#x", "p")),
        imports=(Import("lib", "urn:inner"),),
    )
    graph = Graph(outer, {"urn:inner": Graph(inner)})
    assert decided(graph, "d", percent=3) == 10
    assert decided(graph, "d", percent=300) is None
    with pytest.raises(ModelError, match="urn:inner"):
        Graph(outer)


def test_decisions_that_require_each_other_come_to_null() -> None:
    graph = Graph(
        model_of(
            Decision("a", "a", None, text("b + 1"), ("b",)),
            Decision("b", "b", None, text("a + 1"), ("a",)),
        )
    )
    assert decided(graph, "a") is None


def test_a_decision_that_cannot_be_read_is_a_problem_of_that_decision_alone() -> None:
    graph = Graph(model_of(Decision("a", "a", None, text("1 +")), Decision("b", "b", None, text("2"))))
    assert len(graph.problems) == 1
    assert "'a'" in graph.problems[0]
    assert decided(graph, "a") is None
    assert decided(graph, "b") == 2
    with pytest.raises(ModelError, match="no decision 'c'"):
        decided(graph, "c")


@pytest.mark.parametrize(
    "expression, expected",
    [
        (BoxedContext((ContextEntry(Parameter("a"), text("1")), ContextEntry(Parameter("b c"), text("a + 1")))),
         {"a": 1, "b c": 2}),
        (BoxedContext((ContextEntry(Parameter("a"), text("1")), ContextEntry(None, text("a + 5")))), 6),
        (BoxedList((text("1"), text("x"))), [1, 10]),
        (Relation((Parameter("n"), Parameter("m")), ((text("1"), text("2")), (text("3"), None))),
         [{"n": 1, "m": 2}, {"n": 3, "m": None}]),
        (Conditional(text("x > 5"), text('"big"'), text('"small"')), "big"),
        (BoxedFilter(text("[5, 15, 25]"), text("item > x")), [15, 25]),
        (BoxedIterator("for", "i", text("[1, 2]"), text("i * x")), [10, 20]),
        (BoxedIterator("some", "i", text("[1, 20]"), text("i > x")), True),
        (BoxedIterator("every", "i", text("[1, 20]"), text("i > x")), False),
        (Invocation(text("max"), (Binding(Parameter("list"), text("[1, x]")),)), 10),
        (text("x", "string"), None),
        (None, None),
    ],
)  # fmt: skip
def test_boxes(expression: Expression, expected: Any) -> None:
    assert box(expression, x=10) == expected


def hits(policy: str, x: int, aggregation: str | None = None, **options: Any) -> Any:
    rules = (Rule(("> 1",), ('"b"',)), Rule(("> 2",), ('"c"',)), Rule(("> 3",), ('"a"',)), Rule(("> 9",), ('"a"',)))
    output = OutputClause("out", allowed=options.pop("allowed", None), default=options.pop("default", None))
    table = DecisionTable((InputClause("x"),), (output,), rules, policy, aggregation)  # type: ignore[arg-type]
    return box(table, x=x)


def test_hit_policies() -> None:
    assert [hits("UNIQUE", x) for x in (0, 2, 3)] == [None, "b", None]
    assert [hits("FIRST", x) for x in (0, 2, 4)] == [None, "b", "b"]
    assert [hits("ANY", x) for x in (2, 3)] == ["b", None]
    assert hits("RULE ORDER", 4) == ["b", "c", "a"]
    assert hits("COLLECT", 10) == ["b", "c", "a", "a"]
    assert hits("COLLECT", 10, "COUNT") == 4
    assert hits("COLLECT", 10, "MIN") == "a"
    assert hits("PRIORITY", 4, allowed='"c", "a", "b"') == "c"
    assert hits("OUTPUT ORDER", 10, allowed='"c", "a", "b"') == ["c", "a", "a", "b"]
    assert hits("UNIQUE", 0, default='"none"') == "none"


def test_cells_and_outputs_may_use_what_the_decision_requires() -> None:
    table = DecisionTable(
        (InputClause("x"), InputClause("y")),
        (OutputClause("sum"), OutputClause("kind")),
        (Rule(("> y", "-"), ("x + y", '"more"')), Rule(("-", "? > x"), ("y - x", '"less"'))),
        "FIRST",
    )
    assert box(table, x=5, y=2) == {"sum": 7, "kind": "more"}
    assert box(table, x=2, y=5) == {"sum": 3, "kind": "less"}
    assert box(table, x=2, y=2) is None


def test_values_that_a_table_does_not_allow_come_to_null() -> None:
    table = DecisionTable(
        (InputClause("x", allowed='"a", "b"'),), (OutputClause("out"),), (Rule(("-",), ("1",)),), "FIRST"
    )
    assert box(table, x="a") == 1
    assert box(table, x="z") is None


def test_structures_are_checked_in_all_of_their_parts() -> None:
    items = (
        ItemDefinition("tLine", components=(
            ItemDefinition("kind", "string", allowed='"a", "b"'), ItemDefinition("count", "number", allowed="> 0"),
        )),
        ItemDefinition("tLines", "tLine", collection=True, constraint="count(?) < 3"),
    )  # fmt: skip
    graph = Graph(
        model_of(InputData("i", "lines", "tLines"), Decision("d", "d", None, text("lines"), ("i",)), items=items)
    )
    good = {"kind": "a", "count": 1}
    assert decided(graph, "d", lines=[good]) == [good]
    assert decided(graph, "d", lines=good) == [good], "a value stands for a list of itself"
    for bad in ([{"kind": "x", "count": 1}], [good, {"kind": "a", "count": 0}], [good] * 3, [{"kind": "a"}], 5):
        assert decided(graph, "d", lines=bad) is None
