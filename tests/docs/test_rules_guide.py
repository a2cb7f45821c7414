"""The guide to decision tables, from top to end: its files are written, its commands run and say what it shows."""

from __future__ import annotations

import csv
import io
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from engine import Client, load_modules
from engine.rules.decider import TableDecider
from engine.rules.feel.exchange import from_python
from engine.rules.files import read_rules
from engine.rules.literals import literal
from engine.rules.model import Decision, DecisionTable
from tests.cli.calling import engine
from tests.docs.pages import tables
from tests.docs.running import worker_beside
from tests.house.sources import ROOT

PAGE = ROOT / "docs" / "rules" / "guide.md"
TEXT = PAGE.read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w-]+\.(?:csv|json|py))`[^`]*\Z")
URL = "sqlite:///milepost.db"
FLAGS = ["--store", URL, "--flows", "loans"]
AGES = re.compile(r"\b(?:now|\d+s ago)")
IDS = re.compile(r"\b0[0-9a-z]{25}\b")
AN_ID = "01kb7x2mdzbp8jvc541caart13"
MOMENTS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")


@dataclass
class Part:
    """A fenced block, the file that it is, and what is shown below it."""

    language: str
    text: str
    file: str | None
    shown: str | None
    printed: list[str] = field(default_factory=list[str])

    @property
    def output(self) -> str:
        """What its commands printed, without what is of each run its own."""
        lines = [line.rstrip() for text in self.printed for line in text.splitlines()]
        text = "\n".join(line for line in lines if not line.startswith("hash ")) + "\n"
        text = AGES.sub(lambda age: "now".ljust(len(age[0])), text)
        return IDS.sub(AN_ID, MOMENTS.sub("2026-05-20 09:30:00 UTC", text))


def parts() -> Iterator[Part]:
    for found in FENCE.finditer(TEXT):
        named = NAMED.search(TEXT, 0, found.start()) if found[1] in ("csv", "json", "python") else None
        yield Part(found[1], found[2], named and named[1], found[3])


def run(part: Part) -> None:
    """Run the commands of a part."""
    for line in part.text.splitlines():
        with Client(URL) as client:
            latest = client.find()
        words = [latest[0].id if word == "01kb7x2m" else word for word in shlex.split(line)[1:]]
        done = engine(*FLAGS, *words)
        if words[0] == "start":
            assert done.code == 0, done.err
            with Client(URL) as client:
                client.wait_for(client.find()[0].id, 30)
        else:
            part.printed += [done.out, done.err]


def run_all(folder: Path) -> list[Part]:
    """Do all that the page says, in this folder, and return its parts with what was printed."""
    found = list(parts())
    (flow,) = [part for part in found if part.language == "python"]
    (folder / "loans.py").write_text(flow.text)
    with worker_beside(URL, load_modules(["loans"]), []):
        for part in found:
            if part.file is not None:
                (folder / part.file).write_text(part.text)
            elif part.language == "shell":
                run(part)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("loans", None)


def test_the_page_does_what_it_says(folder: Path) -> None:
    done = [part for part in run_all(folder) if part.shown is not None]
    assert len(done) > 10
    for part in done:
        assert part.output == part.shown, part.text


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
