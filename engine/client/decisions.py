"""Models as clients bring them in, and decisions as they ask about them. Loaded when rules are first used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.definitions.deciding import DECIDE, decide_by_rules
from engine.errors import ArgumentsError
from engine.model.states import StepState
from engine.rules.errors import ModelError, RuleError
from engine.rules.feel.exchange import NotAValue, from_python, to_python
from engine.rules.files import RuleFileError, check, read_rules
from engine.rules.model import Model
from engine.rules.prepared import Prepared, TableExplained
from engine.rules.recorded import read_value
from engine.rules.scenarios import Run, Scenario, run_scenarios

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike

    from engine.model.rulebook import Answer
    from engine.model.views import StepView
    from engine.rules.feel.values import Value


class Asked(NamedTuple):
    """A recorded decision: what was asked, and what came of it."""

    answer: Answer
    inputs: dict[str, Value]
    now_us: int


class Explained(NamedTuple):
    """A recorded decision, and why it was taken: every cell of every table behind it, evaluated once more."""

    answer: Answer
    """What was recorded."""
    inputs: dict[str, Value]
    outcome: Value
    """What was recorded, as a value of FEEL."""
    tables: tuple[TableExplained, ...]
    agrees: bool
    """Whether the version decides today as was recorded; False says that the engine or the record was changed."""


def usable_model(source: Model | str | PathLike[str]) -> Model:
    """Return a model, read from its file if need be, of which every part works.

    Raises RuleFileError and ModelError, which say all that is wrong and where.
    """
    model, file = (source, None) if isinstance(source, Model) else _read(Path(source))
    problems = check(model)
    if problems:
        raise RuleFileError(file or f"model {model.name!r}", problems)
    Prepared(model)
    return model


def require_usable(content: str) -> None:
    """Raise ModelError if a stored model cannot be compiled."""
    Prepared.from_text(content)


def asked_in(step: StepView | None, seq: int) -> Asked:
    """Return the decision that a step recorded. Raises ArgumentsError if it is none that was taken."""
    if step is None or step.name != DECIDE or step.state != StepState.COMPLETED or step.output is None:
        state = "not there" if step is None else f"{step.name!r}, {step.state}"
        raise ArgumentsError(f"step {seq} is no decision of rules that was taken: it is {state}")
    (_, given, _, now_us, *_), _ = decide_by_rules.arguments.decode(step.input or "{}")
    inputs = read_value(bytes(given))
    assert isinstance(inputs, dict), "it was decided"
    return Asked(decide_by_rules.result.decode(step.output), inputs, now_us)


def explain(asked: Asked, content: str) -> Explained:
    """Return why a model, as it is stored, decided so. Raises ModelError."""
    answer, inputs, now_us = asked
    prepared = Prepared.from_text(content)
    outcome = read_value(bytes(answer.outcome))
    again = prepared.decide(answer.decision, inputs, now_us)
    tables = prepared.explain(answer.decision, inputs, now_us)
    return Explained(answer, inputs, outcome, tables, (again.outcome, again.matched) == (outcome, answer.matched))


def try_out(content: str, decision: str | None, scenarios: Iterable[Scenario]) -> tuple[Run, ...]:
    """Run scenarios through a model, as it is stored. Raises ModelError, and RuleError for a decision it has not."""
    prepared = Prepared.from_text(content)
    prepared.decision(decision)

    def decide(inputs: Mapping[str, Any]) -> Any:
        given = {name: from_python(value) for name, value in inputs.items()}
        return to_python(prepared.decide(decision, given, 0).outcome)

    return run_scenarios(decide, scenarios)


def read_scenarios(path: Path) -> list[Scenario]:
    """Return the scenarios of a JSON file: a list of objects with ``inputs``, ``expected``, and perhaps a ``name``.

    Dates and the like are ``{"@": "2026-11-30"}``. Raises RuleError, which says what is wrong.
    """
    try:
        found = read_value(path.read_bytes())
    except OSError as error:
        raise RuleError(f"{path}: it cannot be read: {error.strerror or error}") from None
    except NotAValue as error:
        raise RuleError(f"{path.name}: {error}") from None
    if not isinstance(found, list) or not found:
        raise RuleError(f"{path.name}: scenarios are a list of objects with 'inputs' and 'expected'")
    scenarios: list[Scenario] = []
    for place, one in enumerate(found, 1):
        inputs = one.get("inputs") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(inputs, dict) or not {*one} <= {"name", "inputs", "expected"}:
            raise RuleError(
                f"{path.name}: scenario {place} is no object with 'inputs' by name, 'expected', and perhaps 'name'"
            )
        if "expected" not in one:
            raise RuleError(f"{path.name}: scenario {place} does not say what is expected: null is a value, too")
        scenarios.append(Scenario(str(one.get("name") or f"scenario {place}"), inputs, one["expected"]))
    return scenarios


def _read(path: Path) -> tuple[Model, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: it cannot be read: {error.strerror or error}") from None
    return read_rules(path.name, data), path.name
