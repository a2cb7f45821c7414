"""Decisions of rules as steps have recorded them, read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engine.definitions.deciding import decide_by_rules
from engine.errors import ArgumentsError
from engine.model.choice import Call
from engine.model.rulebook import Binding
from engine.rules.backtest import Comparison, Decided, Record, compare
from engine.rules.recorded import read_value

if TYPE_CHECKING:
    from engine.model.rulebook import Answer


class Recorded(NamedTuple):
    """A decision that was taken: what was recorded, the same as what can be decided once more, and how it was asked
    for."""

    answer: Answer
    record: Record
    call: Call


def read_recorded(where: str, given: str, gave: str) -> Recorded:
    """Read a decision from what its step was given and gave. Raises CodecError and NotAValue for what was damaged."""
    (_, inputs, begun_us, now_us, decision, *bound, key), _ = decide_by_rules.arguments.decode(given)
    answer: Answer = decide_by_rules.result.decode(gave)
    values = read_value(bytes(inputs))
    if not isinstance(values, dict):
        raise ArgumentsError("the inputs of rules are an object by name")
    decided = Decided(read_value(bytes(answer.outcome)), answer.matched, None, answer.problems)
    call = Call(Binding(*bound), begun_us, key)
    return Recorded(answer, Record(where, values, decided, decision, now_us), call)


def shadow_compared(recorded: Recorded, number: int) -> Comparison | None:
    """Compare what a version decided as a shadow with what counted; None where it was none. Raises NotAValue."""
    shadow = recorded.answer.shadow
    if shadow is None or shadow.version != number:
        return None
    outcome = recorded.record.decided.outcome
    if isinstance(shadow.outcome, msgspec.Raw):
        outcome = read_value(bytes(shadow.outcome))
    return compare(recorded.record, Decided(outcome, shadow.matched, shadow.error))
