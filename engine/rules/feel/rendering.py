"""Any value as a string, the way ``string()`` writes it: parts of lists and contexts as FEEL would read them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import format_number
from engine.rules.feel.temporal import (
    format_date,
    format_date_time,
    format_days,
    format_months,
    format_time,
)
from engine.rules.feel.values import (
    Date,
    DateTime,
    DaysTimeDuration,
    Function,
    Range,
    Time,
    Value,
    YearsMonthsDuration,
)

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})

_SIGNS: Final = frozenset('{}[]():,;"\\\n\r\t')

_ATOMS: Final[Mapping[type, Callable[[Any], str]]] = {
    Decimal: format_number,
    bool: lambda value: "true" if value else "false",
    Date: format_date,
    Time: format_time,
    DateTime: format_date_time,
    YearsMonthsDuration: format_months,
    DaysTimeDuration: format_days,
}
_MOMENTS: Final = frozenset({Date, Time, DateTime, YearsMonthsDuration, DaysTimeDuration})


def _atom(kind: type) -> Callable[[Any], str] | None:
    return _ATOMS.get(kind)


def text_of(ev: Evaluation, value: Value) -> str:
    """Return the value as a string; a string is itself. Raises ``BudgetExceeded`` if it becomes too long."""
    if type(value) is str:
        return value
    atom = _atom(type(value))
    if atom is not None:
        return atom(value)
    writer = _Writer(ev)
    writer.write(value)
    return writer.text()


class _Writer:
    """Writes lists and contexts as literals of FEEL, as far as there are such."""

    def __init__(self, ev: Evaluation) -> None:
        self._ev = ev
        self._pieces: list[str] = []
        self._length = 0
        self._looked = 0

    def write(self, value: Value) -> None:
        """Append the value."""
        if type(value) is list:
            self._add("[")
            for index, item in enumerate(value):
                self._add(", " if index else "")
                self.write(item)
            self._add("]")
        elif type(value) is dict:
            self._add("{")
            for index, (name, item) in enumerate(value.items()):
                self._add(f"{', ' if index else ''}{_name(name)}: ")
                self.write(item)
            self._add("}")
        else:
            self._add(_literal(value))

    def text(self) -> str:
        """Return what was written."""
        self._ev.room_for_text(self._length)
        return "".join(self._pieces)

    def _add(self, piece: str) -> None:
        self._ev.spend()
        self._pieces.append(piece)
        self._length += len(piece)
        # A list may hold another one many times: stop before everything is written out.
        if self._length > 2 * self._looked:
            self._ev.room_for_text(self._length)
            self._looked = self._length


def _name(name: str) -> str:
    """Return the name of an entry as FEEL would read it: in quotes, if there are signs in it that no name has."""
    return name if name and _SIGNS.isdisjoint(name) else f'"{name.translate(_ESCAPES)}"'


def text_of_range(value: Range) -> str:
    """Return the range as FEEL writes it; one that is open to one side as a comparison."""
    if value.end is None and value.start is not None:
        return (">=" if value.start_closed else ">") + _literal(value.start)
    if value.start is None and value.end is not None:
        return ("<=" if value.end_closed else "<") + _literal(value.end)
    opening, closing = "[" if value.start_closed else "(", "]" if value.end_closed else ")"
    return f"{opening}{_literal(value.start)}..{_literal(value.end)}{closing}"


def _literal(value: Value) -> str:
    if type(value) is str:
        return f'"{value.translate(_ESCAPES)}"'
    if type(value) is Range:
        return text_of_range(value)
    if isinstance(value, Function):
        return f"function({', '.join(parameter.name for parameter in value.parameters)})"
    atom = _atom(type(value))
    text = "null" if atom is None else atom(value)
    return f'@"{text}"' if type(value) in _MOMENTS else text
