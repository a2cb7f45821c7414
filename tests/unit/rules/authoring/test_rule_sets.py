"""Rules over typed facts, and sets of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from engine.rules.authoring import (
    EndlessRules,
    Rule,
    RuleSet,
    decision_table,
    feel,
    less_than,
    more_than,
    pipeline,
    rule,
)
from engine.rules.errors import ModelError, RuleError
from engine.rules.tracing import Change


@dataclass(frozen=True)
class Applicant:
    age: int
    income: int = 0
    vip: bool = False
    verdict: str | None = None
    limit: Decimal = Decimal(0)
    score: int = 0


minors = rule(Applicant, name="minors", when="age < 18", then={"verdict": "refused"}, salience=10)
rich = rule(Applicant, name="rich", when="limit > 5000", then={"vip": True})


@rule(Applicant, when="age >= 18 and income > 1000")
def earners(applicant: Applicant) -> Applicant:
    return replace(applicant, verdict="accepted", limit=Decimal(applicant.income) / 2)


def test_the_first_rule_that_holds_fires_alone() -> None:
    credit = RuleSet([earners, minors, rich], mode="first", name="credit")
    given_facts = Applicant(12, 5000, limit=Decimal(6000))
    traced = credit.trace(given_facts)
    assert traced.outcome == replace(given_facts, verdict="refused")
    assert traced.rules == ("credit/minors",)
    assert traced.fired[0].changes == (Change("verdict", None, "refused"),)
    assert given_facts.verdict is None
    assert credit(Applicant(30)) == Applicant(30)


def test_all_rules_have_a_turn_and_see_what_was_concluded_before() -> None:
    earlier = RuleSet([rich, earners], mode="all")
    later = RuleSet([earners, rich], mode="all")
    assert not earlier(Applicant(30, 20_000)).vip
    assert later(Applicant(30, 20_000)).vip


def test_chained_rules_go_on_until_nothing_changes() -> None:
    chained = RuleSet([rich, earners, minors], mode="chain", name="credit")
    traced = chained.trace(Applicant(30, 20_000))
    assert traced.outcome.vip
    assert traced.rules == ("credit/earners", "credit/rich")


def test_a_rule_fires_again_when_what_it_reads_changes() -> None:
    half = rule(Applicant, name="half", when="income > 0", then={"limit": feel("income / 2")})
    bonus = rule(Applicant, name="bonus", when="income < 100", then={"income": feel("income + 50")})
    traced = RuleSet([half, bonus], mode="chain").trace(Applicant(30, 20))
    assert traced.rules == ("rules/half", "rules/bonus", "rules/half", "rules/bonus", "rules/half")
    assert (traced.outcome.income, traced.outcome.limit) == (120, Decimal(60))


def test_what_is_said_to_be_read_keeps_a_rule_from_waking_itself() -> None:
    point = rule(Applicant, name="point", when="vip", then={"score": feel("score + 1")}, reads=["vip"])
    assert RuleSet([point], mode="chain")(Applicant(30, vip=True)).score == 1


def test_a_condition_that_was_false_is_tested_again() -> None:
    late = rule(Applicant, name="late", when="limit > 5000", then={"vip": True}, reads=["income"])
    assert RuleSet([late, earners], mode="chain")(Applicant(30, 20_000)).vip


def test_rules_that_do_not_end_are_stopped_and_named() -> None:
    up = rule(Applicant, name="up", when="score <= 0", then={"score": 1})
    down = rule(Applicant, name="down", when="score > 0", then={"score": 0})
    with pytest.raises(EndlessRules) as caught:
        RuleSet([up, down, minors], mode="chain", name="loop", max_firings=20)(Applicant(3))
    message = str(caught.value)
    assert "within 20 firings: loop/down sets score; loop/up sets score" in message
    assert "minors" not in message


def test_a_set_takes_the_turn_of_a_rule() -> None:
    inner = RuleSet([rich, minors], mode="all", name="inner", salience=5)
    outer = RuleSet([earners, inner], mode="first", name="outer")
    assert outer.trace(Applicant(12, limit=Decimal(6000))).rules == ("outer/inner/minors", "outer/inner/rich")
    assert outer.trace(Applicant(30, 2000)).rules == ("outer/earners",)
    chained = RuleSet([RuleSet([rich], mode="chain", name="inner"), earners], mode="chain", name="outer")
    assert chained.trace(Applicant(30, 20_000)).rules == ("outer/earners", "outer/inner/rich")


def test_python_is_marked_and_may_be_a_condition() -> None:
    even = rule(Applicant, name="even", when=lambda applicant: applicant.age % 2 == 0, then={"score": 2})
    both = RuleSet([even, minors, RuleSet([earners], mode="all", name="inner")], mode="all")
    assert both(Applicant(20)).score == 2
    assert both.opaque() == ("rules/even", "rules/inner/earners")
    assert [(one.rule, one.text) for one in both.analyse().not_analysed] == [
        (2, "Python: test_python_is_marked_and_may_be_a_condition.<locals>.<lambda>"),
        (3, "<rule set inner, all of 1>"),
    ]


def test_conditions_are_analysed_as_a_table_is() -> None:
    grown = rule(Applicant, name="grown", when="not(vip) and age in (18, [19..64])", then={"score": 1})
    old = rule(Applicant, name="old", when="65 <= age and not(vip)", then={"score": 2})
    never = rule(Applicant, name="never", when="age between 20 and 30 and vip = false", then={"score": 3})
    analysis = RuleSet([minors, grown, old, never], mode="first").analyse()
    assert [(one.rule, one.by) for one in analysis.shadowed] == [(4, (2,))]
    assert [gap.example.inputs for gap in analysis.gaps] == [{"age": 18, "vip": True}]
    assert not analysis.not_analysed


def test_parts_of_conditions_that_cannot_be_seen_into_close_gaps_but_shadow_nothing() -> None:
    some = rule(Applicant, name="some", when="age > 5 and income / 2 > score", then={"score": 1})
    rest = rule(Applicant, name="rest", when="age > 6", then={"score": 2})
    analysis = RuleSet([some, rest], mode="first").analyse()
    assert analysis.shadowed == ()
    assert [gap.conditions for gap in analysis.gaps] == [("<= 5",)]
    assert [one.text for one in analysis.not_analysed] == ["age > 5 and income / 2 > score"]


def test_coverage_tells_which_rules_were_tried() -> None:
    chained = RuleSet([rich, earners, minors], mode="chain", name="credit")
    covered = chained.cover([Applicant(30, 20_000), Applicant(40)])
    assert [(one.rule, one.matched, one.decided) for one in covered.rules] == [
        ("credit/minors", 0, 0), ("credit/rich", 1, 1), ("credit/earners", 1, 1),
    ]  # fmt: skip
    assert covered.never_matched == ("credit/minors",)
    assert covered.unmatched == 1
    assert covered.rules[1].cells[0].covered


class StructFacts(msgspec.Struct, frozen=True):
    age: int
    note: str = ""


class ModelFacts(BaseModel):
    age: int
    note: str = ""


class TupleFacts(NamedTuple):
    age: int
    note: str = ""


class DictFacts(TypedDict):
    age: int
    note: str


@pytest.mark.parametrize("kind", [StructFacts, ModelFacts, TupleFacts, DictFacts])
def test_facts_may_be_of_any_kind_of_model(kind: Any) -> None:
    facts = kind(age=3, note="")
    grow = rule(kind, name="grow", when="age < 5", then={"age": feel("age + 1"), "note": "grown"})
    assert RuleSet([grow], mode="chain")(facts) == kind(age=5, note="grown")
    assert facts == kind(age=3, note="")


@pytest.mark.parametrize(
    "define, advice",
    [
        (
            lambda: rule(Applicant, name="x", when="agee < 1", then={}),
            "rule x, when: there is no 'agee'; did you",
        ),
        (lambda: rule(Applicant, name="x", when="age < ", then={}), "rule x, when: expected a value"),
        (lambda: rule(Applicant, name="x", when="vip", then={"verdic": 1}), "Applicant has no field 'verdic'; did you"),
        (
            lambda: rule(Applicant, name="x", when="vip", then={"score": feel("scor")}),
            "rule x, score: there is no",
        ),
        (lambda: rule(Applicant, name="x", when="vip", then={}, reads=["vips"]), "did you mean 'vip'"),
        (lambda: rule(int, name="x", when="true", then={}), "has no fields that rules could look at"),
        (lambda: RuleSet([minors, minors], mode="all"), "there are 2 rules of the name 'minors'"),
        (lambda: RuleSet([], mode="all"), "at least one rule"),
        (pipeline, "a pipeline has no links"),
    ],
)
def test_mistakes_are_told_when_rules_are_defined(define: Callable[[], Any], advice: str) -> None:
    with pytest.raises(ModelError) as caught:
        define()
    assert advice in str(caught.value)


def test_a_value_of_another_type_is_an_error() -> None:
    wrong = rule(Applicant, name="wrong", when="true", then={"score": feel('"a"')})
    with pytest.raises(RuleError, match="rule wrong: score came to the str 'a'"):
        RuleSet([wrong], mode="all")(Applicant(1))

    @rule(Applicant, when="true")
    def returning(applicant: Applicant) -> Any:
        return 5

    with pytest.raises(ModelError, match="rule returning returned the int 5: return a Applicant, a mapping"):
        RuleSet([returning], mode="all")(Applicant(1))


def test_time_is_told_by_who_makes_the_set() -> None:
    aged = rule(Applicant, name="aged", when="true", then={"age": feel("today().year - 2000")})
    assert RuleSet([aged], mode="all", now=lambda: datetime(2026, 1, 1, tzinfo=UTC))(Applicant(1)).age == 26
    with pytest.raises(ModelError, match="asks what time it is"):
        RuleSet([aged], mode="all")(Applicant(1))


@decision_table([(less_than(1000), "small"), (more_than(999), "large")])
def size(limit: Decimal) -> str: ...


def limit_of(applicant: Applicant) -> Decimal:
    return applicant.limit


def test_a_pipeline_hands_on_what_each_link_gives() -> None:
    row = pipeline(RuleSet([earners], mode="all", name="credit"), limit_of, size)
    assert row(Applicant(30, 20_000)) == "large"
    assert row.trace(Applicant(30, 20_000)).rules == ("credit/earners", "size 2")


FIELDS = ("age", "income", "score")


@st.composite
def chains(draw: st.DrawFn) -> list[Rule[Applicant]]:
    """Return rules that only ever raise fields to a bound, so that they come to an end."""
    made: list[Rule[Applicant]] = []
    for place in range(draw(st.integers(1, 5))):
        read, set_ = draw(st.sampled_from(FIELDS)), draw(st.sampled_from(FIELDS))
        bound = draw(st.integers(1, 4))
        condition = f"{read} >= {draw(st.integers(0, 3))} and {set_} < {bound}"
        then = {set_: feel(f"{set_} + 1")}
        made.append(rule(Applicant, name=f"r{place}", when=condition, then=then, salience=draw(st.integers(0, 2))))
    return made


@given(chains(), st.integers(0, 3), st.integers(0, 3))
def test_chaining_ends_where_no_rule_holds(rules: list[Rule[Applicant]], age: int, income: int) -> None:
    chained = RuleSet(rules, mode="chain")
    traced = chained.trace(Applicant(age, income))
    assert not RuleSet(rules, mode="all").trace(traced.outcome).fired
    assert chained.trace(Applicant(age, income)) == traced
    # What the trace says to have changed leads from the facts to the outcome.
    facts = Applicant(age, income)
    for firing in traced.fired:
        for change in firing.changes:
            assert getattr(facts, change.path) == change.before
            facts = replace(facts, **{change.path: change.after})
    assert facts == traced.outcome
