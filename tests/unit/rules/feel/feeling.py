"""Evaluating texts of FEEL in tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.rules.feel.compiler import compile_expression, compile_tests
from engine.rules.feel.evaluation import DEFAULT_LIMITS, Evaluation, Limits
from engine.rules.feel.exchange import from_python
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import type_of
from engine.rules.feel.values import Value

NOW = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


def evaluation(problems: list[str] | None = None, limits: Limits = DEFAULT_LIMITS) -> Evaluation:
    """Return an evaluation at a fixed moment."""
    return Evaluation(NOW, problems, limits)


def value_of(text: str, variables: Mapping[str, Any] | None = None, limits: Limits = DEFAULT_LIMITS) -> Value:
    """Return what an expression comes to."""
    given = {name: from_python(value) for name, value in (variables or {}).items()}
    scope = Scope({name: type_of(value) for name, value in given.items()})
    return compile_expression(text, scope)(evaluation(limits=limits), given)


def holds(tests: str, tested: Any, variables: Mapping[str, Any] | None = None) -> bool | None:
    """Return what unary tests say of a value."""
    given = {name: from_python(value) for name, value in (variables or {}).items()}
    value = from_python(tested)
    scope = Scope({name: type_of(value) for name, value in given.items()})
    return compile_tests(tests, scope)(evaluation(), given, value)
