"""Scenarios as rows of cells, the same in CSV files and on the sheets of workbooks.

The first row says what each column is::

    name             in: Score  in: Amount  out: Route  out: Rate
    a low score      420        3000        reject      null
    a good customer  810        9000        accept      0.05

``in:`` and the name of an input; ``out:`` and the name of an entry of the outcome, or ``out:`` alone for an outcome
that is one value. ``name``, ``decision`` and ``now`` may be left out. Cells are FEEL, and each comes to a value. As
nothing has a name there, what is plainly a text needs no quotes if it begins with a letter. An empty cell is an input
that is not given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from engine.errors import MilepostError
from engine.rules.feel.compiler import compile_expression
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.feel.scope import Scope
from engine.rules.files import texts
from engine.rules.files.layout import place_of
from engine.rules.literals import literal
from engine.rules.problems import Problem
from engine.rules.recorded import write_value
from engine.rules.scenarios import EPOCH, Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.rules.feel.values import Value
    from engine.rules.files.layout import Row

_MORE: Final = ("name", "decision", "now")


def begins_scenarios(row: Row) -> bool:
    """Tell whether a row says what the columns of scenarios are."""
    kinds = {_kind(cell)[0] for cell in row}
    return {"in", "out"} <= kinds


def read_rows(rows: Sequence[Row], problems: list[Problem], before: int = 0) -> list[Scenario]:
    """Return the scenarios that rows are; all that is wrong goes to ``problems``.

    One without a name is called by its place, after as many as came ``before``.
    """
    return _Reader(rows, problems, before).read()


def rows_of(scenarios: Sequence[Scenario]) -> list[list[str]]:
    """Return scenarios as rows that are read again as the same ones."""
    values = [(from_python(dict(one.inputs)), from_python(one.expected)) for one in scenarios]
    inputs = [*dict.fromkeys(name for given, _ in values if isinstance(given, dict) for name in given)]
    outputs = _outputs([expected for _, expected in values])
    more = [
        ("name", [one.name for one in scenarios]),
        ("decision", [one.decision or "" for one in scenarios]),
        ("now", ["" if one.now == EPOCH else literal(from_python(one.now)) for one in scenarios]),
    ]
    more = [(title, cells) for title, cells in more if any(cells)]
    head = [title for title, _ in more]
    head += [f"in: {name}" for name in inputs] + [f"out: {name}".strip() for name in outputs]
    rows = [head]
    for place, (given, expected) in enumerate(values):
        row = [cells[place] for _, cells in more]
        row += [literal(given[name]) if isinstance(given, dict) and name in given else "" for name in inputs]
        row += [literal(expected[name] if name and isinstance(expected, dict) else expected) for name in outputs]
        rows.append(row)
    return rows


def _outputs(expected: Sequence[Value]) -> list[str]:
    """Return the entries that all outcomes have; an empty name alone where they are other values."""
    first = expected[0] if expected else None
    names = [*first] if isinstance(first, dict) and all(first) else [""]
    same = all(isinstance(one, dict) and [*one] == names for one in expected)
    return names if names and same else [""]


def _kind(cell: str) -> tuple[str, str]:
    """Return what a column is, and its title."""
    kind, mark, title = cell.strip().partition(":")
    if mark and kind.strip().lower() in ("in", "out"):
        return kind.strip().lower(), title.strip()
    return (cell.strip().lower(), "") if cell.strip().lower() in _MORE else ("", cell.strip())


@dataclass(slots=True)
class _Reader:
    rows: Sequence[Row]
    problems: list[Problem]
    before: int
    columns: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])

    def read(self) -> list[Scenario]:
        start = next((place for place, row in enumerate(self.rows) if any(cell.strip() for cell in row)), None)
        if start is None or not begins_scenarios(self.rows[start]):
            text = "scenarios begin with a row that says what each column is: 'name', 'in: ...' and 'out: ...'"
            self.problems.append(Problem(text, place=f"row {(start or 0) + 1}"))
            return []
        self._head(self.rows[start], start)
        found: list[Scenario] = []
        for number in range(start + 1, len(self.rows)):
            if any(cell.strip() for cell in self.rows[number]):
                found.append(self._scenario(self.rows[number], number, len(found) + 1 + self.before))
        if not found:
            self.problems.append(Problem("there are no scenarios below the first row", place=f"row {start + 1}"))
        return found

    def _head(self, row: Row, number: int) -> None:
        for place, cell in enumerate(row):
            kind, title = _kind(cell)
            wrong = None
            if kind == "in" and not title:
                wrong = "the input has no name: 'in: Age'"
            elif title and not kind:
                wrong = f"{title!r} is no column: it is 'name', 'decision' or 'now', or begins with 'in:' or 'out:'"
            elif kind and (kind, title) in [known[1:] for known in self.columns]:
                wrong = f"there is a second column {cell.strip()!r}"
            if wrong is not None:
                self.problems.append(Problem(wrong, place=place_of(number, place)))
            elif kind:
                self.columns.append((place, kind, title))
        outputs = [title for _, kind, title in self.columns if kind == "out"]
        if "" in outputs and len(outputs) > 1:
            text = "'out:' without a name is the whole outcome, and has no other outputs beside it"
            self.problems.append(Problem(text, place=f"row {number + 1}"))

    def _scenario(self, row: Row, number: int, count: int) -> Scenario:
        known = {place for place, _, _ in self.columns}
        for place, cell in enumerate(row):
            if cell.strip() and place not in known:
                text = f"{cell.strip()[:40]!r} is in a column without a title"
                self.problems.append(Problem(text, place=place_of(number, place)))
        more, inputs, outputs = dict[str, str](), dict[str, Any](), dict[str, Any]()
        now = EPOCH
        for place, kind, title in self.columns:
            text = row[place].strip() if place < len(row) else ""
            if kind == "in" and text:
                inputs[title] = self._value(text, number, place, title)
            elif kind == "out":
                outputs[title] = self._value(text, number, place, title)
            elif kind == "now" and text:
                now = self._moment(text, number, place)
            elif text:
                more[kind] = text
        expected = outputs.get("") if "" in outputs else outputs
        return Scenario(more.get("name") or f"scenario {count}", inputs, expected, more.get("decision"), now)

    def _value(self, text: str, row: int, column: int, title: str) -> Value:
        try:
            return value_of(text)
        except ValueError as error:
            name = f" ({title})" if title else ""
            self.problems.append(Problem(str(error), place=place_of(row, column) + name))
            return None

    def _moment(self, text: str, row: int, column: int) -> datetime:
        found = to_python(self._value(text, row, column, "now"))
        if isinstance(found, datetime) and found.utcoffset() is not None:
            return found
        said = 'it is no moment with a time zone: write it as @"2026-11-30T12:00:00Z"'
        self.problems.append(Problem(said, place=place_of(row, column)))
        return EPOCH


def value_of(text: str) -> Value:
    """Return the value that a cell comes to. Raises ValueError, which says what is wrong with it."""
    if not text:
        raise ValueError("the output is empty: write null if that is meant")
    if texts.subtracted(text) != text:
        raise ValueError(f'{text[:40]!r} is a subtraction in FEEL: write a date as @"2027-01-31"')
    said: list[str] = []
    try:
        value = compile_expression(text, Scope({}))(Evaluation(EPOCH, said), {})
        write_value(value)
        reason = "; ".join(said)
    except MilepostError as error:
        value, reason = None, str(error)
    if not reason:
        return value
    if text[0].isalpha() and texts.conclusion(text) != text:
        return text
    raise ValueError(f"{text[:40]!r} comes to no value: {reason}")
