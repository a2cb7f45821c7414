"""Deciding by a version whose outcome does not count, beside the one that does: whatever it does harms nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from engine.model.rulebook import ShadowAnswer
from engine.rulebook.patience import patience
from engine.rules.recorded import read_value, write_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.model.rulebook import Question, RuleVersion
    from engine.rules.feel.values import Value
    from engine.rules.prepared import Prepared

LARGEST: Final = 16_384
"""How many bytes may be recorded of it: it must not be what makes a step's result too large."""


def decide_beside(
    version: RuleVersion,
    prepared: Callable[[], Prepared],
    question: Question,
    inputs: Mapping[str, Value],
    counts: bytes,
) -> ShadowAnswer:
    """Return what a version decides of the same question; ``counts`` is the outcome that counts, as it is written.

    Never raises.
    """
    # It stands on the compiler, which is imported with the first rules to compile.
    from engine.rules.scenarios import differences

    known = ShadowAnswer(version=version.number, hash=version.hash)
    try:
        reached = prepared().decide(question.decision, inputs, question.now_us, patience())
        outcome, made = write_value(reached.outcome), msgspec.structs.replace(known, matched=reached.matched)
        if outcome != counts and differences(read_value(counts), read_value(outcome)):
            made = msgspec.structs.replace(made, outcome=msgspec.Raw(outcome))
        size = len(msgspec.json.encode(made))
        if size > LARGEST:
            return msgspec.structs.replace(known, error=f"what it decided has {size} bytes: too large to be recorded")
        return made
    except Exception as error:  # noqa: BLE001 - the decision that counts is taken, and must not suffer from this one
        return msgspec.structs.replace(known, error=f"{type(error).__name__}: {error}"[: LARGEST // 4])
