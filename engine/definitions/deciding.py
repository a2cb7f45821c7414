"""The engine's own step that has rules in the store decide. Flows call it by ``rules.decide``."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from engine.definitions.context import step_context
from engine.definitions.step import step
from engine.errors import NotInStep
from engine.model.retry import Retry
from engine.model.rulebook import Answer, Binding, Question
from engine.model.shares import bucket_of

DECIDE: Final = "milepost.decide"
ATTEMPTS: Final = 20
"""Enough for a quarter of an hour in which the store is away, or workers of another release are replaced."""


@step(name=DECIDE, retry=Retry(attempts=ATTEMPTS, backoff="1s..1m"))
def decide_by_rules(  # noqa: PLR0917 - the arguments are the record
    rule: str,
    inputs: msgspec.Raw,
    begun_us: int,
    now_us: int,
    decision: str | None = None,
    version: int | Literal["latest"] | None = None,
    tag: str | None = None,
    as_of_us: int | None = None,
    key: str | None = None,
) -> Answer:
    """Decide. All that the outcome depends on is an argument, so every attempt on every worker decides the same."""
    decide = step_context().decide
    if decide is None:
        raise NotInStep(f"{DECIDE} decides where a worker runs it, and nowhere else")
    return decide(
        Question(
            rule=rule,
            decision=decision,
            binding=Binding(version, tag, as_of_us),
            inputs=bytes(inputs),
            begun_us=begun_us,
            now_us=now_us,
            bucket=None if key is None else bucket_of(rule, key),
        )
    )
