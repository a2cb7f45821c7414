"""Batched writes as data: what a dialect renders into its own fastest statement.

The columns of a row come in the order that the statement declares. Guards are plain SQL over the row that is to
change, and are
part of the statement's ``WHERE``: a row whose guard no longer holds is left alone and reported as refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Table

Row = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class BatchInsert:
    """Insert rows of these columns."""

    table: Table
    columns: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class BatchUpdate:
    """Change rows found by ``keys``, if ``fences`` are equal too and ``guard`` holds.

    ``fences`` are compared like keys, but never used to look the row up. A row of values is keys, then fences, then the
    new values of ``sets``. ``fixed`` is SQL of assignments that are the same for every row.
    """

    table: Table
    keys: tuple[str, ...]
    fences: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    fixed: str = ""
    guard: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of one row of values, in order."""
        return self.keys + self.fences + self.sets


@dataclass(frozen=True, eq=False)
class Upsert:
    """Insert one row, or change the one that is there with these ``keys``.

    A row of values is keys, then ``sets``, then ``first``: columns that get their values only when the row is new.
    ``fixed`` is SQL of assignments to a row that is there; it names columns with their table.
    """

    table: Table
    keys: tuple[str, ...]
    sets: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    fixed: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of one row of values, in order."""
        return self.keys + self.sets + self.first
