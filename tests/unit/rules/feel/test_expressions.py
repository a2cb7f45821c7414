"""Whole expressions: what compiled FEEL comes to, scoping, and the bounds that hostile input meets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.rules.feel.compiler import compile_expression
from engine.rules.feel.evaluation import BudgetExceeded, Limits
from engine.rules.feel.scope import Scope
from engine.rules.feel.values import Date
from tests.unit.rules.feel.feeling import evaluation, holds, value_of

PEOPLE = [{"name": "Ann", "age": 30}, {"name": "Bob", "age": 17}, {"name": "Cy", "age": 70}]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1 + 2 * 3", 7),
        ("if 1 > 2 then 3 else 4", 4),
        ("if null then 3 else 4", 4),
        ("true and null", None),
        ("false and null", False),
        ("true or null", True),
        ('"a" + "b"', "ab"),
        ("[1, 2, 3][item > 1]", [2, 3]),
        ("[1, 2, 3][2]", 2),
        ("[1, 2, 3][-1]", 3),
        ("[1, 2, 3][4]", None),
        ("for i in 1..3 return i * i", [1, 4, 9]),
        ("for i in 3..1 return i", [3, 2, 1]),
        ("for i in [1, 2], j in [i, 10] return j", [1, 10, 2, 10]),
        ("for i in 1..5 return if i = 1 then 1 else partial[-1] * i", [1, 2, 6, 24, 120]),
        ("some i in [1, 2] satisfies i > 1", True),
        ("every i in [1, 2] satisfies i > 1", False),
        ("every i in [] satisfies i > 1", True),
        ("{a: 1, b: a + 1}.b", 2),
        ("{f: function(n) if n <= 1 then 1 else n * f(n - 1)}.f(5)", 120),
        ("(function(a, b) a - b)(b: 1, a: 5)", 4),
        ('(function(a: number) a)("x")', None),
        ("5 in (< 3, [5..7])", True),
        ("5 in [1, 5]", True),
        ("1 between 0 and 2", True),
        ("sum([1, 2, 3])", 6),
        ("count(list: [1, 2])", 2),
        ('@"2020-02-29" = date(2020, 2, 29)', True),
        ("{a: [{b: 1}, {b: 2}]}.a.b", [1, 2]),
        ("5 instance of number", True),
        ("[1] instance of list<number>", True),
        ("{a: 1} instance of context<a: string>", False),
        ("nobody", None),
        ("sort([3, 1, 2], function(x, y) x < y)", [1, 2, 3]),
        ('{"a b": 1}.a b', 1),
        ("// nothing\n1 /* one */", 1),
    ],
)
def test_an_expression_comes_to(text: str, expected: Any) -> None:
    assert value_of(text) == expected


def test_members_of_the_item_count_before_names_around_the_filter() -> None:
    given = {"people": PEOPLE, "age": 18, "limit": 20}
    assert value_of("people[age > limit].name", given) == ["Ann", "Cy"]
    assert value_of("people[item.age > limit].name", given) == ["Ann", "Cy"]
    assert value_of('people[name = "Bob"].age', given) == [Decimal(17)]
    assert value_of("[1, 2][age = 18]", given) == [Decimal(1), Decimal(2)]


def test_variables_of_loops_hide_those_around_them() -> None:
    assert value_of("for x in [1, 2] return x + y", {"x": 10, "y": 100}) == [Decimal(101), Decimal(102)]
    assert value_of("{x: 1, y: [5, 6][item > x]}.y", {"x": 9}) == [Decimal(5), Decimal(6)]


def test_problems_say_why_something_is_null() -> None:
    problems: list[str] = []
    assert compile_expression("1 + unknown thing", Scope({}))(evaluation(problems), {}) is None
    assert any("unknown thing" in problem for problem in problems)


@pytest.mark.parametrize(
    "tests, tested, expected",
    [
        ("< 5", 4, True),
        ("< 5, > 10", 7, False),
        ("not(< 5)", 4, False),
        ('"A", "B"', "B", True),
        ("[1..5)", 5, False),
        ("-", None, True),
        ("? > 2 and ? < 4", 3, True),
        ("limit", 3, True),
        ("< limit", 3, False),
        ("[3, 4]", 3, True),
        ("true", True, True),
        ("null", None, True),
        ("null", 0, False),
        ("not(null)", 0, True),
        ("not(null)", None, False),
        ('not(null, "a")', "b", True),
        ("not(nothing)", 0, False),
        ("!= 3", 3, False),
        ('contains(?, "b")', "abc", True),
    ],
)
def test_unary_tests_say(tests: str, tested: Any, expected: bool) -> None:
    assert (holds(tests, tested, {"limit": 3, "nothing": None}) is True) is expected


@pytest.mark.parametrize(
    "text",
    [
        "for i in 1..1000000000 return i",
        "for i in 1..10000, j in 1..10000 return 1",
        "{f: function(n) f(n + 1)}.f(1)",
        "count(for i in 1..3000, j in 1..3000, k in 1..3000 return 1)",
        "some i in 1..100000, j in 1..100000 satisfies false",
    ],
)
def test_hostile_work_is_stopped(text: str) -> None:
    with pytest.raises(BudgetExceeded):
        value_of(text, limits=Limits(steps=200_000))


def test_days_are_counted_too() -> None:
    days = value_of('for d in @"2024-02-28"..@"2024-03-01" return d')
    assert days == [Date(2024, 2, 28), Date(2024, 2, 29), Date(2024, 3, 1)]
