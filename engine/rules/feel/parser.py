"""From tokens to a tree. Grammar: DMN 1.5, chapter 10.3.1.2."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from engine.rules.feel import nodes
from engine.rules.feel.cursor import KEYWORDS
from engine.rules.feel.inference import infer, iteration_scope
from engine.rules.feel.numbers import number
from engine.rules.feel.operators import COMPARISONS, Operators
from engine.rules.feel.problems import FeelSyntaxError, bounded_text
from engine.rules.feel.type_parser import parse_type
from engine.rules.feel.types import ANY, ContextType

if TYPE_CHECKING:
    from engine.rules.feel.nodes import Node, TypeNode
    from engine.rules.feel.scope import Scope
    from engine.rules.feel.types import Type

_TESTED: Final = "?"
_CONSTANTS: Final = {"true": True, "false": False, "null": None}


def parse_expression(text: str, scope: Scope) -> Node:
    """Read an expression; ``scope`` tells the names it may use. Raises FeelSyntaxError."""
    parser = _Parser(text, scope)
    with bounded_text(text):
        node = parser.expression()
    parser.end()
    return node


def parse_unary_tests(text: str, scope: Scope) -> nodes.UnaryTests:
    """Read the tests of a cell, such as ``< 5, [10..20]``; ``?`` is the value tested. Raises FeelSyntaxError."""
    parser = _Parser(text, scope.inner({_TESTED: scope.type_of(_TESTED) or ANY}))
    with bounded_text(text):
        node = parser.unary_tests()
    parser.end()
    return node


class _Parser(Operators):
    # -- values ------------------------------------------------------------------------------------------------------

    def primary(self) -> Node:
        cursor, token = self.cursor, self.cursor.token
        match token.kind:
            case "number":
                cursor.take()
                return nodes.Constant(token.start, number(Decimal(token.text)))
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
        sign = cursor.sees_one_of(COMPARISONS)
        if sign is not None and self.scope.type_of(_TESTED) is not None:
            return self.test()
        return cursor.fail("expected a value")

    def _bracket(self) -> Node:
        """A range, a list, or an expression in parentheses."""
        cursor = self.cursor
        opening = cursor.take()
        with cursor.deeper():
            if opening.text == "(" and cursor.sees_one_of(COMPARISONS):
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
            self.end_of_range = True
            try:
                high = self.disjunction()
            finally:
                self.end_of_range = False
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
                value = self.within(scope, self.expression)
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
            body = self.within(scope.inner({"partial": ANY}), self.expression)
            return nodes.For(at, iterations, body)
        cursor.expect("satisfies", "and a condition")
        condition = self.within(scope, self.expression)
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
        body = self.within(self.scope.inner(types), self.expression)
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
