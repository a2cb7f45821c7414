"""The proofs: what must be true when the job is over, decided from the facts alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from engine.model.states import ExecutionState, StepKind, StepState
from flows.demo.facts import Facts, StepFact, paid_steps
from flows.flights.policy import award_for


@dataclass(frozen=True)
class Proof:
    """A claim, whether it holds, and what was counted."""

    claim: str
    holds: bool
    counted: str


@dataclass(frozen=True)
class TakeOver:
    """What became of the steps that the killed worker was at. Seconds are from its death."""

    steps: int
    first_seconds: float
    last_seconds: float


def prove(facts: Facts) -> list[Proof]:
    """Check every claim that the demo makes."""
    proofs = [_all_completed(facts), _as_the_policy_says(facts), _paid_once(facts), _letters_written(facts)]
    if facts.death is not None:
        proofs += [_taken_over(facts), _nothing_ran_again(facts)]
    return proofs


def _all_completed(facts: Facts) -> Proof:
    completed = sum(state == ExecutionState.COMPLETED for state in facts.states.values())
    holds = completed == len(facts.flights) and facts.states.keys() == facts.started.keys()
    return Proof("all executions completed", holds, f"{completed} of {len(facts.flights)}")


def _as_the_policy_says(facts: Facts) -> Proof:
    owed = _owed(facts)
    settled = {flight: facts.settled_euros(execution_id) for execution_id, flight in facts.started.items()}
    paid: Counter[str] = Counter()
    for entry in facts.entries:
        paid[entry.flight] += entry.euros
    wrong = sum(settled.get(flight) != euros or paid[flight] != euros for flight, euros in owed.items())
    total = sum(entry.euros for entry in facts.entries)
    holds = wrong == 0 and total == sum(owed.values())
    counted = f"{total:,} euros paid, {sum(owed.values()):,} owed"
    return Proof("every flight paid what the rules say", holds, counted)


def _paid_once(facts: Facts) -> Proof:
    flights_owed = {flight for flight, euros in _owed(facts).items() if euros}
    times = Counter(entry.flight for entry in facts.entries)
    keys = {entry.idempotency_key for entry in facts.entries}
    holds = (
        times == Counter(flights_owed)
        and len(keys) == len(facts.entries)
        and keys == paid_steps(facts).keys()
        and all(entry.confirmed for entry in facts.entries)
        and all(facts.started.get(entry.idempotency_key.rpartition("-")[0]) == entry.flight for entry in facts.entries)
    )
    counted = f"{len(facts.entries)} payments for {len(flights_owed)} flights"
    return Proof("every payment made exactly once", holds, counted)


def _letters_written(facts: Facts) -> Proof:
    expected = {f"{flight.key}.txt" for flight in facts.flights}
    written = len(expected & facts.letters)
    return Proof("every letter written", written == len(expected), f"{written} of {len(expected)} files")


def _taken_over(facts: Facts) -> Proof:
    assert facts.death is not None
    held = facts.death.held
    lost = [key for key, attempt in held.items() if not _went_on(facts.steps.get(key), attempt)]
    counted = f"{len(held) - len(lost)} of {len(held)}, each at a later attempt"
    return Proof("killed worker's steps taken over", bool(held) and not lost, counted)


def _nothing_ran_again(facts: Facts) -> Proof:
    assert facts.death is not None
    before = {key: attempt for key, attempt in facts.death.finished.items() if key in facts.steps}
    again = sum(facts.steps[key].attempt != attempt for key, attempt in before.items())
    missing = len(facts.death.finished) - len(before)
    counted = f"{len(before):,} before the kill, {again + missing} changed"
    return Proof("no finished step ran again", again == missing == 0, counted)


def _went_on(step: StepFact | None, attempt: int) -> bool:
    return step is not None and step.state == StepState.COMPLETED and step.attempt > attempt


def _owed(facts: Facts) -> dict[str, int]:
    return {flight.key: award_for(flight.delay_minutes, flight.miles).euros for flight in facts.flights}


def take_over(facts: Facts) -> TakeOver | None:
    """Measure the take-over by the steps whose next attempt was also their last; None if nobody was killed."""
    if facts.death is None:
        return None
    next_claims = [
        (step.started_us - facts.death.at_us) / 1e6
        for key, attempt in facts.death.held.items()
        if (step := facts.steps.get(key)) is not None and step.started_us is not None and step.attempt == attempt + 1
    ]
    if not next_claims:
        return TakeOver(len(facts.death.held), 0.0, 0.0)
    return TakeOver(len(facts.death.held), min(next_claims), max(next_claims))


def retried_after_errors(facts: Facts) -> tuple[int, int]:
    """Return how many steps were tried again because an attempt failed, and how many attempts that were."""
    held = facts.death.held if facts.death is not None else {}
    counts = [
        # The attempt that died with its worker is not one that failed.
        step.attempt - 1 - ((step.execution_id, step.seq) in held)
        for step in facts.of_kind(StepKind.STEP)
    ]
    return sum(count > 0 for count in counts), sum(count for count in counts if count > 0)
