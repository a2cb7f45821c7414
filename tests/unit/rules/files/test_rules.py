"""One way in and one way out for every kind of file."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.rules.errors import ModelError
from engine.rules.files import RuleFileError, read_rules, write_rules
from engine.rules.stored import write_model
from tests.unit.rules.files.test_csv import FULL, MODEL


@pytest.mark.parametrize("name", ["Dish.csv", "Dish.xlsx", "Dish.dmn", "Dish.XML", "Dish.json", "in/folders/Dish.csv"])
def test_every_kind_of_file_is_written_and_read_again(name: str) -> None:
    assert read_rules(name, write_rules(name, MODEL)) == MODEL


def test_a_model_goes_through_every_kind_of_file() -> None:
    found = MODEL
    for name in ("Dish.csv", "Dish.dmn", "Dish.xlsx", "Dish.json"):
        found = read_rules(name, write_rules(name, found))
    assert write_model(found) == write_model(MODEL)


def test_decisions_are_called_by_the_file() -> None:
    assert [element.name for element in read_rules("Tonight.csv", FULL.encode()).elements][-1] == "Tonight"


@pytest.mark.parametrize(
    "name, says",
    [
        ("rules.txt", "rules.txt: rules are read from .dmn, .xml, .csv"),
        ("rules", "rules: rules are read from .dmn"),
        ("rules.xls", "rules.xls: the file is a workbook of Excel before 2007, which is not read: save it as an Excel"),
        ("Rules.ODS", "Rules.ODS: the file is a spreadsheet of OpenDocument, which is not read: save it as an Excel"),
        ("a/rules.csv", "rules.csv: there is no table"),
        ("rules.xlsx", "rules.xlsx: the file is no workbook"),
        ("rules.dmn", "rules.dmn: the file is no XML"),
        ("rules.json", "rules.json: the stored model is no JSON"),
        ("rules.jdm.json", "rules.jdm.json: the file is no JSON"),
        ("Rules.JDM.JSON", "Rules.JDM.JSON: the file is no JSON"),
    ],
)
def test_errors_name_the_file(name: str, says: str) -> None:
    with pytest.raises(RuleFileError) as caught:
        read_rules(name, b"")
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize("name", ["rules.jdm.json", "rules.txt"])
def test_other_files_are_not_written(name: str) -> None:
    with pytest.raises(ModelError, match=r"rules are written to \.dmn"):
        write_rules(name, MODEL)


def test_the_rules_are_imported_without_openpyxl() -> None:
    code = "import sys; sys.modules['openpyxl'] = None; import engine.rules.files"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stderr == b""
