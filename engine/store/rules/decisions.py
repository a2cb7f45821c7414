"""Decisions of rules as they are recorded: the engine's own steps of executions, read a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import and_, or_, select

from engine.definitions.deciding import DECIDE
from engine.model.states import StepState
from engine.store.schema import steps

if TYPE_CHECKING:
    from collections.abc import Collection

    from engine.store.database import Transaction


class RecordedDecision(NamedTuple):
    """A step that decided by rules: what it was given and what it gave, as JSON."""

    execution_id: str
    seq: int
    input: str
    output: str


def read_decisions(
    tx: Transaction, execution_ids: Collection[str], limit: int, before: tuple[str, int] | None = None
) -> list[RecordedDecision]:
    """Return decisions that executions have taken, the newest first: by execution, and by step within it.

    ``before`` is the execution and the step of the last one of the part before. Steps are found by their key, as no
    index has their names; so this is for the executions of a page.
    """
    if not execution_ids:
        return []
    of = steps.c
    query = select(of.execution_id, of.seq, of.input, of.output).where(
        of.execution_id.in_(execution_ids),
        # The ends of the page, too: a database that goes through the key in order then knows where to begin and end.
        of.execution_id >= min(execution_ids),
        of.execution_id <= (max(execution_ids) if before is None else before[0]),
        of.name == DECIDE,
        of.state == StepState.COMPLETED,
    )
    if before is not None:
        query = query.where(or_(of.execution_id < before[0], and_(of.execution_id == before[0], of.seq < before[1])))
    rows = tx.connection.execute(query.order_by(of.execution_id.desc(), of.seq.desc()).limit(limit))
    return [RecordedDecision(row[0], row[1], row[2] or "{}", row[3] or "null") for row in rows]
