"""Tables as rows of cells, the same in CSV files and on the sheets of workbooks.

The full form begins with the hit policy, and says of each column what it is::

    FIRST    in: Season   in: Guests  out: Dish  # Why
    type     string       number      string
    allowed  Fall,Winter
    default                           Stew
    1        Fall         <= 8        Spareribs  as ever
    2        -            > 8         (Special)  the one of the day

The first row has ``UNIQUE``, ``FIRST``, ``PRIORITY``, ``ANY``, ``COLLECT`` (also ``COLLECT SUM``, ``MIN``, ``MAX``,
``COUNT``), ``RULE ORDER`` or ``OUTPUT ORDER``, or their letters ``U F P A C C+ C< C> C# R O``; then ``in:`` and the
expression that is tested, ``out:`` and the name of the output (which may be left out if there is only one), ``#`` and
the title of a column of annotations. Rows ``label``, ``type``, ``allowed`` and ``default`` may follow, in any order,
and then the rules, whose first cell is a number, an id or nothing.

The plain form has names, an arrow between inputs and outputs, the hit policy after the arrow if it is not ``UNIQUE``,
and types after a colon::

    Season: string   Guests   -> FIRST   Dish: string   # Why
    Fall             <= 8                Spareribs      as ever

Cells are FEEL: unary tests in columns of inputs, where an empty cell is ``-``, and expressions in columns of outputs.
In columns of the type ``string``, what is plainly a text needs no quotes (:mod:`engine.rules.files.texts`). What looks
like a number with separators in it, such as ``< 1,000``, is refused: in FEEL, these are two tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from engine.rules.files import texts
from engine.rules.model import Aggregation, DecisionTable, HitPolicy, InputClause, OutputClause, Rule
from engine.rules.problems import Problem, RuleFileError, Spot

MAX_CELLS: Final = 2_000_000

POLICIES: Final[dict[str, tuple[HitPolicy, Aggregation | None]]] = {
    "UNIQUE": ("UNIQUE", None), "U": ("UNIQUE", None),
    "FIRST": ("FIRST", None), "F": ("FIRST", None),
    "PRIORITY": ("PRIORITY", None), "P": ("PRIORITY", None),
    "ANY": ("ANY", None), "A": ("ANY", None),
    "RULE ORDER": ("RULE ORDER", None), "R": ("RULE ORDER", None),
    "OUTPUT ORDER": ("OUTPUT ORDER", None), "O": ("OUTPUT ORDER", None),
    "COLLECT": ("COLLECT", None), "C": ("COLLECT", None),
    "COLLECT SUM": ("COLLECT", "SUM"), "C+": ("COLLECT", "SUM"),
    "COLLECT MIN": ("COLLECT", "MIN"), "C<": ("COLLECT", "MIN"),
    "COLLECT MAX": ("COLLECT", "MAX"), "C>": ("COLLECT", "MAX"),
    "COLLECT COUNT": ("COLLECT", "COUNT"), "C#": ("COLLECT", "COUNT"),
}  # fmt: skip
ARROW: Final = "->"
HEADS: Final = ("label", "type", "allowed", "default")

Kind = Literal["in", "out", "#"]
Row = Sequence[str]


class FeelLiteral(str):
    """A cell that held a number, a boolean or a moment, as the literal of FEEL."""

    __slots__ = ()


@dataclass(slots=True)
class Column:
    """A column of a table, and where it is."""

    place: int
    kind: Kind
    title: str
    """The expression of an input, the name of an output, the title of annotations."""
    label: str | None = None
    type: str | None = None
    allowed: str | None = None
    default: str | None = None

    @property
    def takes_texts(self) -> bool:
        """Whether what is plainly a text needs no quotes."""
        return self.type == "string"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that was read, and where its parts are: rows and columns count from 0."""

    table: DecisionTable
    columns: tuple[int, ...]
    heads: dict[str, int]
    rules: tuple[int, ...]
    is_plain: bool
    """Whether it is of the plain form, whose inputs are names."""

    def place(self, spot: Spot) -> str:
        """Return the row and the column of a spot."""
        row = self.rules[spot.rule] if spot.rule >= 0 else self.heads.get(spot.part, self.heads["expression"])
        return place_of(row, self.columns[spot.column])


def _plain(literal: str) -> str:
    """Return what a literal shows: a date without its sign and quotes."""
    return literal[2:-1] if literal.startswith('@"') else literal


def letter(column: int) -> str:
    """Return the letters by which spreadsheets call a column."""
    found = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def place_of(row: int, column: int) -> str:
    """Return the name of a cell's place."""
    return f"row {row + 1}, column {letter(column)}"


def is_header(row: Row) -> bool:
    """Tell whether a row begins a table, in one of the two forms."""
    return _is_full(row) or any(cell.strip().startswith(ARROW) for cell in row)


def _is_full(row: Row) -> bool:
    first = row[0].strip().upper() if row else ""
    return first in POLICIES and _has_outputs(row)


def _has_outputs(row: Row) -> bool:
    return any(cell.strip().lower().startswith("out:") for cell in row[1:])


def _no_header(row: Row, number: int) -> Problem:
    if _has_outputs(row):
        return Problem(_no_policy(row[0].strip()), place=place_of(number, 0))
    text = (
        "this row begins no table: write a hit policy, such as U, and columns 'in: ...' and 'out: ...', or names with "
        "'->' between inputs and outputs"
    )
    return Problem(text, place=f"row {number + 1}")


def _no_policy(text: str) -> str:
    return f"{text!r} is no hit policy: write one of {', '.join(POLICIES)}"


def read_sheet(rows: Sequence[Row], file: str) -> Sheet:
    """Return the table that rows of cells are. ``file`` is what errors call it.

    Raises RuleFileError with all that is wrong with the layout; cells are not read as FEEL here.
    """
    return _Reader(rows, file).read()


@dataclass(slots=True)
class _Reader:
    rows: Sequence[Row]
    file: str
    problems: list[Problem] = field(default_factory=list[Problem])
    columns: list[Column] = field(default_factory=list[Column])
    heads: dict[str, int] = field(default_factory=dict[str, int])
    rules: list[int] = field(default_factory=list[int])
    policy: tuple[HitPolicy, Aggregation | None] = ("UNIQUE", None)
    arrow: int = -1

    def read(self) -> Sheet:
        start = next((place for place, row in enumerate(self.rows) if any(cell.strip() for cell in row)), None)
        if start is None:
            raise RuleFileError(self.file, [Problem("there is no table: all cells are empty")])
        if not is_header(self.rows[start]):
            raise RuleFileError(self.file, [_no_header(self.rows[start], start)])
        if sum(map(len, self.rows)) > MAX_CELLS:
            raise RuleFileError(self.file, [Problem(f"the table has more than {MAX_CELLS} cells")])
        self.heads["expression"] = start
        plain = self._header(self.rows[start], start)
        for number in range(start + 1, len(self.rows)):
            self._row(self.rows[number], number, plain=plain)
        table = self._table(plain=plain)
        if self.problems:
            raise RuleFileError(self.file, self.problems)
        inputs, outputs = self._kind("in"), self._kind("out")
        places = tuple(column.place for column in [*inputs, *outputs])
        return Sheet(table, places, self.heads, tuple(self.rules), plain)

    # -- the first row -----------------------------------------------------------------------------------------------

    def _header(self, row: Row, number: int) -> bool:
        """Read the first row, and tell whether it is one of the plain form."""
        cells = [cell.strip() for cell in row]
        plain = not _is_full(row)
        if plain:
            self._plain_header(cells, number)
        else:
            self.policy = POLICIES[cells[0].upper()]
            for place, cell in enumerate(cells[1:], 1):
                self._full_title(cell, place, number)
        if not self._kind("out"):
            self._add("there is no column of an output", number)
        return plain

    def _full_title(self, cell: str, place: int, number: int) -> None:
        kind, mark, title = cell.partition(":")
        if cell.startswith("#"):
            self.columns.append(Column(place, "#", cell[1:].strip()))
        elif mark and kind.strip().lower() == "out":
            self.columns.append(Column(place, "out", title.strip()))
        elif mark and kind.strip().lower() == "in":
            self.columns.append(Column(place, "in", title.strip()))
            if not title.strip():
                self._add("the input has no expression: 'in: Age'", number, place)
        elif cell:
            self._add(f"{cell!r} is no column: it begins with 'in:', 'out:' or '#'", number, place)

    def _plain_header(self, cells: list[str], number: int) -> None:
        arrows = [place for place, cell in enumerate(cells) if cell.startswith(ARROW)]
        self.arrow = arrows[0]
        policy = cells[self.arrow][len(ARROW) :].strip().upper() or "UNIQUE"
        if policy in POLICIES:
            self.policy = POLICIES[policy]
        else:
            self._add(_no_policy(policy), number, self.arrow)
        if len(arrows) > 1:
            self._add("there is a second arrow", number, arrows[1])
        for place, cell in enumerate(cells):
            if not cell or place in arrows:
                continue
            if cell.startswith("#"):
                self.columns.append(Column(place, "#", cell[1:].strip()))
                continue
            title, _, type_ = cell.partition(":")
            kind: Kind = "in" if place < self.arrow else "out"
            self.columns.append(Column(place, kind, title.strip(), type=type_.strip() or None))

    # -- the other rows ----------------------------------------------------------------------------------------------

    def _row(self, row: Row, number: int, *, plain: bool) -> None:
        if not any(cell.strip() for cell in row):
            return
        known = {column.place for column in self.columns}
        for place, cell in enumerate(row):
            if cell.strip() and place not in known and place != (self.arrow if plain else 0):
                self._add(f"{cell.strip()[:40]!r} is in a column without a title", number, place)
        first = "" if plain else row[0].strip().lower()
        if first in HEADS:
            self._head(row, number, first)
        else:
            if plain and self.arrow < len(row) and row[self.arrow].strip() not in ("", ARROW):
                self._add("the column of the arrow has nothing but arrows", number, self.arrow)
            self.rules.append(number)

    def _head(self, row: Row, number: int, name: str) -> None:
        if self.rules:
            self._add(f"the row {name!r} comes before the rules", number, 0)
        if name in self.heads:
            self._add(f"there is a second row {name!r}", number, 0)
        self.heads[name] = number
        for column in self.columns:
            text = self._cell(row, column)
            if not text:
                continue
            if column.kind == "#" or (name == "default" and column.kind == "in"):
                self._add(f"only {'outputs have' if name == 'default' else 'inputs and outputs have'} a {name}",
                          number, column.place)  # fmt: skip
            elif name == "label":
                column.label = text
            elif name == "type":
                column.type = text
            elif name == "allowed":
                column.allowed = text
            else:
                column.default = text

    # -- the table ---------------------------------------------------------------------------------------------------

    def _table(self, *, plain: bool) -> DecisionTable:
        inputs = tuple(
            InputClause(one.title, one.label, one.type, self._head_text(one, "allowed", one.allowed))
            for one in self._kind("in")
        )
        outputs = tuple(
            OutputClause(
                one.title or None, one.label, one.type,
                self._head_text(one, "allowed", one.allowed), self._head_text(one, "default", one.default),
            )
            for one in self._kind("out")
        )  # fmt: skip
        rules = tuple(self._rule(self.rows[number], number, plain=plain) for number in self.rules)
        notes = tuple(column.title for column in self._kind("#"))
        return DecisionTable(inputs, outputs, rules, self.policy[0], self.policy[1], notes)

    def _head_text(self, column: Column, name: str, text: str | None) -> str | None:
        if text is None or not column.takes_texts:
            return text
        self._no_literal(text, column, self.heads[name])
        return texts.conclusion(text) if name == "default" else texts.condition(text)

    def _rule(self, row: Row, number: int, *, plain: bool) -> Rule:
        name = "" if plain else row[0].strip()
        return Rule(
            tuple(self._condition(row, number, column) for column in self._kind("in")),
            tuple(self._conclusion(row, number, column) for column in self._kind("out")),
            tuple(self._cell(row, column) for column in self._kind("#")),
            None if not name or name.isdecimal() else name,
        )

    def _condition(self, row: Row, number: int, column: Column) -> str:
        text = self._cell(row, column) or "-"
        if not column.takes_texts:
            if texts.spaced(text) != text:
                self._add(
                    f"{text[:40]!r} has a comma in a number, which ends a test in FEEL: write 1000 for 1,000 and 1.5 "
                    f"for 1,5, or a blank after the comma",
                    number,
                    column.place,
                )
            self._no_subtraction(text, column, number)
            return text
        self._no_literal(text, column, number)
        return texts.condition(text)

    def _conclusion(self, row: Row, number: int, column: Column) -> str:
        text = self._cell(row, column)
        if not text:
            self._add("the output is empty: write null if that is meant", number, column.place)
        if not column.takes_texts:
            self._no_subtraction(text, column, number)
            return text
        self._no_literal(text, column, number)
        return texts.conclusion(text)

    def _no_subtraction(self, text: str, column: Column, number: int) -> None:
        if texts.subtracted(text) != text:
            self._add(
                f"{text[:40]!r} is a subtraction in FEEL: write a range as [18..65] and a date as "
                f'@"2027-01-31", or blanks around the sign',
                number,
                column.place,
            )

    def _no_literal(self, text: str, column: Column, number: int) -> None:
        if isinstance(text, FeelLiteral):
            self._add(
                f'the cell holds {text}, and the column is of strings: type "{_plain(text)}", with the quotes, or give '
                f"the column another type",
                number,
                column.place,
            )

    @staticmethod
    def _cell(row: Row, column: Column) -> str:
        cell = row[column.place] if column.place < len(row) else ""
        return cell if isinstance(cell, FeelLiteral) else cell.strip()

    def _kind(self, kind: Kind) -> list[Column]:
        return [column for column in self.columns if column.kind == kind]

    def _add(self, text: str, row: int, column: int | None = None) -> None:
        self.problems.append(Problem(text, place=f"row {row + 1}" if column is None else place_of(row, column)))
