"""From text to tokens.

FEEL has names with blanks and operators in them. The lexer knows nothing of that: it makes small tokens, and the parser
puts those together that make up a name it knows. Grammar: DMN 1.5, chapter 10.3.1.2.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from engine.rules.feel.problems import FeelSyntaxError, FeelTooComplex

MAX_TEXT: Final = 100_000
"""The longest expression, in characters."""

Kind = Literal["number", "string", "moment", "name", "sign", "end"]


class Token(NamedTuple):
    """A token and its place. ``text`` is as written, but for strings, whose escapes are resolved."""

    kind: Kind
    text: str
    start: int
    end: int


# Name start and part characters of the grammar, as far as they differ from the letters and digits that re knows.
_START: Final = (
    r"?A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D\u2070-\u218F"
    r"\u2C00-\u2FEF\u3001-\uD7FF\uF900-\uFDCF\uFDF0-\uFFFD\U00010000-\U000EFFFF"
)
_PART: Final = _START + r"0-9\u00B7\u0300-\u036F\u203F-\u2040"
_TOKEN: Final = re.compile(
    rf"""
    (?P<blank>[\s\u0085\u00A0\u1680\u180E\u2000-\u200B\u2028\u2029\u202F\u205F\u3000\uFEFF]+
      | //[^\n]* | /\*(?s:.)*?\*/ )
  | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<moment>@\s*"(?:[^"\\]|\\.)*")
  | (?P<string>"(?:[^"\\]|\\(?s:.))*")
  | (?P<name>[{_START}][{_PART}]*)
  | (?P<sign>\*\*|\.\.|->|<=|>=|!=|[-+*/=<>.,:;(){{}}\[\]'])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{6})|(?s:(.)))")
_SIMPLE: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
_LAST_CODE_POINT: Final = 0x10FFFF
_SURROGATES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a text, the last one of kind ``end``. Raises FeelSyntaxError."""
    if len(text) > MAX_TEXT:
        raise FeelTooComplex(text, MAX_TEXT, f"the expression has {len(text)} characters; {MAX_TEXT} are read")
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (match.lastgroup == "sign" and text.startswith("/*", position)):
            raise FeelSyntaxError(text, position, _unreadable(text, position))
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        if kind != "blank":  # type: ignore[comparison-overlap]
            word = match.group()
            if kind in ("string", "moment"):
                word = _unescaped(word[word.index('"') + 1 : -1])
            found.append(Token(kind, word, position, match.end()))
        position = match.end()
    found.append(Token("end", "", len(text), len(text)))
    return found


def words_of(name: str) -> tuple[str, ...]:
    """Return the tokens that a name is made of, by which the parser finds it in a text."""
    try:
        return tuple(token.text for token in tokens_of(name)[:-1])
    except FeelSyntaxError:
        return (name,)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _SURROGATES.sub(_joined, _ESCAPE.sub(_resolved, text))


def _resolved(match: re.Match[str]) -> str:
    short, long, single = match.groups()
    code = short or long
    if code is None:
        # What is no escape stays as it was written.
        return _SIMPLE.get(single, match.group())
    number = int(code, 16)
    return chr(number) if number <= _LAST_CODE_POINT else match.group()


def _joined(match: re.Match[str]) -> str:
    return match.group().encode("utf-16", "surrogatepass").decode("utf-16")


_INSTEAD: Final = {
    "≥": ">=", "≤": "<=", "≠": "!=", "–": "-", "−": "-", "×": "*", "÷": "/", "“": '"', "”": '"', "„": '"', "«": '"',
    "»": '"', "‘": '"', "’": '"', "'": '"', "%": "0.07 for 7%",
}  # fmt: skip
"""What writing programs make of signs, and people of parts of a hundred."""


def _unreadable(text: str, position: int) -> str:
    if text[position] == '"':
        return 'the string that begins here does not end: close it with "'
    if text.startswith("/*", position):
        return "the comment that begins here does not end: close it with */"
    instead = _INSTEAD.get(text[position])
    return f"{text[position]!r} has no meaning here" + (f": write {instead}" if instead else "")
