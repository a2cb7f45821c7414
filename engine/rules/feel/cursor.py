"""Reading tokens one after the other, and the names that several of them make up."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

from engine.rules.feel.lexer import tokens_of
from engine.rules.feel.problems import FeelSyntaxError, FeelTooComplex

if TYPE_CHECKING:
    from collections.abc import Collection, Generator

    from engine.rules.feel.lexer import Token
    from engine.rules.feel.scope import Lexicon, Scope

MAX_DEPTH: Final = 60
"""How deep expressions may be nested."""
MAX_READINGS: Final = 20
"""How often a token may be looked at, on average, until the right reading of the text is found."""
KEYWORDS: Final = frozenset(
    [
        "and",
        "between",
        "else",
        "every",
        "external",
        "false",
        "for",
        "function",
        "if",
        "in",
        "instance",
        "not",
        "null",
        "of",
        "or",
        "return",
        "satisfies",
        "some",
        "then",
        "true",
    ]
)
"""Words that end a name which is not known from elsewhere."""
_WITHIN_NAMES: Final = frozenset(("-", "+", "*", "/", ".", "'", "**"))


class Cursor:
    """A place among the tokens of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.index = 0
        self._depth = 0
        # Where a text can be read in two ways, one is tried after the other, at every level of it.
        self._readings_left = MAX_READINGS * (len(self.tokens) + 10)

    @property
    def token(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.index]

    @property
    def at(self) -> int:
        """Where in the text it begins."""
        return self.tokens[self.index].start

    def sees(self, text: str, ahead: int = 0) -> bool:
        """Tell whether a sign or a word comes next."""
        index = self.index + ahead
        if index >= len(self.tokens):
            return False
        token = self.tokens[index]
        return token.text == text and token.kind in ("sign", "name")

    def sees_one_of(self, texts: Collection[str]) -> str | None:
        """Return the sign that comes next, if it is one of these."""
        token = self.token
        return token.text if token.kind == "sign" and token.text in texts else None

    def take(self) -> Token:
        """Pass over the next token and return it."""
        token = self.token
        self.index += 1
        return token

    def accept(self, text: str) -> bool:
        """Pass over a sign or word if it comes next."""
        if not self.sees(text):
            return False
        self.index += 1
        return True

    def expect(self, text: str, what: str) -> None:
        """Pass over a sign or word that has to come next. Raises FeelSyntaxError."""
        if not self.accept(text):
            self.fail(f"expected {text!r} {what}")

    def fail(self, reason: str, at: int | None = None) -> NoReturn:
        """Raise FeelSyntaxError at the next token, which it names."""
        token = self.token
        found = "the text ends" if token.kind == "end" else f"there is {self.text[token.start : token.end][:30]!r}"
        raise FeelSyntaxError(self.text, self.at if at is None else at, f"{reason}, but {found}")

    @contextmanager
    def deeper(self) -> Generator[None]:
        """Count a level of nesting for the time of a ``with`` block. Raises FeelTooComplex."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FeelTooComplex(self.text, self.at, f"the expression is nested more than {MAX_DEPTH} levels deep")
        self._readings_left -= 1
        if self._readings_left < 0:
            raise FeelTooComplex(self.text, self.at, "the expression can be read in too many ways: use fewer brackets")
        try:
            yield
        finally:
            self._depth -= 1

    # -- names -------------------------------------------------------------------------------------------------------

    def known_name(self, scope: Scope | Lexicon) -> str | None:
        """Take the longest known name that comes next, if it does not go on beyond that with further words."""
        found = scope.longest(self.tokens, self.index)
        if found is None:
            return None
        name, length = found
        after = self.tokens[self.index + length]
        if after.kind == "name" and after.text not in KEYWORDS:
            return None
        self.index += length
        return name

    def plain_name(self) -> str:
        """Take the words that come next, up to a keyword or a sign."""
        words: list[str] = []
        while (token := self.token).kind == "name" and (not words or token.text not in KEYWORDS):
            words.append(self.take().text)
            # Digits that follow a word after a blank: "form 27", which nothing else can be.
            while (number := self.token).kind == "number" and number.text.isdigit():
                words.append(self.take().text)
        if not words:
            self.fail("expected a name")
        return " ".join(words)

    def new_name(self, ends: Collection[str]) -> str:
        """Take a name that is being defined here, whatever signs it has, up to one of ``ends``."""
        start = self.at
        last = start
        while (token := self.token).kind in ("name", "number") or (
            token.kind == "sign" and token.text in _WITHIN_NAMES
        ):
            if token.text in ends and last > start:
                break
            last = self.take().end
        if last == start:
            self.fail("expected a name")
        return " ".join(self.text[start:last].split())

    def name_before(self, sign: str) -> str | None:
        """Take a name if it and then this sign come next, and the sign too; else nothing."""
        index = self.index
        token = self.tokens[index]
        if token.kind == "string":
            if self.sees(sign, 1):
                self.index += 2
                return token.text
            return None
        while (token := self.tokens[index]).kind in ("name", "number") or (
            token.kind == "sign" and token.text in _WITHIN_NAMES
        ):
            index += 1
        if index == self.index or not (token.kind == "sign" and token.text == sign):
            return None
        name = " ".join(self.text[self.at : self.tokens[index - 1].end].split())
        self.index = index + 1
        return name
