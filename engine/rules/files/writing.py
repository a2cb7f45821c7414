"""From tables to rows of cells, in the full form of :mod:`engine.rules.files.layout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.rules.errors import ModelError
from engine.rules.files import texts
from engine.rules.files.layout import HEADS, POLICIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.rules.model import DecisionTable, InputClause, OutputClause

_NAMES: Final = {policy: name for name, policy in reversed(POLICIES.items())}
"""The hit policies by their long names."""


def rows_of(table: DecisionTable, name: str) -> list[list[str]]:
    """Return the rows of a table; ``name`` is what errors call it.

    Empty conclusions become ``null``, which they are, and blanks around cells are left out. Raises ModelError for what
    the layout cannot hold.
    """
    _refuse(table, name)
    notes = [f"# {title}".strip() for title in _titles(table)]
    inputs = [f"in: {clause.expression.strip()}" for clause in table.inputs]
    outputs = [f"out: {clause.name or ''}".strip() for clause in table.outputs]
    rows = [[_NAMES[table.hit_policy, table.aggregation], *inputs, *outputs, *notes]]
    rows += _heads(table, len(notes))
    for number, rule in enumerate(table.rules, 1):
        conditions = map(_condition, table.inputs, rule.conditions)
        conclusions = map(_conclusion, table.outputs, rule.conclusions)
        remarks = [text.strip() for text in rule.annotations]
        remarks += [""] * (len(notes) - len(remarks))
        rows.append([rule.id or str(number), *conditions, *conclusions, *remarks])
    return rows


def _titles(table: DecisionTable) -> tuple[str, ...]:
    most = max((len(rule.annotations) for rule in table.rules), default=0)
    return (*table.annotations, *[""] * (most - len(table.annotations)))


def _heads(table: DecisionTable, notes: int) -> Iterable[list[str]]:
    clauses = [*table.inputs, *table.outputs]
    rows = {
        "label": [clause.label or "" for clause in clauses],
        "type": [clause.type or "" for clause in clauses],
        "allowed": [_short(clause, clause.allowed, tests=True) for clause in clauses],
        "default": [*[""] * len(table.inputs), *(_short(clause, clause.default) for clause in table.outputs)],
    }
    for name in HEADS:
        if any(rows[name]):
            yield [name, *(cell.strip() for cell in rows[name]), *[""] * notes]


def _short(clause: InputClause | OutputClause, text: str | None, *, tests: bool = False) -> str:
    if text is None or clause.type != "string":
        return text or ""
    return texts.short_condition(text.strip()) if tests else texts.short_conclusion(text.strip())


def _condition(clause: InputClause, text: str) -> str:
    if clause.type != "string":
        # Tests without a blank between them look like a number, and subtractions like a range or a date.
        text = texts.subtracted(texts.spaced(text))
    return _short(clause, text.strip() or "-", tests=True)


def _conclusion(clause: OutputClause, text: str) -> str:
    return _short(clause, (text if clause.type == "string" else texts.subtracted(text)).strip() or "null")


def _refuse(table: DecisionTable, name: str) -> None:
    """Raise ModelError for what the layout cannot hold."""
    reason = None
    ids = [rule.id for rule in table.rules if rule.id is not None]
    bad = next((one for one in ids if one.isdecimal() or one.lower() in HEADS or one != one.strip() or not one), None)
    unequal = [
        place
        for place, rule in enumerate(table.rules, 1)
        if len(rule.conditions) != len(table.inputs) or len(rule.conclusions) != len(table.outputs)
    ]
    if (table.hit_policy, table.aggregation) not in _NAMES:
        reason = f"the hit policy {table.hit_policy} with {table.aggregation}, which does nothing"
    elif table.type is not None:
        reason = f"the type {table.type!r} for the whole of it: give its outputs types"
    elif not table.outputs:
        reason = "no output"
    elif any(not clause.expression.strip() for clause in table.inputs):
        reason = "an input without an expression"
    elif bad is not None:
        reason = f"a rule with the id {bad!r}, which would be taken for something else: give it another"
    elif unequal:
        reason = f"a rule {unequal[0]} with more or fewer cells than columns"
    if reason is not None:
        raise ModelError(f"{name!r} cannot be written as a table of cells: it has {reason}")
