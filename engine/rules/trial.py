"""Scenarios run through a whole model, and how far they try out each of its tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import MilepostError
from engine.rules.analysis.models import tables_of
from engine.rules.coverage import Count, Coverage
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.scenarios import EPOCH, Run, Scenario, differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.rules.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of scenarios."""

    runs: tuple[Run, ...]
    coverage: Mapping[str, Coverage]
    """Of each table that is a decision's expression, by the decision's name."""
    beyond: tuple[str, ...] = ()
    """The tables within functions and contexts, of which coverage says nothing."""

    @property
    def passed(self) -> bool:
        """Whether all of them passed, and there is one."""
        return bool(self.runs) and not self.failed

    @property
    def failed(self) -> tuple[Run, ...]:
        """Those that did not pass."""
        return tuple(run for run in self.runs if not run.passed)


def try_model(prepared: Prepared, scenarios: Iterable[Scenario], *, covering: bool = True) -> Trial:
    """Run scenarios, each by itself. An error of the engine's fails its scenario; any other is raised.

    Coverage looks at every cell of every table for each of them; without ``covering`` there is none.
    """
    if not covering:
        return Trial(tuple(_run(prepared, scenario, {}) for scenario in scenarios), {})
    tables = prepared.tables()
    counts = {one.name: Count(one.source) for one in tables}
    runs = tuple(_run(prepared, scenario, counts) for scenario in scenarios)
    seen = {id(one.source) for one in tables}
    models = [graph.model for graph in prepared.graph.whole()]
    beyond = tuple(label for model in models for label, table, _ in tables_of(model) if id(table) not in seen)
    return Trial(runs, {name: count.coverage() for name, count in counts.items()}, beyond)


def _run(prepared: Prepared, scenario: Scenario, counts: Mapping[str, Count]) -> Run:
    now_us = us_of(scenario.now)
    try:
        inputs = {name: from_python(value) for name, value in scenario.inputs.items()}
        reached = prepared.decide(scenario.decision, inputs, now_us)
        outcome = to_python(reached.outcome)
        differing = differences(scenario.expected, outcome)
        tables = prepared.explain(scenario.decision, inputs, now_us) if counts else ()
    except MilepostError as error:
        return Run(scenario, None, (), str(error))
    for one in tables:
        counts[one.decision].add(one.explanation)
    return Run(scenario, outcome, differing, None, reached.matched, reached.problems)


def us_of(moment: dt.datetime) -> int:
    """Return a moment with a time zone in microseconds since 1970."""
    return (moment - EPOCH) // dt.timedelta(microseconds=1)
