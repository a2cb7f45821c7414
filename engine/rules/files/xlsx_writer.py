"""Writing workbooks that look like decision tables."""

from __future__ import annotations

import io
import re
from datetime import date
from typing import TYPE_CHECKING, Final, cast

from engine.rules.errors import ModelError
from engine.rules.files.book import tables_of
from engine.rules.files.layout import HEADS, letter
from engine.rules.files.writing import rows_of
from engine.rules.files.xlsx import EXTRA, literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpyxl.cell.cell import Cell
    from openpyxl.styles.cell_style import StyleArray
    from openpyxl.worksheet.worksheet import Worksheet

    from engine.rules.model import Model

_NO_TITLE: Final = re.compile(r"[\[\]:*?/\\\x00-\x1f]|^['#]|'$|  |^ | $|^$")
_LONGEST_TITLE: Final = 31
_LONGEST_CELL: Final = 32_767
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,10})?")
_DATE: Final = re.compile(r'@"(19[1-9]\d|2\d{3})-\d\d-\d\d"')
_WIDEST: Final = 48
_COLOURS: Final = {"policy": "D9D9D9", "in": "DCE6F1", "out": "E2EFDA", "#": "F2F2F2"}
_LINE: Final = "A6A6A6"


def write_xlsx(model: Model) -> bytes:
    """Return a model that consists of tables as a workbook, with a sheet for each of them.

    Raises ModelError for a model that is more than tables, for what sheets cannot hold, and where openpyxl is not
    installed.
    """
    try:
        from openpyxl import Workbook
    except ImportError:
        raise ModelError(EXTRA) from None
    tables = tables_of(model)
    _check_titles(tables)
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, table in tables.items():
        sheet: Worksheet = book.create_sheet(name)
        rows = rows_of(table, name)
        clauses = [*table.inputs, *table.outputs]
        notes = len(rows[0]) - len(clauses) - 1
        are_texts = [False, *(clause.type == "string" for clause in clauses), *[True] * notes]
        for number, row in enumerate(rows, 1):
            for column, text in enumerate(row, 1):
                _fill(cast("Cell", sheet.cell(number, column)), text, is_text=number == 1 or are_texts[column - 1])
        _dress(sheet, rows, ["policy", *["in"] * len(table.inputs), *["out"] * len(table.outputs), *["#"] * notes])
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def write_list(title: str, rows: list[list[str]], kinds: list[str]) -> bytes:
    """Return rows of cells as a workbook of one sheet; the columns of a kind ``#`` hold texts.

    Raises ModelError for what sheets cannot hold, and where openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
    except ImportError:
        raise ModelError(EXTRA) from None
    book = Workbook()
    book.remove(book.worksheets[0])
    sheet: Worksheet = book.create_sheet(title)
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            is_text = number == 1 or kinds[column - 1] == "#"
            _fill(cast("Cell", sheet.cell(number, column)), text, is_text=is_text)
    _dress(sheet, rows, kinds)
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def _check_titles(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if _NO_TITLE.search(name) or len(name) > _LONGEST_TITLE:
            raise ModelError(
                f"no sheet can be called {name!r}: names of sheets have up to {_LONGEST_TITLE} characters, and none of "
                f"[ ] : * ? / \\"
            )
        if name.lower() in seen:
            raise ModelError(
                f"two sheets would be called {name!r}, as sheets do not tell large letters from small ones"
            )
        seen.add(name.lower())


def _fill(cell: Cell, text: str, *, is_text: bool) -> None:
    """Write a text into a cell; one that is a plain literal as its value, unless the column is one of texts."""
    from openpyxl.utils.exceptions import IllegalCharacterError

    if not text:
        return
    value = None if is_text else _value(text)
    if value is not None:
        cell.value = value
        return
    if len(text) > _LONGEST_CELL:
        raise ModelError(f"{cell.coordinate} would have {len(text)} characters; cells hold {_LONGEST_CELL}")
    try:
        cell.value = text
    except IllegalCharacterError:
        raise ModelError(f"{cell.coordinate}: cells cannot hold the control characters of {text[:60]!r}") from None
    # Nothing is a formula, and nothing an error, whatever it begins with.
    cell.data_type = "s"
    cell.number_format = "@"


def _value(text: str) -> bool | int | float | date | None:
    """Return the value that is read again as this very text, if there is one."""
    value: bool | int | float | date | None = None
    if text in ("true", "false"):
        return text == "true"
    if _NUMBER.fullmatch(text):
        value = float(text) if "." in text else int(text)
    elif _DATE.fullmatch(text):
        try:
            value = date.fromisoformat(text[2:-1])
        except ValueError:
            return None
    return value if value is not None and literal(value) == text else None


def _dress(sheet: Worksheet, rows: list[list[str]], kinds: list[str]) -> None:
    """Have a sheet look like a decision table: coloured heads that stay in sight, and a line before the outputs."""
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

    heads = 1 + sum(1 for row in rows[1:5] if row[0] in HEADS)
    thin, thick = Side("thin", _LINE), Side("medium", "000000")
    looks: dict[object, StyleArray] = {}
    for number, row in enumerate(rows, 1):
        for column in range(1, len(row) + 1):
            cell, kind = cast("Cell", sheet.cell(number, column)), kinds[column - 1]
            # Making a look takes openpyxl long, and there are few of them.
            look = (min(number, heads + 1), column, cell.number_format)
            if look in looks:
                cell._style = looks[look]  # noqa: SLF001
                continue
            first_output = kind == "out" and kinds[column - 2] != "out"
            below = thick if number == heads else thin
            cell.border = Border(left=thick if first_output else thin, right=thin, top=thin, bottom=below)
            cell.alignment = Alignment(vertical="top", wrap_text=True, horizontal="center" if column == 1 else "left")
            if number <= heads or column == 1:
                cell.fill = PatternFill("solid", fgColor=_COLOURS["policy" if column == 1 else kind])
            if number <= heads:
                cell.font = Font(bold=number == 1, italic=number > 1, color=None if number == 1 else "595959")
            looks[look] = cell._style  # noqa: SLF001
    for column, cells in enumerate(zip(*rows, strict=True), 1):
        width = max(len(line) for text in cells for line in text.split("\n"))
        sheet.column_dimensions[letter(column - 1)].width = min(width + 3, _WIDEST)
    sheet.freeze_panes = f"B{heads + 1}"
    sheet.print_title_rows = f"1:{heads}"
