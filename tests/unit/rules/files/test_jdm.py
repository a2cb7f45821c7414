"""Decision graphs of GoRules: what they become, what is refused, and that both engines decide the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.rules import model
from engine.rules.errors import ModelError
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.files import zen
from engine.rules.files.jdm import read_jdm
from engine.rules.graph import Graph
from engine.rules.problems import RuleFileError

NOW = datetime(2026, 11, 30, tzinfo=UTC)
Json = dict[str, Any]


def table(id_: str, inputs: list[str], outputs: list[str], rules: list[list[str]], **options: Any) -> Json:
    columns = [f"c{place}" for place in range(len(inputs) + len(outputs))]
    fields = [
        {"id": column, "name": field, "field": field} for column, field in zip(columns, inputs + outputs, strict=True)
    ]
    content = {
        "hitPolicy": "first",
        "inputs": fields[: len(inputs)],
        "outputs": fields[len(inputs) :],
        "rules": [
            {"_id": f"r{number}", **dict(zip(columns, rule, strict=True))} for number, rule in enumerate(rules, 1)
        ],
        **options,
    }
    return {"id": id_, "name": id_.title(), "type": "decisionTableNode", "content": content}


def expressions(id_: str, given: dict[str, str], **options: Any) -> Json:
    listed = [{"id": key, "key": key, "value": value} for key, value in given.items()]
    return {"id": id_, "name": id_.title(), "type": "expressionNode", "content": {"expressions": listed, **options}}


def graph(*nodes: Json, edges: str) -> Json:
    ends = [edge.split(">") for edge in edges.split()]
    return {
        "nodes": [
            {"id": "in", "name": "Request", "type": "inputNode"},
            *nodes,
            {"id": "out", "name": "Response", "type": "outputNode"},
        ],
        "edges": [{"id": f"e{place}", "sourceId": a, "targetId": b} for place, (a, b) in enumerate(ends)],
    }


def read(content: Json) -> model.Model:
    return read_jdm(json.dumps(content).encode(), "Prices")


def decided(content: Json, **inputs: Any) -> Any:
    values = {name: from_python(value) for name, value in inputs.items()}
    return to_python(Graph(read(content)).decide(Evaluation(NOW), "Response", values))


TIERS = table(
    "tiers",
    ["customer.age", "country"],
    ["tier", "rate"],
    [
        [">= 18", "'US', 'CA'", "'gold'", "0.1"],
        ["[10..18)", "", '"silver"', "0.2"],
        ["", "!= 'US'", "'other'", "customer.age * 2"],
    ],
)
PRICE = expressions("price", {"base": "rate + 1", "level": "$.base > 1.15 ? 'high' : 'low'"})
PRICES = graph(TIERS, PRICE, edges="in>tiers tiers>price price>out tiers>out")


def test_nodes_become_decisions() -> None:
    made = read(PRICES)
    assert [element.name for element in made.elements] == ["customer", "country", "Tiers", "Price", "Response"]
    tiers = made.elements[2]
    assert isinstance(tiers, model.Decision)
    assert isinstance(tiers.expression, model.DecisionTable)
    assert tiers.requires == ("input_1", "input_2")
    assert tiers.expression.hit_policy == "FIRST"
    assert [rule.conditions for rule in tiers.expression.rules] == [
        (">= 18", '"US", "CA"'),
        ("[10..18)", "-"),
        ("-", '((? = "US") != true)'),
    ]
    assert [rule.id for rule in tiers.expression.rules] == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    "age, country, expected",
    [
        (20, "US", {"tier": "gold", "rate": Decimal("0.1"), "base": Decimal("1.1"), "level": "low"}),
        (12, "US", {"tier": "silver", "rate": Decimal("0.2"), "base": Decimal("1.2"), "level": "high"}),
        (5, "DE", {"tier": "other", "rate": 10, "base": 11, "level": "high"}),
        (5, None, {"tier": "other", "rate": 10, "base": 11, "level": "high"}),
    ],
)
def test_the_outcome_is_all_that_comes_to_the_output(age: int, country: str | None, expected: Json) -> None:
    assert decided(PRICES, customer={"age": age}, country=country) == expected


def test_what_is_collected_is_a_list_of_outcomes() -> None:
    collected = table("t", ["x"], ["y"], [["> 1", "1"], ["> 2", "x"]], hitPolicy="collect")
    assert decided(graph(collected, edges="in>t t>out"), x=3) == [{"y": 1}, {"y": 3}]
    assert decided(graph(collected, edges="in>t t>out"), x=1) == []
    collected["content"]["outputPath"] = "all"
    assert decided(graph(collected, edges="in>t t>out"), x=2) == {"all": [{"y": 1}]}


def test_columns_without_a_field_are_conditions_by_themselves() -> None:
    node = table("t", [""], ["y"], [["x > 1 and z == 'a'", "1"], ["", "2"]])
    assert [decided(graph(node, edges="in>t t>out"), x=2, z=z) for z in ("a", "b")] == [{"y": 1}, {"y": 2}]


def test_names_that_pass_through_a_node_are_known_after_it() -> None:
    first = table("a", ["x"], ["y"], [["> 1", "1"], ["", "2"]], passThrough=True)
    second = expressions("b", {"z": "x + y"})
    assert decided(graph(first, second, edges="in>a a>b b>out"), x=5) == {"z": 6}
    first["content"]["passThrough"] = False
    with pytest.raises(RuleFileError, match="node 'B', expression 'z': nothing that comes to the node is called 'x'"):
        read(graph(first, second, edges="in>a a>b b>out"))


NODE = {"id": "n", "name": "Mine"}


@pytest.mark.parametrize(
    "node, says",
    [
        (
            {**NODE, "type": "functionNode", "content": "export const f"},
            "node 'Mine': a functionNode is a function in JavaS",
        ),
        (
            {**NODE, "type": "switchNode", "content": {"statements": []}},
            "node 'Mine': a switchNode lets some of the nodes",
        ),
        ({**NODE, "type": "decisionNode"}, "node 'Mine': a decisionNode asks another graph"),
        ({**NODE, "type": "spellNode"}, "node 'Mine': a spellNode is not known"),
        (NODE, "node 'Mine': a node without a type is not known"),
        (table("n", ["x"], ["y"], [["-", "1"]]), "node 'N', rule 1, column 'x': the end of '-'"),
        (table("n", ["x"], ["y"], [["len($) > 1", "1"]]), "node 'N', rule 1, column 'x': 'len($) > 1'"),
        (table("n", ["x"], ["y"], [["> 'a'", "1"]]), "node 'N', rule 1, column 'x': \"'a'\" in"),
        (table("n", ["x"], ["y"], [["1", "10 / 3"]]), "node 'N', rule 1, column 'y': '/ 3' in '10 / 3'"),
        (table("n", ["x"], ["y"], [["1", "max([1, x])"]]), "node 'N', rule 1, column 'y': '([1, x])'"),
        (table("n", ["len(x)"], ["y"], []), "node 'N', input 'len(x)': '(x)'"),
        (table("n", ["x"], ["a.b"], []), "node 'N', output 'a.b': its field 'a.b' is no plain name"),
        (table("n", ["x"], ["y", "y"], []), "node 'N': it has no outputs, or two of the same name"),
        (table("n", ["x"], ["y"], [], hitPolicy="best"), "node 'N': the hit policy 'best' is not known"),
        (table("n", ["x"], ["y"], [], executionMode="loop"), "node 'N': its option 'executionMode' has no equal"),
        (table("n", ["x"], ["y"], [], inputField="items"), "node 'N': its option 'inputField' has no equal"),
        (table("n", ["x"], ["y"], [], outputPath="all"), "node 'N': its outputs go to 'all'"),
        (
            table("n", ["x"], ["y"], [], hitPolicy="collect", passThrough=True),
            "node 'N': it passes on what comes to it",
        ),
        (expressions("n", {"a.b": "1"}), "node 'N', expression 'a.b': its key is no plain name"),
        (expressions("n", {"a": "1", "b": "a + 1"}), "node 'N', expression 'b': 'a' is an expression above it, too"),
        (expressions("n", {"b": "$.a"}), "node 'N', expression 'b': nothing that comes to the node is called '$.a'"),
        (expressions("n", {"b": "x == y"}), "node 'N', expression 'b': 'x == y' compares two values that may be lists"),
        (expressions("n", {"b": "x and y or z"}), "node 'N', expression 'b': 'x and y or z' mixes 'and' with 'or'"),
        (expressions("n", {"b": "`a${x}`"}), "node 'N', expression 'b': '`a${x}`' in"),
        (expressions("n", {"b": "(" * 100 + "x" + ")" * 100}), "is nested more than 50 levels deep"),
        (expressions("n", {}), "node 'N': it has no expressions"),
    ],
)
def test_what_has_no_equal_is_refused_by_name(node: Json, says: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        read(graph(node, edges="in>n n>out"))
    assert says in str(caught.value)


def test_everything_that_is_refused_is_said_at_once() -> None:
    node = table("n", ["x"], ["y"], [["-", "1 / 2"], ["1", "2"], ["abs(1)", "3"]])
    with pytest.raises(RuleFileError) as caught:
        read(graph(node, {**NODE, "id": "m", "type": "functionNode"}, edges="in>n in>m n>out m>out"))
    assert [problem.place for problem in caught.value.problems][:4] == [
        "node 'N', rule 1, column 'x'",
        "node 'N', rule 1, column 'y'",
        "node 'N', rule 3, column 'x'",
        "node 'Mine'",
    ]


@pytest.mark.parametrize(
    "content, says",
    [
        (b"", "the file is no JSON"),
        (b"[]", "it has no 'nodes'"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"nodes": [1]}', "'nodes' should be a list of objects"),
        (b'{"nodes": [{"id": 7}]}', "'id' should be a text, and is 7"),
        (b'{"nodes": [], "edges": []}', "the graph has no inputNode, or several"),
        (graph(TIERS, TIERS, edges=""), "two nodes of the graph have the same id"),
        (graph(TIERS, edges="in>gone"), "an edge goes from 'in' to 'gone'"),
        (graph(TIERS, edges="in>out"), "node 'Tiers' is not connected"),
        (graph(TIERS, PRICE, edges="in>tiers tiers>price price>tiers price>out"), "the graph goes in a circle: "),
        (graph(edges="in>out"), "node 'Response': nothing comes to it that a node gives"),
        (
            graph(expressions("a", {"y": "1"}), expressions("b", {"y": "2"}), edges="in>a in>b a>out b>out"),
            "node 'Response': 'y' comes to it from two nodes at once",
        ),
        (
            graph(expressions("a", {"x": "x + 1"}), expressions("b", {"y": "x"}), edges="in>a in>b a>b b>out"),
            "'x' is given by the request and by a node at once",
        ),
    ],
)
def test_what_is_no_graph_is_refused(content: bytes | Json, says: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        read_jdm(content if isinstance(content, bytes) else json.dumps(content).encode(), "Prices")
    assert str(caught.value).startswith("Prices.jdm.json: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "cell, tests",
    [
        ("", "-"),
        ("> 1 and <= 5", "(1..5]"),
        ("<5 and >=1", "[1..5)"),
        ("1, 2.5 or [3..5]", "1, 2.5, [3..5]"),
        ("== 'it\"s'", '"it\\"s"'),
        ("-5", "-5"),
        ("true, null", "true, null"),
    ],
)
def test_cells(cell: str, tests: str) -> None:
    assert zen.cell(cell) == tests


@pytest.mark.parametrize(
    "cell", ["> 1 and > 2", "]1..5[", "not(1)", "in [1, 2]", "= 1", "1e3", "x", "'a\\n'", "1,", "$ > 1"]
)
def test_cells_without_an_equal(cell: str) -> None:
    with pytest.raises(ModelError, match="no equal in FEEL"):
        zen.cell(cell)


# -- against the other engine ------------------------------------------------------------------------------------------

numbers = st.sampled_from(["0", "1", "2", "2.5", "10"])
sized = st.one_of(
    st.builds(lambda sign, number: f"{sign} {number}", st.sampled_from(["<", "<=", ">", ">="]), numbers),
    st.sampled_from(["[1..3]", "(0..2.5]", "[1..10)", "(1..2)", "-1", "== 2"]),
)
constants = st.sampled_from(["'a'", '"b c"', "true", "false", "null", "-1", "!= 1", "!= 'a'", "== 'a'", "!= true"])
cells_of_zen = st.one_of(
    st.sampled_from(["", "> 1 and < 5", "<= 2 and > 0"]),
    *(st.lists(numbers | parts, min_size=1, max_size=3).map(", ".join) for parts in (sized, constants)),
)
outputs = st.recursive(
    numbers | st.sampled_from(["'a'", "true", "x", "y", "null"]),
    lambda inner: st.one_of(
        st.builds("{} + {}".format, numbers | st.just("n"), numbers),
        st.builds("({} - {}) * {}".format, numbers, st.just("n"), numbers),
        st.builds("n {} {} ? {} : {}".format, st.sampled_from(["<", ">=", "==", "!="]), numbers, inner, inner),
        st.builds("x == {} ? {} : {}".format, numbers | st.just("'a'"), inner, inner),
        st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]"),
    ),
    max_leaves=4,
)
values = st.sampled_from([None, 0, 1, 2, 2.5, 3, 10, -1, "a", "b c", True, False])


def plain(value: Any) -> Any:
    """Return a value as both engines have it: numbers as floats, and without what is null."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


@settings(deadline=None, max_examples=300)
@given(
    rules=st.lists(st.tuples(cells_of_zen, cells_of_zen, outputs, outputs).map(list), max_size=5),
    policy=st.sampled_from(["first", "collect"]),
    inputs=st.lists(st.tuples(values, values, st.sampled_from([0, 1, 2, 3.5])), min_size=1, max_size=5),
)
def test_both_engines_decide_the_same(rules: list[list[str]], policy: str, inputs: list[tuple[Any, ...]]) -> None:
    engine = pytest.importorskip("zen").ZenEngine()
    node = table("t", ["x", "y"], ["o", "p"], rules, hitPolicy=policy)
    after = expressions("e", {"q": "o == 1 ? 'one' : o", "r": "$.q == 'one'"})
    edges = "in>t t>e t>out e>out"
    content = graph(node, edges="in>t t>out") if policy == "collect" else graph(node, after, edges=edges)
    theirs = engine.create_decision(json.dumps(content))
    for x, y, n in inputs:
        given_ = {name: value for name, value in {"x": x, "y": y, "n": n}.items() if value is not None}
        assert plain(decided(content, **given_)) == plain(theirs.evaluate(given_)["result"]), given_
