"""Values as FEEL writes them: what is put into cells and expressions for a value of Python's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import MilepostError
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.rendering import text_of

if TYPE_CHECKING:
    from datetime import datetime

    from engine.rules.feel.values import Value


def literal(value: Value) -> str:
    """Return the expression that comes to this value, such as ``"a"`` in its quotes, or ``@"2026-01-31"``."""
    if isinstance(value, dict):
        # In quotes, as there are names that FEEL reads as something else.
        return "{" + ", ".join(f"{literal(name)}: {literal(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    # A list writes its elements as literals, where a string by itself would be written without quotes.
    return text_of(Evaluation(_no_moment), [value])[1:-1]


def _no_moment() -> datetime:
    raise MilepostError("a literal does not depend on the time")
