"""Scenarios as files: sheets (:mod:`engine.rules.files.scenario_sheets`), or JSON.

In JSON they are a list of objects with ``inputs``, ``expected``, and perhaps more. What JSON has no value for is
written as in :mod:`engine.rules.recorded`: a date is ``{"@": "2026-11-30"}``.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from engine.rules.errors import ModelError
from engine.rules.feel.exchange import TOO_DEEP, NotAValue, from_python, to_python
from engine.rules.feel.values import DateTime
from engine.rules.files.csv import read_cells, write_cells
from engine.rules.files.foreign import foreign_name
from engine.rules.files.scenario_sheets import begins_scenarios, read_rows, rows_of
from engine.rules.files.xlsx import sheets_of
from engine.rules.files.xlsx_writer import write_list
from engine.rules.problems import Problem, RuleFileError
from engine.rules.recorded import read_value, write_value
from engine.rules.scenarios import EPOCH, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)
_BETWEEN: Final = re.compile(r"[,\s]*")
_NAME: Final = re.compile(r'"name"\s*:\s*"([^"\\]*)"')
_KEYS: Final = ("name", "inputs", "expected", "decision", "now")


def read_scenarios(file: str, data: bytes) -> list[Scenario]:
    """Return the scenarios of a file: a sheet in .csv, sheets in .xlsx, or JSON.

    One without a name is ``scenario 1``, by its place. Raises RuleFileError, which says all that is wrong and in which
    scenario, or in which row and column.
    """
    problems: list[Problem] = []
    try:
        match PurePath(file).suffix.lower():
            case ".csv":
                scenarios = read_rows(read_cells(data, file, begins_scenarios), problems)
            case ".xlsx":
                scenarios = _of_book(file, data, problems)
            case _ if (foreign := foreign_name(file)) is not None:
                raise RuleFileError(file, [Problem(foreign)])
            case _:
                scenarios = _of_json(file, data, problems)
    except RuleFileError:
        raise
    except ModelError as error:
        raise RuleFileError(file, [Problem(str(error))]) from None
    names = [scenario.name for scenario in scenarios]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems += [Problem("it is there twice: each has a name of its own", place=f"scenario {one!r}") for one in twice]
    if problems:
        raise RuleFileError(file, problems)
    return scenarios


def write_scenarios(file: str, scenarios: Iterable[Scenario]) -> bytes:
    """Return scenarios as a file of that name holds them: .csv, .xlsx, or JSON.

    Raises ModelError for what workbooks cannot hold, and where openpyxl is not installed.
    """
    match PurePath(file).suffix.lower():
        case ".csv":
            return write_cells(rows_of([*scenarios]))
        case ".xlsx":
            rows = rows_of([*scenarios])
            kinds = [
                "in" if title.startswith("in:") else "out" if title.startswith("out:") else "#" for title in rows[0]
            ]
            return write_list("scenarios", rows, kinds)
        case _:
            return _to_json(scenarios)


def _of_book(file: str, data: bytes, problems: list[Problem]) -> list[Scenario]:
    scenarios: list[Scenario] = []
    for title, rows, found in sheets_of(data, file):
        scenarios += read_rows(rows, found, len(scenarios))
        problems += [
            replace(one, place=f"sheet {title!r}, {one.place}" if one.place else f"sheet {title!r}") for one in found
        ]
    return scenarios


def _of_json(file: str, data: bytes, problems: list[Problem]) -> list[Scenario]:
    scenarios: list[Scenario] = []
    for place, text in enumerate(_split(file, data), 1):
        try:
            one = read_value(text)
        except NotAValue as error:
            problems.append(Problem(str(error), place=_label_in(text, place)))
            continue
        wrong = list(_wrong(one))
        problems += [Problem(text, place=_label(one, place)) for text in wrong]
        if not wrong:
            entries = cast("dict[str, Any]", one)
            now: Any = EPOCH if entries.get("now") is None else to_python(entries["now"])
            name = entries.get("name") or f"scenario {place}"
            scenarios.append(Scenario(name, entries["inputs"], entries["expected"], entries.get("decision"), now))
    return scenarios


def _split(file: str, data: bytes) -> list[str]:
    """Return the text of each scenario. Raises RuleFileError for what is no list of JSON, with its place."""
    try:
        text = data.decode("utf-8-sig")
        found = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise RuleFileError(file, [Problem("the file is no JSON: it is not in UTF-8")]) from None
    except json.JSONDecodeError as error:
        parts, start = _parts(error.doc)
        where = f"line {error.lineno}, column {error.colno}"
        if error.doc.lstrip().startswith("["):
            where += f" ({_label_in(error.doc[start : error.pos], len(parts) + 1)})"
        raise RuleFileError(file, [Problem(f"the file is no JSON: {error.msg}", place=where)]) from None
    except RecursionError:
        raise RuleFileError(file, [Problem(TOO_DEEP)]) from None
    if not isinstance(found, list) or not found:
        raise RuleFileError(file, [Problem("scenarios are a list of objects with 'inputs' and 'expected'")])
    return _parts(text)[0]


def _parts(text: str) -> tuple[list[str], int]:
    """Return the text of each element of a list that can be read, and where the first that cannot begins."""
    found: list[str] = []
    position = text.find("[") + 1
    while True:
        between = _BETWEEN.match(text, position)
        start = position if between is None else between.end()
        try:
            _, position = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            return found, start
        found.append(text[start:position])


def _label_in(text: str, place: int) -> str:
    name = _NAME.search(text)
    return f"scenario {place}" if name is None else f"scenario {name[1]!r}"


def _to_json(scenarios: Iterable[Scenario]) -> bytes:
    written: list[dict[str, Any]] = []
    for one in scenarios:
        entries: dict[str, Any] = {"name": one.name}
        if one.decision is not None:
            entries["decision"] = one.decision
        if one.now != EPOCH:
            entries["now"] = _raw(one.now)
        written.append(entries | {"inputs": _raw(one.inputs), "expected": _raw(one.expected)})
    return msgspec.json.format(msgspec.json.encode(written), indent=2) + b"\n"


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(write_value(from_python(value)))


def _label(one: Any, place: int) -> str:
    name = cast("dict[str, Any]", one).get("name") if isinstance(one, dict) else None
    return f"scenario {name!r}" if isinstance(name, str) and name else f"scenario {place}"


def _wrong(one: Any) -> Iterator[str]:
    if not isinstance(one, dict):
        yield "it is no object with 'inputs' by name, 'expected', and perhaps 'name', 'decision' and 'now'"
        return
    entries = cast("dict[str, Any]", one)
    for key in entries:
        if key not in _KEYS:
            yield f"it has {key!r}, and a scenario has only {', '.join(map(repr, _KEYS))}"
    if not isinstance(entries.get("inputs"), dict):
        yield "it has no 'inputs': an object with each input by its name"
    if "expected" not in entries:
        yield "it does not say what is 'expected': null is a value, too"
    for key in ("name", "decision"):
        if entries.get(key) is not None and not isinstance(entries[key], str):
            yield f"its {key!r} is no text"
    now = entries.get("now")
    if now is not None and not _is_moment(now):
        yield """its 'now' is no moment with a time zone: write it as {"@": "2026-11-30T12:00:00Z"}"""


def _is_moment(now: Any) -> bool:
    if not isinstance(now, DateTime):
        return False
    moment = to_python(now)
    return isinstance(moment, datetime) and moment.utcoffset() is not None
