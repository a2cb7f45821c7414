"""The quick way to decide a table says what the reference way says, whatever the table and the values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.rules.decider import TableDecider
from engine.rules.feel.parser import parse_unary_tests
from engine.rules.feel.scope import Scope
from engine.rules.model import DecisionTable, HitPolicy, InputClause, OutputClause, Rule
from engine.rules.tables import quick
from engine.rules.tables.cells import cell_of
from engine.rules.tables.index import index_column
from engine.rules.tables.plain import plain_tests

NOW = datetime(2024, 1, 1, tzinfo=UTC)
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
values = st.sampled_from(
    [None, -2, 0, 0.5, 1, 2, 2.5, 3, 7, 10, 11, True, False, "a", "b", "", "A b", "c", float("nan")]
)


@st.composite
def tables(draw: st.DrawFn) -> DecisionTable:
    kinds = draw(st.lists(st.sampled_from([number_cells, string_cells, boolean_cells]), min_size=1, max_size=4))
    count = draw(st.integers(1, 12))
    rules = tuple(Rule(tuple(draw(kind) for kind in kinds), (f'"{place}"',)) for place in range(count))
    policy: HitPolicy = draw(st.sampled_from(["UNIQUE", "FIRST"]))
    inputs = tuple(InputClause(f"c{place}") for place in range(len(kinds)))
    return DecisionTable(inputs, (OutputClause("out"),), rules, policy)


@given(table=tables(), given_values=st.lists(st.lists(values, min_size=4, max_size=4), min_size=1, max_size=5))
def test_both_ways_say_the_same(table: DecisionTable, given_values: list[list[Any]]) -> None:
    decider = TableDecider(table, lambda: NOW)
    cells = decider.table.cells
    assert cells is not None
    ways = [quick.make_quick(cells, table.hit_policy, chain_rows=rows) for rows in (0, 100)]
    for row in given_values:
        inputs = {f"c{place}": value for place, value in enumerate(row[: len(table.inputs)])}
        slow = decider._evaluated(inputs)
        assert decider.decide(inputs) == slow.outcome
        for way in ways:
            assert way is not None
            hit = way(*inputs.values())
            if hit >= 0:
                assert table.rules[hit].conclusions[0] == f'"{slow.outcome}"'
            elif hit == quick.NOTHING:
                assert slow.outcome is None


@given(number_cells | string_cells | boolean_cells)
def test_plain_cells_are_read_as_the_parser_reads_them(text: str) -> None:
    quickly, parsed = plain_tests(text), parse_unary_tests(text, Scope({}))
    assert quickly is not None
    assert (quickly.anything, quickly.negated, len(quickly.tests)) == (
        parsed.anything, parsed.negated, len(parsed.tests),
    )  # fmt: skip
    assert cell_of(quickly) == cell_of(parsed)


@given(st.lists(ranges(), min_size=1), st.lists(number_cells, max_size=7), st.decimals(-3, 12, places=1))
def test_an_index_finds_the_cells_that_hold(some: list[str], others: list[str], number: Decimal) -> None:
    texts = some + others
    cells = [None if text == "-" else cell_of(parse_unary_tests(text, Scope({}))) for text in texts]
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
