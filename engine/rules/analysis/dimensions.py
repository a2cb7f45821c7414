"""The dimensions of a table: its inputs, each cut into the sections within which its cells say the same.

Columns that test the same expression are one dimension. Sections are counted through the lines of the dimension's
domains, one after the other, and then null, where a cell speaks of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from engine.rules.analysis.lines import Line, make_line
from engine.rules.feel.days import date_of
from engine.rules.feel.values import DaysTimeDuration, Value, YearsMonthsDuration
from engine.rules.tables.cell_tests import MOMENTS, CellTests, Equal, IsNull, Never

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.rules.tables.cell_tests import Domain, Key, Test

_ORDER: Final[Sequence[Domain]] = (
    "number", "string", "boolean", "date", *MOMENTS, "days and time duration", "years and months duration",
)  # fmt: skip
_ANY_VALUE: Final[dict[str, Value]] = {
    "number": Decimal(0),
    "string": "any",
    "boolean": True,
    "date": date_of(2000, 1, 1),
    "days and time duration": DaysTimeDuration(0),
    "years and months duration": YearsMonthsDuration(0),
}


@dataclass(frozen=True, slots=True)
class InputColumn:
    """What the analysis knows of a column: its place, the cells that are not opaque, and what is allowed."""

    place: int
    cells: tuple[CellTests | None, ...]
    domain: Domain | None = None
    """By its type; None if that is not known."""
    allowed: tuple[CellTests, ...] = ()
    whole_numbers: bool = False


class Dimension:
    """An input, in sections."""

    def __init__(self, columns: Sequence[InputColumn]) -> None:
        self.columns = tuple(columns)
        tests = [cell for column in columns for cell in (*column.cells, *column.allowed) if cell is not None]
        self._lines = _lines(columns, tests)
        self._has_null = any(cell.names_null for cell in tests)
        self._starts: dict[Domain, int] = {}
        self.count = 0
        for line in self._lines:
            self._starts[line.domain] = self.count
            self.count += line.count
        # Without any domain there is one section, of whatever there is.
        self._null = self.count if self._lines else 1
        self.count = self._null + self._has_null
        self.possible = sum(1 << section for section in range(self.count) if self._exists(section))
        """The sections that are not empty."""
        self.universe = self.possible
        """Those that are allowed, of which null always is one."""
        for column in columns:
            for allowed in column.allowed:
                self.universe &= self.true_at(allowed) | self._null_bit
        self.by_column = [[self._own(cell) for cell in column.cells] for column in columns]
        """For each column and rule, the sections that the cell is true of; of an opaque one, all."""
        self.own = [self._joined(cells) for cells in zip(*self.by_column, strict=True)]
        """For each rule, the sections that all of its cells are true of."""
        by_section = self._by_section()
        self._unions = _Unions(by_section)
        self.classes: dict[int, int] = {}
        """Sets of sections by the set of rules that are true of them."""
        for section in bits(self.universe):
            rules = by_section[section]
            self.classes[rules] = self.classes.get(rules, 0) | (1 << section)

    @property
    def _null_bit(self) -> int:
        return 1 << self._null if self._has_null else 0

    def _exists(self, section: int) -> bool:
        return section == self._null or not self._lines or self.example(section) is not None

    def example(self, section: int) -> Value:
        """Return a value of the section."""
        if self._has_null and section == self._null:
            return None
        if not self._lines:
            return next((_ANY_VALUE[column.domain] for column in self.columns if column.domain), "any")
        line, start = self._line_at(section)
        return line.example(section - start)

    def _line_at(self, section: int) -> tuple[Line, int]:
        return next(
            (line, start)
            for line in self._lines
            if (start := self._starts[line.domain]) <= section < start + line.count
        )

    def text(self, sections: int) -> str:
        """Return the cell that is true of these sections of those that there are; ``-`` for all."""
        if sections & self.universe == self.universe:
            return "-"
        found = [] if self._lines or not sections & 1 else ["!= null"]
        for line in self._lines:
            part = sections >> self._starts[line.domain] & line.whole
            if part & (self.universe >> self._starts[line.domain]):
                found += line.cells(part)
        if sections & self._null_bit:
            found.append("null")
        if len(self._lines) > 1 or self._has_null:
            found = [_apart(one) for one in found]
        return ", ".join(found)

    # -- cells -------------------------------------------------------------------------------------------------------

    def _own(self, cell: CellTests | None) -> int:
        return self.possible if cell is None else self.true_at(cell) & self.possible

    def _joined(self, cells: Sequence[int]) -> int:
        joined = self.universe
        for cell in cells:
            joined &= cell
        return joined

    def true_at(self, cell: CellTests) -> int:
        """Return the sections that a cell is true of."""
        everything = (1 << self.count) - 1
        if cell.anything:
            return everything
        if cell.negated:
            found = everything
            for test in cell.tests:
                found &= self._false_at(test)
            return found
        found = 0
        for test in cell.tests:
            found |= self._true_at(test)
        return found

    def _true_at(self, test: Test) -> int:
        if isinstance(test, IsNull):
            return ((1 << self.count) - 1) & ~self._null_bit if test.sign == "!=" else self._null_bit
        found = 0
        if not isinstance(test, Never) and test.domain in self._starts:
            found = self._line_of(test.domain).true_at(test) << self._starts[test.domain]
        return found | self._unlike(test.domain) if isinstance(test, Equal) and test.unlike else found

    def _false_at(self, test: Test) -> int:
        """Return where a test is false; where it is neither true nor false, it is null."""
        if isinstance(test, IsNull):
            return ((1 << self.count) - 1) & ~self._true_at(test)
        found = 0
        if not isinstance(test, Never) and test.domain in self._starts:
            line, start = self._line_of(test.domain), self._starts[test.domain]
            found = (line.whole & ~line.true_at(test)) << start
        return found | self._unlike(test.domain) if isinstance(test, Equal) and not test.unlike else found

    def _unlike(self, domain: Domain) -> int:
        """Return what is not equal to any value of a domain: null, and moments to those of the other kind."""
        found = self._null_bit
        for other in MOMENTS if domain in MOMENTS else ():
            if other != domain and other in self._starts:
                found |= self._line_of(other).whole << self._starts[other]
        return found

    def _line_of(self, domain: Domain) -> Line:
        return next(line for line in self._lines if line.domain == domain)

    # -- rules -------------------------------------------------------------------------------------------------------

    def meeting(self, sections: int) -> int:
        """Return the rules that are true of any of these sections."""
        # Sections that are not there have no rules: taken along, they leave fewer runs.
        left = sections | ((1 << self.count) - 1) & ~self.universe
        rules = start = 0
        while left:
            skipped = (left & -left).bit_length() - 1
            left >>= skipped
            length = (~left & (left + 1)).bit_length() - 1
            rules |= self._unions.of(start + skipped, start + skipped + length)
            left >>= length
            start += skipped + length
        return rules

    def _by_section(self) -> list[int]:
        """Sweep over the sections: between two neighbours, the cells of some rules begin or end to be true."""
        switched = [0] * (self.count + 1)
        for rule, own in enumerate(self.own):
            for place in bits(own ^ (own << 1)):
                switched[place] ^= 1 << rule
        found: list[int] = []
        rules = 0
        for switch in switched[:-1]:
            rules ^= switch
            found.append(rules)
        return found


class _Unions:
    """The unions of any sets that stand side by side, by a tree whose nodes are the unions of the two below."""

    def __init__(self, sets: Sequence[int]) -> None:
        self._count = len(sets)
        self._nodes = [0] * self._count + list(sets)
        for node in range(self._count - 1, 0, -1):
            self._nodes[node] = self._nodes[2 * node] | self._nodes[2 * node + 1]

    def of(self, first: int, end: int) -> int:
        """Return the union of those from one place to before another."""
        found = 0
        first, end = first + self._count, end + self._count
        while first < end:
            if first & 1:
                found |= self._nodes[first]
                first += 1
            if end & 1:
                end -= 1
                found |= self._nodes[end]
            first, end = first >> 1, end >> 1
        return found


def _apart(cell: str) -> str:
    """Return a cell ``not(...)``, which is true of null too and has to stand alone, as one that may be in a list."""
    if not cell.startswith("not("):
        return cell
    return f"? instance of string and not(? in {cell.removeprefix('not')})"


def bits(mask: int) -> Iterator[int]:
    """Yield the places of the bits that are set, the lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _lines(columns: Sequence[InputColumn], tests: Sequence[CellTests]) -> list[Line]:
    typed: set[Domain] = {column.domain for column in columns if column.domain is not None}
    if all(cell.anything for cell in tests):
        # Nothing is tested.
        return []
    domains = typed or {domain for cell in tests for domain in cell.domains}
    whole_numbers = any(column.whole_numbers for column in columns)
    return [make_line(one, _keys(one, tests), whole_numbers) for one in _ORDER if one in domains]


def _keys(domain: Domain, tests: Sequence[CellTests]) -> list[Key]:
    found: set[Key] = set()
    for cell in tests:
        for test in cell.tests:
            if isinstance(test, IsNull | Never) or test.domain != domain:
                continue
            if isinstance(test, Equal):
                found.add(test.key)
            else:
                found |= {end for end in (test.interval.low, test.interval.high) if end is not None}
    return list(found)
