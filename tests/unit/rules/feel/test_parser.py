"""Reading FEEL: names of several words, precedence, ranges and tests, and errors that point at their place."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.feel import nodes
from engine.rules.feel.compiler import compile_expression
from engine.rules.feel.lexer import MAX_TEXT
from engine.rules.feel.parser import parse_expression, parse_unary_tests
from engine.rules.feel.problems import FeelSyntaxError, FeelTooComplex
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY, NUMBER, ContextType, ListType

LOAN = ContextType((("amount", NUMBER), ("the rate", NUMBER), ("pre-bureau risk", NUMBER)))
SCOPE = Scope({
    "a": ANY, "b": ANY, "a-b": NUMBER, "Monthly": NUMBER, "Monthly income": NUMBER, "loan": LOAN,
    "loans": ListType(LOAN), "older than 3": ANY, "Bob's age": NUMBER,
})  # fmt: skip


def read(text: str) -> nodes.Node:
    return parse_expression(text, SCOPE)


def shape(node: object) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of node
    """Write a tree with brackets around everything, for tests to compare."""
    match node:
        case nodes.Constant(value=value):
            return str(value)
        case nodes.Name(name=name):
            return f"<{name}>"
        case nodes.Arithmetic(sign=sign, left=left, right=right) | nodes.Comparison(sign=sign, left=left, right=right):
            return f"({shape(left)} {sign} {shape(right)})"
        case nodes.Junction(kind=kind, left=left, right=right):
            return f"({shape(left)} {kind} {shape(right)})"
        case nodes.Negation(operand=operand):
            return f"-{shape(operand)}"
        case nodes.Path(value=value, name=name):
            return f"{shape(value)}.<{name}>"
        case nodes.Filter(value=value, condition=condition):
            return f"{shape(value)}[{shape(condition)}]"
        case nodes.RangeNode(low=low, high=high, low_closed=first, high_closed=last):
            return f"{'[' if first else '('}{shape(low)}..{shape(high)}{']' if last else ')'}"
        case nodes.In(value=value, tests=tests):
            return f"({shape(value)} in {', '.join(map(shape, tests))})"
        case nodes.SignTest(sign=sign, operand=operand):
            return f"{sign}{shape(operand)}"
        case nodes.ListNode(items=items):
            return f"[{', '.join(map(shape, items))}]"
        case nodes.Call(function=function, arguments=arguments):
            return f"{shape(function)}({', '.join(map(shape, arguments))})"
        case None:
            return ""
        case _:
            return type(node).__name__


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1 + 2 * 3 ** 2", "(1 + (2 * (3 ** 2)))"),
        ("2 ** 3 ** 2", "((2 ** 3) ** 2)"),
        ("-5 ** 2", "(-5 ** 2)"),
        ("10 - 4 - 3", "((10 - 4) - 3)"),
        ("1 = 2 or 3 < 4 and 5 > 6", "((1 = 2) or ((3 < 4) and (5 > 6)))"),
        ("- a", "-<a>"),
        ("a between 1 and 3 and b", "(Between and <b>)"),
        (".5 + 1e2", "(0.5 + 1E+2)"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(read(text)) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Monthly income * 12", "(<Monthly income> * 12)"),
        ("Monthly * 12", "(<Monthly> * 12)"),
        ("a-b", "<a-b>"),
        ("b-a", "(<b> - <a>)"),
        ("loan.the rate + 1", "(<loan>.<the rate> + 1)"),
        ("loan.pre-bureau risk - 1", "(<loan>.<pre-bureau risk> - 1)"),
        ("loans[the rate > 1].amount", "<loans>[(<the rate> > 1)].<amount>"),
        ("older than 3", "<older than 3>"),
        ("Bob's age + 1", "(<Bob's age> + 1)"),
        ("what is this", "<what is this>"),
        ("string length(a)", "<string length>(<a>)"),
        ('date and time("x")', "<date and time>(x)"),
        ("a . b", "<a>.<b>"),
    ],
)
def test_names_of_several_words(text: str, expected: str) -> None:
    assert shape(read(text)) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[1..3]", "[1..3]"),
        ("(1..3)", "(1..3)"),
        ("]1..3[", "(1..3)"),
        ("[1..3[", "[1..3)"),
        ("a in (1..3)", "(<a> in (1..3))"),
        ("a in ]1..3]", "(<a> in (1..3])"),
        ("a in [1..3[ and b", "((<a> in [1..3)) and <b>)"),
        ("a in (< 5, > 10)", "(<a> in <5, >10)"),
        ("a in < 5", "(<a> in <5)"),
        ("a in (1, 2)", "(<a> in 1, 2)"),
        ("a in (1 + 2) * 3", "(<a> in ((1 + 2) * 3))"),
        ("(< 5)", "(..5)"),
        ("(>= 5)", "[5..)"),
        ("[1, 2][1]", "[1, 2][1]"),
        ("[loans[1].amount..a[1]]", "[<loans>[1].<amount>..<a>[1]]"),
    ],
)
def test_ranges_and_tests(text: str, expected: str) -> None:
    assert shape(read(text)) == expected


@pytest.mark.parametrize(
    "text, line, column, says",
    [
        ("1 +", 1, 4, "expected a value, but the text ends"),
        ("foo(1,,)", 1, 7, "expected a value"),
        ("[1, 2", 1, 6, "']' after the last"),
        ("{x: 1,\n  y 2}", 2, 3, "expected the name of an entry"),
        ('"abc', 1, 1, "does not end"),
        ("/* abc", 1, 1, "comment"),
        ("if a then b", 1, 12, "'else'"),
        ("1 2", 1, 3, "expected an operator or the end"),
        ("1 => 2", 1, 4, "expected a value after '='"),
        ("? in (=> 2)", 1, 8, "expected a value after '='"),
        ("a # b", 1, 3, "no meaning"),
        ("{x: 1, x: 2}", 1, 8, "two entries"),
        ("some unknown name", 1, 18, "'in'"),
        ("f(x: 1, 2)", 1, 9, "all named"),
    ],
)
def test_an_error_points_at_its_place(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(FeelSyntaxError) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert says in str(caught.value)
    picture = str(caught.value).splitlines()
    assert picture[-1].endswith("^")
    assert len(picture[-1]) - 3 == column - 1


def test_unary_tests() -> None:
    def tests(text: str) -> nodes.UnaryTests:
        return parse_unary_tests(text, SCOPE)

    assert tests("-").anything
    assert [shape(test) for test in tests('"A", < 5, [1..2]').tests] == ["A", "<5", "[1..2]"]
    assert tests("not(1, 2)").negated
    assert not tests("not(a) or b").negated
    assert shape(tests("? > 5").tests[0]) == "(<?> > 5)"
    assert shape(tests("-5").tests[0]) == "-5"


@pytest.mark.parametrize("opening", ["(", "[", "{a: ", "-", "if ", "not(", "a in (", "(1..", "a[", "f(", "a in (1.."])
def test_hostile_nesting_is_refused_soon(opening: str) -> None:
    with pytest.raises(FeelSyntaxError):
        read(opening * 5000)
    with pytest.raises(FeelSyntaxError):
        read(opening * 90)


def test_a_sum_of_thousands_of_terms_is_refused_and_not_followed() -> None:
    with pytest.raises(FeelTooComplex):
        compile_expression("1" + " + 1" * 20_000, SCOPE)


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(FeelTooComplex):
        read("1" * (MAX_TEXT + 1))


@given(st.text(alphabet='ab1. +-*/()[]{}:,"<>=?@\n\\', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FeelSyntaxError):
        assert isinstance(read(text), nodes.Node)
