"""What the rules of a table come to, for those of which it is known before they are decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from engine.errors import MilepostError
from engine.rules.feel.compiler import Fixed
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import to_python

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from engine.rules.feel.compiler import Compiled
    from engine.rules.feel.values import Value
    from engine.rules.tables.table import Table

OPEN: Final = object()
"""This has to be evaluated."""


def fixed_outcomes(table: Table) -> list[Any]:
    """Return the outcome of each rule as Python has it, and at the end that of a table of which no rule hits.

    It is ``OPEN`` where an expression is no constant, and where a value does not fit its column.
    """
    # Where no column asks for more, the constants are the outcome.
    plain = all(column.conform is None and not column.allowed for column in table.conclusions)
    names = [column.name for column in table.conclusions]
    found: list[Any] = []
    for place, row in enumerate(table.rows):
        values = _constants(row.outputs)
        if values is None:
            found.append(OPEN)
        elif plain:
            converted = [to_python(value) for value in values]
            found.append(converted[0] if len(values) == 1 else dict(zip(names, converted, strict=True)))
        else:
            found.append(_evaluated(table, place))
    return [*found, _default(table)]


def _constants(outputs: Sequence[Compiled]) -> list[Value] | None:
    values = [output.value for output in outputs if isinstance(output, Fixed)]
    return values if len(values) == len(outputs) else None


def _evaluated(table: Table, place: int) -> Any:
    return _known(lambda ev: table.conclusion(ev, {}, place))


def _default(table: Table) -> Any:
    given = [column.default for column in table.conclusions if column.default is not None]
    return OPEN if _constants(given) is None else _known(lambda ev: table.outcome(ev, {}, []))


def _known(evaluate: Callable[[Evaluation], Value]) -> Any:
    problems: list[str] = []
    try:
        outcome: object = to_python(evaluate(Evaluation(_no_moment, problems)))
    except MilepostError:
        return OPEN
    # Who is given a list may change it.
    return OPEN if problems or any(isinstance(part, list | dict) for part in _parts(outcome)) else outcome


def _parts(outcome: object) -> list[object]:
    return [*cast("dict[str, object]", outcome).values()] if isinstance(outcome, dict) else [outcome]


def _no_moment() -> datetime:
    raise MilepostError("what depends on the time is not known beforehand")
