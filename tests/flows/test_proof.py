"""Every proof of the demo holds for a run that went well, and fails for the one thing that it is there to notice."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.demo.facts import Facts, StepFact
from flows.demo.fleet import WorkerProcess
from flows.demo.killing import Death
from flows.demo.proof import prove, retried_after_errors, take_over
from flows.flights.ledger import Entry
from tests.flows.flights import flight

KILLED_US = 1_000_000_000
OWED, PUNCTUAL = flight(1), flight(2, delay_minutes=160)


def step(execution: str, seq: int, kind: str, name: str, attempt: int = 1, output: str | None = "null") -> StepFact:
    return StepFact(execution, seq, kind, name, "completed", attempt, KILLED_US + 300_000, output)


def settled(of: str, euros: int) -> str:
    return f'{{"flight": "{of}", "euros": {euros}, "letter": "x.txt"}}'


@pytest.fixture
def facts() -> Facts:
    rows = [
        step("a", 0, "flow", "compensate", output=settled(OWED.key, 250)),
        step("a", 1, "step", "decide"),
        step("a", 2, "step", "write_letter"),
        step("a", 3, "step", "pay", attempt=4),
        step("a", 4, "timer", "sleep"),
        step("a", 5, "step", "confirm"),
        step("b", 0, "flow", "compensate", output=settled(PUNCTUAL.key, 0)),
        step("b", 1, "step", "decide"),
        step("b", 2, "step", "write_letter", attempt=2),
    ]
    # Nobody asks this process for anything: it is only named.
    worker = WorkerProcess(1, subprocess.Popen.__new__(subprocess.Popen), Path("worker.log"))
    return Facts(
        flights=[OWED, PUNCTUAL],
        started={"a": OWED.key, "b": PUNCTUAL.key},
        states={"a": "completed", "b": "completed"},
        steps={(row.execution_id, row.seq): row for row in rows},
        entries=[Entry(1, "a-3", OWED.key, 250, 10, 2, True)],
        letters={f"{OWED.key}.txt", f"{PUNCTUAL.key}.txt"},
        death=Death(worker, KILLED_US, {("a", 3): 3, ("b", 2): 1}, {("a", 1): 1, ("a", 2): 1, ("b", 1): 1}),
    )


def failing(facts: Facts) -> set[str]:
    return {proof.claim for proof in prove(facts) if not proof.holds}


def with_step(facts: Facts, key: tuple[str, int], **changes: object) -> Facts:
    return replace(facts, steps=facts.steps | {key: replace(facts.steps[key], **changes)})  # type: ignore[arg-type]


def without_step(facts: Facts, key: tuple[str, int]) -> Facts:
    return replace(facts, steps={other: row for other, row in facts.steps.items() if other != key})


def test_a_good_run_proves_everything(facts: Facts) -> None:
    assert failing(facts) == set()
    assert len(prove(facts)) == 6


def test_without_a_kill_there_is_no_claim_about_it(facts: Facts) -> None:
    assert len(prove(replace(facts, death=None))) == 4


COMPLETED = "all executions completed"
POLICY = "every flight paid what the rules say"
ONCE = "every payment made exactly once"
LETTERS = "every letter written"
TAKEN = "killed worker's steps taken over"
AGAIN = "no finished step ran again"


def paid_twice(facts: Facts) -> Facts:
    return replace(facts, entries=[*facts.entries, Entry(2, "a-9", OWED.key, 250, 11, 1, True)])


def entry_with(facts: Facts, **changes: object) -> Facts:
    return replace(facts, entries=[replace(facts.entries[0], **changes)])  # type: ignore[arg-type]


BROKEN: dict[str, tuple[Callable[[Facts], Facts], set[str]]] = {
    "an execution failed": (lambda facts: replace(facts, states={"a": "completed", "b": "failed"}), {COMPLETED}),
    "an execution is missing": (lambda facts: replace(facts, states={"a": "completed"}), {COMPLETED}),
    "there is another execution": (
        lambda facts: replace(facts, states=facts.states | {"c": "completed"}),
        {COMPLETED},
    ),
    "paid twice": (paid_twice, {POLICY, ONCE}),
    "not paid": (lambda facts: replace(facts, entries=[]), {POLICY, ONCE}),
    "paid another sum": (lambda facts: entry_with(facts, euros=400), {POLICY}),
    "recorded another sum": (lambda facts: with_step(facts, ("a", 0), output=settled(OWED.key, 400)), {POLICY}),
    "paid for another flight": (lambda facts: entry_with(facts, flight=PUNCTUAL.key), {POLICY, ONCE}),
    "paid under a key of no step": (lambda facts: entry_with(facts, idempotency_key="a-2"), {ONCE}),
    "not confirmed": (lambda facts: entry_with(facts, confirmed=False), {ONCE}),
    "a letter is missing": (lambda facts: replace(facts, letters={f"{OWED.key}.txt"}), {LETTERS}),
    "not taken over": (lambda facts: with_step(facts, ("b", 2), attempt=1), {TAKEN}),
    "taken over, not finished": (lambda facts: with_step(facts, ("b", 2), state="failed"), {TAKEN}),
    "a finished step ran again": (lambda facts: with_step(facts, ("a", 2), attempt=2), {AGAIN}),
    "a finished step is gone": (lambda facts: without_step(facts, ("a", 2)), {AGAIN}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_fault_is_noticed(facts: Facts, case: str) -> None:
    spoil, claims = BROKEN[case]
    assert failing(spoil(facts)) == claims


def test_a_kill_that_interrupted_nothing_proves_nothing(facts: Facts) -> None:
    assert facts.death is not None
    assert failing(replace(facts, death=replace(facts.death, held={}))) == {TAKEN}


def test_attempts_lost_with_the_worker_are_not_counted_as_failed(facts: Facts) -> None:
    assert retried_after_errors(facts) == (1, 2)
    assert retried_after_errors(replace(facts, death=None)) == (2, 4)


def test_the_take_over_is_measured_by_the_next_claims(facts: Facts) -> None:
    later = with_step(facts, ("b", 2), started_us=KILLED_US + 900_000)
    taken = take_over(later)
    assert taken is not None
    assert (taken.steps, taken.first_seconds, taken.last_seconds) == (2, 0.3, 0.9)
    assert take_over(replace(facts, death=None)) is None
