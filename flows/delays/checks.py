"""The checks: what must be true in the end, decided from what the store has on record and from nothing else."""

from __future__ import annotations

from collections.abc import Collection

from engine.model.states import ExecutionState, StepState
from flows.delays.record import Decided, Facts
from flows.demo.proof import Proof

ASKED = 2
"""How often the flow asks the policy."""


def check(facts: Facts) -> list[Proof]:
    """Check every claim that the example makes."""
    return [
        _all_completed(facts),
        _by_version("flights from before the change: the first version, twice", facts, facts.before, 0),
        _landed_later(facts),
        _by_version("flights from after it: the second version, twice", facts, facts.after, 1),
        _as_decided(facts),
        _explained(facts),
        _taken_over(facts),
        _nothing_taken_again(facts),
    ]


def _all_completed(facts: Facts) -> Proof:
    completed = sum(facts.states.get(one) == ExecutionState.COMPLETED for one in facts.trips)
    return Proof("all executions completed", completed == len(facts.trips) > 0, f"{completed} of {len(facts.trips)}")


def _by_version(claim: str, facts: Facts, executions: Collection[str], which: int) -> Proof:
    version = facts.versions[which]
    right = [one for one in executions if _versions(facts.decisions.get(one, [])) == [version] * ASKED]
    counted = f"{len(right)} of {len(executions)} by version {version}"
    return Proof(claim, len(right) == len(executions) > 0, counted)


def _landed_later(facts: Facts) -> Proof:
    on_arrival = [one for execution in facts.before for one in facts.decisions.get(execution, [])[1:]]
    later = sum(one.finished_us > facts.changed_us for one in on_arrival)
    holds = later == len(facts.before) == len(on_arrival) > 0
    return Proof("the second of theirs came after the change", holds, f"{later} of {len(facts.before)}")


def _as_decided(facts: Facts) -> Proof:
    right = sum(
        [(award.action, award.dollars) for award in (case.at_the_gate, case.on_arrival)]
        == [(one.action, one.dollars) for one in facts.decisions.get(execution, [])]
        for execution, case in facts.cases.items()
    )
    holds = right == len(facts.trips) > 0 and facts.cases.keys() == facts.trips.keys()
    return Proof("passengers were given what was decided", holds, f"{right} of {len(facts.trips)} flights")


def _explained(facts: Facts) -> Proof:
    same = sum(facts.explained)
    holds = same == len(facts.explained) > 0
    return Proof("every tenth decision comes to the same once more", holds, f"{same} of {len(facts.explained)}")


def _taken_over(facts: Facts) -> Proof:
    held = facts.death.held
    attempts = {key: attempt for key, (state, attempt) in facts.went_on.items() if state == StepState.COMPLETED}
    # Where a database has no lock for all writers, the worker may have recorded one more step before the signal came.
    later = sum(attempts.get(key, 0) > attempt for key, attempt in held.items())
    holds = attempts.keys() == held.keys() and later > 0
    counted = f"{len(attempts)} of {len(held)} steps, {later} taken over"
    return Proof("what the killed worker was at was finished", holds, counted)


def _nothing_taken_again(facts: Facts) -> Proof:
    now = {(one.execution_id, one.seq): one for one in facts.taken(facts.trips)}
    again = sum(now.get(key) != one for key, one in facts.recorded.items())
    counted = f"{len(facts.recorded)} were on record, {again} changed"
    return Proof("no decision from before the kill was taken again", again == 0 < len(facts.recorded), counted)


def _versions(decisions: Collection[Decided]) -> list[int]:
    return [one.version for one in decisions]
