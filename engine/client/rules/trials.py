"""Scenarios as clients bring them in, and what a version has to meet. Loaded when rules are first used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from engine.client.checks import word
from engine.errors import ArgumentsError, DefinitionError
from engine.model.policy import RuleScenario
from engine.rules.admission import question_of, refusals
from engine.rules.backtest import Tally
from engine.rules.errors import RuleError
from engine.rules.feel.exchange import from_python
from engine.rules.files.scenarios import read_scenarios
from engine.rules.policy import RequirementsUnmet, Unmet, gather, unmet
from engine.rules.prepared import Prepared, moment_of
from engine.rules.problems import RuleFileError
from engine.rules.recorded import read_value, write_value
from engine.rules.scenarios import Scenario
from engine.rules.trial import Trial, try_model, us_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from engine.client.rules.decisions import Asked
    from engine.model.policy import Guard, RulePolicy
    from engine.model.rulebook import RuleVersion


class StoredScenario(NamedTuple):
    """A scenario of the store."""

    scenario: Scenario
    """Its values are as rules have them: numbers are decimals."""
    author: str | None
    created_us: int


class Given(NamedTuple):
    """A scenario, and where it was read, for messages."""

    scenario: Scenario
    place: str


class ScenariosRefused(RuleError):
    """Scenarios cannot be used as they are, and nothing was added. ``problems`` are all that was found."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def read_sources(sources: Iterable[Scenario | str | PathLike[str]]) -> list[Given]:
    """Return scenarios, read from their files where need be. Raises ScenariosRefused."""
    found: list[Given] = []
    problems: list[str] = []
    for source in sources:
        if isinstance(source, Scenario):
            found.append(Given(source, f"scenario {source.name!r}"))
            continue
        path = Path(source)
        try:
            scenarios = read_scenarios(path.name, path.read_bytes())
        except OSError as error:
            problems.append(f"{path}: it cannot be read: {error.strerror or error}")
        except RuleFileError as error:
            problems += [f"{error.file}: {problem}" for problem in error.problems]
        else:
            found += [Given(one, f"{path.name}: scenario {one.name!r}") for one in scenarios]
    if problems:
        raise ScenariosRefused(problems)
    return found


def misfits(prepared: Prepared, given: Sequence[Given]) -> list[str]:
    """Return what of scenarios a version does not have."""
    found: list[str] = []
    for scenario, place in given:
        texts = refusals(prepared, scenario)
        for what, name in (("the name of a scenario", scenario.name), ("a decision", scenario.decision)):
            try:
                word(what, "-" if name is None else name)
            except DefinitionError as error:
                texts.append(str(error))
        found += [f"{place}: {text}" for text in texts]
    return found


def clashes(prepared: Prepared, given: Sequence[Given], there: Iterable[RuleScenario]) -> list[str]:
    """Return which scenarios are there already, among those that stay or among themselves: by name, or by inputs."""
    found: list[str] = []
    stored = [from_record(one).scenario for one in there]
    names = {one.name: "is stored already: give it another name, or replace that one" for one in stored}
    questions = {question_of(prepared, one): one.name for one in stored}
    for scenario, place in given:
        question = question_of(prepared, scenario)
        if scenario.name in names:
            found.append(f"{place}: a scenario of this name {names[scenario.name]}")
        elif question in questions:
            found.append(f"{place}: it has the same inputs as scenario {questions[question]!r}: keep one of them")
        names.setdefault(scenario.name, "was given before: each has a name of its own")
        questions.setdefault(question, scenario.name)
    return found


def to_record(rule: str, scenario: Scenario, author: str | None) -> RuleScenario:
    """Return a scenario as the store keeps it."""
    return RuleScenario(
        rule=rule, name=scenario.name, decision=scenario.decision, author=author, now_us=us_of(scenario.now),
        inputs=write_value(from_python(scenario.inputs)).decode(),
        expected=write_value(from_python(scenario.expected)).decode(),
    )  # fmt: skip


def from_record(record: RuleScenario) -> StoredScenario:
    """Return a scenario that the store keeps."""
    inputs = read_value(record.inputs)
    assert isinstance(inputs, dict), "a scenario has inputs by name"
    scenario = Scenario(record.name, inputs, read_value(record.expected), record.decision, moment_of(record.now_us))
    return StoredScenario(scenario, record.author, record.created_us)


def scenario_of(asked: Asked, prepared: Prepared, name: str) -> Scenario:
    """Return a decision that was taken as a scenario: with the inputs that the version has, and its moment."""
    known = prepared.inputs(prepared.decision(asked.decision))
    kept = {one: value for one, value in asked.inputs.items() if one in known}
    return Scenario(name, kept, read_value(bytes(asked.answer.outcome)), asked.decision, moment_of(asked.now_us))


def try_out(content: str, scenarios: Sequence[Scenario]) -> Trial:
    """Run scenarios through a version, as it is stored. Raises ModelError."""
    return try_model(Prepared.from_text(content), scenarios)


def unmet_by(version: RuleVersion, guard: Guard, replay: Callable[[], Tally]) -> tuple[Unmet, ...]:
    """Return what a version does not meet; ``replay`` takes recorded decisions again, where that is asked for.

    Raises ModelError for a version that this release cannot compile.
    """
    prepared = Prepared.from_text(version.content or "")
    scenarios = [from_record(one).scenario for one in guard.scenarios]
    replayed = Tally(0) if guard.policy.backtest_changes is None else replay()
    return unmet(guard.policy, gather(guard.policy, prepared, scenarios, replayed))


def require_met(version: RuleVersion, guard: Guard, replay: Callable[[], Tally]) -> None:
    """Raise RequirementsUnmet for a version that does not meet what is required, and ModelError."""
    found = unmet_by(version, guard, replay)
    if found:
        raise RequirementsUnmet(version.name, version.number, len(guard.policy.names), found)


def checked(policy: RulePolicy) -> RulePolicy:
    """Accept a policy. Raises ArgumentsError for shares that are none."""
    for name in ("row_coverage", "cell_coverage", "backtest_changes"):
        share = getattr(policy, name)
        if share is not None and not 0 <= share <= 1:
            raise ArgumentsError(f"{name} is {share!r}, and a share is a number from 0 to 1")
    return policy
