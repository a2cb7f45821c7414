"""Generations of what workers hold copies of: a number for each topic, which grows with every change.

A change counts its topic up in its own transaction. Whoever read another number than the one there is now holds an old
copy, and reads again: so peers may be told of changes by messages that get lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from engine.store.batches import Upsert
from engine.store.schema import generations

if TYPE_CHECKING:
    from engine.store.database import Transaction

COUNT_UP = Upsert(
    generations,
    keys=("topic",),
    sets=("changed_us",),
    first=("generation",),
    fixed=f"generation = {generations.name}.generation + 1",
)


def bump(tx: Transaction, topic: str) -> None:
    """Take note that something of this topic changes in this transaction.

    Changes of one topic take turns from here to their commit, so it comes before what it stands for.
    """
    tx.dialect.upsert(tx.connection, COUNT_UP, (topic, tx.now_us, 1))


def read_generations(tx: Transaction) -> dict[str, int]:
    """Return the generation of every topic that ever changed. What it stands for has to be read after it, or with
    it."""
    found = tx.connection.execute(select(generations.c.topic, generations.c.generation))
    return {row.topic: row.generation for row in found}
