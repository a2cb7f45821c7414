"""Models that are ready to decide: which decision, by which rules, and why."""

from __future__ import annotations

from typing import Any

import pytest

from engine.rules.errors import ModelError, RuleError
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.model import (
    Decision,
    DecisionService,
    DecisionTable,
    Import,
    InputClause,
    InputData,
    LiteralExpression,
    Model,
    OutputClause,
    Rule,
)
from engine.rules.prepared import Prepared
from engine.rules.stored import write_model

NOW_US = 1_796_000_000_000_000

RISK = DecisionTable(
    (InputClause("age"), InputClause("amount")),
    (OutputClause("risk"),),
    (Rule(("< 25", "-"), ('"high"',)), Rule((">= 25", "> 1000"), ('"high"',)), Rule((">= 25", "<= 1000"), ('"low"',))),
)
ROUTE = DecisionTable(
    (InputClause("risk"),),
    (OutputClause("route"), OutputClause("rate")),
    (Rule(('"high"',), ('"refer"', "0.10")), Rule(("-",), ('"accept"', "0.05"))),
    "FIRST",
)
ELEMENTS = (
    InputData("i1", "age"),
    InputData("i2", "amount", "number"),
    InputData("i3", "unused"),
    Decision("d1", "risk", None, RISK, ("i1", "i2")),
    Decision("d2", "route", None, ROUTE, ("d1",)),
    DecisionService("s1", "by risk", None, ("d2",), (), ("d1",)),
)
MODEL = Model("credit", "http://example.org/credit", (), ELEMENTS)


def decided(prepared: Prepared, name: str | None = None, **inputs: Any) -> Any:
    reached = prepared.decide(name, from_python(inputs), NOW_US)  # type: ignore[arg-type]
    return to_python(reached.outcome), reached.matched, reached.problems


def test_the_decision_that_no_other_requires_is_the_one_meant() -> None:
    prepared = Prepared.from_text(write_model(MODEL))
    outcome, matched, problems = decided(prepared, age=30, amount=500)
    assert (to_python(outcome), problems) == ({"route": "accept", "rate": from_python(0.05)}, ())
    assert matched == (("risk", (3,)), ("route", (2,)))
    assert prepared.inputs(prepared.decision(None)) == ("age", "amount")


def test_a_decision_or_a_service_can_be_named() -> None:
    prepared = Prepared(MODEL)
    assert decided(prepared, "risk", age=20, amount=1)[:2] == ("high", (("risk", (1,)),))
    outcome, matched, _ = decided(prepared, "by risk", risk="high")
    assert (outcome["route"], matched) == ("refer", (("route", (1,)),))


def test_a_decision_that_is_not_there_is_said() -> None:
    with pytest.raises(RuleError, match="'risk', 'route', 'by risk'"):
        Prepared(MODEL).decision("nothing")


def test_several_last_decisions_have_to_be_told_apart() -> None:
    other = Decision("d3", "other", None, LiteralExpression("1"))
    with pytest.raises(RuleError, match="decision="):
        Prepared(Model("credit", "n", (), (*ELEMENTS, other))).decision(None)


def test_what_was_not_given_is_a_problem() -> None:
    outcome, _, problems = decided(Prepared(MODEL), age=30)
    assert outcome is not None
    assert "no value was given for 'amount'" in problems


def test_what_cannot_work_is_refused() -> None:
    broken = Decision("d3", "broken", None, LiteralExpression("1 +"))
    with pytest.raises(ModelError, match="broken"):
        Prepared(Model("credit", "n", (), (*ELEMENTS, broken)))
    with pytest.raises(ModelError, match="no decision"):
        Prepared(Model("credit", "n"))
    with pytest.raises(ModelError, match="imports 'm'"):
        Prepared(Model("credit", "n", (), ELEMENTS, (Import("other", "m"),)))


def test_now_is_the_moment_that_is_given() -> None:
    clock = Decision("d", "clock", None, LiteralExpression("string(now())"))
    assert decided(Prepared(Model("c", "n", (), (clock,))))[0].startswith("2026-11-30T")


def test_every_table_behind_a_decision_is_explained() -> None:
    found = Prepared(MODEL).explain(None, from_python({"age": 30, "amount": 500}), NOW_US)  # type: ignore[arg-type]
    assert [(one.decision, one.explanation.matched) for one in found] == [("risk", (3,)), ("route", (2,))]
    assert [cell.text for cell in found[0].explanation.why_not(2)] == ["> 1000"]
    assert [cell.value for cell in found[1].explanation.why_not(1)] == ["low"]
    found = Prepared(MODEL).explain("by risk", from_python({"risk": "high"}), NOW_US)  # type: ignore[arg-type]
    assert [(one.decision, one.explanation.matched) for one in found] == [("route", (1, 2))]
