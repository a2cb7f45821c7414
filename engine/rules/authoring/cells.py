"""What is written into the cells of tables: values of Python, helpers that test them, and FEEL."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from engine.rules.errors import ModelError
from engine.rules.feel.exchange import NotAValue, from_python
from engine.rules.literals import literal


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell, in FEEL."""

    text: str


anything: Final = Cell("-")
"""True of every value."""


def feel(text: str) -> Cell:
    """Write a cell, or an outcome, in FEEL: ``feel("< limit")``, ``feel("price * 2")``."""
    return Cell(text)


def less_than(bound: object) -> Cell:
    """Test for values below a bound."""
    return Cell(f"< {_text(bound)}")


def at_most(bound: object) -> Cell:
    """Test for a bound and values below it."""
    return Cell(f"<= {_text(bound)}")


def more_than(bound: object) -> Cell:
    """Test for values above a bound."""
    return Cell(f"> {_text(bound)}")


def at_least(bound: object) -> Cell:
    """Test for a bound and values above it."""
    return Cell(f">= {_text(bound)}")


def between(low: object, high: object) -> Cell:
    """Test for values from one to another, both of them included."""
    return Cell(f"[{_text(low)}..{_text(high)}]")


def one_of(*values: object) -> Cell:
    """Test for any of some values, or for what any of some cells is true of."""
    return Cell(_joined("one_of", values))


def none_of(*values: object) -> Cell:
    """Test for none of some values, and for what none of some cells is true of."""
    return Cell(f"not({_joined('none_of', values)})")


def _joined(name: str, values: tuple[object, ...]) -> str:
    cells = [value.text if isinstance(value, Cell) else _text(value) for value in values]
    if not cells or any(cell.strip() == "-" or cell.lstrip().startswith("not(") for cell in cells):
        raise ModelError(f"{name} takes values, comparisons and ranges, and at least one of them")
    return ", ".join(cells)


def _text(value: object) -> str:
    try:
        return literal(from_python(value))
    except NotAValue as error:
        advice = "; a cell tests by FEEL: for a condition in Python, write a rule" if callable(value) else ""
        raise ModelError(f"{value!r} cannot stand in a cell: {error}{advice}") from error


def cell_text(value: object) -> str:
    """Return the text of a cell for a helper, or for a value. Raises ModelError."""
    if isinstance(value, Cell):
        return value.text
    if isinstance(value, list | tuple | set | frozenset):
        raise ModelError("a collection cannot stand in a cell: for any of its elements, write one_of(...)")
    return _text(value)


def outcome_text(value: object) -> str:
    """Return the expression of an outcome. Raises ModelError."""
    return value.text if isinstance(value, Cell) else _text(value)


_SEPARATOR: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(\|)')


def split_row(text: str) -> list[str]:
    """Return the cells of a row in FEEL, which ``|`` separates outside of strings."""
    cells: list[str] = []
    start = 0
    for found in _SEPARATOR.finditer(text):
        if found.group(1):
            cells.append(text[start : found.start()].strip())
            start = found.end()
    return [*cells, text[start:].strip()]
