"""Calling the runtime by hand: values written short, and results as FEEL writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.evaluation import Evaluation, Limits
from engine.rules.feel.exchange import from_python
from engine.rules.feel.range_text import parse_range
from engine.rules.feel.rendering import text_of
from engine.rules.feel.temporal import parse_temporal
from engine.rules.feel.values import Function, Value

NOW = datetime(2024, 2, 29, 13, 45, 30, tzinfo=UTC)


def evaluation(**limits: int) -> Evaluation:
    return Evaluation(NOW, [], Limits(**limits))


def value(written: Any) -> Value:
    """Return the value: ``@2020-01-01`` is a date, ``#[1..3]`` a range, all else as Python has it."""
    if isinstance(written, str) and written.startswith("@"):
        moment = parse_temporal(written[1:])
        assert moment is not None, written
        return moment
    if isinstance(written, str) and written.startswith("#"):
        found = parse_range(written[1:])
        assert found is not None, written
        return found
    if isinstance(written, Function):
        return written
    if isinstance(written, list):
        return [value(item) for item in written]
    if isinstance(written, Mapping):
        return {name: value(item) for name, item in written.items()}
    return from_python(written)


def shown(result: Value) -> str:
    """Return the value as FEEL writes it within a list."""
    return text_of(evaluation(), [result])[1:-1]


def call(name: str, *args: Any) -> str:
    """Return what a built-in makes of arguments by position; a null comes with a problem, or it fails."""
    ev = evaluation()
    result = BUILTINS[name].invoke(ev, [value(arg) for arg in args])
    return shown(result)


def call_named(name: str, **args: Any) -> str:
    """Return what a built-in makes of arguments by name; an underscore stands for a blank."""
    ev = evaluation()
    return shown(BUILTINS[name].invoke_named(ev, {key.replace("_", " "): value(arg) for key, arg in args.items()}))


def problems(name: str, *args: Any) -> list[str]:
    """Return what a built-in says of arguments by position."""
    ev = evaluation()
    BUILTINS[name].invoke(ev, [value(arg) for arg in args])
    return ev.problems or []
