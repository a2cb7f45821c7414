"""Whether a version may be activated: what is required of it, held against what is known of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from engine.rules.analysis.analyse import analyse_model
from engine.rules.errors import RuleError
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import from_python
from engine.rules.feel.rendering import text_of
from engine.rules.prepared import moment_of
from engine.rules.trial import Trial, try_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from engine.model.policy import RulePolicy
    from engine.rules.analysis.findings import Analysis, Kind
    from engine.rules.backtest import Tally
    from engine.rules.coverage import Coverage, RuleCoverage
    from engine.rules.prepared import Prepared
    from engine.rules.scenarios import Run, Scenario

Shown = Literal["test", "check", "backtest"]
_NOTHING: Final = Evaluation(moment_of(0))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a version. What was not asked for is empty."""

    trial: Trial
    """What came of the stored scenarios."""
    analyses: Mapping[str, Analysis]
    """Of each table, by its name."""
    replayed: Tally
    """What came of decisions that were taken before."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement that a version does not meet."""

    requirement: str
    """The name of the policy's field."""
    text: str
    """Why not, with an example."""
    shown_by: Shown
    """The command that shows more."""


class RequirementsUnmet(RuleError):
    """A version does not meet what is required of it, so what is active stays so."""

    def __init__(self, name: str, number: int, required: int, unmet: Sequence[Unmet]) -> None:
        self.name = name
        self.number = number
        self.required = required
        self.unmet = tuple(unmet)
        super().__init__("; ".join([self.headline, *map(self.line, self.unmet)]))

    @property
    def headline(self) -> str:
        """Say what was refused."""
        return (
            f"version {self.number} of the rules {self.name!r} was not activated: it does not meet {len(self.unmet)} "
            f"of {self.required} requirements"
        )

    def line(self, one: Unmet) -> str:
        """Say what is missing, and which command shows more."""
        return f"{title(one.requirement)}: {one.text} (more by `{command(one, self.name, self.number)}`)"


def title(requirement: str) -> str:
    """Return what a requirement is called."""
    return requirement.replace("_", " ")


def command(unmet: Unmet, name: str, number: int) -> str:
    """Return the command that shows more of what is missing."""
    words = "check --stored" if unmet.shown_by == "check" else unmet.shown_by
    return f"engine rules {words} {shlex.quote(name)} --version {number}"


def gather(policy: RulePolicy, prepared: Prepared, scenarios: Sequence[Scenario], replayed: Tally) -> Evidence:
    """Find out what a policy asks for.

    ``scenarios`` are those that are stored, and ``replayed`` is what came of recorded decisions, where it asks for it.
    """
    covering = policy.row_coverage is not None or policy.cell_coverage is not None
    trial = try_model(prepared, scenarios, covering=covering) if policy.asks_scenarios else Trial((), {})
    return Evidence(trial, analyse_model(prepared.graph.model) if policy.asks_analysis else {}, replayed)


def unmet(policy: RulePolicy, evidence: Evidence) -> tuple[Unmet, ...]:
    """Return what a version does not meet, in the order of the policy: each requirement once, with an example."""
    trial, analyses = evidence.trial, evidence.analyses
    found: list[tuple[str, list[str], Shown]] = []
    if policy.tested:
        found.append(("tested", list(_failures(trial)), "test"))
    if policy.row_coverage is not None:
        found.append(("row_coverage", list(_short(trial.coverage, policy.row_coverage, _rows)), "test"))
    if policy.cell_coverage is not None:
        found.append(("cell_coverage", list(_short(trial.coverage, policy.cell_coverage, _cells)), "test"))
    if policy.no_gaps:
        found.append(("no_gaps", list(_findings(analyses, "gaps")), "check"))
    if policy.no_overlaps:
        found.append(("no_overlaps", list(_findings(analyses, "overlaps")), "check"))
    if policy.no_shadowed:
        useless = [*_findings(analyses, "shadowed rules"), *_findings(analyses, "unreachable rules")]
        found.append(("no_shadowed", useless, "check"))
    if policy.backtest_changes is not None:
        found.append(("backtest_changes", list(_changes(evidence.replayed, policy.backtest_changes)), "backtest"))
    return tuple(Unmet(name, _first(texts), shown_by) for name, texts, shown_by in found if texts)


def _first(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{texts[0]}; and {len(texts) - 1} more"


# -- scenarios --------------------------------------------------------------------------------------------------------


def _failures(trial: Trial) -> Iterator[str]:
    if not trial.runs:
        yield "no scenarios are stored; 'engine rules scenarios add' stores some"
    for run in trial.failed:
        yield f"scenario {run.scenario.name!r} fails: {why_failed(run)[0]}"


def why_failed(run: Run) -> list[str]:
    """Return why a scenario did not pass, a text for each difference."""
    if run.error is not None:
        return [run.error]
    return [f"{one.path}: expected {feel(one.expected)}, got {feel(one.actual)}" for one in run.differences]


def feel(value: Any) -> str:
    """Return a value as rules write it."""
    # Alone, a text would be itself, without its quotes.
    return text_of(_NOTHING, [from_python(value)])[1:-1]


# -- coverage ---------------------------------------------------------------------------------------------------------

Measure = tuple[float, str, "list[str]"]
"""The share, how many of how many, and what is missing."""


def _short(coverage: Mapping[str, Coverage], required: float, measure: Callable[[Coverage], Measure]) -> Iterator[str]:
    for name, covered in coverage.items():
        share, counted, missing = measure(covered)
        if share < required:
            yield f"table {name!r}: {counted} tried, {percent(share)} instead of {percent(required)}: {missing[0]}"


def _rows(covered: Coverage) -> Measure:
    return covered.rule_ratio, rules_tried(covered), never_decided(covered)


def _cells(covered: Coverage) -> Measure:
    missing = [text for rule in covered.rules for text in never_seen(rule)]
    return covered.cell_ratio, cells_tried(covered), missing


def rules_tried(covered: Coverage) -> str:
    """Return how many rules decide some case."""
    return f"{len(covered.rules) - len(covered.never_decided)} of {len(covered.rules)} rules"


def cells_tried(covered: Coverage) -> str:
    """Return how many cells were seen to hold and not to hold."""
    cells = [cell for rule in covered.rules for cell in rule.cells]
    return f"{sum(cell.covered for cell in cells)} of {len(cells)} cells"


def never_decided(covered: Coverage) -> list[str]:
    """Return the rules that no case tries, a text for each."""
    return [
        f"no scenario {'is decided by' if rule.matched else 'matches'} rule {rule.rule} "
        f"({' | '.join(cell.text for cell in rule.cells)})"
        for rule in covered.rules
        if not rule.decided
    ]


def never_seen(rule: RuleCoverage) -> list[str]:
    """Return the cells of a rule that were not seen to hold and not to hold, a text for each."""
    return [
        f"no scenario sees {cell.text} in {cell.column!r} of rule {rule.rule} {'fail' if cell.true else 'hold'}"
        for cell in rule.cells
        if not cell.covered
    ]


def percent(share: float) -> str:
    """Return a share in percent: 100% only of all."""
    shown = f"{share:.0%}" if abs(share * 100 - round(share * 100)) < 1e-9 else f"{share:.1%}"
    return "99.9%" if shown in ("100%", "100.0%") and share < 1 else shown


# -- analysis ---------------------------------------------------------------------------------------------------------


def _findings(analyses: Mapping[str, Analysis], kind: Kind) -> Iterator[str]:
    for name, analysis in analyses.items():
        found = {
            "gaps": analysis.gaps,
            "overlaps": tuple(one for one in analysis.overlaps if not one.allowed),
            "shadowed rules": analysis.shadowed,
            "unreachable rules": analysis.unreachable,
        }[kind]
        yield from (f"table {name!r}: {one}" for one in found)
        if not found and kind in analysis.unfinished:
            yield f"table {name!r} is too large for it to be shown that there are no {kind}"


# -- decisions that were taken ----------------------------------------------------------------------------------------


def _changes(replayed: Tally, allowed: float) -> Iterator[str]:
    if not replayed.total or replayed.would_change / replayed.total <= allowed:
        return
    one = replayed.changed[0]
    instead = one.other.error or feel(one.other.outcome)
    yield (
        f"{replayed.would_change} of {replayed.total} recorded decisions would change, and {percent(allowed)} may: "
        f"execution and step {one.record.name}: recorded {feel(one.record.decided.outcome)}, now {instead}"
    )
