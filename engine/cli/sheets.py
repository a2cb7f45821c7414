"""Lists as tables: as wide as the terminal, and where there is none, as wide as what is in them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from engine.cli.session import console, in_ascii
from engine.cli.texts import clean, short

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rich.console import Console

ENDLESS: Final = 1_000_000
"""The width of what is piped, unless COLUMNS says another: whatever reads it gets all of it, and in one piece."""


def sheet_console() -> Console:
    """Return a console for standard output on which nothing is cut or broken where there is no terminal."""
    made = console()
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        made.width = ENDLESS
    return made


def fitting(out: Console, text: str | None, width: int) -> str:
    """Return a text on one line, cut to a width where a terminal would break it."""
    return clean(text) if out.width >= ENDLESS else short(text, width, ascii_only=in_ascii(sys.stdout))


def sheet(rows: Sequence[Mapping[str, str | Text]], wraps: Collection[str] = ()) -> Table:
    """Return rows under their titles, without columns that are empty; ``wraps`` may go over several lines."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    titles = [title for title in rows[0] if any(row[title] for row in rows)]
    for title in titles:
        table.add_column(title, no_wrap=title not in wraps, overflow="fold", min_width=len(title))
    for row in rows:
        cells = [row[title] for title in titles]
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    return table
