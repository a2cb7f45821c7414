"""Decision tables as CSV files, with commas, semicolons or tabs, whichever the first row has."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from engine.rules.errors import ModelError
from engine.rules.files.book import model_of, tables_of
from engine.rules.files.formulas import guarded, unguarded
from engine.rules.files.layout import is_header, read_sheet
from engine.rules.files.writing import rows_of
from engine.rules.problems import Problem, RuleFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from engine.rules.model import Model

MAX_BYTES: Final = 50_000_000
_DELIMITERS: Final = (",", ";", "\t")
_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def read_csv(data: bytes, name: str, file: str | None = None) -> Model:
    """Return the model of one decision, called ``name``, that a CSV file holds. ``file`` is what errors call it.

    Raises RuleFileError with all that is wrong, by row and column.
    """
    file = file or f"{name}.csv"
    return model_of(name, {name: read_sheet(read_cells(data, file, is_header), file)}, file)


def read_cells(data: bytes, file: str, begins: Callable[[list[str]], bool]) -> list[list[str]]:
    """Return the cells of a file, whose first row ``begins`` what it holds. Raises RuleFileError."""
    return _rows(_text(data, file), file, begins)


def write_csv(model: Model) -> bytes:
    """Return a model of one table as a CSV file, with commas, in UTF-8 with a mark that spreadsheets know it by.

    Raises ModelError for a model that is more than a table.
    """
    tables = tables_of(model)
    if len(tables) > 1:
        raise ModelError(f"model {model.name!r} has {len(tables)} decisions ({', '.join(tables)}), and CSV holds one")
    ((name, table),) = tables.items()
    return write_cells(rows_of(table, name))


def write_cells(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows of cells as a CSV file, in which no spreadsheet finds a formula."""
    output = io.StringIO(newline="")
    csv.writer(output).writerows(map(guarded, row) for row in rows)
    return output.getvalue().encode("utf-8-sig")


def _text(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise RuleFileError(file, [Problem(f"the file has {len(data)} bytes; {MAX_BYTES} are read")])
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        text = "the file is not in UTF-8, and other encodings cannot be told from each other: save it as 'CSV UTF-8'"
        raise RuleFileError(file, [Problem(text, place=f"line {row}")]) from None


def _rows(text: str, file: str, begins: Callable[[list[str]], bool]) -> list[list[str]]:
    for delimiter in _DELIMITERS:
        try:
            first = next((row for row in _reader(text, delimiter) if any(map(str.strip, row))), list[str]())
        except csv.Error:
            continue
        if begins(first):
            break
    else:
        delimiter = ","
    rows: list[list[str]] = []
    try:
        rows.extend([unguarded(cell) for cell in row] for row in _reader(text, delimiter))
    except csv.Error as error:
        problem = Problem(f"the row is no CSV: {error}", place=f"row {len(rows) + 1}")
        raise RuleFileError(file, [problem]) from None
    return rows


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
