"""What the quick way to decide a table stands on: plain cells, and indexes of columns."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.parser import parse_unary_tests
from engine.rules.feel.scope import Scope
from engine.rules.tables.cell_tests import reading_of
from engine.rules.tables.cells import Cell, cell_of, plain_cell
from engine.rules.tables.index import ValueIndex, index_column
from engine.rules.tables.plain import plain_tests

numbers = st.sampled_from(["-2", "0", "0.5", "1", "2", "2.50", "7", "10"])
strings = st.sampled_from(['"a"', '"b"', '""', '"A b"'])


def comparisons(scalars: st.SearchStrategy[str], signs: str) -> st.SearchStrategy[str]:
    return st.builds(lambda sign, scalar: f"{sign} {scalar}".strip(), st.sampled_from(signs.split("|")), scalars)


@st.composite
def ranges(draw: st.DrawFn) -> str:
    low, high = sorted([draw(numbers), draw(numbers)], key=float)
    return f"{draw(st.sampled_from('[(]'))}{low}..{high}{draw(st.sampled_from('])['))}"


def lists(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joined = st.lists(parts, min_size=1, max_size=3).map(", ".join)
    return joined | joined.map(lambda text: f"not({text})")


number_cells = lists(comparisons(numbers, "|<|<=|>|>=|=") | ranges()) | st.just("-") | comparisons(numbers, "!=")
string_cells = lists(comparisons(strings, "|=")) | st.just("-") | comparisons(strings, "!=")
boolean_cells = st.sampled_from(["true", "false", "-", "not(true)", "true, false"])


@given(number_cells | string_cells | boolean_cells)
def test_plain_cells_are_read_as_the_parser_reads_them(text: str) -> None:
    quickly, parsed = plain_tests(text), parse_unary_tests(text, Scope({}))
    assert quickly is not None
    assert (quickly.anything, quickly.negated, len(quickly.tests)) == (
        parsed.anything, parsed.negated, len(parsed.tests),
    )  # fmt: skip
    assert cell_of(reading_of(quickly)) == cell_of(reading_of(parsed))


@given(st.lists(ranges(), min_size=1), st.lists(number_cells, max_size=7), st.decimals(-3, 12, places=1))
def test_an_index_finds_the_cells_that_hold(some: list[str], others: list[str], number: Decimal) -> None:
    texts = some + others
    cells = [None if text == "-" else cell_of(reading_of(parse_unary_tests(text, Scope({})))) for text in texts]
    index = index_column(cells)
    assert index is not None
    expected = sum(1 << place for place, cell in enumerate(cells) if cell is None or cell.holds(number))
    assert index.lookup.rows(number) == expected


def test_other_cells_are_left_to_the_parser() -> None:
    for text in (
        "? > 5",
        "a",
        '"x" + "y"',
        "< limit",
        "[a..5]",
        'date("2020-01-01")',
        '"a\\n"',
        "5 6",
        "(1..2",
        "not(",
        "",
    ):
        assert plain_tests(text) is None


@given(st.lists(string_cells, max_size=7) | st.lists(boolean_cells, max_size=7), st.sampled_from(["a", "b", "", "c"]))
def test_an_index_finds_the_cells_that_hold_for_a_text_or_a_truth_value(texts: list[str], value: str) -> None:
    cells = [None if text == "-" else cell_of(reading_of(parse_unary_tests(text, Scope({})))) for text in texts]
    index = index_column(cells)
    domains = {cell.domain for cell in cells if cell is not None}
    assert (index is None) == (not domains)
    if index is not None:
        looked_for = value if "string" in domains else value == "a"
        expected = sum(1 << place for place, cell in enumerate(cells) if cell is None or cell.holds(looked_for))
        assert isinstance(index.lookup, ValueIndex)
        assert index.lookup.rows(looked_for) == expected


def test_no_cell_is_asked_about_every_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 30,000 rows that have a text each, this would be a billion questions."""
    monkeypatch.delattr(Cell, "holds")
    cells = [plain_cell(f'"C{place}"') for place in range(200)]
    index = index_column([*cells, plain_cell('not("C7")')])
    assert index is not None
    assert isinstance(index.lookup, ValueIndex)
    assert (index.lookup.rows("C7"), index.lookup.rows("C8"), index.lookup.rows("x")) == (
        1 << 7, 1 << 8 | 1 << 200, 1 << 200,
    )  # fmt: skip
