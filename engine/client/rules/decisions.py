"""Models as clients bring them in, and decisions as they ask about them. Loaded when rules are first used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from engine.client.rules.imports import with_imports
from engine.client.rules.records import read_recorded
from engine.definitions.deciding import DECIDE
from engine.errors import ArgumentsError
from engine.model.choice import choice_of
from engine.model.states import StepState
from engine.rules.errors import ModelError
from engine.rules.feel.exchange import to_python
from engine.rules.files import RuleFileError, check, is_checked, read_rules
from engine.rules.model import Model
from engine.rules.prepared import Prepared, TableExplained, require_decision
from engine.rules.recorded import read_value, write_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from engine.model.choice import Call, Choice
    from engine.model.rulebook import Answer, ShadowAnswer, Shelf
    from engine.model.views import StepView
    from engine.rules.feel.values import Value
    from engine.store.rules.decisions import RecordedDecision


class Asked(NamedTuple):
    """A recorded decision: what was asked, and what came of it."""

    answer: Answer
    inputs: dict[str, Value]
    now_us: int
    decision: str | None
    """What was asked for by name."""
    call: Call


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
    choice: Choice
    """Why it was this version that decided."""


class ShadowTaken(NamedTuple):
    """What a version decided beside the one that counts."""

    version: int
    hash: str
    outcome: Any
    """None, if there is an error."""
    agrees: bool
    """Whether it came to the same outcome."""
    matched: tuple[tuple[str, tuple[int, ...]], ...]
    error: str | None
    """Why there is no outcome."""


class DecisionTaken(NamedTuple):
    """A decision that rules took in an execution; inputs and outcome are values of Python, numbers decimals."""

    seq: int
    rules: str
    version: int
    hash: str
    decision: str
    inputs: dict[str, Any]
    outcome: Any
    matched: tuple[tuple[str, tuple[int, ...]], ...]
    """For each table that was decided: the name of its decision, and the rules that matched, counted from 1."""
    problems: tuple[str, ...]
    """Why something is null, where it is."""
    shadow: ShadowTaken | None


def taken(step: RecordedDecision) -> DecisionTaken:
    """Return a decision as values. Raises CodecError and NotAValue for a record that was damaged."""
    answer, record, _ = read_recorded(step.execution_id, step.input, step.output)
    outcome = to_python(record.decided.outcome)
    inputs = {name: to_python(value) for name, value in record.inputs.items()}
    return DecisionTaken(
        step.seq, answer.rule, answer.version, answer.hash, answer.decision, inputs, outcome, answer.matched,
        answer.problems, None if answer.shadow is None else _shadow(answer.shadow, outcome),
    )  # fmt: skip


def _shadow(shadow: ShadowAnswer, outcome: Any) -> ShadowTaken:
    agrees = shadow.outcome is msgspec.UNSET and shadow.error is None
    if isinstance(shadow.outcome, msgspec.Raw):
        outcome = to_python(read_value(bytes(shadow.outcome)))
    elif not agrees:
        outcome = None
    return ShadowTaken(shadow.version, shadow.hash, outcome, agrees, shadow.matched, shadow.error)


def usable_model(source: Model | str | PathLike[str], called: str | None = None, given: Sequence[Path] = ()) -> Model:
    """Return a model, read from its file if need be, of which every part works.

    Models that it imports are within it: they are looked for in the files that are ``given``, and in those next to its
    own.

    A file that gives it no name, such as a workbook, may be called anything: then ``called`` is its name, so that the
    same rules are the same whatever their file is called.

    Raises RuleFileError and ModelError, which say all that is wrong and where.
    """
    model, file = (source, None) if isinstance(source, Model) else _read(Path(source), called, given)
    # Nothing is looked through or compiled twice: with tens of thousands of rules, that takes seconds.
    problems = [] if file is not None and is_checked(file) else check(model)
    if problems:
        raise RuleFileError(file or f"model {model.name!r}", problems)
    require_decision(model)
    return model


def asked_in(step: StepView | None, seq: int) -> Asked:
    """Return the decision that a step recorded. Raises ArgumentsError if it is none that was taken."""
    if step is None or step.name != DECIDE or step.state != StepState.COMPLETED or step.output is None:
        state = "not there" if step is None else f"{step.name!r}, {step.state}"
        raise ArgumentsError(f"step {seq} is no decision of rules that was taken: it is {state}")
    found = read_recorded("", step.input or "{}", step.output)
    return Asked(found.answer, dict(found.record.inputs), found.record.now_us, found.record.decision, found.call)


def explain(asked: Asked, content: str, shelf: Shelf) -> Explained:
    """Return why a model, as it is stored, decided so; the shelf is that of its rules. Raises ModelError."""
    answer, inputs, now_us, _, call = asked
    prepared = Prepared.from_text(content)
    outcome = read_value(bytes(answer.outcome))
    again = prepared.decide(answer.decision, inputs, now_us)
    agrees = (read_value(write_value(again.outcome)), again.matched) == (outcome, answer.matched)
    tables = prepared.explain(answer.decision, inputs, now_us)
    return Explained(answer, inputs, outcome, tables, agrees, choice_of(shelf, answer.rule, call))


def _read(path: Path, called: str | None, given: Sequence[Path]) -> tuple[Model, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: it cannot be read: {error.strerror or error}") from None
    return with_imports(path, read_rules(path.name, data, called), given), path.name
