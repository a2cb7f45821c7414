"""Decision tables as workbooks: each sheet a table, called by the name of the sheet, in the layout of CSV files.

Numbers, booleans, dates and times in cells are the literals of FEEL. Cells that are merged over several rows hold their
value in each of them. Sheets whose names begin with ``#`` are notes, and are left alone. Formulas are refused, as
what they come to is not part of the rules.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from engine.rules.errors import ModelError
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.exchange import from_python
from engine.rules.feel.rendering import text_of
from engine.rules.files.archive import check_archive
from engine.rules.files.book import model_of
from engine.rules.files.layout import MAX_CELLS, FeelLiteral, place_of, read_sheet
from engine.rules.problems import Problem, RuleFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from engine.rules.files.layout import Sheet
    from engine.rules.model import Model

EXTRA: Final = "workbooks are read and written by openpyxl, which is not installed: pip install 'milepost[xlsx]'"
_NO_TIME: Final = Evaluation(datetime(2000, 1, 1, tzinfo=UTC))
_NOTES: Final = "#"


def read_xlsx(data: bytes, name: str, file: str | None = None, sheet: str | None = None) -> Model:
    """Return the model that a workbook holds: all of its sheets, or the one called ``sheet``.

    ``name`` is the model's, ``file`` what errors call it. Raises RuleFileError with all that is wrong, by sheet, row
    and column; and ModelError where openpyxl is not installed.
    """
    file = file or f"{name}.xlsx"
    problems: list[Problem] = []
    sheets: dict[str, Sheet] = {}
    for title, rows, found in sheets_of(data, file, sheet):
        try:
            sheets[title] = read_sheet(rows, file)
        except RuleFileError as error:
            # A cell that holds a formula is taken for an empty one, and that it is empty goes without saying.
            told = {problem.place for problem in found}
            found.extend(problem for problem in error.problems if problem.place not in told)
        problems += (replace(problem, decision=title) for problem in found)
    if problems:
        raise RuleFileError(file, problems)
    return model_of(name, sheets, file)


def sheets_of(data: bytes, file: str, sheet: str | None = None) -> Iterator[tuple[str, list[list[str]], list[Problem]]]:
    """Yield the title and the cells of each sheet that is no note, or of one, and what no table may have of them.

    Raises RuleFileError, and ModelError where openpyxl is not installed.
    """
    book = _opened(data, file)
    chosen = [
        one for one in book.worksheets if (sheet is None and not one.title.startswith(_NOTES)) or one.title == sheet
    ]
    if not chosen:
        there = ", ".join(repr(one.title) for one in book.worksheets) or "none"
        wanted = "with a table" if sheet is None else f"called {sheet!r}"
        raise RuleFileError(file, [Problem(f"there is no sheet {wanted}: the workbook has {there}")])
    for one in chosen:
        found: list[Problem] = []
        yield " ".join(one.title.split()), _rows(one, found), found


def _opened(data: bytes, file: str) -> Workbook:
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise ModelError(EXTRA) from None
    try:
        check_archive(data)
    except ModelError as error:
        raise RuleFileError(file, [Problem(str(error))]) from None
    try:
        with warnings.catch_warnings():
            # Of what openpyxl does not keep: layout, validations, pictures.
            warnings.simplefilter("ignore")
            return load_workbook(io.BytesIO(data), keep_links=False)
    except Exception as error:  # noqa: BLE001 - openpyxl raises anything where a file is not as it should be
        raise RuleFileError(file, [Problem(f"the workbook cannot be read: {type(error).__name__}: {error}")]) from None


def _rows(sheet: Worksheet, problems: list[Problem]) -> list[list[str]]:
    """Return the texts of all cells; what no table may have goes to ``problems``."""
    if sheet.max_row * sheet.max_column > MAX_CELLS:
        text = f"the sheet spans {sheet.max_row} rows and {sheet.max_column} columns: clear what is far from the table"
        problems.append(Problem(text))
        return []
    rows = [[_text(cell, problems) for cell in row] for row in sheet.iter_rows()]
    for area in sheet.merged_cells.ranges:
        top, left = cast("int", area.min_row) - 1, cast("int", area.min_col) - 1
        if area.max_col != area.min_col:
            text = "cells are merged across columns, and it cannot be told which one they belong to: unmerge them"
            problems.append(Problem(text, place=place_of(top, left)))
            continue
        for row in rows[top + 1 : area.max_row]:
            row[left] = rows[top][left]
    return rows


def _text(cell: Any, problems: list[Problem]) -> str:
    value: Any = cell.value
    place = place_of(cell.row - 1, cell.column - 1)
    if value is None:
        return ""
    if cell.data_type in ("f", "e"):
        shown = str(getattr(value, "text", value))[:60]
        what = "a formula" if cell.data_type == "f" else "an error"
        problems.append(Problem(f"the cell holds {what}, {shown}: write the value itself", place=place))
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime) and _shows_days_only(cell.number_format):
        value = value.date() if value.time() == datetime.min.time() else value
    return FeelLiteral(literal(value))


def _shows_days_only(number_format: str) -> bool:
    from openpyxl.styles.numbers import is_datetime

    return is_datetime(number_format) == "date"


def literal(value: bool | float | date | datetime | object) -> str:
    """Return a value of Python as the literal of FEEL."""
    return text_of(_NO_TIME, [from_python(value)])[1:-1]
