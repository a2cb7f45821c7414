"""Asking rules from a flow: the call that has a version in the store decide, and the ruling that it returns."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar, cast, overload

import msgspec

from engine.codec import TypeCodec
from engine.codec.fidelity import describe_value
from engine.definitions.current import require_run
from engine.definitions.deciding import decide_by_rules
from engine.errors import ArgumentsError
from engine.model.rulebook import LATEST, Answer

if TYPE_CHECKING:
    from engine.definitions.step import Step, StepCall
    from engine.model.retry import Retry

T = TypeVar("T")

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_ANSWER: Final = TypeCodec(Answer, "what rules decided")


@dataclass(frozen=True, slots=True)
class Ruling(Generic[T]):
    """What rules decided, as it is recorded."""

    outcome: T
    """Of the type that was asked for; without one, as rules have it: whole numbers are ``int``, others ``Decimal``."""
    rule: str
    version: int
    hash: str
    """The SHA-256 of the version."""
    decision: str
    matched: tuple[tuple[str, tuple[int, ...]], ...]
    """For each table that was decided: the name of its decision, and the rules that matched, counted from 1."""
    problems: tuple[str, ...]
    """Why something is null, where it is."""
    inputs_digest: str
    """The SHA-256 of the inputs."""


class _RulingCodec:
    """Reads what is recorded of a decision as a ruling."""

    def __init__(self, hint: Any, rule: str) -> None:
        self._outcome = None if hint is None else TypeCodec(hint, f"the outcome of the rules {rule!r}")

    def decode(self, text: str | bytes) -> Ruling[Any]:
        """Return the ruling. Raises CodecError if its outcome is not of the type that was asked for."""
        from engine.rules.feel.exchange import to_python
        from engine.rules.recorded import read_value, write_plain

        answer: Answer = _ANSWER.decode(text)
        value = read_value(bytes(answer.outcome))
        outcome = to_python(value) if self._outcome is None else self._outcome.decode(write_plain(value))
        return Ruling(
            outcome, answer.rule, answer.version, answer.hash, answer.decision, answer.matched, answer.problems,
            answer.inputs_digest,
        )  # fmt: skip


@overload
def decide(
    name: str, inputs: Any, *, type: type[T], decision: str | None = None,
    version: int | Literal["latest"] | None = None, tag: str | None = None, as_of: dt.date | None = None,
    key: str | int | None = None, inline: bool = False, retry: Retry | None = None,
) -> StepCall[Ruling[T]]: ...  # fmt: skip
@overload
def decide(
    name: str, inputs: Any, *, type: None = None, decision: str | None = None,
    version: int | Literal["latest"] | None = None, tag: str | None = None, as_of: dt.date | None = None,
    key: str | int | None = None, inline: bool = False, retry: Retry | None = None,
) -> StepCall[Ruling[Any]]: ...  # fmt: skip
def decide(  # noqa: PLR0913 - each says something else of the question
    name: str, inputs: Any, *, type: Any = None, decision: str | None = None,
    version: int | Literal["latest"] | None = None, tag: str | None = None, as_of: dt.date | None = None,
    key: str | int | None = None, inline: bool = False, retry: Retry | None = None,
) -> StepCall[Ruling[Any]]:  # fmt: skip
    """Have rules in the store decide, as a step of the flow: ``ruling = await rules.decide("credit-policy", order)``.

    ``inputs`` is a mapping, a dataclass or a model whose entries are the rules' inputs by name; those that the rules do
    not know are left out. ``type`` is the type of the outcome. ``decision`` names a decision or a decision service,
    where not the one that no other requires is meant.

    Without ``version`` (a number or ``"latest"``), ``tag`` or ``as_of``, the version decides that was active when the
    execution began. ``as_of`` is a business date, from its midnight in UTC, or a moment with a time zone: the version
    decides that is for it. What is active, and for which dates, is taken as it was known when the execution began.
    Where a version is rolled out to a share of executions, ``key`` says what is in the share: a customer, say, for whom
    all executions then decide alike. Without one, each execution is a key of its own.
    ``inline`` decides where the flow runs, in the same commit.

    A failure is raised as ``StepFailed``: rules, versions or decisions that are not there fail at once. Raises
    ``ArgumentsError`` for what cannot be asked, ``NotAValue`` for inputs that rules have no values for, ``NotInFlow``.
    """
    # Only here: programs without rules do without the time that FEEL takes to load.
    from engine.rules.feel.exchange import from_python
    from engine.rules.recorded import write_value

    run = require_run("rules.decide()")
    if not isinstance(name, str) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentsError(f"rules.decide() was given {name!r} as the name of rules; give a text")
    value = from_python(inputs)
    if not isinstance(value, dict):
        raise ArgumentsError(
            f"rules.decide({name!r}) was given {describe_value(inputs)} as inputs: give a mapping, a dataclass or a "
            f"model, whose entries are the inputs by name"
        )
    step = decide_by_rules.options(inline=inline)
    if retry is not None:
        step = step.options(retry=retry)
    asked = cast("Step[..., Ruling[Any]]", step)
    asked.result = _RulingCodec(type, name)
    given: dict[str, Any] = {"decision": decision, **_binding(name, version, tag, as_of)}
    given["key"] = run.origin_id if key is None else _key(name, key)
    return asked(
        name, msgspec.Raw(write_value(value)), run.started_us, run.now_us,
        **{parameter: one for parameter, one in given.items() if one is not None},
    )  # fmt: skip


def _binding(name: str, version: Any, tag: Any, as_of: Any) -> dict[str, Any]:
    if sum(one is not None for one in (version, tag, as_of)) > 1:
        raise ArgumentsError(f"rules.decide({name!r}): version=, tag= and as_of= each name a version; give one of them")
    is_number = isinstance(version, int) and not isinstance(version, bool)
    if not (version is None or is_number or version == LATEST):
        raise ArgumentsError(f"rules.decide({name!r}): version={version!r} is neither a number nor {LATEST!r}")
    return {"version": version, "tag": tag, "as_of_us": None if as_of is None else _as_of_us(name, as_of)}


def _key(name: str, key: Any) -> str:
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)
    if not isinstance(key, str) or not key:
        raise ArgumentsError(f"rules.decide({name!r}): key={key!r} is neither a text nor a whole number")
    return key


def _as_of_us(name: str, as_of: Any) -> int:
    if isinstance(as_of, dt.datetime):
        if as_of.utcoffset() is None:
            raise ArgumentsError(f"rules.decide({name!r}): as_of={as_of!r} has no time zone")
    elif isinstance(as_of, dt.date):
        as_of = dt.datetime.combine(as_of, dt.time(), dt.UTC)
    else:
        raise ArgumentsError(f"rules.decide({name!r}): as_of={as_of!r} is no date")
    return (as_of - _EPOCH) // _MICROSECOND
