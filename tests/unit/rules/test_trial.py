"""Scenarios run through models, scenarios that do not fit one, and scenarios as files."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.admission import question_of, refusals
from engine.rules.feel.exchange import from_python
from engine.rules.files.scenarios import read_scenarios, write_scenarios
from engine.rules.model import (
    BusinessKnowledgeModel,
    Decision,
    DecisionTable,
    FunctionDefinition,
    Import,
    InputClause,
    InputData,
    ItemDefinition,
    LiteralExpression,
    Model,
    OutputClause,
    Parameter,
    Rule,
)
from engine.rules.prepared import Prepared
from engine.rules.problems import RuleFileError
from engine.rules.scenarios import EPOCH, Scenario
from engine.rules.trial import try_model, us_of
from tests.unit.rules.test_prepared import MODEL

NEW_YEAR = datetime(2027, 1, 1, 0, 30, tzinfo=UTC)
STATUS = InputClause("status", type="string", allowed='"new", "known"')
KIND = DecisionTable((STATUS,), (OutputClause("kind"),), (Rule(("-",), ("1",)),))
CHECKED = Model(
    "checked",
    "urn:test",
    (ItemDefinition("tAge", "number", allowed="[0..120]"),),
    (
        InputData("i1", "age", "tAge"),
        InputData("i2", "status"),
        Decision("d1", "kind", None, KIND, ("i2",)),
        Decision("d2", "all", None, LiteralExpression("kind + age"), ("d1", "i1")),
    ),
)  # fmt: skip


def run(name: str, inputs: dict[str, Any], expected: Any = None, **more: Any) -> Scenario:
    return Scenario(name, inputs, expected, **more)


def test_scenarios_say_what_came_and_which_rules_matched() -> None:
    accept = {"route": "accept", "rate": Decimal("0.05")}
    trial = try_model(
        Prepared(MODEL),
        [run("good", {"age": 30, "amount": 5}, accept), run("bad", {"age": 20, "amount": 5}, accept)],
    )
    good, bad = trial.runs
    assert (good.passed, good.matched) == (True, (("risk", (3,)), ("route", (2,))))
    assert [one.path for one in bad.differences] == ["$.route", "$.rate"]
    assert (bad.matched, trial.failed, trial.passed) == ((("risk", (1,)), ("route", (1,))), (bad,), False)
    assert not try_model(Prepared(MODEL), []).passed, "nothing was tried"


def test_coverage_counts_only_tables_behind_the_decision_that_a_scenario_asks() -> None:
    prepared = Prepared(MODEL)
    trial = try_model(prepared, [run("risk", {"age": 20}, "high", decision="risk")])
    assert trial.passed
    assert trial.coverage["risk"].never_matched == ("2", "3")
    assert (trial.coverage["route"].cases, trial.coverage["route"].never_matched) == (0, ("1", "2"))
    refer = {"route": "refer", "rate": 0.1}
    service = try_model(prepared, [run("by risk", {"risk": "high"}, refer, decision="by risk")])
    assert service.passed
    assert (service.coverage["risk"].cases, service.coverage["route"].never_decided) == (0, ("2",))


def test_a_scenario_has_a_moment_of_its_own() -> None:
    expression = LiteralExpression("today()")
    prepared = Prepared(Model("m", "urn:test", (), (Decision("d", "today", None, expression),)))
    trial = try_model(prepared, [run("then", {}, date(2027, 1, 1), now=NEW_YEAR), run("else", {}, date(1970, 1, 1))])
    assert trial.passed
    assert us_of(EPOCH + timedelta(microseconds=7)) == 7


def test_what_cannot_be_decided_fails_its_scenario_and_no_other() -> None:
    there, nowhere = try_model(Prepared(MODEL), [run("a", {}, None, decision="risk"), run("b", {}, decision="x")]).runs
    assert there.passed
    assert "no rule of the table matches" in there.problems
    assert nowhere.error is not None
    assert "no decision 'x'" in nowhere.error


def test_tables_that_coverage_does_not_see_into_are_named() -> None:
    table = DecisionTable((InputClause("x"),), (OutputClause("y"),), (Rule(("-",), ("1",)),))
    function = BusinessKnowledgeModel("k", "rate of", FunctionDefinition((Parameter("x"),), table))
    use = Decision("d", "use", None, LiteralExpression("rate of(1)"), ("k",))
    trial = try_model(Prepared(Model("m", "urn:test", (), (function, use))), [run("one", {}, 1)])
    assert (trial.passed, trial.coverage, trial.beyond) == (True, {}, ("rate of",))
    functions = Model("f", "urn:f", (), (function,))
    use = Decision("d", "use", None, LiteralExpression("f.rate of(1)"), ("urn:f#k",))
    importing = Model("m", "urn:test", (), (use,), (Import("f", "urn:f"),), imported=(functions,))
    trial = try_model(Prepared(importing), [run("one", {}, 1)])
    assert (trial.passed, trial.coverage, trial.beyond) == (True, {}, ("rate of",))


@pytest.mark.parametrize(
    "scenario, said",
    [
        (run("a", {"agee": 3}), ["there is no input 'agee'; the inputs of 'all' are 'status', 'age'"]),
        (run("a", {"age": 3}, decision="kind"), ["there is no input 'age'; the inputs of 'kind' are 'status'"]),
        (run("a", {}, decision="kindd"), ["model 'checked' has no decision 'kindd'; there are 'kind', 'all'"]),
        (run("a", {"age": 130, "status": "new"}), ["'age' is 130, which its type 'tAge' does not allow"]),
        (run("a", {"age": "old"}), ['\'age\' is "old", which its type \'tAge\' does not allow']),
        (run("a", {"status": "gone"}), ["'status' is \"gone\", and the table 'kind' allows only \"new\", \"known\""]),
        (run("a", {"status": 1}), ["'status' is 1, and the table 'kind' allows only string"]),
        (run("a", {"age": 3, "status": "new"}), []),
        (run("a", {}), []),
    ],
)  # fmt: skip
def test_a_scenario_fits_the_model_or_it_is_said_why_not(scenario: Scenario, said: list[str]) -> None:
    assert refusals(Prepared(CHECKED), scenario) == said


def test_what_rules_have_no_value_for_is_refused() -> None:
    (said,) = refusals(Prepared(CHECKED), run("a", {"age": object()}))
    assert "a object is no value" in said
    assert len(refusals(Prepared(CHECKED), run("a", {}, object()))) == 1


def test_two_scenarios_ask_the_same_however_they_name_the_decision() -> None:
    prepared = Prepared(CHECKED)
    asked = question_of(prepared, run("a", {"age": 3, "status": "new"}))
    assert asked == question_of(prepared, run("b", {"status": "new", "age": 3}, 5, decision="all"))
    for other in (run("a", {"age": 4, "status": "new"}), run("a", {"age": 3, "status": "new"}, now=NEW_YEAR)):
        assert question_of(prepared, other) != asked


values = st.recursive(
    st.none() | st.booleans() | st.text("ab@", max_size=3) | st.decimals("-9", "9", places=2) | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab@", max_size=2), inner, max_size=2),
    max_leaves=4,
)
moments = st.just(EPOCH) | st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
scenarios = st.builds(
    Scenario, st.text("abc", min_size=1, max_size=3), st.dictionaries(st.text("xy", min_size=1), values, max_size=3),
    values, st.none() | st.just("all"), moments,
)  # fmt: skip


@given(st.lists(scenarios, min_size=1, max_size=4, unique_by=lambda one: one.name))
def test_what_is_written_is_read_again(written: list[Scenario]) -> None:
    read = read_scenarios("s.json", write_scenarios("s.json", written))
    assert [(one.name, one.decision, one.now) for one in read] == [(one.name, one.decision, one.now) for one in written]
    for one, other in zip(read, written, strict=True):
        assert (one.inputs, one.expected) == (from_python(other.inputs), from_python(other.expected))


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", ["line 1, column 2: the file is no JSON: Expecting property name"]),
        ('[{"name": "a"},\n {"name": "b", "inputs": {1}}]', ["line 2, column 27 (scenario 'b'): the file is no JSON"]),
        ('[{"inputs": {}, "expected": 1}, {"inputs": {}', ["line 1, column 46 (scenario 2): the file is no JSON"]),
        (
            '[{"name": "a", "inputs": {"x": {"@": "2026-13-01"}}, "expected": 1}, {"name": "b", "inputs": {"@": "x"}}]',
            ["scenario 'a': '2026-13-01' under '@' is no date", "scenario 'b': 'x' under '@' is no date"],
        ),
        ("[" * 5000, ["nested too deep"]),
        ("[]", ["a list of objects"]),
        ("[1]", ["scenario 1: it is no object"]),
        ('[{"name": "a", "inputs": 1}]', ["'a': it has no 'inputs'", "'a': it does not say what is 'expected'"]),
        (
            '[{"name": "a", "inputs": {}, "expected": 1, "output": 2}]',
            ["'a': it has 'output', and a scenario has only"],
        ),
        (
            '[{"name": 1, "decision": 2, "inputs": {}, "expected": 1}]',
            ["its 'name' is no text", "its 'decision' is no"],
        ),
        ('[{"inputs": {}, "expected": 1, "now": {"@": "2026-11-30"}}]', ["scenario 1: its 'now' is no moment"]),
        (
            '[{"inputs": {}, "expected": 1, "now": {"@": "2026-11-30T12:00:00"}}]',
            ["its 'now' is no moment with a time"],
        ),
        (json.dumps([{"name": "a", "inputs": {}, "expected": 1}] * 2), ["'a': it is there twice"]),
    ],
)
def test_a_file_is_read_whole_or_all_that_is_wrong_is_said(text: str, said: list[str]) -> None:
    with pytest.raises(RuleFileError) as caught:
        read_scenarios("s.json", text.encode())
    assert len(caught.value.problems) == len(said)
    for problem, part in zip(caught.value.problems, said, strict=True):
        assert part in str(problem)


def test_scenarios_without_a_name_go_by_their_place() -> None:
    (one,) = read_scenarios("s.json", b'[{"inputs": {"a": 1}, "expected": null}]')
    assert one == Scenario("scenario 1", {"a": Decimal(1)}, None)
