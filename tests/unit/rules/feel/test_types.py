from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.types import (
    ANY,
    BOOLEAN,
    DATE,
    DATE_TIME,
    NAMED_TYPES,
    NULL,
    NUMBER,
    STRING,
    ContextType,
    FunctionType,
    ListType,
    RangeType,
    Type,
    coerce,
    conforms,
    describe,
    instance_of,
    type_of,
)
from engine.rules.feel.values import Value
from tests.unit.rules.feel.calls import evaluation, shown, value
from tests.unit.rules.feel.strategies import VALUES

PERSON = ContextType((("name", STRING), ("age", NUMBER)))


@pytest.mark.parametrize(
    "given_value, type_, result",
    [
        (None, ANY, False), (None, NULL, True), (None, NUMBER, False), (None, ListType(ANY), False), (1, ANY, True),
        (1, NULL, False), (1, NUMBER, True), (True, NUMBER, False), (True, BOOLEAN, True), ("@2020-01-01", DATE, True),
        ("@2020-01-01", DATE_TIME, False), ([1, 2], ListType(NUMBER), True), ([1, None], ListType(NUMBER), True),
        ([1, "a"], ListType(NUMBER), False), ([1, "a"], ListType(ANY), True), ([], ListType(STRING), True),
        ([1], NUMBER, False), (1, ListType(NUMBER), False), ({"name": "x", "age": 1}, PERSON, True),
        ({"name": "x", "age": None, "more": 1}, PERSON, True), ({"name": "x"}, PERSON, False),
        ({"name": 1, "age": 1}, PERSON, False), ({}, ContextType(()), True), ("#[1..2]", RangeType(NUMBER), True),
        ("#[1..2]", RangeType(STRING), False), ([[1]], ListType(ListType(NUMBER)), True),
    ],
)  # fmt: skip
def test_instance_of(given_value: Any, type_: Type, result: bool) -> None:
    assert instance_of(value(given_value), type_) is result


def test_functions_are_of_types_by_what_they_take_and_return() -> None:
    length = BUILTINS["string length"]
    assert instance_of(length, FunctionType((STRING,), NUMBER))
    assert instance_of(length, FunctionType((STRING,), ANY))
    assert not instance_of(length, FunctionType((NUMBER,), NUMBER))
    assert not instance_of(length, FunctionType((STRING,), STRING))
    assert not instance_of(length, FunctionType((), NUMBER))
    # What takes anything may stand for what takes strings.
    assert instance_of(BUILTINS["is"], FunctionType((STRING, STRING), BOOLEAN))


@given(VALUES)
def test_a_value_is_of_its_type_and_of_any(of: Value) -> None:
    assert instance_of(of, type_of(of))
    assert conforms(type_of(of), ANY)
    assert describe(type_of(of))
    if of is not None:
        assert instance_of(of, ANY)
        assert coerce(evaluation(), of, type_of(of)) is of


@given(VALUES, VALUES)
def test_what_conforms_is_an_instance(a: Value, b: Value) -> None:
    if a is not None and conforms(type_of(a), type_of(b)):
        assert instance_of(a, type_of(b))


@pytest.mark.parametrize(
    "type_, to, result",
    [
        (NUMBER, ANY, True), (ANY, NUMBER, False), (NULL, NUMBER, True), (NUMBER, STRING, False),
        (ListType(NUMBER), ListType(ANY), True), (ListType(ANY), ListType(NUMBER), False),
        (NUMBER, ListType(NUMBER), False),
        (PERSON, ContextType((("name", STRING),)), True), (ContextType((("name", STRING),)), PERSON, False),
        (RangeType(NUMBER), RangeType(ANY), True), (FunctionType((ANY,), NUMBER), FunctionType((STRING,), ANY), True),
        (FunctionType((STRING,), NUMBER), FunctionType((ANY,), NUMBER), False),
    ],
)  # fmt: skip
def test_conforms(type_: Type, to: Type, result: bool) -> None:
    assert conforms(type_, to) is result


@pytest.mark.parametrize(
    "given_value, type_, result",
    [
        (1, NUMBER, "1"), ([1], NUMBER, "1"), ([[1]], ListType(NUMBER), "[1]"), (1, ListType(NUMBER), "[1]"),
        ("@2020-01-01", DATE_TIME, '@"2020-01-01T00:00:00Z"'), (None, NUMBER, "null"),
        ([1, "a"], ListType(ANY), '[1, "a"]'),
        ({"name": "x", "age": 1, "more": 1}, PERSON, '{name: "x", age: 1, more: 1}'),
    ],
)  # fmt: skip
def test_conversions(given_value: Any, type_: Type, result: str) -> None:
    ev = evaluation()
    assert shown(coerce(ev, value(given_value), type_)) == result
    assert ev.problems == []


@pytest.mark.parametrize(
    "given_value, type_, says",
    [
        ("1", NUMBER, "expected number, but it is string"),
        ([1, 2], NUMBER, "expected number, but it is list"),
        (["a"], NUMBER, "expected number, but it is list"),
        ([1, "a"], ListType(NUMBER), "expected list<number>, but it is list"),
        ("a", ListType(NUMBER), "expected list<number>, but it is string"),
        ({"name": "x"}, PERSON, "expected context<name: string, age: number>, but it is context"),
        ("@2020-01-01T00:00:00", DATE, "expected date, but it is date and time"),
    ],
)
def test_what_does_not_conform_is_null_and_a_problem(given_value: Any, type_: Type, says: str) -> None:
    ev = evaluation()
    assert coerce(ev, value(given_value), type_) is None
    assert ev.problems == [says]


def test_types_have_names() -> None:
    assert NAMED_TYPES["dateTime"] is NAMED_TYPES["date and time"]
    for name in ("number", "days and time duration", "years and months duration"):
        assert describe(NAMED_TYPES[name]) == name
