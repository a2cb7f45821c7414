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


def settled_generation(tx: Transaction, topic: str) -> int:
    """Return the generation of a topic when no change of it is under way, in a transaction that writes.

    It waits for one that is, and the next one waits for this transaction: whatever is changed later is later than its
    ``now_us``, too.
    """
    query = select(generations.c.generation).where(generations.c.topic == topic)
    # On SQLite a transaction that writes is alone.
    found = tx.connection.execute(query.with_for_update(read=True) if tx.dialect.locks_rows else query).scalar()
    return found or 0
