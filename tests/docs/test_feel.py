"""Every expression of FEEL that a page shows comes to what it says, and every cell is true of what it says."""

from __future__ import annotations

import itertools
import re

import pytest

from engine.rules.feel.compiler import compile_expression, compile_tests
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.reference.page import NOW, outcome
from engine.rules.feel.scope import Scope
from engine.rules.feel.values import Value
from tests.docs.feel import examples
from tests.docs.pages import PAGES, Block, all_blocks, tables

BLOCKS = all_blocks("feel")
CODE = re.compile(r"`([^`]+)`")
RESULTS = {"true of": True, "false of": False, "null of": None}


def value_of(text: str) -> Value:
    return compile_expression(text, Scope({}))(Evaluation(NOW), {})


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_examples_come_to_what_is_shown(block: Block) -> None:
    shown = [(one.expression, one.shown) for one in examples(block)]
    assert shown
    assert [(one.expression, one.found) for one in examples(block)] == shown


def test_a_wrong_result_is_found() -> None:
    block = Block(BLOCKS[0].page, 1, "feel", "// given a b = 2\n1 + a b // 3\n[1,\n2] // [1, 2]\n1 // 2\n")
    assert [one.found == one.shown for one in examples(block)] == [True, True, False]


def test_cells_are_true_and_false_of_what_is_said() -> None:
    """In tables whose first column is ``Cell``, the columns true of, false of and null of hold values."""
    shown: list[tuple[str, str, bool | None]] = []
    for page, (head, *rows) in itertools.chain.from_iterable(tables(page) for page in PAGES):
        if head[0] != "Cell" or not RESULTS.keys() & set(head):
            continue
        for row in rows:
            (cell,) = CODE.findall(row[0])
            tests = compile_tests(cell, Scope({}))
            for title, text in zip(head, row, strict=True):
                if title not in RESULTS:
                    continue
                for value in CODE.findall(text):
                    shown.append((cell, value, RESULTS[title]))
                    said = tests(Evaluation(NOW), {}, value_of(value))
                    assert said is RESULTS[title], f"{page.name}: {cell} of {value} is {said}"
    assert len(shown) > 40


def test_the_tables_of_logic_are_true() -> None:
    """In tables whose first columns are ``a`` and ``b``, the other columns are expressions of the two."""
    rows_seen = 0
    for _, (head, *rows) in itertools.chain.from_iterable(tables(page) for page in PAGES):
        if head[:2] != ["`a`", "`b`"]:
            continue
        for row in rows:
            one, other, *shown = [text.strip("`") for text in row]
            for a, b in ((one, other), (other, one)):
                given = {"a": value_of(a), "b": value_of(b)}
                assert [outcome(title.strip("`"), given) for title in head[2:]] == shown, row
            rows_seen += 1
    assert rows_seen == 6
