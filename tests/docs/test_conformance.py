"""The page on the compatibility kit names the cases that are known to fail, and no others."""

from __future__ import annotations

import re

from engine.rules.feel.compiler import compile_expression
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.reference.page import NOW
from engine.rules.feel.scope import Scope
from tests.docs.pages import tables
from tests.house.sources import ROOT
from tests.tck.floor import known_failures

PAGE = ROOT / "docs" / "rules" / "conformance.md"


def test_the_cases_that_do_not_pass_are_those_that_are_known() -> None:
    listed = [
        case for _, (head, *rows) in tables(PAGE) if head[0] == "case" for row in rows for case in row[0].split(", ")
    ]
    known = {name.rpartition("#")[2] for level in (2, 3) for name in known_failures(level)}
    assert sorted(case.strip("`") for case in listed) == sorted(known)


def test_the_totals_add_up() -> None:
    ((_, *rows),) = [table for _, table in tables(PAGE) if table[0][0] == "level"]
    figures = [
        [int(text.replace(",", "")) for text in re.findall(r"[\d,]*\d(?! %|\.)", " ".join(row[1:]))] for row in rows
    ]
    two, three, both = ([row[0], row[1], row[2], *row[-2:]] for row in figures)
    assert [a + b for a, b in zip(two, three, strict=True)] == both
    assert both[1] - both[2] == len(known_failures(2)) + len(known_failures(3))
    assert (
        f"{both[2]} of {both[1]} passed; of those with a value that is not null, {both[3]} of {both[4]}"
        in PAGE.read_text()
    )


def test_a_function_of_java_is_null_with_the_problem_that_is_named() -> None:
    problems: list[str] = []
    cosine = 'function(n) external {java: {class: "java.lang.Math", method signature: "cos(double)"}}'
    called = compile_expression(f"{{cos: {cosine}, out: cos(1)}}.out", Scope({}))
    assert called(Evaluation(NOW, problems), {}) is None
    assert f"`{problems[0]}`" in PAGE.read_text()
