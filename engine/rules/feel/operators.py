"""Reading what stands between values: operators, tests, paths, filters and calls.

Precedence, from the loosest: ``or``; ``and``; comparisons, ``between``, ``in``; ``instance of``; sums; products;
powers; a minus before a value; paths, filters and calls. Operators of one level go from left to right.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from engine.rules.feel import nodes
from engine.rules.feel.cursor import KEYWORDS, Cursor
from engine.rules.feel.inference import infer
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.scope import Lexicon, Scope, item_of, members_of
from engine.rules.feel.type_parser import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.rules.feel.nodes import ArithmeticSign, ComparisonSign, Node

COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=")


class Operators(ABC):
    """Reads expressions down to their values, which :meth:`primary` reads."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.cursor = Cursor(text)
        self.scope = scope
        self.end_of_range = False
        """Within the upper end of a range, where ``[`` may be what ends it."""

    def end(self) -> None:
        """Refuse what comes after the end."""
        if self.cursor.token.kind != "end":
            self.cursor.fail("expected an operator or the end")

    @abstractmethod
    def primary(self) -> Node:
        """Read a value, without the paths, filters and calls after it."""

    # -- unary tests -------------------------------------------------------------------------------------------------

    def unary_tests(self) -> nodes.UnaryTests:
        """Read the tests of a cell."""
        cursor, at = self.cursor, self.cursor.at
        if cursor.sees("-") and cursor.tokens[cursor.index + 1].kind == "end":
            cursor.take()
            return nodes.UnaryTests(at, (), anything=True)
        if cursor.sees("not") and cursor.sees("(", 1):
            start = cursor.index
            cursor.index += 2
            tests = self.tests()
            cursor.expect(")", "after the tests")
            if cursor.token.kind == "end":
                return nodes.UnaryTests(at, tests, negated=True)
            # It goes on: "not" is the function, in an expression.
            cursor.index = start
        return nodes.UnaryTests(at, self.tests())

    def tests(self) -> tuple[Node, ...]:
        """Read tests with commas between them."""
        tests = [self.test()]
        while self.cursor.accept(","):
            tests.append(self.test())
        return tuple(tests)

    def test(self) -> Node:
        """Read one test: a comparison with what is tested, or an expression."""
        sign = self.cursor.sees_one_of(COMPARISONS)
        if sign is None:
            return self.expression()
        at = self.cursor.take().start
        self._one_sign(sign)
        return nodes.SignTest(at, cast("ComparisonSign", sign), self._sum())

    # -- operators ---------------------------------------------------------------------------------------------------

    def expression(self) -> Node:
        """Read an expression."""
        with self.cursor.deeper():
            within, self.end_of_range = self.end_of_range, False
            try:
                return self.disjunction()
            finally:
                self.end_of_range = within

    def disjunction(self) -> Node:
        """Read an expression, of which ``[`` may be the end where it is that of a range."""
        left = self._conjunction()
        while self.cursor.sees("or"):
            at = self.cursor.take().start
            left = nodes.Junction(at, "or", left, self._conjunction())
        return left

    def _conjunction(self) -> Node:
        left = self._comparison()
        while self.cursor.sees("and"):
            at = self.cursor.take().start
            left = nodes.Junction(at, "and", left, self._comparison())
        return left

    def _comparison(self) -> Node:
        left = self._instance()
        while True:
            cursor, at = self.cursor, self.cursor.at
            sign = cursor.sees_one_of(COMPARISONS)
            if sign is not None:
                cursor.take()
                self._one_sign(sign)
                left = nodes.Comparison(at, cast("ComparisonSign", sign), left, self._instance())
            elif cursor.accept("between"):
                low = self._instance()
                cursor.expect("and", "between the two bounds")
                left = nodes.Between(at, left, low, self._instance())
            elif cursor.accept("in"):
                left = nodes.In(at, left, self._in_tests())
            else:
                return left

    def _one_sign(self, sign: str) -> None:
        """Refuse a second sign: ``=> 5`` is no ``>= 5``, and would compare with what ``> 5`` says."""
        if self.cursor.sees_one_of(COMPARISONS) is not None:
            self.cursor.fail(f"expected a value after {sign!r}")

    def _in_tests(self) -> tuple[Node, ...]:
        """``in`` takes one test, or several in parentheses; ``(1..5)`` is one test, a range."""
        cursor = self.cursor
        if not cursor.sees("("):
            return (self._one_in_test(),)
        start = cursor.index
        try:
            cursor.take()
            tests = self.tests()
            cursor.expect(")", "after the tests")
        except FeelSyntaxError as error:
            cursor.index = start
            try:
                return (self._one_in_test(),)
            except FeelSyntaxError:
                raise error from None
        if cursor.sees_one_of((".", "[", "(", "+", "-", "*", "/", "**")) and not self.end_of_range:
            # What was in parentheses is the beginning of an expression.
            cursor.index = start
            return (self._one_in_test(),)
        return tests

    def _one_in_test(self) -> Node:
        sign = self.cursor.sees_one_of(COMPARISONS)
        if sign is not None:
            return self.test()
        return self._instance()

    def _instance(self) -> Node:
        value = self._sum()
        while self.cursor.sees("instance") and self.cursor.sees("of", 1):
            at = self.cursor.take().start
            self.cursor.take()
            value = nodes.InstanceOf(at, value, parse_type(self.cursor))
        return value

    def _sum(self) -> Node:
        left = self._product()
        while (sign := self.cursor.sees_one_of(("+", "-"))) is not None:
            at = self.cursor.take().start
            left = nodes.Arithmetic(at, cast("ArithmeticSign", sign), left, self._product())
        return left

    def _product(self) -> Node:
        left = self._power()
        while (sign := self.cursor.sees_one_of(("*", "/"))) is not None:
            at = self.cursor.take().start
            left = nodes.Arithmetic(at, cast("ArithmeticSign", sign), left, self._power())
        return left

    def _power(self) -> Node:
        left = self._negation()
        while self.cursor.sees("**"):
            at = self.cursor.take().start
            left = nodes.Arithmetic(at, "**", left, self._negation())
        return left

    def _negation(self) -> Node:
        if not self.cursor.sees("-"):
            return self._postfix()
        at = self.cursor.take().start
        with self.cursor.deeper():
            operand = self._negation()
        if isinstance(operand, nodes.Constant) and isinstance(operand.value, Decimal):
            return nodes.Constant(at, operand.value.copy_negate() if operand.value else operand.value)
        return nodes.Negation(at, operand)

    # -- paths, filters, calls ---------------------------------------------------------------------------------------

    def _postfix(self) -> Node:
        node = self.primary()
        cursor = self.cursor
        while True:
            at = cursor.at
            if cursor.sees("."):
                cursor.take()
                node = nodes.Path(at, node, self._member(node))
            elif cursor.sees("[") and not self.end_of_range:
                cursor.take()
                node = nodes.Filter(at, node, self._filter_condition(node))
                cursor.expect("]", "after the condition of the filter")
            elif cursor.sees("("):
                cursor.take()
                node = self._call(at, node)
            else:
                return node

    def _member(self, value: Node) -> str:
        known = self.cursor.known_name(Lexicon(members_of(infer(value, self.scope))))
        if known is not None:
            return known
        token = self.cursor.token
        if token.kind == "name" and token.text in KEYWORDS:
            # After a dot, a keyword is a name like any other.
            return self.cursor.take().text
        return self.cursor.plain_name()

    def _filter_condition(self, value: Node) -> Node:
        item = item_of(infer(value, self.scope))
        return self.within(self.scope.inner({**members_of(item), "item": item}), self.expression)

    def within(self, scope: Scope, read: Callable[[], Node]) -> Node:
        """Read something in another scope."""
        before, self.scope = self.scope, scope
        try:
            return read()
        finally:
            self.scope = before

    def _call(self, at: int, function: Node) -> Node:
        cursor = self.cursor
        arguments: list[Node] = []
        names: list[str] = []
        with cursor.deeper():
            while not cursor.accept(")"):
                if arguments:
                    cursor.expect(",", "between two arguments, or ')' after the last")
                name_at = cursor.at
                name = cursor.name_before(":")
                if name is not None:
                    names.append(name)
                elif names:
                    cursor.fail("arguments are all named, or none is: expected a name and ':'", name_at)
                arguments.append(self.expression())
        if names and len(names) != len(arguments):
            cursor.fail("arguments are all named, or none is", at)
        return nodes.Call(at, function, tuple(arguments), tuple(names))
