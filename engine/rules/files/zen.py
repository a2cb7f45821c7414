"""From the expressions of GoRules' ZEN to FEEL, as far as the two mean the same.

They do wherever ZEN comes to a value: where types do not fit, it stops with an error, and FEEL goes on with null.
What differs, or could, is refused: functions, division (which ZEN rounds to 28 digits), ``-`` as a cell, comparisons of
strings by size, closures, templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

from engine.rules.errors import ModelError

MAX_DEPTH: Final = 50
_NUMBER: Final = r"\d+(?:\.\d+)?"
_STRING: Final = r"'[^'\\\n]*'|\"[^\"\\\n]*\""
_TOKEN: Final = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})(?!\w|\.\d)|(?P<string>{_STRING})|(?P<name>[A-Za-z_]\w*)"
    rf"|(?P<sign>==|!=|<=|>=|\.\.|[-+*<>().,?:\[\]$])|(?P<end>$))"
)
_WORDS: Final = frozenset(("and", "or", "not", "in", "true", "false", "null"))
_COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">")

Resolve = Callable[[str], str]
"""Returns the expression of FEEL for a name that a text begins a path with. Raises ModelError for unknown ones."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Value(NamedTuple):
    """An expression of FEEL, and whether it is a constant that is no list."""

    text: str
    is_constant: bool = False


def cell(text: str) -> str:
    """Return the unary tests for a cell of conditions. Raises ModelError for one that FEEL has no equal of."""
    if not text.strip():
        return "-"
    reader = _Reader(text, _nothing)
    tests = [reader.test()]
    while reader.accept(",") or reader.accept("or"):
        tests.append(reader.test())
    reader.end()
    if len(tests) > 1 and reader.joins:
        # The comma binds closer: "10, > 1 and < 5" is none of 10.
        raise ModelError(f"{text.strip()[:80]!r} joins tests by 'and' beside others, which has no equal in FEEL")
    if reader.compares_numbers and reader.takes_others:
        raise ModelError(
            f"{text.strip()[:80]!r} compares numbers, and takes other values too: ZEN fails on them, and it has no "
            f"equal in FEEL"
        )
    return ", ".join(tests)


def expression(text: str, resolve: Resolve) -> str:
    """Return the expression for one of ZEN; nothing is null. Raises ModelError for one that FEEL has no equal of."""
    if not text.strip():
        return "null"
    reader = _Reader(text, resolve)
    found = reader.expression()
    reader.end()
    return found.text


def quoted(text: str) -> str:
    """Return a text as a literal of FEEL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _nothing(name: str) -> str:
    raise ModelError(f"{name!r} in a cell of conditions has no equal in FEEL")


class _Reader:
    def __init__(self, text: str, resolve: Resolve) -> None:
        self._text = text
        self._resolve = resolve
        self._index = 0
        self._depth = 0
        self.compares_numbers = False
        """Whether a cell has tests that fail on what is no number."""
        self.takes_others = False
        """Whether a cell has tests that may be true of what is no number."""
        self.joins = False
        """Whether a cell has tests that are joined by ``and``."""
        self._tokens: list[_Token] = []
        position = 0
        while not self._tokens or self._tokens[-1].kind != "end":
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                rest = text[position:].strip()
                raise ModelError(f"{rest[:30]!r} in {text[:80]!r} has no equal in FEEL that is known to mean the same")
            self._tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
            position = match.end()

    @property
    def token(self) -> _Token:
        return self._tokens[self._index]

    def accept(self, *texts: str) -> str | None:
        """Pass over the next token if it is one of these signs or words."""
        token = self.token
        if token.kind not in ("sign", "name") or token.text not in texts:
            return None
        self._index += 1
        return token.text

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail()

    def end(self) -> None:
        if self.token.kind != "end":
            self.fail()

    def fail(self) -> NoReturn:
        found = f"{self._text[self.token.at :][:30]!r} in" if self.token.kind != "end" else "the end of"
        raise ModelError(f"{found} {self._text[:80]!r} has no equal in FEEL that is known to mean the same")

    # -- cells of conditions -----------------------------------------------------------------------------------------

    def test(self) -> str:
        """Read one test: a constant, a comparison of numbers, a range, or two comparisons that make one up."""
        opening = self.accept("[", "(")
        if opening:
            self.compares_numbers = True
            low = self._numeral()
            self.expect("..")
            high = self._numeral()
            closing = self.accept("]", ")") or self.fail()
            return f"{opening}{low}..{high}{closing}"
        sign = self.accept(*_COMPARISONS)
        if sign in ("<", "<=", ">", ">="):
            self.compares_numbers = True
            bound = self._numeral()
            return f"{sign} {bound}" if not self.accept("and") else self._between(sign, bound)
        value = self._constant()
        self.takes_others = self.takes_others or sign == "!=" or not value.lstrip("-")[0].isdigit()
        # Values of different types are not equal in ZEN, and null in FEEL.
        return f"((? = {value}) != true)" if sign == "!=" else value

    def _between(self, sign: str, bound: str) -> str:
        self.joins = True
        other = self.accept("<", "<=", ">", ">=")
        if other is None or other[0] == sign[0]:
            self.fail()
        ends = {sign: bound, other: self._numeral()}
        (low_sign, low), (high_sign, high) = sorted(ends.items(), key=lambda end: end[0][0], reverse=True)
        return f"{'[' if low_sign == '>=' else '('}{low}..{high}{']' if high_sign == '<=' else ')'}"

    def _numeral(self) -> str:
        minus = self.accept("-") or ""
        token = self.token
        if token.kind != "number":
            self.fail()
        self._index += 1
        return minus + token.text

    def _constant(self) -> str:
        token = self.token
        if token.kind == "string":
            self._index += 1
            return quoted(token.text[1:-1])
        return self.accept("true", "false", "null") or self._numeral()

    # -- expressions -------------------------------------------------------------------------------------------------

    def expression(self) -> _Value:
        """Read an expression, with ``a ? b : c`` as the loosest operator."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ModelError(f"{self._text[:80]!r} is nested more than {MAX_DEPTH} levels deep")
        condition = self._junction()
        if self.accept("?"):
            then = self.expression()
            self.expect(":")
            otherwise = self.expression()
            condition = _Value(f"(if {condition.text} then {then.text} else {otherwise.text})")
        self._depth -= 1
        return condition

    def _junction(self) -> _Value:
        left = self._comparison()
        kind = self.accept("and", "or")
        if kind is None:
            return left
        parts = [left.text, self._comparison().text]
        while self.accept(kind):
            parts.append(self._comparison().text)
        if self.accept("and", "or"):
            raise ModelError(f"{self._text[:80]!r} mixes 'and' with 'or': use parentheses")
        return _Value("(" + f" {kind} ".join(parts) + ")")

    def _comparison(self) -> _Value:
        left = self._sum()
        sign = self.accept(*_COMPARISONS)
        if sign is None:
            return left
        right = self._sum()
        if self.token.text in _COMPARISONS:
            self.fail()
        if sign not in ("==", "!="):
            if '"' in left.text + right.text:
                self.fail()
            return _Value(f"({left.text} {sign} {right.text})")
        if not left.is_constant and not right.is_constant:
            raise ModelError(f"{self._text[:80]!r} compares two values that may be lists, which differ in FEEL")
        return _Value(f"(({left.text} = {right.text}) {'=' if sign == '==' else '!='} true)")

    def _sum(self) -> _Value:
        return self._chain(self._product, "+", "-")

    def _product(self) -> _Value:
        return self._chain(self._primary, "*")

    def _chain(self, part: Callable[[], _Value], *signs: str) -> _Value:
        left = part()
        while (sign := self.accept(*signs)) is not None:
            left = _Value(f"({left.text} {sign} {part().text})")
        return left

    def _primary(self) -> _Value:
        token = self.token
        if token.kind == "name" and token.text not in _WORDS:
            self._index += 1
            return _Value(self._path(self._resolve(token.text)))
        if self.accept("$"):
            self.expect(".")
            return _Value(self._path(self._resolve(f"$.{self._member()}")))
        if self.accept("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if self.accept("["):
            items = [] if self.token.text == "]" else [self.expression().text]
            while self.accept(","):
                items.append(self.expression().text)
            self.expect("]")
            return _Value(f"[{', '.join(items)}]")
        return _Value(self._constant(), is_constant=True)

    def _path(self, start: str) -> str:
        while self.accept("."):
            start += "." + self._member()
        if self.token.text in ("(", "["):
            self.fail()
        return start

    def _member(self) -> str:
        token = self.token
        if token.kind != "name" or token.text in _WORDS:
            self.fail()
        self._index += 1
        return token.text
