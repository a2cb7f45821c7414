"""The values of one domain, cut into sections within which all cells of a column say the same.

Numbers, dates and durations have a section for each bound that a cell names, and one for what is between two bounds,
below the first and above the last. Strings have one for each that a cell names, and one for all others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from engine.rules.feel import numbers
from engine.rules.feel.days import date_numbered
from engine.rules.feel.timeline import DAY, SECOND, moved, place_of
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Time, Value, YearsMonthsDuration
from engine.rules.literals import literal
from engine.rules.tables.cell_tests import MOMENTS, Equal, Within

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.rules.tables.cell_tests import Domain, Key, Test

_STEPS: Final = dict.fromkeys(("days and time duration", *MOMENTS), (DAY, SECOND, 1000))
"""How far from a bound an example is looked for; one unit, where nothing is said."""
_EPOCHS: Final = tuple(DateTime(Date(2000, 1, 1), Time(0, 0, 0, 0, offset)) for offset in (None, 0))


class Line(ABC):
    """The values of a domain, in sections that are counted from 0. Sets of sections are the bits of a number."""

    domain: Domain
    count: int
    """How many sections there are, of which some may be empty."""

    @property
    def whole(self) -> int:
        """The set of all sections."""
        return (1 << self.count) - 1

    @abstractmethod
    def true_at(self, test: Test) -> int:
        """Return the sections that a test of this domain is true of."""

    @abstractmethod
    def example(self, section: int) -> Value:
        """Return a value of a section; None for a section that is empty."""

    @abstractmethod
    def cells(self, sections: int) -> Iterator[str]:
        """Yield tests of FEEL that are true of these sections, joined."""


class NamedLine(Line):
    """Strings, or the two truth values."""

    def __init__(self, domain: Domain, keys: Sequence[Key]) -> None:
        self.domain = domain
        self._keys: list[Key] = [False, True] if domain == "boolean" else sorted(set(map(str, keys)))
        self._places = {key: place for place, key in enumerate(self._keys)}
        self.count = len(self._keys) + (domain == "string")

    def true_at(self, test: Test) -> int:
        """Return the section of the value."""
        assert isinstance(test, Equal)
        found = 1 << self._places[test.key]
        return self.whole & ~found if test.unlike else found

    def example(self, section: int) -> Value:
        """Return the value, or a string that no cell names."""
        if section < len(self._keys):
            return self._keys[section]
        number = 1
        while (text := "other" if number == 1 else f"other {number}") in self._places:
            number += 1
        return text

    def cells(self, sections: int) -> Iterator[str]:
        """Yield the values; for all others, ``not(...)``."""
        named = [literal(key) for place, key in enumerate(self._keys) if sections >> place & 1]
        if self.domain == "boolean" or not sections >> len(self._keys) & 1:
            yield from named
            return
        missing = [literal(key) for place, key in enumerate(self._keys) if not sections >> place & 1]
        yield f"not({', '.join(missing)})" if missing else "? instance of string"


class OrderedLine(Line):
    """Numbers, dates or durations. Section ``2i + 1`` is the bound ``i``, and ``2i`` what is below it."""

    def __init__(self, domain: Domain, keys: Sequence[Decimal], whole_numbers: bool) -> None:
        self.domain = domain
        self._bounds = sorted(set(keys))
        self._places = {bound: place for place, bound in enumerate(self._bounds)}
        self._whole = whole_numbers or domain != "number"
        self.count = 2 * len(self._bounds) + 1

    def true_at(self, test: Test) -> int:
        """Return the sections between the ends."""
        if isinstance(test, Equal):
            found = 1 << (2 * self._places[_number(test.key)] + 1)
            return self.whole & ~found if test.unlike else found
        assert isinstance(test, Within)
        low, high = test.interval.low, test.interval.high
        first = 0 if low is None else 2 * self._places[low] + (1 if test.interval.low_closed else 2)
        last = self.count - 1 if high is None else 2 * self._places[high] + (1 if test.interval.high_closed else 0)
        return (1 << (last + 1)) - (1 << first) if first <= last else 0

    def example(self, section: int) -> Value:
        """Return the bound, or something near the bounds around."""
        place, is_bound = divmod(section, 2)
        if is_bound:
            bound = self._bounds[place]
            return self._value(bound) if not self._whole or bound == bound.to_integral_value() else None
        low = self._bounds[place - 1] if place else None
        high = self._bounds[place] if place < len(self._bounds) else None
        for key in self._candidates(low, high):
            if (low is None or low < key) and (high is None or key < high):
                return self._value(key)
        return None

    def _candidates(self, low: Decimal | None, high: Decimal | None) -> Iterator[Decimal]:
        context = numbers.CONTEXT
        steps = [Decimal(step) for step in _STEPS.get(self.domain, (1,))]
        if low is None and high is None:
            yield Decimal(0)
        elif low is None and high is not None:
            yield from (context.subtract(high.to_integral_value(ROUND_CEILING), step) for step in steps)
        elif low is not None:
            yield from (context.add(low.to_integral_value(ROUND_FLOOR), step) for step in steps)
        if not self._whole and high is not None:
            if low is not None:
                yield context.divide(context.add(low, high), Decimal(2))
            yield context.next_minus(high)
        if not self._whole and low is not None:
            yield context.next_plus(low)

    def _value(self, key: Decimal) -> Value:
        if self.domain == "number":
            return key or Decimal(0)
        if self.domain == "date":
            return date_numbered(int(key))
        if self.domain in MOMENTS:
            start = _EPOCHS[MOMENTS.index(self.domain)]
            return moved(start, int(key) - place_of(start)[1])
        return DaysTimeDuration(int(key)) if self.domain.startswith("days") else YearsMonthsDuration(int(key))

    def cells(self, sections: int) -> Iterator[str]:
        """Yield comparisons and ranges. Empty sections are taken along between two others."""
        first: int | None = None
        last = 0
        for section in range(self.count):
            if sections >> section & 1:
                first, last = section if first is None else first, section
            elif first is not None and self.example(section) is not None:
                yield self._range(first, last)
                first = None
        if first is not None:
            yield self._range(first, last)

    def _range(self, first: int, last: int) -> str:
        low = None if first == 0 else self._literal((first - 1) // 2)
        high = None if last == self.count - 1 else self._literal(last // 2)
        low_closed, high_closed = first % 2 == 1, last % 2 == 1
        if low is None or high is None:
            if low is not None:
                return f"{'>=' if low_closed else '>'} {low}"
            if high is not None:
                return f"{'<=' if high_closed else '<'} {high}"
            return self._everything()
        if first == last and low_closed:
            return low
        return f"{'[' if low_closed else '('}{low}..{high}{']' if high_closed else ')'}"

    def _everything(self) -> str:
        if self.domain not in MOMENTS:
            return f"? instance of {self.domain}"
        # Moments with an offset and those without are of one type.
        return f"< {self._literal(0)}, >= {self._literal(0)}" if self._bounds else "? instance of date and time"

    def _literal(self, place: int) -> str:
        return literal(self._value(self._bounds[place]))


def _number(key: Key) -> Decimal:
    assert isinstance(key, Decimal)
    return key


def make_line(domain: Domain, keys: Sequence[Key], whole_numbers: bool) -> Line:
    """Return the sections that these constants cut a domain into; ``whole_numbers``: there are no others."""
    if domain in ("string", "boolean"):
        return NamedLine(domain, keys)
    return OrderedLine(domain, [_number(key) for key in keys], whole_numbers)
