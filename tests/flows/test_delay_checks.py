"""Every check of the example holds for a run that went well, and fails for the one thing that it is there to notice."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.delays.checks import check
from flows.delays.data import Flight, Trip
from flows.delays.flow import Award, Case
from flows.delays.record import Decided, Facts
from flows.demo.fleet import WorkerProcess
from flows.demo.killing import Death

CHANGED_US = 1_000
COMPLETED = "all executions completed"
OLD = "flights from before the change: the first version, twice"
LATER = "the second of theirs came after the change"
NEW = "flights from after it: the second version, twice"
GIVEN = "passengers were given what was decided"
SAME = "every tenth decision comes to the same once more"
FINISHED = "what the killed worker was at was finished"
AGAIN = "no decision from before the kill was taken again"

TRIP = Trip(Flight("2013-01-01", "XX1", "JFK", "ORD", 200, 740, 10.0, 5), 190)


def decided(execution: str, seq: int, version: int, finished_us: int) -> Decided:
    at_the_gate = seq == 1
    return Decided(
        execution, seq, 1, finished_us, version, 2 if at_the_gate else 7, "meal" if at_the_gate else "cash",
        15 if at_the_gate else 200,
    )  # fmt: skip


@pytest.fixture
def facts() -> Facts:
    # Nobody asks this process for anything: it is only named.
    worker = WorkerProcess(1, subprocess.Popen.__new__(subprocess.Popen), Path("worker.log"))
    case = Case("2013-01-01 XX1", Award("meal", 15), Award("cash", 200), (1, 1))
    gate = decided("old", 1, 1, CHANGED_US - 500)
    return Facts(
        before={"old": TRIP},
        after={"new": TRIP},
        states={"old": "completed", "new": "completed"},
        cases={"old": case, "new": replace(case, versions=(2, 2))},
        decisions={
            "old": [gate, decided("old", 4, 1, CHANGED_US + 700)],
            "new": [decided("new", 1, 2, CHANGED_US + 500), decided("new", 4, 2, CHANGED_US + 700)],
        },
        explained=[True],
        versions=(1, 2),
        changed_us=CHANGED_US,
        death=Death(worker, CHANGED_US + 600, {("old", 5): 1}, {}),
        recorded={("old", 1): gate},
        went_on={("old", 5): ("completed", 2)},
    )


def failing(facts: Facts) -> set[str]:
    return {proof.claim for proof in check(facts) if not proof.holds}


def with_decision(facts: Facts, execution: str, place: int, **changes: object) -> Facts:
    decisions = list(facts.decisions[execution])
    decisions[place] = replace(decisions[place], **changes)
    return replace(facts, decisions=facts.decisions | {execution: decisions})


def without_decision(facts: Facts, execution: str, place: int) -> Facts:
    decisions = [one for number, one in enumerate(facts.decisions[execution]) if number != place]
    return replace(facts, decisions=facts.decisions | {execution: decisions})


def test_a_good_run_passes_every_check(facts: Facts) -> None:
    assert failing(facts) == set()
    assert [proof.claim for proof in check(facts)] == [COMPLETED, OLD, LATER, NEW, GIVEN, SAME, FINISHED, AGAIN]


BROKEN: dict[str, tuple[Callable[[Facts], Facts], set[str]]] = {
    "an execution failed": (lambda facts: replace(facts, states=facts.states | {"new": "failed"}), {COMPLETED}),
    "an old flight lands by the new version": (lambda facts: with_decision(facts, "old", 1, version=2), {OLD}),
    "a new flight leaves by the old version": (lambda facts: with_decision(facts, "new", 0, version=1), {NEW}),
    "an old flight landed before the change": (
        lambda facts: with_decision(facts, "old", 1, finished_us=CHANGED_US - 1),
        {LATER},
    ),
    "a decision is missing": (lambda facts: without_decision(facts, "old", 1), {OLD, LATER, GIVEN}),
    "a flight was decided three times": (
        lambda facts: replace(facts, decisions=facts.decisions | {"new": [*facts.decisions["new"]] * 2}),
        {NEW, GIVEN},
    ),
    "other sums were handed out": (lambda facts: with_decision(facts, "new", 1, dollars=250), {GIVEN}),
    "a result is missing": (lambda facts: replace(facts, cases={"old": facts.cases["old"]}), {GIVEN}),
    "a version decides otherwise": (lambda facts: replace(facts, explained=[True, False]), {SAME}),
    "nothing was explained": (lambda facts: replace(facts, explained=[]), {SAME}),
    "not taken over": (lambda facts: replace(facts, went_on={("old", 5): ("completed", 1)}), {FINISHED}),
    "taken over, not finished": (lambda facts: replace(facts, went_on={("old", 5): ("failed", 2)}), {FINISHED}),
    "the kill interrupted nothing": (
        lambda facts: replace(facts, death=replace(facts.death, held={}), went_on={}),
        {FINISHED},
    ),
    "a decision was taken again": (lambda facts: with_decision(facts, "old", 0, attempt=2), {AGAIN}),
    "nothing was on record at the kill": (lambda facts: replace(facts, recorded={}), {AGAIN}),
    "nothing was done": (
        lambda facts: replace(facts, before={}, after={}, states={}, cases={}, decisions={}, recorded={}, explained=[]),
        {COMPLETED, OLD, LATER, NEW, GIVEN, SAME, AGAIN},
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_fault_is_noticed(facts: Facts, case: str) -> None:
    spoil, claims = BROKEN[case]
    assert failing(spoil(facts)) == claims
