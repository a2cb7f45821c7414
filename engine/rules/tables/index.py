"""An index of a column: for a value, the set of rows whose cell is true of it, as the bits of a number.

Rows whose cell is no plain one are in every set: they are candidates, and their cell is evaluated for them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.rules.feel.numbers import is_whole

if TYPE_CHECKING:
    from engine.rules.tables.cells import Cell, Domain, Scalar


@dataclass(frozen=True, slots=True)
class NumberIndex:
    """Numbers are looked up by bisection: ``at[i]`` are the rows for ``bounds[i]`` itself, ``below[i]`` those for
    what is between it and the bound before."""

    bounds: tuple[Decimal | int, ...]
    at: tuple[int, ...]
    below: tuple[int, ...]

    def rows(self, value: Decimal | int) -> int:
        """Return the candidates for a number."""
        place = bisect_left(self.bounds, value)
        if place < len(self.bounds) and self.bounds[place] == value:
            return self.at[place]
        return self.below[place]


@dataclass(frozen=True, slots=True)
class ValueIndex:
    """Strings and truth values are looked up as they are; ``others`` are the rows for any that no cell names."""

    named: dict[Scalar, int]
    others: int

    def rows(self, value: Scalar) -> int:
        """Return the candidates for a value."""
        return self.named.get(value, self.others)


@dataclass(frozen=True, slots=True)
class ColumnIndex:
    """The index of a column of one domain."""

    domain: Domain
    lookup: NumberIndex | ValueIndex


def index_column(cells: Sequence[Cell | None]) -> ColumnIndex | None:
    """Return the index of a column; a cell that is None is a candidate for every value.

    None if the plain cells are not of one domain, or there are none.
    """
    domains: set[Domain] = {cell.domain for cell in cells if cell is not None}
    if len(domains) != 1:
        return None
    domain = domains.pop()
    everywhere = _bits([place for place, cell in enumerate(cells) if cell is None])
    plain = [(1 << place, cell) for place, cell in enumerate(cells) if cell is not None]
    if domain == "number":
        return ColumnIndex(domain, _number_index(plain, everywhere))
    return ColumnIndex(domain, _value_index(plain, everywhere, {True, False} if domain == "boolean" else ()))


def _value_index(plain: Sequence[tuple[int, Cell]], everywhere: int, values: Iterable[Scalar]) -> ValueIndex:
    """Begin with what is true of any other value: a cell that names a value says the contrary of it."""
    others = everywhere | sum(bit for bit, cell in plain if cell.negated)
    named = dict.fromkeys(values, others)
    for bit, cell in plain:
        for value in cell.values:
            named[value] = named.get(value, others) ^ bit
    return ValueIndex(named, others)


def _bits(places: Sequence[int]) -> int:
    return sum(1 << place for place in places)


def _number_index(plain: Sequence[tuple[int, Cell]], everywhere: int) -> NumberIndex:
    """Sweep over the bounds: at each, some intervals begin or end."""
    bounds = sorted({bound for _, cell in plain for bound in cell.bounds})
    places = {bound: place for place, bound in enumerate(bounds)}
    negated = sum(bit for bit, cell in plain if cell.negated)
    # What to switch on its way over 2n + 1 sections: below the first bound, at it, between it and the next, ...
    switched = [0] * (2 * len(bounds) + 2)
    for bit, cell in plain:
        for first, last in _sections(cell, places):
            switched[first] ^= bit
            switched[last + 1] ^= bit
    sections: list[int] = []
    current = 0
    for switch in switched[:-1]:
        current ^= switch
        sections.append(everywhere | (current ^ negated))
    return NumberIndex(tuple(map(_plain, bounds)), tuple(sections[1::2]), tuple(sections[0::2]))


def _sections(cell: Cell, places: dict[Decimal, int]) -> list[tuple[int, int]]:
    """Return the sections that a cell is true of, as pairs of first and last, none of which overlap."""
    found: list[tuple[int, int]] = [
        (2 * places[value] + 1, 2 * places[value] + 1) for value in cell.values if isinstance(value, Decimal)
    ]
    last_section = 2 * len(places)
    for interval in cell.intervals:
        first = 0 if interval.low is None else 2 * places[interval.low] + (1 if interval.low_closed else 2)
        last = last_section if interval.high is None else 2 * places[interval.high] + (1 if interval.high_closed else 0)
        if first <= last:
            found.append((first, last))
    return _joined(found)


def _joined(sections: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(sections):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def _plain(bound: Decimal) -> Decimal | int:
    """Return a whole number as Python's own, which compares faster."""
    return int(bound) if is_whole(bound) and -(10**15) < bound < 10**15 else bound
