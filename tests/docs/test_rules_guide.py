"""The guide to decision tables, from top to end: its files are written, its commands run and say what it shows."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from engine.rules.decider import TableDecider
from engine.rules.feel.exchange import from_python
from engine.rules.files import read_rules
from engine.rules.literals import literal
from engine.rules.model import Decision, DecisionTable
from tests.docs.pages import tables
from tests.docs.rules_guide import PAGE, TEXT, parts, rewritten, run_all


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("loans", None)


def test_the_page_does_what_it_says(folder: Path) -> None:
    done = run_all(folder)
    shown = [part for part in done if part.shown is not None]
    assert len(shown) > 10
    for part in shown:
        assert part.output == part.shown, f"{part.text}python -m tests.docs.rules_guide writes this into the page"
    assert rewritten(done) == TEXT


def rows_of(name: str) -> list[list[str]]:
    """Return the cells of the first file of that name on the page."""
    return next([*csv.reader(io.StringIO(part.text))] for part in parts() if part.file == name)


def table_of(rows: list[list[str]]) -> DecisionTable:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    (decision,) = [one for one in read_rules("t.csv", text.getvalue().encode()).elements if isinstance(one, Decision)]
    assert isinstance(decision.expression, DecisionTable)
    return decision.expression


def test_hit_policies_come_to_what_the_page_says() -> None:
    head, *rows = rows_of("points.csv")
    ((_, *policies),) = [table for _, table in tables(PAGE) if table[0][:2] == ["letter", "word"]]
    for letter, word, _, _, shown in policies:
        for sign in (letter, word):
            table = table_of([[sign.strip("`"), *head[1:]], *rows])
            decided = TableDecider(table, lambda: datetime(2026, 11, 30, tzinfo=UTC)).decide({"Spent": 600})
            assert f"`{literal(from_python(decided))}`" == shown, sign
    assert len(policies) == 11


@pytest.mark.parametrize("picture, file", [("table.svg", "loan.csv"), ("faulty.svg", "faulty.csv")])
def test_pictures_show_the_cells_of_the_files(picture: str, file: str) -> None:
    drawn = ET.parse(PAGE.parent / picture).getroot()  # noqa: S314 - a picture of the page
    cells = {text.get("data-cell"): "".join(text.itertext()) for text in drawn.iter() if text.get("data-cell")}
    expected = {
        f"{chr(ord('A') + column)}{number}": cell
        for number, row in enumerate(rows_of(file), 1)
        for column, cell in enumerate(row)
        if cell
    }
    assert cells == expected


def test_the_cells_in_a_workbook_are_the_same_table(folder: Path) -> None:
    openpyxl: Any = pytest.importorskip("openpyxl")
    for name in ("loan", "customer"):
        book = openpyxl.Workbook()
        book.active.title = name
        for row in rows_of(f"{name}.csv"):
            # As spreadsheets take what is typed: numbers as numbers.
            book.active.append([float(cell) if re.fullmatch(r"\d+\.\d+|\d+", cell) else cell or None for cell in row])
        book.save(folder / f"{name}.xlsx")
        found = read_rules(f"{name}.xlsx", (folder / f"{name}.xlsx").read_bytes())
        (decision,) = [one for one in found.elements if isinstance(one, Decision)]
        assert decision.expression == table_of(rows_of(f"{name}.csv"))
