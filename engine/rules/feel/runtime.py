"""Everything that compiled code can call, by the name it calls it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.rules.feel import arithmetic, comparison, control, properties
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.types import instance_of

if TYPE_CHECKING:
    from engine.rules.feel.values import Value


def variable_of(variables: Mapping[str, Value], name: str) -> Value:
    """Return the value of a variable; null if it was given none."""
    return variables.get(name)


def problem(ev: Evaluation, text: str) -> None:
    """Say why a value is null, and return it."""
    return ev.problem(text)


def any_of(held: Sequence[bool | None]) -> bool | None:
    """Join tests: true if one is, else null if one is, else false."""
    if True in held:
        return True
    return None if None in held else False


def own_test(ev: Evaluation, tested: Value, result: Value) -> bool | None:
    """Judge a test that names the tested value itself, or is a range: by what it came to, if that is a truth value.

    If it came to null, it is null: ``? > 5`` and ``[5..1]`` are not true of null, as a test that is null would be.
    """
    return result if result is None or type(result) is bool else comparison.in_test(ev, tested, result)


RUNTIME: Final[Mapping[str, Any]] = {
    "add": arithmetic.add,
    "subtract": arithmetic.subtract,
    "multiply": arithmetic.multiply,
    "divide": arithmetic.divide,
    "exponent": arithmetic.exponent,
    "negate": arithmetic.negate,
    "equals": comparison.equals,
    "not_equals": comparison.not_equals,
    "less": comparison.less,
    "less_equal": comparison.less_equal,
    "greater": comparison.greater,
    "greater_equal": comparison.greater_equal,
    "between": comparison.between,
    "in_test": comparison.in_test,
    "conjunction": comparison.conjunction,
    "disjunction": comparison.disjunction,
    "negation": comparison.negation,
    "property_of": properties.property_of,
    "instance_of": instance_of,
    "call": control.call,
    "call_named": control.call_named,
    "closure": control.Closure,
    "counted": control.counted,
    "element": control.element,
    "entry_or": control.entry_or,
    "filtered": control.filtered,
    "for_each": control.for_each,
    "open_range": control.open_range,
    "quantified": control.quantified,
    "range_of": control.range_of,
    "any_of": any_of,
    "own_test": own_test,
    "problem": problem,
    "variable_of": variable_of,
}
