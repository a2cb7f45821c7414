"""Tables of figures as Markdown, one column for each place where they were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.harness.output import flat, said

Rows = Mapping[str, str]
"""What each row is called, by the name of its figure; those of tables within have dots in theirs."""


def table(rows: Rows, columns: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table. Rows that no column has a figure for are left out."""
    found = {title: dict(flat(figures)) for title, figures in columns.items()}
    lines = [_line(["", *found]), _line(["---"] * (len(found) + 1))]
    for name, title in rows.items():
        values = [figures.get(name) for figures in found.values()]
        if any(value is not None for value in values):
            lines.append(_line([title, *("" if value is None else said(value) for value in values)]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
