"""The analysis of a table: exact on cells that compare with constants, and never wrong about others.

A rule with an opaque cell may match less than the rest of it says. It is therefore taken to close a gap, and not to
overlap with another rule or to shadow it: what is reported is there whatever that cell comes to.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from engine.rules.analysis.columns import TableSpace, TypeTexts
from engine.rules.analysis.dimensions import bits
from engine.rules.analysis.findings import Analysis, Gap, Overlap, Shadowed, Unreachable
from engine.rules.analysis.models import tables_of
from engine.rules.analysis.outputs import Outputs
from engine.rules.analysis.search import Budget, OutOfBudget, Search, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from engine.rules.analysis.findings import Example, Kind
    from engine.rules.analysis.search import Box
    from engine.rules.model import DecisionTable, ItemDefinition, Model

    Looking = Callable[[str, Kind], None]

T = TypeVar("T")
DEFAULT_STEPS: Final = 3_000_000
"""About a second or two of work."""
DEFAULT_LIMIT: Final = 100


def analyse(
    table: DecisionTable,
    *,
    items: Sequence[ItemDefinition] = (),
    types: Mapping[str, str] | None = None,
    whole_numbers: Collection[str] = (),
    opaque: Mapping[int, str] | None = None,
    steps: int = DEFAULT_STEPS,
    limit: int = DEFAULT_LIMIT,
    looking: Callable[[Kind], None] | None = None,
) -> Analysis:
    """Return what is wrong with a table.

    ``items`` are the types that it may name, ``types`` those of its inputs where its columns do not say it,
    ``whole_numbers`` the input expressions that have no fractions, ``opaque`` rules (from 1) with conditions beyond the
    table. After so many ``steps``, or so many findings of a kind (``limit``), it stops, and is not complete.
    ``looking`` is told what is looked for.
    Raises FeelSyntaxError for a cell that is no FEEL.
    """
    space = TableSpace(table, TypeTexts(items, types or {}), whole_numbers, opaque or {})
    return _Analyst(space, steps, limit, looking or (lambda _: None)).analysis()


def unreachable(table: DecisionTable, *, whole_numbers: Collection[str] = ()) -> tuple[Unreachable, ...]:
    """Return the rules that match nothing: what can be told at once. Raises FeelSyntaxError."""
    space = TableSpace(table, TypeTexts((), {}), whole_numbers, {})
    return tuple(_Analyst(space, DEFAULT_STEPS, DEFAULT_LIMIT, lambda _: None).unreachable())


def analyse_model(
    source: Model, *, steps: int = DEFAULT_STEPS, limit: int = DEFAULT_LIMIT, looking: Looking | None = None
) -> dict[str, Analysis]:
    """Return the analysis of each table of a model and of those within it, with their types; see :func:`analyse`.

    A table is called like its decision or knowledge model, and one within a context ``decision / entry``; further ones
    of a name are numbered. ``looking`` is told which table is looked at, and for what. Raises FeelSyntaxError for a
    cell that is no FEEL.
    """
    found: dict[str, Analysis] = {}
    for one in (source, *source.imported):
        for name, table, types in tables_of(one):
            label, number = name, 2
            while label in found:
                label, number = f"{name} ({number})", number + 1
            tell = None if looking is None else partial(looking, label)
            found[label] = analyse(table, items=one.items, types=types, steps=steps, limit=limit, looking=tell)
    return found


class _Analyst:
    def __init__(self, space: TableSpace, steps: int, limit: int, looking: Callable[[Kind], None]) -> None:
        self._looking = looking
        self._space = space
        self._table = space.table
        self._steps = steps
        self._limit = limit
        self._incomplete: list[str] = []
        self._unfinished: set[Kind] = set()
        self._outputs = Outputs(space.table)
        self._box = tuple(dimension.universe for dimension in space.dimensions)
        self._rules = range(len(self._table.rules))
        self._empty = sum(1 << rule for rule in self._rules if not all(self._own(rule)))

    def analysis(self) -> Analysis:
        return Analysis(
            self._table.hit_policy,
            self._limited("gaps", self._gaps),
            self._limited("overlaps", self._overlaps),
            self._limited("shadowed rules", self._shadowed),
            self._limited("unreachable rules", lambda _: self.unreachable()),
            tuple(self._space.not_analysed),
            tuple(self._incomplete),
            frozenset(self._unfinished),
        )

    def _limited(self, what: Kind, find: Callable[[Budget], Iterator[T]]) -> tuple[T, ...]:
        """Return the findings of a kind, and remember why there may be more."""
        self._looking(what)
        found: list[T] = []
        try:
            for one in find(Budget(self._steps)):
                if len(found) == self._limit:
                    self._unfinished.add(what)
                    self._incomplete.append(f"there are more than {self._limit} {what}")
                    break
                found.append(one)
        except OutOfBudget:
            self._unfinished.add(what)
            self._incomplete.append(f"there may be more {what}: the search was stopped after {self._steps} steps")
        return tuple(found)

    def _own(self, rule: int) -> tuple[int, ...]:
        return tuple(dimension.own[rule] for dimension in self._space.dimensions)

    # -- gaps --------------------------------------------------------------------------------------------------------

    def _gaps(self, budget: Budget) -> Iterator[Gap]:
        if any(output.default is not None for output in self._table.outputs):
            return
        everything = (1 << len(self._rules)) - 1
        boxes: list[Box] = []
        stopped: OutOfBudget | None = None
        try:
            # More than are shown, as they are fewer once they are merged.
            for box in Search(self._space.dimensions, self._box, everything, budget).boxes():
                if len(boxes) == 4 * self._limit:
                    self._unfinished.add("gaps")
                    self._incomplete.append("there are more gaps than were looked at")
                    break
                boxes.append(box)
        except OutOfBudget as error:
            stopped = error
        for box in merged(boxes):
            yield Gap(self._space.conditions(box), self._space.example(box))
        if stopped is not None:
            raise stopped

    # -- overlaps ----------------------------------------------------------------------------------------------------

    def _meets(self, rule: int, budget: Budget) -> int:
        """Return the rules that have inputs in common with one, as far as that can be said."""
        found = ((1 << len(self._rules)) - 1) & ~self._empty & ~self._space.opaque
        budget.spend(len(self._space.dimensions))
        for dimension in self._space.dimensions:
            found &= dimension.meeting(dimension.own[rule])
        return found & ~(1 << rule)

    def _overlaps(self, budget: Budget) -> Iterator[Overlap]:
        allowed = self._table.hit_policy not in ("UNIQUE", "ANY")
        skipped = self._empty | self._space.opaque
        for rule in self._rules:
            if skipped >> rule & 1:
                continue
            for other in bits(self._meets(rule, budget) >> (rule + 1)):
                budget.spend(1)
                second = rule + 1 + other
                conflict = self._outputs.conflict(rule, second)
                agreed = allowed or (self._table.hit_policy == "ANY" and conflict is False)
                yield Overlap((rule + 1, second + 1), self._common(rule, second), conflict, agreed)

    def _common(self, rule: int, other: int) -> Example:
        return self._space.example([a & b for a, b in zip(self._own(rule), self._own(other), strict=True)])

    # -- rules without use -------------------------------------------------------------------------------------------

    def _shadowed(self, budget: Budget) -> Iterator[Shadowed]:
        """Yield the rules whose inputs are all taken by rules that go first."""
        earlier = 0
        for rule in self._outputs.order():
            own = self._own(rule)
            candidates = self._meets(rule, budget) & earlier
            earlier |= 1 << rule
            if not candidates or self._empty >> rule & 1:
                continue
            if next(Search(self._space.dimensions, own, candidates, budget).boxes(), None) is None:
                by = self._needed(own, candidates, budget)
                yield Shadowed(rule + 1, tuple(one + 1 for one in bits(by)), self._space.example(own))

    def _needed(self, own: Sequence[int], candidates: int, budget: Budget) -> int:
        """Return as few of these rules as it takes: those without which something would be left."""
        for rule in reversed(list(bits(candidates))):
            fewer = candidates & ~(1 << rule)
            if fewer and next(Search(self._space.dimensions, tuple(own), fewer, budget).boxes(), None) is None:
                candidates = fewer
        return candidates

    def unreachable(self) -> Iterator[Unreachable]:
        for rule in bits(self._empty):
            for place, dimension in enumerate(self._space.dimensions):
                if not dimension.own[rule]:
                    yield self._blame(rule, place)
                    break

    def _blame(self, rule: int, place: int) -> Unreachable:
        dimension = self._space.dimensions[place]
        conditions = self._table.rules[rule].conditions
        for column, own in zip(dimension.columns, dimension.by_column, strict=True):
            label, text = self._space.label(column.place), conditions[column.place]
            if not own[rule]:
                cell = column.cells[rule]
                other = column.domain is not None and cell is not None and cell.domains - {column.domain}
                reason = f"is true of no {column.domain}" if other else "is true of nothing"
                return Unreachable(rule + 1, label, text, reason, None)
            if not own[rule] & dimension.universe:
                box = (*self._box[:place], own[rule], *self._box[place + 1 :])
                example = self._space.example(box) if all(box) else None
                return Unreachable(rule + 1, label, text, "is true of nothing that is allowed", example)
        columns = [column.place for column in dimension.columns]
        text = " and ".join(conditions[one] for one in columns)
        return Unreachable(rule + 1, self._space.label(columns[0]), text, "contradict each other", None)
