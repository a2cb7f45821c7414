"""Keeping spreadsheets from taking a cell of a CSV file for a formula.

A program that opens the file would compute what begins with ``=``, ``+``, ``-`` or ``@``, whoever wrote it: a remark
could send what is on the sheet to somebody. Such a cell gets an apostrophe, which makes a text of it there, and which
is taken away where the file is read. What can do nothing but count stays as it is, so that ``-``, ``-5`` and dates look
as they are written by hand.
"""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = "'"
_BEGINS: Final = re.compile(r"['\s]*[=+\-@＝＋－＠\t\r\n\x00]")
"""How a formula begins, to some programs by a wide sign, too. Marks before it are part of it, so that a text with a
mark of its own gets another one."""
_COUNTS: Final = re.compile(r'(?:[\d=+\-<> .,]|@"[^"]*")+')
"""Numbers and dates with signs between them: nothing is called by it, and nothing referred to."""


def guarded(cell: str) -> str:
    """Return a cell as a CSV file has it."""
    return _MARK + cell if _is_formula(cell) else cell


def unguarded(cell: str) -> str:
    """Return the cell that was :func:`guarded`; one that no mark is on as it is."""
    return cell[1:] if cell.startswith(_MARK) and _is_formula(cell[1:]) else cell


def _is_formula(cell: str) -> bool:
    return _BEGINS.match(cell) is not None and _COUNTS.fullmatch(cell) is None
