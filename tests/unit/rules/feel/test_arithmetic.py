from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given

from engine.rules.feel import arithmetic
from engine.rules.feel.numbers import CONTEXT, format_number
from engine.rules.feel.temporal import MAX_MONTHS
from engine.rules.feel.values import Date, DateTime, DaysTimeDuration, Value, YearsMonthsDuration
from tests.unit.rules.feel.calls import evaluation, shown, value
from tests.unit.rules.feel.strategies import DATES, MOMENTS, MONTHS, NUMBERS, SPANS, VALUES

OPERATIONS = {
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "**": arithmetic.exponent,
}


def calculated(a: Any, sign: str, b: Any) -> str:
    return shown(OPERATIONS[sign](evaluation(), value(a), value(b)))


@pytest.mark.parametrize(
    "a, sign, b, result",
    [
        (1, "+", 2, "3"),
        (Decimal("0.1"), "+", Decimal("0.2"), "0.3"),
        (Decimal("1.1234"), "-", Decimal("-0.2345"), "1.3579"),
        (1, "/", 3, "0." + "3" * 34),
        (2, "/", 3, "0." + "6" * 33 + "7"),
        (1, "/", 0, "null"),
        (0, "/", 0, "null"),
        (3, "**", 4, "81"),
        (2, "**", Decimal("0.5"), "1.414213562373095048801688724209698"),
        (-8, "**", Decimal("0.5"), "null"),
        (0, "**", 0, "1"),
        (0, "**", -1, "null"),
        (10, "**", 7000, "null"),
        (Decimal("1e6144"), "*", 10, "null"),
        ("ab", "+", "c", '"abc"'),
        ("ab", "-", "c", "null"),
        ("1", "+", 1, "null"),
        (True, "+", 1, "null"),
        (None, "+", 1, "null"),
        ([1], "+", [2], "null"),
        ("@P1Y", "+", "@P2M", '@"P1Y2M"'),
        ("@P1D", "-", "@PT25H", '@"-PT1H"'),
        ("@P1Y", "+", "@P1D", "null"),
        ("@2021-01-31", "+", "@P1M", '@"2021-02-28"'),
        ("@P1Y", "+", "@2020-02-29", '@"2021-02-28"'),
        ("@2021-01-01", "+", "@PT36H", '@"2021-01-02"'),
        ("@2021-01-02", "-", "@PT1S", '@"2021-01-01"'),
        ("@2021-01-01T10:10:10", "+", "@P1DT1H", '@"2021-01-02T11:10:10"'),
        ("@2021-01-01T24:00:00", "-", "@PT1S", '@"2021-01-01T23:59:59"'),
        ("@-2021-01-01T10:10:10+11:00", "-", "@P1M", '@"-2022-12-01T10:10:10+11:00"'),
        # A day of exact time, over the night in which clocks go forward.
        ("@2021-03-27T12:00:00@Europe/Paris", "+", "@P1D", '@"2021-03-28T13:00:00@Europe/Paris"'),
        ("@23:30:00@Europe/Paris", "+", "@PT1H", '@"00:30:00@Europe/Paris"'),
        ("@00:30:00", "-", "@PT1H", '@"23:30:00"'),
        ("@10:00:00", "-", "@12:00:00", '@"-PT2H"'),
        ("@10:00:00Z", "-", "@12:00:00", "null"),
        ("@10:00:00Z", "-", "@12:00:00+02:00", '@"PT0S"'),
        ("@2021-01-02", "-", "@2021-01-01", '@"P1D"'),
        ("@2021-01-02", "-", "@2021-01-01T10:10:10+11:00", '@"P1DT49M50S"'),
        ("@2021-01-02", "-", "@2021-01-01T10:10:10", "null"),
        ("@2021-01-02T10:10:10@Europe/Paris", "-", "@2021-01-01T10:10:10@Asia/Dhaka", '@"P1DT5H"'),
        ("@2021-01-02", "+", "@2021-01-01", "null"),
        ("@2021-01-02", "+", 1, "null"),
        ("@P1D", "-", "@2021-01-02", "null"),
        ("@999999999-12-31", "+", "@P1D", "null"),
        ("@999999999-12-31T23:00:00", "+", "@P1M", "null"),
        (10, "*", "@P1D", '@"P10D"'),
        ("@P1Y11M", "*", Decimal("-2.5"), '@"-P4Y9M"'),
        ("@P10Y11M", "/", Decimal("2.5"), '@"P4Y4M"'),
        ("@PT1S", "/", 3, '@"PT0.333333333S"'),
        ("@P10Y", "/", "@P5Y", "2"),
        ("@P10D", "/", "@PT36H", "6." + "6" * 32 + "7"),
        ("@P10D", "/", "@P1Y", "null"),
        ("@P10D", "/", "@P0D", "null"),
        ("@P10D", "/", 0, "null"),
        ("@P1M", "*", Decimal("1e6000"), "null"),
        (10, "/", "@P1D", "null"),
        ("@P1D", "**", 2, "null"),
    ],
)  # fmt: skip
def test_the_table_of_types(a: Any, sign: str, b: Any, result: str) -> None:
    assert calculated(a, sign, b) == result


def test_signs_turn_numbers_and_durations() -> None:
    ev = evaluation()
    assert arithmetic.negate(ev, Decimal(5)) == -5
    assert shown(arithmetic.negate(ev, Decimal(0))) == "0"
    assert arithmetic.negate(ev, YearsMonthsDuration(5)) == YearsMonthsDuration(-5)
    assert arithmetic.negate(ev, DaysTimeDuration(5)) == DaysTimeDuration(-5)
    assert ev.problems == []
    for other in ("x", True, None, [Decimal(1)]):
        assert arithmetic.negate(ev, other) is None
    assert len(ev.problems) == 4


@given(NUMBERS, NUMBERS)
def test_numbers_are_exact_to_34_digits(a: Decimal, b: Decimal) -> None:
    exact = {
        "+": Fraction(a) + Fraction(b),
        "-": Fraction(a) - Fraction(b),
        "*": Fraction(a) * Fraction(b),
        "/": Fraction(a) / Fraction(b) if b else None,
    }
    for sign, expected in exact.items():
        result = OPERATIONS[sign](evaluation(), a, b)
        if expected is None:
            assert result is None
            continue
        assume(expected == 0 or Fraction(10) ** -6000 < abs(expected) < Fraction(10) ** 6000)
        assert isinstance(result, Decimal)
        # Half of the last of 34 digits, at most.
        assert abs(Fraction(result) - expected) <= abs(expected) * Fraction(5, 10**34)


@given(VALUES, VALUES)
def test_any_two_values_give_a_value_or_null_and_a_problem(a: Value, b: Value) -> None:
    for operation in OPERATIONS.values():
        ev = evaluation()
        if operation(ev, a, b) is None:
            assert ev.problems


@given(VALUES, VALUES)
def test_no_number_is_infinite_or_undefined(a: Value, b: Value) -> None:
    for operation in OPERATIONS.values():
        result = operation(evaluation(), a, b)
        assert not isinstance(result, Decimal) or result.is_finite()


@given(MOMENTS, SPANS)
def test_what_was_added_to_a_moment_is_what_lies_between(moment: DateTime, span: DaysTimeDuration) -> None:
    ev = evaluation()
    later = arithmetic.add(ev, moment, span)
    assume(isinstance(later, DateTime))
    # Where clocks show a time twice, it is taken for the first of the two.
    between = arithmetic.subtract(ev, later, moment)
    assert isinstance(between, DaysTimeDuration)
    assert abs(between.nanoseconds - span.nanoseconds) in {0, 3600 * 10**9, 1800 * 10**9}


@given(DATES, MONTHS)
def test_months_are_added_by_the_calendar(date: Date, months: YearsMonthsDuration) -> None:
    later = arithmetic.add(evaluation(), date, months)
    assume(isinstance(later, Date))
    assert isinstance(later, Date)
    assert later.year * 12 + later.month == date.year * 12 + date.month + months.months
    assert later.day <= date.day


@given(MONTHS, NUMBERS)
def test_durations_are_cut_off_towards_zero(months: YearsMonthsDuration, factor: Decimal) -> None:
    assume(abs(Fraction(factor) * months.months) < MAX_MONTHS)
    product = arithmetic.multiply(evaluation(), months, factor)
    exact = Fraction(factor) * months.months
    assert product == YearsMonthsDuration(int(exact))


def test_the_context_of_the_thread_does_not_matter() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        context.Emax = 3
        context.traps[decimal.Inexact] = True
        assert calculated(1, "/", 3) == "0." + "3" * 34
        assert (
            calculated(
                123456,
                "*",
                1000000,
            )
            == "123456000000"
        )
        assert calculated("@PT1.123456789S", "+", "@PT1S") == '@"PT2.123456789S"'
    assert not CONTEXT.traps[decimal.Inexact]


@given(NUMBERS)
def test_numbers_are_written_in_plain_digits(number: Decimal) -> None:
    text = format_number(number)
    assert Decimal(text) == number
    assert "E" not in text
    assert text == "0" or not text.startswith("-0.") or Decimal(text) < 0


@pytest.mark.parametrize(
    "number, text",
    [("1.50", "1.5"), ("-0", "0"), ("0.000", "0"), ("1E+3", "1000"), ("1E-7", "0.0000001"), ("100", "100")],
)
def test_zeros_that_say_nothing_are_left_out(number: str, text: str) -> None:
    assert format_number(Decimal(number)) == text
