"""From tokens to a tree. Grammar: DMN 1.5, chapter 10.3.1.2.

Precedence, from the loosest: ``or``; ``and``; comparisons, ``between``, ``in``; ``instance of``; sums; products;
powers; a minus before a value; paths, filters and calls. Operators of one level go from left to right.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, cast

from engine.rules.feel import nodes
from engine.rules.feel.cursor import KEYWORDS, Cursor
from engine.rules.feel.inference import infer, iteration_scope
from engine.rules.feel.problems import FeelSyntaxError, bounded
from engine.rules.feel.scope import Lexicon, Scope, item_of, members_of
from engine.rules.feel.type_parser import parse_type
from engine.rules.feel.types import ANY, ContextType

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.rules.feel.nodes import ArithmeticSign, ComparisonSign, Node, TypeNode
    from engine.rules.feel.types import Type

_COMPARISONS: Final = ("=", "!=", "<", "<=", ">", ">=")
_TESTED: Final = "?"
_CONSTANTS: Final = {"true": True, "false": False, "null": None}


def parse_expression(text: str, scope: Scope) -> Node:
    """Read an expression; ``scope`` tells the names it may use. Raises FeelSyntaxError."""
    parser = _Parser(text, scope)
    with bounded(text):
        node = parser.expression()
    parser.end()
    return node


def parse_unary_tests(text: str, scope: Scope) -> nodes.UnaryTests:
    """Read the tests of a cell, such as ``< 5, [10..20]``; ``?`` is the value tested. Raises FeelSyntaxError."""
    parser = _Parser(text, scope.inner({_TESTED: scope.type_of(_TESTED) or ANY}))
    with bounded(text):
        node = parser.unary_tests()
    parser.end()
    return node


class _Parser:
    def __init__(self, text: str, scope: Scope) -> None:
        self.cursor = Cursor(text)
        self.scope = scope
        self._end_of_range = False
        """Within the upper end of a range, where ``[`` may be what ends it."""

    def end(self) -> None:
        if self.cursor.token.kind != "end":
            self.cursor.fail("expected an operator or the end")

    # -- unary tests -------------------------------------------------------------------------------------------------

    def unary_tests(self) -> nodes.UnaryTests:
        cursor, at = self.cursor, self.cursor.at
        if cursor.sees("-") and cursor.tokens[cursor.index + 1].kind == "end":
            cursor.take()
            return nodes.UnaryTests(at, (), anything=True)
        if cursor.sees("not") and cursor.sees("(", 1):
            start = cursor.index
            cursor.index += 2
            tests = self._tests()
            cursor.expect(")", "after the tests")
            if cursor.token.kind == "end":
                return nodes.UnaryTests(at, tests, negated=True)
            # It goes on: "not" is the function, in an expression.
            cursor.index = start
        return nodes.UnaryTests(at, self._tests())

    def _tests(self) -> tuple[Node, ...]:
        tests = [self._test()]
        while self.cursor.accept(","):
            tests.append(self._test())
        return tuple(tests)

    def _test(self) -> Node:
        sign = self.cursor.sees_one_of(_COMPARISONS)
        if sign is None:
            return self.expression()
        at = self.cursor.take().start
        return nodes.SignTest(at, cast("ComparisonSign", sign), self._sum())

    # -- operators ---------------------------------------------------------------------------------------------------

    def expression(self) -> Node:
        with self.cursor.deeper():
            within, self._end_of_range = self._end_of_range, False
            try:
                return self._disjunction()
            finally:
                self._end_of_range = within

    def _disjunction(self) -> Node:
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
            sign = cursor.sees_one_of(_COMPARISONS)
            if sign is not None:
                cursor.take()
                left = nodes.Comparison(at, cast("ComparisonSign", sign), left, self._instance())
            elif cursor.accept("between"):
                low = self._instance()
                cursor.expect("and", "between the two bounds")
                left = nodes.Between(at, left, low, self._instance())
            elif cursor.accept("in"):
                left = nodes.In(at, left, self._in_tests())
            else:
                return left

    def _in_tests(self) -> tuple[Node, ...]:
        """``in`` takes one test, or several in parentheses; ``(1..5)`` is one test, a range."""
        cursor = self.cursor
        if not cursor.sees("("):
            return (self._one_in_test(),)
        start = cursor.index
        try:
            cursor.take()
            tests = self._tests()
            cursor.expect(")", "after the tests")
        except FeelSyntaxError as error:
            cursor.index = start
            try:
                return (self._one_in_test(),)
            except FeelSyntaxError:
                raise error from None
        if cursor.sees_one_of((".", "[", "(", "+", "-", "*", "/", "**")) and not self._end_of_range:
            # What was in parentheses is the beginning of an expression.
            cursor.index = start
            return (self._one_in_test(),)
        return tests

    def _one_in_test(self) -> Node:
        sign = self.cursor.sees_one_of(_COMPARISONS)
        if sign is not None:
            return self._test()
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
            return nodes.Constant(at, -operand.value if operand.value else operand.value)
        return nodes.Negation(at, operand)

    # -- paths, filters, calls ---------------------------------------------------------------------------------------

    def _postfix(self) -> Node:
        node = self._primary()
        cursor = self.cursor
        while True:
            at = cursor.at
            if cursor.sees("."):
                cursor.take()
                node = nodes.Path(at, node, self._member(node))
            elif cursor.sees("[") and not self._end_of_range:
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
        return self._within(self.scope.inner({**members_of(item), "item": item}), self.expression)

    def _within(self, scope: Scope, read: Callable[[], Node]) -> Node:
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

    # -- values ------------------------------------------------------------------------------------------------------

    def _primary(self) -> Node:
        cursor, token = self.cursor, self.cursor.token
        match token.kind:
            case "number":
                cursor.take()
                return nodes.Constant(token.start, Decimal(token.text))
            case "string":
                cursor.take()
                return nodes.Constant(token.start, token.text)
            case "moment":
                cursor.take()
                return nodes.Moment(token.start, token.text)
            case "name":
                return self._word()
            case "sign" | "end":
                return self._sign()

    def _word(self) -> Node:
        cursor, at = self.cursor, self.cursor.at
        word = cursor.token.text
        if word in ("for", "some", "every", "if") or (word == "function" and cursor.sees("(", 1)):
            with cursor.deeper():
                return self._phrase(word)
        known = cursor.known_name(self.scope)
        if known is not None and (known not in _CONSTANTS):
            return nodes.Name(at, known)
        if known is None and word in _CONSTANTS:
            cursor.take()
        if word in _CONSTANTS:
            return nodes.Constant(at, _CONSTANTS[word])
        if word in KEYWORDS and word != "not":
            cursor.fail("expected a value")
        return nodes.Name(at, cursor.plain_name() if word != "not" else cursor.take().text)

    def _sign(self) -> Node:
        cursor = self.cursor
        if cursor.sees("{"):
            return self._context()
        if cursor.sees("[") or cursor.sees("]") or cursor.sees("("):
            return self._bracket()
        sign = cursor.sees_one_of(_COMPARISONS)
        if sign is not None and self.scope.type_of(_TESTED) is not None:
            return self._test()
        return cursor.fail("expected a value")

    def _bracket(self) -> Node:
        """A range, a list, or an expression in parentheses."""
        cursor = self.cursor
        opening = cursor.take()
        with cursor.deeper():
            if opening.text == "(" and cursor.sees_one_of(_COMPARISONS):
                return self._one_sided(opening.start)
            if opening.text == "[" and cursor.accept("]"):
                return nodes.ListNode(opening.start, ())
            first = self.expression()
            if cursor.accept(".."):
                return self._range(opening.start, opening.text == "[", first)
            if opening.text == "(":
                cursor.expect(")", "after the expression")
                return first
            if opening.text == "]":
                cursor.fail("expected '..' of a range that begins with ']'")
            items = [first]
            while not cursor.accept("]"):
                cursor.expect(",", "between two items, or ']' after the last")
                items.append(self.expression())
            return nodes.ListNode(opening.start, tuple(items))

    def _range(self, at: int, low_closed: bool, low: Node) -> Node:
        cursor = self.cursor
        start = cursor.index
        try:
            high = self.expression()
        except FeelSyntaxError:
            high = None
        if high is None or cursor.sees_one_of(("]", ")", "[")) is None:
            # "[" was taken for the beginning of a filter, and is the end of the range.
            cursor.index = start
            self._end_of_range = True
            try:
                high = self._disjunction()
            finally:
                self._end_of_range = False
        closing = cursor.sees_one_of(("]", ")", "["))
        if closing is None:
            cursor.fail("expected ']', ')' or '[' after a range")
        cursor.take()
        return nodes.RangeNode(at, low, high, low_closed, closing == "]")

    def _one_sided(self, at: int) -> Node:
        """A range such as ``(< 5)``, open for ever on its other side."""
        cursor = self.cursor
        sign = cursor.take().text
        operand = self.expression()
        cursor.expect(")", "after the bound")
        match sign:
            case "<" | "<=":
                return nodes.RangeNode(at, None, operand, False, sign == "<=")
            case ">" | ">=":
                return nodes.RangeNode(at, operand, None, sign == ">=", False)
            case "=":
                return nodes.RangeNode(at, operand, operand, True, True)
            case _:
                return nodes.SignTest(at, "!=", operand)

    def _context(self) -> Node:
        cursor = self.cursor
        at = cursor.take().start
        entries: list[tuple[str, Node]] = []
        types: dict[str, Type] = {}
        with cursor.deeper():
            while not cursor.accept("}"):
                if entries:
                    cursor.expect(",", "between two entries, or '}' after the last")
                key_at = cursor.at
                name = cursor.name_before(":")
                if name is None:
                    cursor.fail("expected the name of an entry and ':'", key_at)
                if name in types:
                    cursor.fail(f"the context has two entries {name!r}", key_at)
                scope = self.scope.inner(dict(types))
                value = self._within(scope, self.expression)
                types[name] = infer(value, scope)
                entries.append((name, value))
        return nodes.ContextNode(at, tuple(entries))

    # -- phrases -----------------------------------------------------------------------------------------------------

    def _phrase(self, word: str) -> Node:
        cursor = self.cursor
        at = cursor.take().start
        if word == "if":
            condition = self.expression()
            cursor.expect("then", "after the condition")
            then = self.expression()
            cursor.expect("else", "and what is to be otherwise")
            return nodes.If(at, condition, then, self.expression())
        if word == "function":
            return self._function(at)
        iterations = self._iterations()
        scope = iteration_scope(iterations, self.scope)
        if word == "for":
            cursor.expect("return", "and what is to be returned for each")
            body = self._within(scope.inner({"partial": ANY}), self.expression)
            return nodes.For(at, iterations, body)
        cursor.expect("satisfies", "and a condition")
        condition = self._within(scope, self.expression)
        return nodes.Quantified(at, "some" if word == "some" else "every", iterations, condition)

    def _iterations(self) -> tuple[nodes.Iteration, ...]:
        cursor = self.cursor
        outer = self.scope
        found: list[nodes.Iteration] = []
        try:
            while True:
                name = cursor.new_name(("in",))
                cursor.expect("in", "after the name")
                domain = self.expression()
                to = self.expression() if cursor.accept("..") else None
                found.append(nodes.Iteration(name, domain, to))
                self.scope = iteration_scope((found[-1],), self.scope)
                if not cursor.accept(","):
                    return tuple(found)
        finally:
            self.scope = outer

    def _function(self, at: int) -> Node:
        cursor = self.cursor
        cursor.expect("(", "after 'function'")
        parameters: list[tuple[str, TypeNode | None]] = []
        while not cursor.accept(")"):
            if parameters:
                cursor.expect(",", "between two parameters")
            typed = cursor.name_before(":")
            if typed is None:
                parameters.append((cursor.new_name((",", ")")), None))
            else:
                parameters.append((typed, parse_type(cursor)))
        external = cursor.accept("external")
        types: dict[str, Type] = {name: _declared(node) for name, node in parameters}
        body = self._within(self.scope.inner(types), self.expression)
        return nodes.FunctionDefinition(at, tuple(parameters), body, external)


def _declared(node: TypeNode | None) -> Type:
    """Return what a parameter's type tells of its members."""
    match node:
        case nodes.BuiltType(type=type_):
            return type_
        case nodes.ContextOf(entries=entries):
            return ContextType(tuple((name, _declared(entry)) for name, entry in entries))
        case _:
            return ANY
