"""What the quick way to decide a table makes of cells: sets of values and intervals of one domain.

Such cells are what indexes and chains of comparisons are made from. Any other cell is ``None`` here, and is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from engine.rules.tables.cell_tests import Equal, Within, reading_of
from engine.rules.tables.plain import plain_tests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rules.tables.cell_tests import CellTests, Interval
    from engine.rules.tables.cell_tests import Domain as AnyDomain

Scalar = Decimal | str | bool
Domain = Literal["number", "string", "boolean"]
_DOMAINS: Final[Mapping[AnyDomain, Domain]] = {"number": "number", "string": "string", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: true for these values and intervals, or for all but these. All are of one domain."""

    domain: Domain
    values: frozenset[Scalar] = frozenset()
    intervals: tuple[Interval, ...] = ()
    negated: bool = False

    @property
    def bounds(self) -> list[Decimal]:
        """The numbers that it compares with."""
        found = [value for value in self.values if isinstance(value, Decimal)]
        return found + [end for one in self.intervals for end in (one.low, one.high) if end is not None]

    def holds(self, value: Scalar) -> bool:
        """Tell whether the cell is true of a value of its domain."""
        found = value in self.values or (
            isinstance(value, Decimal) and any(interval.holds(value) for interval in self.intervals)
        )
        return found is not self.negated


def cell_of(cell: CellTests | None) -> Cell | None:
    """Return what a cell says; None if it says more than a cell can, or ``-``."""
    domains: set[Domain | None] = {None} if cell is None else {_domain(test) for test in cell.tests}
    domain = domains.pop() if len(domains) == 1 else None
    if cell is None or domain is None:
        return None
    equal = [test for test in cell.tests if isinstance(test, Equal)]
    unlike = any(test.unlike for test in equal)
    # One alone is the negation of what it names; in a list, it is true of nearly everything.
    if unlike and (cell.negated or len(cell.tests) > 1):
        return None
    intervals = tuple(test.interval for test in cell.tests if isinstance(test, Within))
    return Cell(domain, frozenset(test.key for test in equal), intervals, cell.negated or unlike)


@lru_cache(maxsize=4096)
def plain_cell(text: str) -> Cell | None:
    """Return what a cell says that the parser is not needed for, as most of them are."""
    tests = plain_tests(text)
    return None if tests is None else cell_of(reading_of(tests))


def _domain(test: object) -> Domain | None:
    return _DOMAINS.get(test.domain) if isinstance(test, Equal | Within) else None
