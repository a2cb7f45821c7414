"""What differs between two decision tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import eq
from typing import TYPE_CHECKING, Final

from engine.rules.changes.kinds import Cell, Column, RuleChange, Setting, Side, Step, TableChange
from engine.rules.changes.pairing import merged, pair_alike, pair_by, settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.rules.model import DecisionTable, InputClause, OutputClause

ANYTHING: Final = "-"
_SIDES: Final[tuple[Side, ...]] = ("input", "output", "remark")


@dataclass(frozen=True, slots=True)
class _Title:
    """A column of one of the tables, and its cells."""

    text: str
    label: str | None
    settings: tuple[tuple[str, str | None], ...] = field(hash=False)
    cells: tuple[str, ...] = field(hash=False)

    @property
    def shown(self) -> str:
        return self.label or self.text


@dataclass(frozen=True, slots=True)
class _Pair:
    """A column as it was and as it is."""

    side: Side
    old: int | None
    new: int | None


def compare_tables(old: DecisionTable, new: DecisionTable) -> TableChange:
    """Return what differs. Rules and columns are known again by what is in them, as neither has to have a name."""
    columns: list[Column] = []
    pairs: list[_Pair] = []
    for side in _SIDES:
        for column, pair in _columns(side, _titles(old, side), _titles(new, side)):
            columns.append(column)
            pairs.append(pair)
    rules, as_before = _rules(old, new, pairs)
    settings = setting_changes(_settings(old), _settings(new))
    return TableChange(settings, tuple(columns), tuple(rules), as_before)


def setting_changes(
    old: Iterable[tuple[str, str | None]], new: Iterable[tuple[str, str | None]]
) -> tuple[Setting, ...]:
    """Return the settings that differ, in the order of the old ones."""
    before, after = dict(old), dict(new)
    found = (Setting(what, before.get(what), after.get(what)) for what in dict.fromkeys((*before, *after)))
    return tuple(one for one in found if one.old != one.new)


def _settings(table: DecisionTable) -> Iterator[tuple[str, str | None]]:
    yield "hit policy", " ".join(filter(None, (table.hit_policy, table.aggregation)))
    yield "type", table.type


def _columns(side: Side, old: Sequence[_Title], new: Sequence[_Title]) -> Iterator[tuple[Column, _Pair]]:
    pairs: dict[int, int] = {}
    pair_by(pairs, old, new, lambda one: one.text)
    pair_by(pairs, old, new, lambda one: one.label)
    pair_alike(pairs, old, new, _shared_cells)
    stay = settled(pairs)
    for before, after in merged(pairs, len(old), len(new)):
        pair = _Pair(side, before, after)
        if before is None and after is not None:
            said = [one for one in new[after].settings if one[1] != new[after].shown]
            yield Column(side, new[after].shown, "added", setting_changes((), said)), pair
        elif before is not None and after is None:
            yield Column(side, old[before].shown, "removed"), pair
        elif before is not None and after is not None:
            settings = setting_changes(old[before].settings, new[after].settings)
            step: Step = "changed" if settings else "same" if before in stay else "moved"
            yield Column(side, new[after].shown, step, settings), pair


def _shared_cells(old: _Title, new: _Title) -> int:
    """Return in how far a column that is called something else is still the same: most of its cells have to be."""
    same = sum(before == after for before, after in zip(old.cells, new.cells, strict=False))
    return same if same * 2 > max(len(old.cells), len(new.cells)) else 0


def _titles(table: DecisionTable, side: Side) -> list[_Title]:
    if side == "input":
        return [
            _Title(one.expression, one.label, (("expression", one.expression), *_clause(one)),
                   tuple(rule.conditions[place] for rule in table.rules))
            for place, one in enumerate(table.inputs)
        ]  # fmt: skip
    if side == "output":
        return [
            _Title(one.name or "", one.label, (("name", one.name), *_clause(one), ("default", one.default)),
                   tuple(rule.conclusions[place] for rule in table.rules))
            for place, one in enumerate(table.outputs)
        ]  # fmt: skip
    return [
        _Title(title, None, (("title", title),),
               tuple("".join(rule.annotations[place : place + 1]) for rule in table.rules))
        for place, title in enumerate(table.annotations)
    ]  # fmt: skip


def _clause(one: InputClause | OutputClause) -> tuple[tuple[str, str | None], ...]:
    return ("label", one.label), ("type", one.type), ("allowed values", one.allowed)


# -- rules ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    """A rule in the columns of both tables: a cell for each, None where its table has no such column."""

    cells: tuple[str | None, ...]
    id: str | None
    inputs: int
    """How many of the cells are conditions; they come first."""
    deciding: int
    """How many of them decide: the others are remarks."""


def _rules(old: DecisionTable, new: DecisionTable, columns: Sequence[_Pair]) -> tuple[list[RuleChange], int]:
    before, after = _rows(old, columns, is_new=False), _rows(new, columns, is_new=True)
    before, after = _filled(before, after), _filled(after, before)
    pairs: dict[int, int] = {}
    pair_by(pairs, before, after, lambda row: row.cells)
    pair_by(pairs, before, after, lambda row: row.cells[: row.deciding])
    pair_by(pairs, before, after, lambda row: row.id)
    pair_by(pairs, before, after, lambda row: row.cells[: row.inputs])
    pair_alike(pairs, before, after, _likeness)
    stay = settled(pairs)
    found: list[RuleChange] = []
    as_before = 0
    for left, right in merged(pairs, len(before), len(after)):
        cells = _cells(None if left is None else before[left], None if right is None else after[right], len(columns))
        step: Step = "changed"
        if left is None or right is None:
            step = "added" if left is None else "removed"
        elif not any(cell.differs for cell in cells):
            step = "same" if left in stay else "moved"
        if step == "same":
            as_before += 1
        else:
            found.append(RuleChange(step, _number(left), _number(right), cells))
    return found, as_before


def _number(place: int | None) -> int | None:
    return None if place is None else place + 1


def _rows(table: DecisionTable, columns: Sequence[_Pair], *, is_new: bool) -> list[_Row]:
    counted = {side: sum(one.side == side for one in columns) for side in _SIDES}
    places = [(one.side, one.new if is_new else one.old) for one in columns]
    rows: list[_Row] = []
    for rule in table.rules:
        parts = {"input": rule.conditions, "output": rule.conclusions, "remark": rule.annotations}
        cells = (None if place is None else "".join(parts[side][place : place + 1]) for side, place in places)
        rows.append(_Row(tuple(cells), rule.id, counted["input"], counted["input"] + counted["output"]))
    return rows


def _filled(rows: Sequence[_Row], others: Sequence[_Row]) -> list[_Row]:
    """Return rows with what they mean where only the other table has a condition: anything."""
    if not others:
        return [*rows]
    return [
        _Row(
            tuple(
                ANYTHING if cell is None and place < row.inputs and others[0].cells[place] is not None else cell
                for place, cell in enumerate(row.cells)
            ),
            row.id, row.inputs, row.deciding,
        )
        for row in rows
    ]  # fmt: skip


def _cells(old: _Row | None, new: _Row | None, width: int) -> tuple[Cell, ...]:
    nothing = (None,) * width
    before, after = (nothing if row is None else row.cells for row in (old, new))
    return tuple(Cell(one, other) for one, other in zip(before, after, strict=True))


def _likeness(old: _Row, new: _Row) -> int:
    """Return in how far a rule is the same with other cells: at least half of those that decide are as before."""
    same = sum(map(eq, old.cells[: old.deciding], new.cells[: old.deciding]))
    return same if same * 2 >= old.deciding else 0
