"""What somebody changes in the workbook, as they would in a spreadsheet. It takes them two attempts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openpyxl import load_workbook

SHEET = "delay-policy"
DELAY, DOLLARS, WHY = "C", "G", "H"
NO_COMPENSATION, SHORT_FLIGHT = "under three hours", "short flight"
FROM_TWO_HOURS = [11, "arrival", "[120..180)", "-", "-", "voucher", 50, "in any weather"]


def raise_and_add(workbook: Path) -> None:
    """Raise what short flights are given to 250 dollars, and add a line for delays between two and three hours."""
    book = load_workbook(workbook)
    sheet: Any = book[SHEET]
    sheet[f"{DOLLARS}{_row(sheet, SHORT_FLIGHT)}"] = 250
    sheet.append(FROM_TWO_HOURS)
    book.save(workbook)


def make_room(workbook: Path) -> None:
    """Let the line for short delays end where the new one begins."""
    book = load_workbook(workbook)
    sheet: Any = book[SHEET]
    row = _row(sheet, NO_COMPENSATION)
    sheet[f"{DELAY}{row}"] = "< 120"
    sheet[f"{WHY}{row}"] = "under two hours"
    book.save(workbook)


def _row(sheet: Any, why: str) -> int:
    return next(cell.row for cell in sheet[WHY] if cell.value == why)
