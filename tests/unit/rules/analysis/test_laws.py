"""The analysis says of a table what the reference shows of it: nothing more, and nothing less."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings

from engine.rules.analysis.analyse import analyse
from engine.rules.explaining import explain
from engine.rules.model import DecisionTable, Rule
from tests.unit.rules.analysis.tables import decider, matched_by_samples, tables

Sampled = tuple[DecisionTable, list[list[Any]]]


@given(tables())
@settings(max_examples=150, deadline=None)
def test_gaps_are_exactly_what_no_rule_matches(sampled: Sampled) -> None:
    table, samples = sampled
    analysis = analyse(table)
    assert analysis.complete
    assert not analysis.not_analysed
    for gap in analysis.gaps:
        explained = explain(decider(table), gap.example.inputs or {})
        assert explained.rules, "the example is allowed"
        assert explained.matched == ()
    # As rules, the conditions of the gaps match what was left, and nothing else.
    if analysis.gaps:
        closing = replace(table, rules=tuple(Rule(gap.conditions, ("0",)) for gap in analysis.gaps))
        closed = {str(inputs): matched for inputs, matched in matched_by_samples(closing, samples)}
    else:
        closed = {}
    for inputs, matched in matched_by_samples(table, samples):
        assert bool(closed.get(str(inputs))) is not bool(matched), inputs


@given(tables())
@settings(max_examples=150, deadline=None)
def test_overlaps_are_exactly_the_pairs_that_match_together(sampled: Sampled) -> None:
    table, samples = sampled
    analysis = analyse(table)
    for overlap in analysis.overlaps:
        assert set(overlap.rules) <= set(explain(decider(table), overlap.example.inputs or {}).matched)
        outputs = {table.rules[rule - 1].conclusions for rule in overlap.rules}
        assert overlap.conflict is (len(outputs) == 2)
        assert overlap.allowed is not (table.hit_policy == "UNIQUE" or (table.hit_policy == "ANY" and overlap.conflict))
    together = {
        (one, other)
        for _, matched in matched_by_samples(table, samples)
        for one in matched
        for other in matched
        if one < other
    }
    assert {overlap.rules for overlap in analysis.overlaps} == together


@given(tables())
@settings(max_examples=150, deadline=None)
def test_rules_without_use_are_exactly_those_that_never_count(sampled: Sampled) -> None:
    table = replace(sampled[0], hit_policy="FIRST")
    analysis = analyse(table)
    found = [matched for _, matched in matched_by_samples(table, sampled[1])]
    ever = {rule for matched in found for rule in matched}
    first = {matched[0] for matched in found if matched}
    rules = set(range(1, len(table.rules) + 1))
    assert {one.rule for one in analysis.unreachable} == rules - ever
    assert {one.rule for one in analysis.shadowed} == ever - first
    for one in analysis.shadowed:
        matched = explain(decider(table), one.example.inputs or {}).matched
        assert one.rule in matched
        assert matched[0] < one.rule
        # These alone take all of its inputs.
        assert all(one.rule not in hits or set(one.by) & set(hits) for hits in found)


@given(tables(opaque=True))
@settings(max_examples=150, deadline=None)
def test_what_is_said_beside_opaque_cells_is_true(sampled: Sampled) -> None:
    table = replace(sampled[0], hit_policy="FIRST")
    analysis = analyse(table)
    found = [matched for _, matched in matched_by_samples(table, sampled[1])]
    for gap in analysis.gaps:
        assert explain(decider(table), gap.example.inputs or {}).matched == ()
    for overlap in analysis.overlaps:
        assert set(overlap.rules) <= set(explain(decider(table), overlap.example.inputs or {}).matched)
    for one in analysis.shadowed:
        assert all(hits[0] != one.rule for hits in found if hits)
    for one in analysis.unreachable:
        assert all(one.rule not in hits for hits in found)
    opaque = {(place, cell) for place, rule in enumerate(table.rules, 1) for cell in rule.conditions if "?" in cell}
    assert {(one.rule, one.text) for one in analysis.not_analysed} == opaque
