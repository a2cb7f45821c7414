"""Back-tests: decisions that were taken, what other rules come to of the same inputs, and what that would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from engine.errors import MilepostError
from engine.rules.feel.exchange import from_python
from engine.rules.recorded import digest_of, read_value, write_value
from engine.rules.scenarios import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.rules.prepared import Prepared

Matched = tuple[tuple[str, tuple[int, ...]], ...]
MOST_GROUPS: Final = 1000
"""How many kinds of change are told apart: outcomes may be as many as there are decisions."""


class Kind(StrEnum):
    """How an outcome compares with the one that was recorded."""

    SAME = "same"
    DIFFERS = "differs"
    NULL = "null"
    """There was an outcome, and it is null instead."""
    UNDECIDED = "undecided"
    """There is no outcome: it cannot be decided."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What rules came to."""

    outcome: Any = None
    matched: Matched = ()
    """For each table that was decided: the name of its decision, and the rules that matched, counted from 1."""
    error: str | None = None
    """Why it could not be decided, if it could not."""
    problems: tuple[str, ...] = ()
    """Why something is null, where it is."""


@dataclass(frozen=True, slots=True)
class Record:
    """A decision that was taken."""

    name: str
    inputs: Mapping[str, Any]
    decided: Decided
    decision: str | None = None
    """Of a model: the decision or decision service that was asked for; None: the one that no other one requires."""
    now_us: int = 0
    """Of a model: what ``now()`` was to the rules."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A decision that was taken, and what other rules come to."""

    record: Record
    other: Decided
    kind: Kind
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Decisions that would change alike."""

    kind: Kind
    recorded: Any
    other: Any
    count: int
    example: str
    """The name of the first one."""


Decide = Callable[[Record], Decided]
"""Whatever decides a recorded decision once more."""


def by_model(prepared: Prepared) -> Decide:
    """Return how a compiled model decides records, whose inputs are values of FEEL."""

    def decide(record: Record) -> Decided:
        reached = prepared.decide(record.decision, record.inputs, record.now_us)
        # As it would be recorded: what cannot be is no outcome.
        return Decided(read_value(write_value(reached.outcome)), reached.matched, None, reached.problems)

    return decide


def back_test(decide: Decide, records: Iterable[Record]) -> Iterator[Comparison]:
    """Yield, for each decision that was taken, what other rules come to. They may fail to; other errors are raised."""
    for record in records:
        try:
            yield compare(record, decide(record))
        except MilepostError as error:
            yield compare(record, Decided(error=str(error)))


def compare(record: Record, other: Decided) -> Comparison:
    """Compare what other rules came to with what was recorded. Raises NotAValue for an outcome that is none."""
    if other.error is not None:
        return Comparison(record, other, Kind.UNDECIDED)
    before, after = from_python(record.decided.outcome), from_python(other.outcome)
    found = () if digest_of(before) == digest_of(after) else differences(before, after)
    if not found:
        return Comparison(record, other, Kind.SAME)
    return Comparison(record, other, Kind.NULL if other.outcome is None else Kind.DIFFERS, found)


class Tally:
    """Comparisons, counted. It takes no more memory for more of them."""

    def __init__(self, keep: int) -> None:
        """``keep``: how many of those that would change to keep."""
        self.counts: Counter[Kind] = Counter()
        self.changed: list[Comparison] = []
        """The first of those that would change."""
        self.ungrouped = 0
        """How many would change in yet other ways than the groups."""
        self._keep = keep
        self._groups: dict[tuple[Kind, str, str], list[Any]] = {}

    def add(self, one: Comparison) -> None:
        """Count a comparison."""
        self.counts[one.kind] += 1
        if one.kind == Kind.SAME:
            return
        if len(self.changed) < self._keep:
            self.changed.append(one)
        before, after = one.record.decided.outcome, one.other.outcome
        key = (one.kind, digest_of(from_python(before)), digest_of(from_python(after)))
        group = self._groups.get(key)
        if group is not None:
            group[0] += 1
        elif len(self._groups) < MOST_GROUPS:
            self._groups[key] = [1, before, after, one.record.name]
        else:
            self.ungrouped += 1

    @property
    def total(self) -> int:
        """How many decisions were compared."""
        return self.counts.total()

    @property
    def would_change(self) -> int:
        """How many of them would not be the same."""
        return self.total - self.counts[Kind.SAME]

    @property
    def groups(self) -> list[Group]:
        """What would change into what, the most frequent first."""
        found = [
            Group(kind, before, after, count, example)
            for (kind, _, _), (count, before, after, example) in self._groups.items()
        ]
        return sorted(found, key=lambda group: -group.count)
