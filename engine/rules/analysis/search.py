"""The search for what a set of rules leaves open: dimension by dimension, over the rules that are still in question.

What matters of the choices made so far is only which rules they leave. States with the same rules are looked into once,
so that the work grows with the number of different states, and not with that of combinations. It is bounded all the
same: there are tables for which nothing is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.rules.analysis.dimensions import bits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.rules.analysis.dimensions import Dimension

MOST_DIMENSIONS: Final = 400
"""Each is a level of recursion."""
Box = tuple[int, ...]
"""A set of sections for each dimension: all combinations of them."""


class OutOfBudget(Exception):
    """The search took as much work as it may."""


class Budget:
    """How much work is left, in looks at a class of sections."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Count work. Raises OutOfBudget."""
        self._left -= steps
        if self._left < 0:
            raise OutOfBudget


class Search:
    """The search through one box for what none of some rules is true of."""

    def __init__(self, dimensions: Sequence[Dimension], box: Box, rules: int, budget: Budget) -> None:
        self._budget = budget
        self._rules = rules
        # Dimensions with few classes first: the states stay few for longer.
        classes = [
            _within(dimension, sections, rules, budget) for dimension, sections in zip(dimensions, box, strict=True)
        ]
        self._order = sorted(range(len(dimensions)), key=lambda place: len(classes[place]))
        self._classes = [classes[place] for place in self._order]
        self._full = self._covering(dimensions, box)
        self._closed: set[tuple[int, int]] = set()

    def _covering(self, dimensions: Sequence[Dimension], box: Box) -> list[int]:
        """Return, for each depth, the rules that are true of everything from there on."""
        full = [self._rules]
        for place in reversed(self._order):
            own, sections = dimensions[place].own, box[place]
            full.append(sum(1 << rule for rule in bits(full[-1]) if own[rule] & sections == sections))
        return full[::-1]

    def boxes(self) -> Iterator[Box]:
        """Yield boxes that no rule is true of, which together are all there is. Raises OutOfBudget."""
        if len(self._order) > MOST_DIMENSIONS:
            raise OutOfBudget
        if not all(sum(sections for _, sections in classes) for classes in self._classes):
            return
        places = {place: depth for depth, place in enumerate(self._order)}
        for found in self._open(0, self._rules):
            yield tuple(found[places[place]] for place in range(len(self._order)))

    def _open(self, depth: int, rules: int) -> Iterator[tuple[int, ...]]:
        if not rules:
            yield tuple(sum(sections for _, sections in classes) for classes in self._classes[depth:])
            return
        if rules & self._full[depth] or (depth, rules) in self._closed:
            return
        is_closed = True
        classes = self._classes[depth]
        self._budget.spend(len(classes) + 1)
        left: dict[int, int] = {}
        for true_of, sections in classes:
            left[true_of & rules] = left.get(true_of & rules, 0) | sections
        for remaining, sections in left.items():
            for rest in self._open(depth + 1, remaining):
                is_closed = False
                yield (sections, *rest)
        if is_closed:
            self._closed.add((depth, rules))


def _within(dimension: Dimension, sections: int, rules: int, budget: Budget) -> list[tuple[int, int]]:
    """Return the classes of a dimension as far as they are within these sections, and only of these rules."""
    budget.spend(len(dimension.classes))
    found: dict[int, int] = {}
    for true_of, where in dimension.classes.items():
        if where & sections:
            found[true_of & rules] = found.get(true_of & rules, 0) | (where & sections)
    return list(found.items())


def merged(boxes: Sequence[Box]) -> list[Box]:
    """Return the same with fewer boxes, the lowest first: those that differ in one dimension only become one."""
    found = list(dict.fromkeys(boxes))
    count = -1
    while count != len(found):
        count = len(found)
        for place in range(len(found[0]) if found else 0):
            joined: dict[Box, int] = {}
            for box in found:
                others = (*box[:place], 0, *box[place + 1 :])
                joined[others] = joined.get(others, 0) | box[place]
            found = [(*box[:place], sections, *box[place + 1 :]) for box, sections in joined.items()]
    return sorted(found, key=lambda box: [sections & -sections for sections in box])
