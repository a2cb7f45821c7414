"""The built-in functions, by the examples of the specification and at their edges."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.evaluation import BudgetExceeded, Evaluation
from engine.rules.feel.values import Function, Parameter, Value
from tests.unit.rules.feel.calls import call, call_named, evaluation, problems, shown, value
from tests.unit.rules.feel.strategies import VALUES

ERROR = "null"


class Python(Function):
    """A function of Python that stands for one written in FEEL."""

    def __init__(self, body: Callable[..., Value], *names: str) -> None:
        self._body = body
        self._parameters = tuple(map(Parameter, names))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self._parameters

    def invoke(self, ev: Evaluation, args: list[Value]) -> Value:
        return self._body(*args)


LESS = Python(lambda x, y: x < y, "x", "y")


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("number", ("1 000,0", " ", ","), "1000"),
        ("number", ("1,000.5", ",", "."), "1000.5"),
        ("number", ("1.000.000,01", ".", ","), "1000000.01"),
        ("number", ("1000000.01", None, "."), "1000000.01"),
        ("number", ("1,000,000.00", ",", None), "1000000"),
        ("number", ("-.5", None, None), "-0.5"),
        ("number", ("1e3", None, None), "1000"),
        ("number", ("12",), "12"),
        ("number", ("1,5.2", None, ","), ERROR),
        ("number", ("1.000", ".", "."), ERROR),
        ("number", ("1000", ":", "."), ERROR),
        ("number", ("1000", ",", ":"), ERROR),
        ("number", ("x", ",", "."), ERROR),
        ("number", ("NaN", ",", "."), ERROR),
        ("number", ("Infinity", ",", "."), ERROR),
        ("number", ("1_000", ",", "."), ERROR),
        ("number", ("1e9999", ",", "."), ERROR),
        ("number", ("", ",", "."), ERROR),
        ("number", (123, ",", "."), ERROR),
        ("number", (None, ",", "."), ERROR),
        ("string", (Decimal("1.10"),), '"1.1"'),
        ("string", (True,), '"true"'),
        ("string", ("foo",), '"foo"'),
        ("string", ("@2012-12-25",), '"2012-12-25"'),
        ("string", ("@P1D",), '"P1D"'),
        ("string", ([1, "a", None],), '"[1, \\"a\\", null]"'),
        ("string", ({"a": "foo", "b c": {"d": 1}},), '"{a: \\"foo\\", b c: {d: 1}}"'),
        ("string", ({"{": 1, ":": 2, '"': 3},), '"{\\"{\\": 1, \\":\\": 2, \\"\\\\\\"\\": 3}"'),
        ("string", ("#[1..3)",), '"[1..3)"'),
        ("string", (None,), ERROR),
        ("date", ("2012-12-25",), '@"2012-12-25"'),
        ("date", ("@2012-12-25T11:00:00Z",), '@"2012-12-25"'),
        ("date", (2012, 12, 25), '@"2012-12-25"'),
        ("date", (2023, 2, 29), ERROR),
        ("date", (Decimal("1e40"), 1, 1), ERROR),
        ("date", (2012, None, 25), ERROR),
        ("date", ("2012-12-25T00:00:00",), ERROR),
        ("date", (1,), ERROR),
        ("date", ("@10:00:00",), ERROR),
        ("time", ("23:59:00z",), '@"23:59:00Z"'),
        ("time", ("23:59:00Z",), '@"23:59:00Z"'),
        ("time", ("@2012-12-24T23:59:00+02:00",), '@"23:59:00+02:00"'),
        ("time", ("@2017-08-10",), '@"00:00:00Z"'),
        ("time", (23, 59, 0), '@"23:59:00"'),
        ("time", (23, 59, 0, None), '@"23:59:00"'),
        ("time", (12, 59, Decimal("1.3"), "@-PT1H"), '@"12:59:01.3-01:00"'),
        ("time", (11, 59, 45, "@PT2H45M55S"), '@"11:59:45+02:45:55"'),
        ("time", (11, 59, 45, "@PT18H1S"), ERROR),
        ("time", (11, 59, 45, "@PT0.5S"), ERROR),
        ("time", (24, 0, 0), ERROR),
        ("time", (23, 60, 0), ERROR),
        ("time", (23, 59, 60), ERROR),
        ("time", (-1, 59, 0), ERROR),
        ("date and time", ("2012-12-24T23:59:00",), '@"2012-12-24T23:59:00"'),
        ("date and time", ("2012-12-24",), '@"2012-12-24T00:00:00"'),
        ("date and time", ("@2012-12-24",), '@"2012-12-24T00:00:00Z"'),
        ("date and time", ("@2012-12-24", "@23:59:00+01:00"), '@"2012-12-24T23:59:00+01:00"'),
        ("date and time", ("@2012-12-24T01:00:00Z", "@23:59:00"), '@"2012-12-24T23:59:00"'),
        ("date and time", (2012, 12, 24, 23, 59, 0), '@"2012-12-24T23:59:00"'),
        ("date and time", (2012, 12, 24, 23, 59, 0, "@PT1H"), '@"2012-12-24T23:59:00+01:00"'),
        ("date and time", (2012, 12, 24, 23, 59, 0, "Europe/Paris"), '@"2012-12-24T23:59:00@Europe/Paris"'),
        ("date and time", (2012, 12, 24, 23, 59, 0, "Europe/Nowhere"), ERROR),
        ("date and time", (2012, 13, 24, 23, 59, 0), ERROR),
        ("date and time", ("@2012-12-24", None), ERROR),
        ("date and time", ("11:00:00",), ERROR),
        ("duration", ("P2DT20H14S",), '@"P2DT20H14S"'),
        ("duration", ("P2Y2M",), '@"P2Y2M"'),
        ("duration", ("P1Y1D",), ERROR),
        ("duration", (1,), ERROR),
        ("years and months duration", ("@2011-12-22", "@2013-08-24"), '@"P1Y8M"'),
        ("years and months duration", ("@2017-02-28T23:59:59", "@2019-07-23"), '@"P2Y4M"'),
        ("years and months duration", ("@2016-01-01", "@2016-01-01"), '@"P0M"'),
        ("years and months duration", ("@2016-01-01", None), ERROR),
        ("range", ("[18..21)",), "[18..21)"),
        ("range", ("]18..21[",), "(18..21)"),
        ("range", (' [ "a" .. "c" ] ',), '["a".."c"]'),
        ("range", ('["..".."x"]',), '["..".."x"]'),
        ("range", ("[-1.5..-.5]",), "[-1.5..-0.5]"),
        ("range", ('[@"P1D"..duration("P2D")]',), '[@"P1D"..@"P2D"]'),
        ("range", ('[date and time("2020-01-01T00:00:00")..@"2020-01-01T00:00:00"]',),
         '[@"2020-01-01T00:00:00"..@"2020-01-01T00:00:00"]'),
        ("range", ("[3..1]",), ERROR),
        ("range", ('[1.."b"]',), ERROR),
        ("range", ("[..2]",), ERROR),
        ("range", ("[1..]",), ERROR),
        ("range", ("[null..null]",), ERROR),
        ("range", ("[true..true]",), ERROR),
        ("range", ('[date(string("1970-01-01"))..date("1970-01-02")]',), ERROR),
        ("range", (">=10",), ERROR),
        ("range", ("[1..2..3]",), ERROR),
        ("range", ("..",), ERROR),
        ("range", ("",), ERROR),
        ("range", ('["a..3]',), ERROR),
    ],
)  # fmt: skip
def test_conversion(name: str, args: tuple[Any, ...], result: str) -> None:
    assert call(name, *args) == result


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("not", (True,), "false"),
        ("not", (None,), ERROR),
        ("not", (1,), ERROR),
        ("is", ("@2012-12-25", "@2012-12-25T00:00:00Z"), "false"),
        ("is", ("@23:00:50Z", "@23:00:50+00:00"), "true"),
        ("is", ("@23:00:50@Etc/GMT", "@23:00:50Z"), "false"),
        ("is", ("@20:00:50+00:00", "@21:00:50+01:00"), "false"),
        ("is", ("@P1D", "@PT24H"), "true"),
        ("is", ("@P0Y", "@P0D"), "false"),
        ("is", ([1, {"a": True}], [1, {"a": True}]), "true"),
        ("is", ([1], [True]), "false"),
        ("is", ({"a": 1}, {"a": True}), "false"),
        ("is", ("#[1..2]", "#[1..2)"), "false"),
        ("is", (None, None), "true"),
        ("is", (1, Decimal("1.0")), "true"),
    ],
)
def test_logic(name: str, args: tuple[Any, ...], result: str) -> None:
    assert call(name, *args) == result


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("substring", ("foobar", 3), '"obar"'),
        ("substring", ("foobar", 3, 3), '"oba"'),
        ("substring", ("foobar", -2, 1), '"a"'),
        ("substring", ("\U0001f40eab", 2), '"ab"'),
        ("substring", ("foobar", 3, Decimal("3.8")), '"oba"'),
        ("substring", ("foobar", 3, 100), '"obar"'),
        ("substring", ("foobar", 0), ERROR),
        ("substring", ("foobar", 7), ERROR),
        ("substring", ("foobar", 3, -1), ERROR),
        ("substring", ("foobar", 3, None), ERROR),
        ("substring", ("foobar", "3"), ERROR),
        ("substring", ("foobar", Decimal("1e100")), ERROR),
        ("string length", ("foo",), "3"),
        ("string length", ("\U0001f40e",), "1"),
        ("string length", ("",), "0"),
        ("string length", (["foo"],), "3"),
        ("string length", (["foo", "bar"],), ERROR),
        ("upper case", ("aBc4",), '"ABC4"'),
        ("lower case", ("aBc4",), '"abc4"'),
        ("substring before", ("foobar", "bar"), '"foo"'),
        ("substring before", ("foobar", "xyz"), '""'),
        ("substring before", ("foobar", ""), '""'),
        ("substring after", ("foobar", "ob"), '"ar"'),
        ("substring after", ("", "a"), '""'),
        ("substring after", ("foobar", ""), '"foobar"'),
        ("substring after", ("foobar", "x"), '""'),
        ("contains", ("foobar", "of"), "false"),
        ("contains", ("foobar", ""), "true"),
        ("starts with", ("foobar", "fo"), "true"),
        ("ends with", ("foobar", "r"), "true"),
        ("ends with", ("foobar", None), ERROR),
        ("string join", (["a", "b", "c"], "_and_"), '"a_and_b_and_c"'),
        ("string join", (["a", "b", "c"], ""), '"abc"'),
        ("string join", (["a", "b", "c"], None), '"abc"'),
        ("string join", (["a"], "X"), '"a"'),
        ("string join", ("a", "X"), '"a"'),
        ("string join", (["a", None, "c"], "X"), '"aXc"'),
        ("string join", ([], "X"), '""'),
        ("string join", (["a", "b"],), '"ab"'),
        ("string join", ([1, "b"],), ERROR),
        ("string join", (None, "X"), ERROR),
    ],
)
def test_strings(name: str, args: tuple[Any, ...], result: str) -> None:
    assert call(name, *args) == result


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("list contains", ([1, 2, 3], 2), "true"),
        ("list contains", ([1, None], None), "true"),
        ("list contains", ([1, "2"], 2), "false"),
        ("list contains", (None, 2), ERROR),
        ("count", ([1, 2, 3],), "3"),
        ("count", ([],), "0"),
        ("count", (None,), ERROR),
        ("min", ([1, 2, 3],), "1"),
        ("min", (1,), "1"),
        ("min", ([1],), "1"),
        ("min", (1, 2, 3), "1"),
        ("min", ([],), ERROR),
        ("min", ([1, "a"],), ERROR),
        ("min", ([True],), ERROR),
        ("min", ([None],), ERROR),
        ("max", ("a", "c", "b"), '"c"'),
        ("max", (["@2020-01-01", "@2019-01-01"],), '@"2020-01-01"'),
        ("max", ("@P1D", "@PT25H"), '@"P1DT1H"'),
        ("sum", ([1, 2, 3],), "6"),
        ("sum", (1, 2, 3), "6"),
        ("sum", (1,), "1"),
        ("sum", ([],), ERROR),
        ("sum", ([1, None],), ERROR),
        ("sum", ([Decimal("9e6144"), Decimal("9e6144")],), ERROR),
        ("mean", ([1, 2, 3],), "2"),
        ("mean", (1, 2), "1.5"),
        ("mean", ([],), ERROR),
        ("product", ([2, 3, 4],), "24"),
        ("product", ([],), ERROR),
        ("median", (8, 2, 5, 3, 4), "4"),
        ("median", ([6, 1, 2, 3],), "2.5"),
        ("median", ([],), ERROR),
        ("stddev", (2, 4, 7, 5), "2.081665999466132735282297706979931"),
        ("stddev", ([47],), ERROR),
        ("stddev", ([],), ERROR),
        ("mode", (6, 3, 9, 6, 6), "[6]"),
        ("mode", ([6, 1, 9, 6, 1],), "[1, 6]"),
        ("mode", ([],), "[]"),
        ("mode", ([1, None],), ERROR),
        ("all", ([False, None, True],), "false"),
        ("all", ([],), "true"),
        ("all", (True,), "true"),
        ("all", ([True, None],), ERROR),
        ("all", (0,), ERROR),
        ("all", (None,), ERROR),
        ("any", ([False, None, True],), "true"),
        ("any", (False,), "false"),
        ("any", ([],), "false"),
        ("any", ([False, None],), ERROR),
        ("any", (0,), ERROR),
        ("any", (), ERROR),
        ("sublist", ([4, 5, 6], 1, 2), "[4, 5]"),
        ("sublist", ([4, 5, 6], -2), "[5, 6]"),
        ("sublist", ([4, 5, 6], 4), ERROR),
        ("sublist", ([4, 5, 6], 0), ERROR),
        ("sublist", ([4, 5, 6], 1, -1), ERROR),
        ("append", ([1], 2, 3), "[1, 2, 3]"),
        ("append", ([1], None), "[1, null]"),
        ("append", ([1], [2]), "[1, [2]]"),
        ("append", ([1],), ERROR),
        ("append", (1, 2), "[1, 2]"),
        ("concatenate", ([1, 2], [3]), "[1, 2, 3]"),
        ("concatenate", ([1], 2), "[1, 2]"),
        ("concatenate", ([1], None), ERROR),
        ("concatenate", (), ERROR),
        ("insert before", ([1, 3], 1, 2), "[2, 1, 3]"),
        ("insert before", ([1, 3], -1, 2), "[1, 2, 3]"),
        ("insert before", ([1, 3], 3, 2), ERROR),
        ("insert before", ([1, 3], 0, 2), ERROR),
        ("remove", ([1, 2, 3], 2), "[1, 3]"),
        ("remove", ([1, 2, 3], -1), "[1, 2]"),
        ("remove", ([1, 2, 3], 4), ERROR),
        ("reverse", ([1, 2, 3],), "[3, 2, 1]"),
        ("reverse", (1,), "[1]"),
        ("index of", ([1, 2, 3, 2], 2), "[2, 4]"),
        ("index of", ([1, None], None), "[2]"),
        ("index of", ([1, 2], 3), "[]"),
        ("union", ([1, 2], [2, 3]), "[1, 2, 3]"),
        ("union", ([1, 2], 2), "[1, 2]"),
        ("distinct values", ([1, 2, 3, 2, 1],), "[1, 2, 3]"),
        ("distinct values", ([1, Decimal("1.0"), True, "1", None, None],), '[1, true, "1", null]'),
        ("distinct values", ([[1], [1], {"a": 1}, {"a": 1}, "@10:00:00Z", "@12:00:00+02:00"],),
         '[[1], {a: 1}, @"10:00:00Z"]'),
        ("flatten", ([[1, 2], [[3]], 4],), "[1, 2, 3, 4]"),
        ("flatten", ([],), "[]"),
        ("flatten", (1,), "[1]"),
        ("list replace", ([2, 4, 7, 8], 3, 6), "[2, 4, 6, 8]"),
        ("list replace", ([2, 4, 7, 8], -1, 6), "[2, 4, 7, 6]"),
        ("list replace", ([2, 4, 7, 8], LESS, 5), "[5, 5, 7, 8]"),
        ("list replace", ([1], Python(lambda x, y: x, "x", "y"), 5), ERROR),
        ("list replace", ([1], Python(lambda x: True, "x"), 5), ERROR),
        ("list replace", ([1], 2, 5), ERROR),
        ("list replace", ([1], "1", 5), ERROR),
        ("sort", ([3, 1, 4, 5, 2], LESS), "[1, 2, 3, 4, 5]"),
        ("sort", ([3, 1, 4, 5, 2], Python(lambda x, y: x > y, "x", "y")), "[5, 4, 3, 2, 1]"),
        ("sort", (["b", "a"],), '["a", "b"]'),
        ("sort", (["b", 1],), ERROR),
        ("sort", ([2, 1], Python(lambda x, y: None, "x", "y")), ERROR),
        ("sort", ([2, 1], Python(lambda x: True, "x")), ERROR),
        ("sort", ([2, 1], 1), ERROR),
    ],
)  # fmt: skip
def test_lists(name: str, args: tuple[Any, ...], result: str) -> None:
    assert call(name, *args) == result


def test_a_sort_leaves_the_order_of_equals() -> None:
    pairs = [{"k": n % 2, "n": n} for n in range(6)]
    by_key = Python(lambda x, y: x["k"] < y["k"], "x", "y")
    ev = evaluation()
    ordered = BUILTINS["sort"].invoke(ev, [value(pairs), by_key])
    assert isinstance(ordered, list)
    assert [int(pair["n"]) for pair in ordered] == [0, 2, 4, 1, 3, 5]  # type: ignore[index, arg-type]


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("decimal", (Decimal(1) / Decimal(3), 2), "0.33"),
        ("decimal", (Decimal("1.5"), 0), "2"),
        ("decimal", (Decimal("2.5"), 0), "2"),
        ("decimal", (1234, -2), "1200"),
        ("decimal", (1,), ERROR),
        ("floor", (Decimal("1.5"),), "1"),
        ("floor", (Decimal("-1.56"), 1), "-1.6"),
        ("ceiling", (Decimal("1.5"),), "2"),
        ("ceiling", (Decimal("-1.56"), 1), "-1.5"),
        ("round up", (Decimal("5.5"), 0), "6"),
        ("round up", (Decimal("-1.126"), 2), "-1.13"),
        ("round down", (Decimal("5.5"), 0), "5"),
        ("round down", (Decimal("-1.126"), 2), "-1.12"),
        ("round half up", (Decimal("5.5"), 0), "6"),
        ("round half up", (Decimal("-5.5"), 0), "-6"),
        ("round half down", (Decimal("5.5"), 0), "5"),
        ("round half down", (Decimal("-1.126"), 2), "-1.13"),
        ("round up", (Decimal("5.5"), 6176), "5.5"),
        ("round up", (Decimal("5.5"), 6177), ERROR),
        ("round up", (Decimal("5.5"), -6112), ERROR),
        ("round down", (Decimal("5.5"), -6111), "0"),
        ("round up", (Decimal("5.5"), None), ERROR),
        ("round up", (Decimal("5.5"),), ERROR),
        ("abs", (-10,), "10"),
        ("abs", ("@-P1Y",), '@"P1Y"'),
        ("abs", ("@-PT5H",), '@"PT5H"'),
        ("abs", ("-1",), ERROR),
        ("modulo", (12, 5), "2"),
        ("modulo", (-12, 5), "3"),
        ("modulo", (12, -5), "-3"),
        ("modulo", (-12, -5), "-2"),
        ("modulo", (Decimal("10.1"), Decimal("4.5")), "1.1"),
        ("modulo", (Decimal("-10.1"), Decimal("4.5")), "3.4"),
        ("modulo", (10, -5), "0"),
        ("modulo", (10, 0), ERROR),
        ("sqrt", (16,), "4"),
        ("sqrt", (-1,), ERROR),
        ("log", (10,), "2.302585092994045684017991454684364"),
        ("log", (0,), ERROR),
        ("exp", (0,), "1"),
        ("exp", (5,), "148.4131591025766034211155800405523"),
        ("exp", (Decimal("1e10"),), ERROR),
        ("odd", (5,), "true"),
        ("odd", (-2,), "false"),
        ("odd", (Decimal("1e40"),), "false"),
        ("even", (-2,), "true"),
        ("even", (Decimal("1e40"),), "true"),
        ("even", (Decimal("2.5"),), "false"),
        ("even", ("2",), ERROR),
    ],
)
def test_numbers(name: str, args: tuple[Any, ...], result: str) -> None:
    assert call(name, *args) == result


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("day of year", ("@2019-09-17",), "260"),
        ("day of week", ("@2019-09-17T10:10:10",), '"Tuesday"'),
        ("month of year", ("@2019-09-17",), '"September"'),
        ("week of year", ("@2019-09-17",), "38"),
        ("week of year", ("@2003-12-29",), "1"),
        ("week of year", ("@2004-01-04",), "1"),
        ("week of year", ("@2005-01-01",), "53"),
        ("week of year", ("@2005-01-03",), "1"),
        ("week of year", ("@2005-01-09",), "1"),
        ("day of week", ("2019-09-17",), ERROR),
        ("day of week", (None,), ERROR),
        ("now", (), '@"2024-02-29T13:45:30Z"'),
        ("today", (), '@"2024-02-29"'),
        ("now", (1,), ERROR),
        ("today", (1,), ERROR),
    ],
)
def test_calendar(name: str, args: tuple[Any, ...], result: str) -> None:
    assert call(name, *args) == result


def test_now_is_asked_once() -> None:
    moments = iter([dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2021, 1, 1, tzinfo=dt.UTC)])
    ev = Evaluation(lambda: next(moments))
    assert BUILTINS["now"].invoke(ev, []) == BUILTINS["now"].invoke(ev, [])
    assert shown(BUILTINS["today"].invoke(ev, [])) == '@"2020-01-01"'


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("get value", ({"key1": "value1"}, "key1"), '"value1"'),
        ("get value", ({"key1": "value1"}, "unexistent-key"), ERROR),
        ("get entries", ({"key1": "value1"},), '[{key: "key1", value: "value1"}]'),
        ("get entries", ([],), ERROR),
        ("context", ([{"key": "a", "value": 1}, {"key": "b", "value": 2}],), "{a: 1, b: 2}"),
        ("context", ({"key": "a", "value": 1},), "{a: 1}"),
        ("context", ([],), "{}"),
        ("context", ([{"key": "a", "value": 1}, {"key": "a", "value": 1}],), ERROR),
        ("context", ([{"key": "a"}],), ERROR),
        ("context", ([{"key": None, "value": 1}],), ERROR),
        ("context", ([{"value": 1}],), ERROR),
        ("context", ([1],), ERROR),
        ("context put", ({"x": 1}, "y", 2), "{x: 1, y: 2}"),
        ("context put", ({"x": 1}, "x", 2), "{x: 2}"),
        ("context put", ({"x": 1, "y": {"a": 0}}, ["y", "a"], 2), "{x: 1, y: {a: 2}}"),
        ("context put", ({"x": 1, "y": {"a": 0}}, ["y", "b"], 2), "{x: 1, y: {a: 0, b: 2}}"),
        ("context put", ({"x": 1, "y": {"a": 0}}, ["x", "b"], 2), ERROR),
        ("context put", ({"x": 1}, ["z", "b"], 2), ERROR),
        ("context put", ({"x": 1}, [], 2), ERROR),
        ("context put", ({"x": 1}, ["y", 1], 2), ERROR),
        ("context put", ({"x": 1}, 1, 2), ERROR),
        ("context merge", ([{"x": 1}, {"y": 2}],), "{x: 1, y: 2}"),
        ("context merge", ([{"x": 1}, {"x": 2}],), "{x: 2}"),
        ("context merge", ({"x": 1},), "{x: 1}"),
        ("context merge", ([{"x": 1}, 2],), ERROR),
    ],
)
def test_contexts(name: str, args: tuple[Any, ...], result: str) -> None:
    assert call(name, *args) == result


def test_putting_leaves_the_context_as_it_was() -> None:
    original = {"x": {"y": Decimal(1)}}
    BUILTINS["context put"].invoke(evaluation(), [original, ["x", "y"], Decimal(2)])  # type: ignore[list-item]
    assert original == {"x": {"y": Decimal(1)}}


@pytest.mark.parametrize(
    "name, args, result",
    [
        ("string length", {"string": "abc"}, "3"),
        ("date", {"from": "2012-12-25"}, '@"2012-12-25"'),
        ("date", {"day": 25, "year": 2012, "month": 12}, '@"2012-12-25"'),
        ("date", {"year": 2012, "month": 12}, ERROR),
        ("date", {"from": "2012-12-25", "day": 1}, ERROR),
        ("substring", {"string": "foobar", "start_position": 3}, '"obar"'),
        ("substring", {"length": 2, "string": "foobar", "start_position": 3}, '"ob"'),
        ("substring", {"string": "foobar", "start": 3}, ERROR),
        ("number", {"from": "1.5", "decimal_separator": ".", "grouping_separator": ","}, "1.5"),
        ("sum", {"list": [1, 2]}, "3"),
        ("sum", {"l": [1, 2]}, ERROR),
        ("all", {"list": None}, ERROR),
        ("append", {"list": [1], "item": 2}, "[1, 2]"),
        ("list replace", {"list": [1, 2], "match": LESS, "newItem": 2}, "[2, 2]"),
        ("list replace", {"list": [1, 2], "position": 1, "newItem": 2}, "[2, 2]"),
        ("context put", {"context": {}, "key": "a", "value": 1}, "{a: 1}"),
        ("context put", {"context": {}, "keys": ["a"], "value": 1}, "{a: 1}"),
        ("context put", {"context": {}, "key": ["a", "b"], "value": 1}, ERROR),
        ("is", {"value1": 1}, "false"),
        ("before", {"point1": 1, "point2": 2}, "true"),
        ("before", {"range1": "#[1..2]", "range2": "#[3..4]"}, "true"),
        ("before", {"point": 1, "range": "#[3..4]"}, "true"),
        ("during", {"point": 1, "range": "#[3..4]"}, "false"),
        ("matches", {"input": "abc", "pattern": "B", "flags": "i"}, "true"),
        ("now", {}, '@"2024-02-29T13:45:30Z"'),
    ],
)
def test_arguments_by_name(name: str, args: dict[str, Any], result: str) -> None:
    assert call_named(name, **args) == result


def test_what_does_not_fit_says_what_would() -> None:
    (said,) = problems("floor", "1.5")
    assert said == "floor: expected (n: number, scale?: number), but got (string)"
    (said,) = problems("append", [1])
    assert said == "append: expected (list: list<Any>, item: Any, ...), but got (list)"


@given(st.sampled_from(sorted(BUILTINS)), st.lists(VALUES, max_size=4))
def test_any_arguments_give_a_value_or_null(name: str, args: list[Value]) -> None:
    result = BUILTINS[name].invoke(evaluation(), args)
    assert not isinstance(result, Decimal) or result.is_finite()


@given(st.sampled_from(sorted(BUILTINS)), st.lists(st.just(None), min_size=1, max_size=4))
def test_nulls_that_do_not_fit_are_a_problem(name: str, args: list[Value]) -> None:
    ev = evaluation()
    if BUILTINS[name].invoke(ev, args) is None:
        assert ev.problems or name == "string"


@given(st.sampled_from(sorted(BUILTINS)), VALUES)
def test_every_form_is_called_by_the_names_it_tells(name: str, argument: Value) -> None:
    for form in BUILTINS[name].forms:
        ev = evaluation()
        by_name = BUILTINS[name].invoke_named(ev, {parameter.name: argument for parameter in form.parameters})
        assert by_name is None or not isinstance(by_name, Decimal) or by_name.is_finite()


@pytest.mark.parametrize(
    "name, args",
    [
        ("string join", (["x" * 60] * 2, "")),
        ("upper case", ("x" * 101,)),
        ("append", ([1] * 10, 1)),
        ("concatenate", ([1] * 6, [1] * 6)),
        ("flatten", ([[1] * 6, [1] * 6],)),
        ("replace", ("x" * 60, "x", "yy")),
        ("string", ([["x" * 99]],)),
    ],
)
def test_nothing_larger_than_the_limits_is_made(name: str, args: tuple[Any, ...]) -> None:
    ev = evaluation(max_items=10, max_text=100)
    with pytest.raises(BudgetExceeded, match="was to be made"):
        BUILTINS[name].invoke(ev, [value(arg) for arg in args])


def test_steps_run_out() -> None:
    ev = evaluation(steps=1000)
    with pytest.raises(BudgetExceeded, match="1000 steps"):
        BUILTINS["sort"].invoke(ev, [[Decimal(n * 7 % 500) for n in range(500)], LESS])


def test_lists_nested_deep_are_flattened() -> None:
    nested: Value = Decimal(1)
    for _ in range(50_000):
        nested = [nested]
    assert BUILTINS["flatten"].invoke(evaluation(), [nested]) == [1]


@pytest.mark.parametrize("name, count", [("string", 1), ("is", 2), ("flatten", 1)])
def test_lists_that_hold_another_one_twice_again_and_again_do_not_take_for_ever(name: str, count: int) -> None:
    args: list[Value] = []
    for _ in range(count):
        nested: Value = []
        for _ in range(60):
            nested = [nested, nested]
        args.append(nested)
    with pytest.raises(BudgetExceeded):
        BUILTINS[name].invoke(evaluation(steps=100_000), args)
