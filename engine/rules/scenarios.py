"""Scenarios: inputs with the outcome that is expected of them, run before rules are put to use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from engine.errors import MilepostError
from engine.rules.coverage import Coverage, cover
from engine.rules.feel.exchange import from_python, to_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.rules.decider import TableDecider

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Decide = Callable[[Mapping[str, Any]], Any]
"""Whatever decides: ``TableDecider.decide``, or a function around a model or a set of rules."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Inputs, and what they have to come to."""

    name: str
    inputs: Mapping[str, Any]
    expected: Any
    decision: str | None = None
    """Of a model: the decision or decision service; None: the decision that no other one requires."""
    now: datetime = EPOCH
    """Of a model: what ``now()`` is to the rules."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where the outcome is not what was expected; ``$`` is the outcome itself. What is missing is None."""

    path: str
    expected: Any
    actual: Any


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario that was run. ``error`` is what was raised instead of an outcome."""

    scenario: Scenario
    outcome: Any
    differences: tuple[Difference, ...]
    error: str | None = None
    matched: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Of a model: for each table that was decided, its decision, and the rules that match, counted from 1."""
    problems: tuple[str, ...] = ()
    """Of a model: why something is null, where it is."""

    @property
    def passed(self) -> bool:
        """Whether the outcome is the one expected."""
        return self.error is None and not self.differences


@dataclass(frozen=True, slots=True)
class Report:
    """Scenarios that were run against a table, and how far they try it out."""

    runs: tuple[Run, ...]
    coverage: Coverage

    @property
    def passed(self) -> bool:
        """Whether all of them passed."""
        return all(run.passed for run in self.runs)


def try_out(decider: TableDecider, scenarios: Sequence[Scenario]) -> Report:
    """Run scenarios against a table. Raises BudgetExceeded, and NotAValue for an input that no rule knows."""
    covered = cover(decider, [scenario.inputs for scenario in scenarios])
    return Report(run_scenarios(decider.decide, scenarios), covered)


def run_scenarios(decide: Decide, scenarios: Iterable[Scenario]) -> tuple[Run, ...]:
    """Run scenarios, each by itself. An error of the engine's fails its scenario; any other is raised."""
    return tuple(_run(decide, scenario) for scenario in scenarios)


def _run(decide: Decide, scenario: Scenario) -> Run:
    try:
        outcome = decide(scenario.inputs)
    except MilepostError as error:
        return Run(scenario, None, (), str(error))
    return Run(scenario, outcome, differences(scenario.expected, outcome))


def differences(expected: Any, actual: Any) -> tuple[Difference, ...]:
    """Return where two outcomes differ, as rules see them: 1.50 is 1.5, and a dataclass is its fields."""
    return tuple(_differences(to_python(from_python(expected)), to_python(from_python(actual)), "$"))


def _differences(expected: object, actual: object, path: str) -> Iterator[Difference]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        wanted, got = cast("dict[str, Any]", expected), cast("dict[str, Any]", actual)
        for name in dict.fromkeys((*wanted, *got)):
            if (name in wanted) is not (name in got):
                yield Difference(f"{path}.{name}", wanted.get(name), got.get(name))
            else:
                yield from _differences(wanted[name], got[name], f"{path}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list):
        yield from _of_lists(cast("list[Any]", expected), cast("list[Any]", actual), path)
    elif expected != actual or isinstance(expected, bool) is not isinstance(actual, bool):
        yield Difference(path, expected, actual)


def _of_lists(expected: Sequence[Any], actual: Sequence[Any], path: str) -> Iterator[Difference]:
    for place in range(max(len(expected), len(actual))):
        inner = f"{path}[{place}]"
        if place >= len(expected) or place >= len(actual):
            yield Difference(inner, *(side[place] if place < len(side) else None for side in (expected, actual)))
        else:
            yield from _differences(expected[place], actual[place], inner)
