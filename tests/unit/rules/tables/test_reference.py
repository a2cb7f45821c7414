"""Tables of every sort, decided in every way that the engine has, come to what the naive reference says.

The long form: ``python -m pytest tests/unit/rules/tables/test_reference.py --table-cases 100000``. A failure prints the
command that runs its case again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import hypothesis
from hypothesis import event, given, reproduce_failure, settings

from engine.rules.decider import Decided, TableDecider
from engine.rules.explaining import explain
from engine.rules.feel.exchange import from_python, to_python
from engine.rules.model import Decision, InputData, Model
from engine.rules.prepared import Prepared
from engine.rules.tables import quick
from tests.unit.rules.tables.cases import VARIABLE, Case, cases, shown
from tests.unit.rules.tables.naive import Verdict, decide, plain

NOW = datetime(2024, 1, 1, tzinfo=UTC)
SHORT_FORM = 150


def test_every_way_to_decide_says_what_the_naive_reference_says(batch: int | None, replayed: str | None) -> None:
    tried = given(cases())(check)
    if replayed is not None:
        reproduce_failure(hypothesis.__version__, replayed.encode())(tried)()
        return
    try:
        settings(max_examples=batch or SHORT_FORM, print_blob=True, report_multiple_bugs=False, deadline=None)(tried)()
    except BaseException as error:
        for blob in re.findall(r"@reproduce_failure\('[^']*', b'([^']*)'\)", "\n".join(_notes(error))):
            error.add_note(f"To run this case again: python -m pytest {__file__} --table-replay '{blob}'")
        raise


def _notes(error: BaseException) -> list[str]:
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [*getattr(error, "__notes__", []), *(note for one in inner for note in _notes(one))]


def check(case: Case) -> None:
    decider = TableDecider(case.source, lambda: NOW, variables=(VARIABLE,))
    prepared = _prepared(case) if case.stored else None
    cells, table = decider.table.cells, decider.table
    ways: list[quick.Quick | None] = [None, table.quick]
    if cells is not None:
        ways += [quick.make_quick(cells, table.policy, chain_rows=rows) for rows in (0, 100)]
    variables = {VARIABLE: plain(case.limit)}
    for row in case.inputs:
        values = [plain(value) for value in row]
        expected = decide(case.table, values, variables)
        inputs = {**{f"c{place}": value for place, value in enumerate(row)}, VARIABLE: case.limit}
        event(f"{case.table.policy}: {len(expected.matched[:2])} or more rules match")
        assert shown(decider.decide(inputs)) == shown(expected.outcome)
        same(decider.trace(inputs), expected)
        decided = {way: _by(decider, way, inputs) for way in ways}
        for one in decided.values():
            same(one, expected)
            assert one == decided[None], "one says of problems what others do not"
        explained = explain(decider, inputs)
        assert shown(explained.outcome) == shown(expected.outcome)
        assert explained.matched == expected.matched
        if prepared is not None:
            reached = prepared.decide(None, {name: from_python(value) for name, value in inputs.items()}, 0)
            assert shown(to_python(reached.outcome)) == shown(expected.outcome)
            assert reached.matched == ((("d", expected.counted),) if expected.allowed else ())


def same(decided: Decided, expected: Verdict) -> None:
    assert shown(decided.outcome) == shown(expected.outcome)
    assert decided.matched == expected.counted


def _by(decider: TableDecider, way: quick.Quick | None, inputs: dict[str, Any]) -> Decided:
    """Return what a decider says that finds rules in one way."""
    usual = decider.table
    decider.table = replace(usual, quick=way)
    try:
        return decider._evaluated(inputs)
    finally:
        decider.table = usual


def _prepared(case: Case) -> Prepared:
    """Return the table as the one decision of a stored model."""
    names = [*(f"c{place}" for place in range(len(case.table.inputs))), VARIABLE]
    data = tuple(InputData(name, name) for name in names)
    return Prepared(Model("m", "urn:m", elements=(*data, Decision("d", "d", None, case.source, tuple(names)))))
