"""What keeps a version from being activated: each requirement against a plain reading of what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.policy import RulePolicy
from engine.rules.analysis.analyse import analyse
from engine.rules.analysis.findings import Analysis
from engine.rules.backtest import Comparison, Decided, Kind, Record, Tally
from engine.rules.explaining import explain
from engine.rules.model import Decision, DecisionTable, InputClause, InputData, Model, OutputClause, Rule
from engine.rules.policy import Evidence, RequirementsUnmet, Unmet, gather, percent, unmet
from engine.rules.prepared import Prepared
from engine.rules.scenarios import Scenario
from engine.rules.trial import Trial
from tests.unit.rules.analysis.tables import decider, matched_by_samples, tables

shares = st.none() | st.sampled_from([0.2, 0.5, 0.75, 1.0])
policies = st.builds(
    RulePolicy, tested=st.booleans(), row_coverage=shares, cell_coverage=shares, no_gaps=st.booleans(),
    no_overlaps=st.booleans(), no_shadowed=st.booleans(), backtest_changes=st.sampled_from([None, 0.0, 0.25, 1.0]),
)  # fmt: skip
NOTHING = Tally(0)


@st.composite
def trials(draw: st.DrawFn) -> tuple[DecisionTable, list[dict[str, Any]], list[Scenario]]:
    """Return a table, inputs that scenarios give it, and these scenarios, some of which expect something wrong."""
    table, samples = draw(tables())
    there = matched_by_samples(table, samples)
    chosen = [inputs for inputs, _ in there if draw(st.booleans())] if there else []
    one = decider(table)
    scenarios = [
        Scenario(str(place), inputs, one.decide(inputs) if draw(st.integers(0, 9)) else "wrong")
        for place, inputs in enumerate(chosen)
    ]
    return table, chosen, scenarios


def prepared(table: DecisionTable) -> Prepared:
    inputs = [InputData(f"i{place}", clause.expression) for place, clause in enumerate(table.inputs)]
    decision = Decision("d", "table", None, table, tuple(one.id for one in inputs))
    return Prepared(Model("m", "urn:test", (), (*inputs, decision)))


def tallied(same: int, changed: int) -> Tally:
    tally = Tally(1)
    record = Record("01kb 3", {}, Decided(1))
    for kind in [Kind.SAME] * same + [Kind.DIFFERS] * changed:
        tally.add(Comparison(record, Decided(2), kind))
    return tally


@given(trials(), policies, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_requirement_is_unmet_exactly_if_the_reference_says_so(
    given_: tuple[DecisionTable, list[dict[str, Any]], list[Scenario]], policy: RulePolicy, same: int, changed: int
) -> None:
    table, inputs, scenarios = given_
    found = unmet(policy, gather(policy, prepared(table), scenarios, tallied(same, changed)))
    names = {one.requirement for one in found}
    assert [one.requirement for one in found] == [name for name in policy.names if name in names]
    if policy.tested:
        wrong = [one for one in scenarios if one.expected == "wrong"]
        assert ("tested" in names) is bool(wrong or not scenarios)
    single = table.hit_policy != "COLLECT"
    hits = [explain(decider(table), one).matched for one in inputs]
    matched = {rule for one in hits for rule in (one[:1] if single else one)}
    if policy.row_coverage is not None:
        assert ("row_coverage" in names) is (len(matched) / len(table.rules) < policy.row_coverage)
    analysis = analyse(table)
    if policy.no_gaps:
        assert ("no_gaps" in names) is bool(analysis.gaps)
    if policy.no_overlaps:
        assert ("no_overlaps" in names) is any(not one.allowed for one in analysis.overlaps)
    if policy.no_shadowed:
        assert ("no_shadowed" in names) is bool(analysis.shadowed or analysis.unreachable)
    if policy.backtest_changes is not None:
        assert ("backtest_changes" in names) is (changed > policy.backtest_changes * (same + changed))


@given(trials(), policies, policies)
@settings(max_examples=40, deadline=None)
def test_whoever_requires_more_lets_no_more_pass(
    given_: tuple[DecisionTable, list[dict[str, Any]], list[Scenario]], policy: RulePolicy, other: RulePolicy
) -> None:
    table, _, scenarios = given_
    fields = RulePolicy.__struct_fields__
    both = msgspec.structs.replace(
        policy,
        **{
            name: min(given) if name == "backtest_changes" else max(given)
            for name in fields
            if (given := [one for one in (getattr(policy, name), getattr(other, name)) if one is not None])
        },
    )
    evidence = gather(both, prepared(table), scenarios, tallied(3, 1))
    lacking = {one.requirement for one in unmet(both, evidence)}
    for part in (policy, other):
        assert {one.requirement for one in unmet(part, evidence)} <= lacking
    assert lacking <= set(both.names)
    assert unmet(RulePolicy(), evidence) == ()


AGES = DecisionTable(
    (InputClause("age", type="number"),),
    (OutputClause("verdict"),),
    (Rule(("< 18",), ('"refuse"',)), Rule(("[18..65]",), ('"accept"',)), Rule(("[60..70)",), ('"check"',))),
)


def lacks(policy: RulePolicy, *scenarios: Scenario, table: DecisionTable = AGES, tally: Tally = NOTHING) -> list[Unmet]:
    return list(unmet(policy, gather(policy, prepared(table), scenarios, tally)))


def test_each_requirement_that_is_not_met_comes_with_an_example() -> None:
    everything = RulePolicy(
        tested=True, row_coverage=1.0, cell_coverage=0.8, no_gaps=True, no_overlaps=True, no_shadowed=True,
        backtest_changes=0.05,
    )  # fmt: skip
    wrong = Scenario("wrong", {"age": 20}, "refuse")
    right = Scenario("child", {"age": 3}, "refuse")
    useless = replace(AGES, rules=(*AGES.rules, Rule(('"x"',), ('"check"',))))
    found = {one.requirement: one for one in lacks(everything, wrong, right, table=useless, tally=tallied(9, 1))}
    assert {name: one.text.replace("table 'table'", "T") for name, one in found.items()} == {
        "tested": 'scenario \'wrong\' fails: $: expected "refuse", got "accept"',
        "row_coverage": "T: 2 of 4 rules tried, 50% instead of 100%: no scenario matches rule 3 ([60..70))",
        "cell_coverage": "T: 2 of 4 cells tried, 50% instead of 80%: no scenario sees [60..70) in 'age' of rule 3 hold",
        "no_gaps": "T: no rule matches >= 70, such as age = 70",
        "no_overlaps": "T: rules 2 and 3 both match age = 60, with different outputs",
        "no_shadowed": "T: rule 4 never matches: \"x\" in 'age' is true of no number",
        "backtest_changes": (
            "1 of 10 recorded decisions would change, and 5% may: execution and step 01kb 3: recorded 1, now 2"
        ),
    }
    assert {one.shown_by for one in found.values()} == {"test", "check", "backtest"}


def test_without_scenarios_nothing_is_tested() -> None:
    (one,) = lacks(RulePolicy(tested=True))
    assert "no scenarios are stored" in one.text


def test_further_examples_are_counted() -> None:
    (one,) = lacks(RulePolicy(tested=True), *(Scenario(name, {"age": 3}, "accept") for name in "abc"))
    assert one.text.startswith("scenario 'a' fails: ")
    assert one.text.endswith("; and 2 more")


def test_an_analysis_that_was_stopped_shows_nothing_free_of_gaps() -> None:
    stopped = Analysis("UNIQUE", incomplete=("there may be more gaps",), unfinished=frozenset({"gaps"}))
    policy = RulePolicy(no_gaps=True, no_overlaps=True)
    (one,) = unmet(policy, Evidence(Trial((), {}), {"t": stopped}, NOTHING))
    assert one == Unmet("no_gaps", "table 't' is too large for it to be shown that there are no gaps", "check")


def test_a_share_of_nothing_is_met() -> None:
    assert lacks(RulePolicy(backtest_changes=0.0)) == []
    (one,) = lacks(RulePolicy(backtest_changes=0.0), tally=tallied(1000, 1))
    assert one.text.startswith("1 of 1001 recorded decisions would change, and 0% may")
    assert lacks(RulePolicy(backtest_changes=0.29), tally=tallied(71, 29)) == []


def test_the_error_names_every_requirement_and_the_command_that_shows_more() -> None:
    lacking = [Unmet("no_gaps", "there is one", "check"), Unmet("tested", "no", "test")]
    error = RequirementsUnmet("my rules", 3, 2, lacking)
    assert error.headline.endswith("it does not meet 2 of 2 requirements")
    assert [error.line(one) for one in error.unmet] == [
        "no gaps: there is one (more by `engine rules check --stored 'my rules' --version 3`)",
        "tested: no (more by `engine rules test 'my rules' --version 3`)",
    ]
    assert all(part in str(error) for part in ("version 3", "'my rules'", "there is one"))


def test_only_all_is_a_hundred_percent() -> None:
    assert [percent(one) for one in (0, 0.5, 2 / 3, 0.9999, 1)] == ["0%", "50%", "66.7%", "99.9%", "100%"]
