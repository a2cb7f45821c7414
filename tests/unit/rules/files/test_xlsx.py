"""Workbooks in and out: what cells hold, how tables look, and hostile archives."""

from __future__ import annotations

import datetime as dt
import io
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from engine.rules import model
from engine.rules.errors import ModelError
from engine.rules.files import archive
from engine.rules.files.book import tables_of
from engine.rules.files.xlsx import read_xlsx
from engine.rules.files.xlsx_writer import write_xlsx
from engine.rules.problems import RuleFileError
from tests.unit.rules.files.test_csv import DISH, FULL, MODEL

HEADER = ["FIRST", "in: x", "out: y"]


def saved(book: Workbook) -> bytes:
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def book(*rows: list[Any], change: Callable[[Worksheet], None] = lambda sheet: None, title: str = "T") -> bytes:
    made = Workbook()
    sheet = made.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(row)
    change(sheet)
    return saved(made)


def problems(data: bytes) -> list[str]:
    with pytest.raises(RuleFileError) as caught:
        read_xlsx(data, "Rules")
    assert str(caught.value).startswith("Rules.xlsx: ")
    return [str(problem) for problem in caught.value.problems]


def table_of(data: bytes) -> model.DecisionTable:
    (table,) = tables_of(read_xlsx(data, "Rules")).values()
    return table


def test_a_workbook_holds_what_a_csv_file_holds() -> None:
    rows = [line.split(",") for line in FULL.replace('"Fall, Winter"', "Fall; Winter").splitlines()]
    data = book(*[[cell.replace(";", ",") for cell in row] for row in rows], title="Dish")
    assert read_xlsx(data, "Dish") == MODEL


@pytest.mark.parametrize(
    "value, literal",
    [
        (18, "18"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1e21, "1000000000000000000000"),
        (True, "true"),
        (dt.date(2026, 11, 30), '@"2026-11-30"'),
        (dt.datetime.combine(dt.date(2026, 11, 30), dt.time(9, 5)), '@"2026-11-30T09:05:00"'),
        (dt.time(9, 5), '@"09:05:00"'),
        (dt.timedelta(hours=30), '@"P1DT6H"'),
        ("< 18", "< 18"),
    ],
)
def test_values_of_cells_are_literals(value: Any, literal: str) -> None:
    table = table_of(book(HEADER, [1, value, 1]))
    assert table.rules[0].conditions == (literal,)


def test_a_value_in_a_column_of_strings_is_refused() -> None:
    data = book(HEADER, ["type", "string", "string"], [1, 42, "a"], [2, "42", "a"])
    assert problems(data) == [
        (
            "decision 'T', row 3, column B: the cell holds 42, and the column is of strings: type \"42\", with the "
            "quotes, or give the column another type"
        )
    ]
    (problem,) = problems(book(HEADER, ["type", "string", ""], [1, dt.date(2026, 11, 30), 1]))
    assert 'the cell holds @"2026-11-30", and the column is of strings: type "2026-11-30", with the quotes' in problem


def test_formulas_and_errors_are_refused_by_cell() -> None:
    data = book(HEADER, [1, "=A1+1", "#N/A"], [2, "-", 1])
    assert problems(data) == [
        "decision 'T', row 2, column B: the cell holds a formula, =A1+1: write the value itself",
        "decision 'T', row 2, column C: the cell holds an error, #N/A: write the value itself",
    ]


def test_cells_merged_over_rows_hold_their_value_in_each() -> None:
    data = book(HEADER, [1, 5, 1], [2, None, 2], [3, 6, 3], change=lambda sheet: sheet.merge_cells("B2:B3"))
    assert [rule.conditions for rule in table_of(data).rules] == [("5",), ("5",), ("6",)]


def test_cells_merged_across_columns_are_refused() -> None:
    data = book(HEADER, [1, 5, 1], change=lambda sheet: sheet.merge_cells("B2:C2"))
    assert problems(data)[0].startswith("decision 'T', row 2, column B: cells are merged across columns")


def two_sheets() -> Workbook:
    made = Workbook()
    risk, notes, price = made.worksheets[0], made.create_sheet("# Notes"), made.create_sheet("Price")
    risk.title = "Risk"
    for row in (["F", "in: Age", "out:"], ["type", "number", "string"], [1, "< 25", "high"], [2, "-", "low"]):
        risk.append(row)
    for row in (["U", "in: Risk", "out:"], ["type", "string", "number"], [1, "high", 90], [2, "low", "Age * 2"]):
        price.append(row)
    notes.append(["Anything at all."])
    return made


def test_sheets_are_decisions_that_require_each_other_by_name() -> None:
    found = read_xlsx(saved(two_sheets()), "Insurance")
    assert [(one.name, getattr(one, "requires", None)) for one in found.elements] == [
        ("Age", None),
        ("Risk", ("input_1",)),
        ("Price", ("input_1", "decision_1")),
    ]
    assert read_xlsx(write_xlsx(found), "Insurance") == found
    assert list(tables_of(read_xlsx(saved(two_sheets()), "Insurance", sheet="Risk"))) == ["Risk"]


def test_what_is_wrong_is_said_with_its_sheet() -> None:
    made = two_sheets()
    made["Risk"]["C3"] = "(high)"
    made["Price"]["B2"] = "number"
    assert problems(saved(made)) == [
        f"decision {place}: nothing here is called {name!r}: a text is written in quotes"
        for place, name in (
            ("'Risk', row 3, column C (rule 1, the output)", "high"),
            ("'Price', row 3, column B (rule 1, input 'Risk')", "high"),
            ("'Price', row 4, column B (rule 2, input 'Risk')", "low"),
        )
    ]
    made["Risk"]["A1"] = "Z"
    (problem,) = problems(saved(made))
    assert problem.startswith("decision 'Risk', row 1, column A: 'Z' is no hit policy")


def test_decisions_that_require_each_other_are_refused() -> None:
    made = two_sheets()
    made["Risk"]["B1"] = "in: Price"
    assert "decisions require each other: " in "\n".join(problems(saved(made)))


def test_a_sheet_that_is_not_there_is_named() -> None:
    with pytest.raises(
        RuleFileError, match=r"there is no sheet called 'Rates': the workbook has 'Risk', '# Notes', 'Price'"
    ):
        read_xlsx(saved(two_sheets()), "Insurance", sheet="Rates")


# -- writing ----------------------------------------------------------------------------------------------------------

conditions = st.sampled_from(["-", "< 5", "true", "5", "-0.5", "5.0", "[1..3]", '"a"', '@"2026-11-30"', "= 5", "null"])
words = st.sampled_from(['"a"', '"b c"', '"42"', '"=1+1"', '"#N/A"', '"true"', "x", '"a,b"', "null"])


@st.composite
def models(draw: st.DrawFn) -> model.Model:
    rules = draw(
        st.lists(st.builds(model.Rule, st.tuples(conditions, words), st.tuples(conditions, words)), max_size=4)
    )
    # What is a condition is hardly ever a conclusion.
    rules = [
        replace(
            rule, conclusions=("1" if rule.conclusions[0][0] in "-<=[" else rule.conclusions[0], rule.conclusions[1])
        )
        for rule in rules
    ]
    inputs = (model.InputClause("x"), model.InputClause("z", "Zed", "string", '"a", "b c"' if not rules else None))
    outputs = (model.OutputClause("o"), model.OutputClause("p", None, "string"))
    table = model.DecisionTable(inputs, outputs, tuple(rules), draw(st.sampled_from(["UNIQUE", "OUTPUT ORDER"])))
    data = (model.InputData("input_1", "x"), model.InputData("input_2", "z", "string"))
    decision = model.Decision("decision_1", "T", None, table, ("input_1", "input_2"))
    return model.Model("Rules", "urn:rules:Rules", elements=(*data, decision))


@given(models())
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_again_as_it_was(source: model.Model) -> None:
    assert read_xlsx(write_xlsx(source), "Rules") == source


def test_what_is_written_looks_like_a_decision_table() -> None:
    (sheet,) = load_workbook(io.BytesIO(write_xlsx(MODEL))).worksheets
    assert sheet.title == "Dish"
    assert [cell.value for cell in sheet[1]] == ["FIRST", "in: Season", "in: Guests", "out: Dish", "# Why"]
    assert sheet.freeze_panes == "B5"
    assert sheet.print_title_rows == "$1:$4"
    colours = [cell.fill.fgColor.rgb for cell in sheet[1]]
    assert colours[1] == colours[2]
    assert len({*colours[0:2], *colours[3:]}) == 4
    assert [cell.font.bold for cell in sheet[1]] == [True] * 5
    assert sheet["D1"].border.left.style == "medium"
    assert sheet["A4"].border.bottom.style == "medium"
    assert sheet["A5"].value == 1
    assert sheet["C5"].data_type == "s"
    assert sheet.column_dimensions["E"].width > sheet.column_dimensions["A"].width


@pytest.mark.parametrize(
    "names, says",
    [
        (["a/b"], "no sheet can be called 'a/b'"),
        (["x" * 32], "no sheet can be called"),
        (["# Notes"], "no sheet can be called '# Notes'"),
        (["Fare", "fare"], "two sheets would be called 'fare'"),
    ],
)
def test_names_that_sheets_cannot_have_are_refused(names: list[str], says: str) -> None:
    with pytest.raises(ModelError) as caught:
        write_xlsx(replace(MODEL, elements=tuple(model.Decision(name, name, None, DISH) for name in names)))
    assert says in str(caught.value)


@pytest.mark.parametrize("text, says", [('"a\x01b"', "control characters"), (f'"{"x" * 33_000}"', "cells hold 32767")])
def test_texts_that_cells_cannot_hold_are_refused(text: str, says: str) -> None:
    table = replace(DISH, rules=(model.Rule(("-", "-"), (text,)),))
    with pytest.raises(ModelError) as caught:
        write_xlsx(replace(MODEL, elements=(model.Decision("d", "D", None, table),)))
    assert says in str(caught.value)


# -- hostile files ----------------------------------------------------------------------------------------------------


def with_part(name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return a workbook of which one part is another."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book(HEADER, [1, 5, 1]))) as old, zipfile.ZipFile(output, "w") as new:
        for part in old.namelist():
            content = old.read(part)
            new.writestr(part, change(content) if part == name else content, zipfile.ZIP_DEFLATED)
    return output.getvalue()


def archive_of(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return data.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "the file is no workbook (.xlsx): it is no archive at all, or was cut off; save it as an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "it is one of Excel before 2007, or has a password; "),
        (archive_of("mimetype", "content.xml"), "it is one of OpenDocument; save it as an Excel workbook (.xlsx)"),
        (archive_of("readme.txt"), "it is an archive of something else; save it as an Excel workbook"),
        (b"PK\x03\x04 and so on", "the file is no workbook"),
        (FULL.encode(), "the file is no workbook"),
        (book(HEADER, [1, 5, 1])[:-200], "the file is no workbook"),
        (with_part(SHEET, lambda old: LAUGHS + old), "declares a document type 'l'"),
        (with_part(SHEET, lambda old: old[:-20]), "the part 'xl/worksheets/sheet1.xml' of the workbook is no XML"),
        (with_part("xl/workbook.xml", lambda old: b"<workbook/>"), "there is no sheet with a table"),
        (with_part("[Content_Types].xml", lambda old: b"<Types/>"), "the workbook cannot be read: "),
        (
            with_part(SHEET, lambda old: old.replace(b"</sheetData>", b'</sheetData><mergeCells count="1"><mergeCell '
                                                     b'ref="A1:XFD1048576"/></mergeCells>')),
            "the workbook has more than 2000000 cells",
        ),
        (
            with_part(SHEET, lambda old: old.replace(b"</sheetData>", b'</sheetData><hyperlinks><hyperlink '
                                                     b'ref="A1:XFD1048576"/></hyperlinks>')),
            "the workbook has more than 2000000 cells",
        ),
        (
            with_part(SHEET, lambda old: old.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c>'
                                                     b"</row></sheetData>")),
            "the sheet spans",
        ),
        (with_part("docProps/app.xml", lambda old: b"\0" * 150_000_000), "unpacks to 1500"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_hostile_and_malformed_files_are_refused(data: bytes, says: str) -> None:
    assert says in "\n".join(problems(data))


def test_archives_of_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_PARTS", 3)
    assert "parts are read" in problems(book(HEADER, [1, 5, 1]))[0]


def test_what_openpyxl_does_not_keep_makes_no_warnings() -> None:
    def validate(old: bytes) -> bytes:
        extension = b'<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}"/></extLst></worksheet>'
        return old.replace(b"</worksheet>", extension)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_xlsx(with_part(SHEET, validate), "Rules")


@pytest.mark.parametrize("use", [lambda: read_xlsx(b"", "Rules"), lambda: write_xlsx(MODEL)])
def test_without_openpyxl_the_extra_is_named(use: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ModelError, match=r"pip install 'milepost\[xlsx\]'"):
        use()
