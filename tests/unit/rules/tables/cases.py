"""Tables at random, of everything that tables can hold, as the naive reference has them and as the engine reads them.

Cells are taken from pools that are made once: a case costs Hypothesis a choice for each cell and not for each sign.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from itertools import product
from typing import Any, NamedTuple, cast

from hypothesis import strategies as st

from engine.rules.model import Aggregation, DecisionTable, HitPolicy, InputClause, OutputClause, Rule
from tests.unit.rules.tables.naive import Between, Cell, Input, NaiveTable, Operand, Output, Row, Test, kind, order

VARIABLE = "limit"
POOL = 1500
PLUS_TWO = dt.timezone(dt.timedelta(hours=2))


class Tier(Enum):
    """An enumeration, which is its values to rules."""

    GOLD = "a"
    SILVER = 2


class Case(NamedTuple):
    """A table, inputs to decide it for, and the value of the variable that its cells may use."""

    table: NaiveTable
    inputs: tuple[tuple[Any, ...], ...]
    limit: Any
    stored: bool
    """Whether it is decided as the decision of a stored model too, which takes as long as all the rest."""

    @property
    def source(self) -> DecisionTable:
        """The table as the engine has it."""
        return source_of(self.table)


def source_of(table: NaiveTable) -> DecisionTable:
    """Return a table as the engine has it."""
    inputs = tuple(
        InputClause(f"c{place}", None, one.type, None if one.allowed is None else one.allowed.text)
        for place, one in enumerate(table.inputs)
    )
    outputs = tuple(
        OutputClause(
            f"o{place}", None, one.type, None if one.allowed is None else one.allowed.text,
            None if one.default is None else one.default.text,
        )
        for place, one in enumerate(table.outputs)
    )  # fmt: skip
    rules = tuple(
        Rule(tuple(cell.text for cell in row.conditions), tuple(one.text for one in row.conclusions))
        for row in table.rows
    )
    return DecisionTable(
        inputs, outputs, rules, cast("HitPolicy", table.policy), cast("Aggregation | None", table.aggregation)
    )


# -- operands ---------------------------------------------------------------------------------------------------------

WIDE = "10000000000000000000000000000000000"
OPERANDS: dict[str, list[Operand]] = {
    "number": [Operand(text, Decimal(text)) for text in ("1", "0", "2", "-2", "0.5", "2.50", "7", "10", WIDE)],
    "string": [Operand(f'"{text}"', text) for text in ("a", "b", "", "A b", "a, b", "-")],
    "boolean": [Operand("true", True), Operand("false", False)],
    "date": [
        Operand('date("2024-01-31")', dt.date(2024, 1, 31)),
        Operand('@"2024-02-02"', dt.date(2024, 2, 2)),
        Operand('date("1999-12-31")', dt.date(1999, 12, 31)),
    ],
    "date and time": [
        Operand('@"2024-01-31T00:00:00Z"', dt.datetime(2024, 1, 31, tzinfo=dt.UTC)),
        Operand('date and time("2024-02-01T01:00:00+02:00")', dt.datetime(2024, 2, 1, 1, tzinfo=PLUS_TWO)),
        Operand('@"2024-01-31T12:00:00"', dt.datetime(2024, 1, 31, 12)),  # noqa: DTZ001 - one by a clock somewhere
    ],
    "time": [
        Operand('@"08:30:00"', dt.time(8, 30)),
        Operand('time("17:00:00")', dt.time(17)),
        Operand('@"08:30:00Z"', dt.time(8, 30, tzinfo=dt.UTC)),
    ],
    "days and time duration": [
        Operand('@"P1D"', dt.timedelta(days=1)),
        Operand('duration("PT36H")', dt.timedelta(hours=36)),
        Operand('@"-PT1H"', dt.timedelta(hours=-1)),
    ],
}
NULL = Operand("null", None)
LIMIT = Operand(VARIABLE, VARIABLE, is_variable=True)
LISTS = [
    Operand('["a", "b"]', ["a", "b"]),
    Operand("[1, 2]", [Decimal(1), Decimal(2)]),
    Operand("[2, null]", [Decimal(2), None]),
    Operand("[]", []),
]
VALUES: dict[str, list[Any]] = {
    "number": [
        1, 0, 2, -2, 3, 7, 10, 11, 0.5, 2.5, Decimal("2.50"), Decimal("0.75"), -0.0, Tier.SILVER, 10**34, 10**34 + 1,
        Decimal("1.0000000000000000000000000000000000000001"), float("nan"), Decimal("NaN"), Decimal("-Infinity"),
    ],
    "string": ["a", "b", "c", "", "A b", "a, b", Tier.GOLD],
    "boolean": [True, False],
    "date": [dt.date(2024, 1, day) for day in (30, 31)] + [dt.date(2024, 2, 2), dt.date(1999, 12, 31)],
    "date and time": [
        dt.datetime(2024, 1, 31, tzinfo=dt.UTC), dt.datetime(2024, 1, 31, 23, tzinfo=dt.UTC),
        dt.datetime(2024, 2, 1, 1, tzinfo=PLUS_TWO), dt.datetime(2024, 1, 31, 12), dt.datetime(2024, 1, 31, 13),  # noqa: DTZ001
    ],
    "time": [dt.time(8, 30), dt.time(17), dt.time(18), dt.time(8, 30, tzinfo=dt.UTC), dt.time(10, 30, tzinfo=PLUS_TWO)],
    "days and time duration": [dt.timedelta(days=1), dt.timedelta(hours=36), dt.timedelta(hours=-2)],
}  # fmt: skip
ODD: list[Any] = [None, [1], ["a"], [], [1, 2], ["a", "b"], [2, None]]
SIGNS = ("", "=", "!=", "<", "<=", ">", ">=")


# -- cells ------------------------------------------------------------------------------------------------------------


def compared(sign: str, operand: Operand) -> Test:
    return Test(f"{sign} {operand.text}".strip(), cast("Any", sign), operand)


def ranges(operands: Sequence[Operand]) -> list[Between]:
    found: list[Between] = []
    for low, high, left, right in product(operands, operands, "[(]", "])["):
        text = f"{left}{low.text}..{high.text}{right}"
        # The wrong way round they are null; one of the kinds is enough of those.
        wrong = not (low.is_variable or high.is_variable) and (order(low.value, high.value) or 0) > 0
        if not wrong or (left, right) == ("[", "]"):
            found.append(Between(text, low, high, (left == "[", right == "]")))
    return found


def own(text: str, least: Any, sign: str) -> Test:
    """Return a test that names the tested value itself."""

    def judge(value: Any) -> bool | None:
        placed = order(value, least)
        if placed is None:
            return None
        return placed > 0 if sign == ">" else placed < 0

    return Test(f"? {sign} {text}", own=judge)


def pool(tests: Sequence[Test | Between], seed: int) -> list[Cell]:
    """Return many cells of these tests, the simple ones first."""
    source = random.Random(seed)
    cells = {cell.text: cell for cell in (Cell(), *(Cell((test,)) for test in tests))}
    for _ in range(POOL):
        some = tuple(source.choice(tests) for _ in range(source.choice((1, 1, 2, 2, 3))))
        cell = Cell(some, negated=source.random() < 0.3)
        cells.setdefault(cell.text, cell)
    return list(cells.values())


def _tests(name: str) -> list[Test | Between]:
    operands = OPERANDS[name]
    if name == "boolean":
        return [compared(sign, operand) for sign in SIGNS[:3] for operand in operands]
    return [*(compared(sign, operand) for sign in SIGNS for operand in operands), *ranges(operands)]


def _odd_tests() -> list[Test | Between]:
    found: list[Test | Between] = [compared(sign, NULL) for sign in SIGNS[:4]]
    found += [compared("", operand) for operand in LISTS]
    found += [compared(sign, LIMIT) for sign in SIGNS]
    found += ranges([OPERANDS["number"][0], LIMIT])
    found += [own("1", Decimal(1), ">"), own('"a"', "a", "<"), own('@"2024-01-31"', dt.date(2024, 1, 31), ">")]
    return found


_PLAIN: dict[str, list[Test | Between]] = {name: _tests(name) for name in OPERANDS}
_PLAIN["string"] = [test for test in _PLAIN["string"] if isinstance(test, Test)]
CELLS = {name: pool(tests, 1) for name, tests in _PLAIN.items()}
"""Cells of one kind of value, such as most tables have them."""
_SOME = [test for tests in _PLAIN.values() for test in tests[::5]]
MIXED = pool([*_odd_tests() * 3, *_SOME], 2)
"""Cells of several kinds, with null, lists, variables and tests in FEEL."""
EVERY_VALUE = [*(value for values in VALUES.values() for value in values), *ODD]
EVERY_OPERAND = [*(operand for operands in OPERANDS.values() for operand in operands), NULL, LIMIT]


# -- cases ------------------------------------------------------------------------------------------------------------

_rare = st.sampled_from([False] * 5 + [True])
_kinds = st.sampled_from(["number", "string", "number", "boolean", "string", "date", *OPERANDS, "mixed", "mixed"])
_policies = st.sampled_from([
    ("UNIQUE", None), ("FIRST", None), ("ANY", None), ("PRIORITY", None), ("RULE ORDER", None), ("OUTPUT ORDER", None),
    ("COLLECT", None), ("COLLECT", "SUM"), ("COLLECT", "MIN"), ("COLLECT", "MAX"), ("COLLECT", "COUNT"),
    ("UNIQUE", None), ("FIRST", None), ("UNIQUE", None), ("FIRST", None),
])  # fmt: skip
_counts = st.sampled_from([1, 2, 2, 3, 3, 4, 5, 6, 8, 0])
_one_cell = {name: st.sampled_from(cells) for name, cells in [*CELLS.items(), ("mixed", MIXED)]}
_one_value = {name: st.sampled_from([*values * 3, *ODD, *EVERY_VALUE[::7]]) for name, values in VALUES.items()}
_one_value["mixed"] = st.sampled_from(EVERY_VALUE)
_one_operand = {name: st.sampled_from([*operands * 2, NULL]) for name, operands in OPERANDS.items()}
_one_operand["mixed"] = st.sampled_from(EVERY_OPERAND)
_limits = st.sampled_from([2, None, 1, "a", 7])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A table and what it is decided for."""
    kinds = draw(st.lists(_kinds, min_size=1, max_size=4))
    inputs = tuple(_input(draw, name) for name in kinds)
    output_kinds = draw(st.sampled_from([["number"], ["string"], ["mixed"], ["date"], ["number", "string"]]))
    policy, aggregation = draw(_policies)
    outputs = tuple(_output(draw, name, ordered=policy in ("PRIORITY", "OUTPUT ORDER")) for name in output_kinds)
    rows = tuple(
        Row(
            tuple(draw(_one_cell[name]) for name in kinds), tuple(draw(_one_operand[name]) for name in output_kinds)
        )
        for _ in range(draw(_counts))
    )  # fmt: skip
    table = NaiveTable(inputs, outputs, rows, policy, aggregation)
    given = tuple(tuple(draw(_one_value[name]) for name in kinds) for _ in range(3))
    return Case(table, given, draw(_limits), draw(_rare))


def _input(draw: st.DrawFn, name: str) -> Input:
    if name == "mixed" or not draw(_rare):
        return Input()
    # Mostly its own, so that values are allowed by it.
    type_ = draw(st.sampled_from([name, name, name, None, "string"]))
    tests = draw(st.sampled_from(CELLS[name][1:200])) if draw(_rare) else None
    return Input(type_, tests)


def _output(draw: st.DrawFn, name: str, *, ordered: bool) -> Output:
    type_ = draw(st.sampled_from([None, None, None if name == "mixed" else name, "number"]))
    allowed: Cell | None = None
    if ordered or draw(_rare):
        chosen = draw(st.lists(_one_operand[name], min_size=1, max_size=3))
        allowed = Cell(tuple(compared("", one) for one in chosen if one.value is not None and not one.is_variable))
        allowed = allowed if allowed.tests else None
    default = draw(_one_operand[name]) if draw(_rare) else None
    return Output(type_, allowed, default)


def shown(value: Any) -> Any:
    """Return an outcome as it can be compared: with its kind, as to Python 1 is True."""
    if isinstance(value, dict):
        return {name: shown(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [shown(one) for one in cast("list[Any]", value)]
    value = Decimal(value) if type(value) is int else value
    return kind(value), value
