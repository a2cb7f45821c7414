"""Patterns of XPath (functions and operators 3.1, 5.6.1), which are those of XML Schema and a little more.

``\\w``, ``\\d`` and ``.`` are therefore not what they are in Python: ``\\w`` is everything but punctuation, separators
and controls, ``\\d`` any digit of Unicode, ``.`` anything but line feed and carriage return.
"""

from __future__ import annotations

from typing import Final, NoReturn

from engine.rules.feel.regex import charsets
from engine.rules.feel.regex.charsets import Charset, charset, complement, without
from engine.rules.feel.regex.nodes import BadPattern, Choice, Edge, Group, Node, One, Repeat, Same, Sequence

MAX_PATTERN: Final = 2_000
"""The longest pattern, in characters."""
MAX_DEPTH: Final = 40
"""How deep groups may be nested."""
MAX_REPEAT: Final = 1_000
"""The largest number in braces."""

_SINGLE: Final = {"n": "\n", "r": "\r", "t": "\t"} | {char: char for char in "\\|.?*+(){}-[]^$"}
_SPECIAL: Final = frozenset("?*+{}])|")


def parse(pattern: str, flags: str) -> tuple[Node, int]:
    """Return what the pattern is made of, and how many groups it has. Raises ``BadPattern``."""
    if wrong := set(flags) - set("smix"):
        raise BadPattern(f"there is no flag {min(wrong)!r}; flags are s, m, i and x")
    if len(pattern) > MAX_PATTERN:
        raise BadPattern(f"the pattern has {len(pattern)} characters, and may have {MAX_PATTERN}")
    parser = _Parser(_without_blanks(pattern) if "x" in flags else pattern, flags)
    return parser.whole(), parser.groups


def _without_blanks(pattern: str) -> str:
    """Return the pattern without the blanks that are not in a class of characters."""
    kept: list[str] = []
    depth = 0
    escaped = False
    for char in pattern:
        if char in " \t\n\r" and depth == 0:
            continue
        kept.append(char)
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "[":
            depth += 1
        elif char == "]" and depth:
            depth -= 1
    return "".join(kept)


class _Parser:
    def __init__(self, text: str, flags: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._any_case = "i" in flags
        self._lines = "m" in flags
        self._any = charsets.EVERYTHING if "s" in flags else complement(charsets.LINE_ENDS)
        self.groups = 0
        self._closed: set[int] = set()

    def whole(self) -> Node:
        node = self._choice()
        if self._at < len(self._text):
            self._fail("there is a ) too many")
        return node

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, expected: str) -> bool:
        found = self._text.startswith(expected, self._at)
        if found:
            self._at += len(expected)
        return found

    def _next(self) -> str:
        char = self._peek()
        if not char:
            self._fail("it ends too early")
        self._at += 1
        return char

    def _fail(self, reason: str) -> NoReturn:
        raise BadPattern(f"the pattern {self._text[:60]!r} cannot be read at {self._at}: {reason}")

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in {"", "|", ")"}:
            parts.append(self._repeated(self._atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, atom: Node) -> Node:
        if self._take("?"):
            least, most = 0, 1
        elif self._take("*"):
            least, most = 0, None
        elif self._take("+"):
            least, most = 1, None
        elif self._take("{"):
            least, most = self._bounds()
        else:
            return atom
        return Repeat(atom, least, most, self._take("?"))

    def _bounds(self) -> tuple[int, int | None]:
        least = self._count()
        most: int | None = least
        if self._take(","):
            most = None if self._peek() == "}" else self._count()
        if not self._take("}"):
            self._fail("} is missing")
        if most is not None and most < least:
            self._fail("the numbers in { } are in the wrong order")
        return least, most

    def _count(self) -> int:
        start = self._at
        while self._peek() in set("0123456789"):
            self._at += 1
        digits = self._text[start : self._at]
        if not digits or len(digits) > 9 or int(digits) > MAX_REPEAT:
            self._fail(f"a number up to {MAX_REPEAT} is missing in {{ }}")
        return int(digits)

    def _atom(self) -> Node:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return One(self._class())
        if char == ".":
            return One(self._any)
        if char == "^":
            return Edge("line start" if self._lines else "start")
        if char == "$":
            return Edge("line end" if self._lines else "end")
        if char == "\\":
            return self._escaped()
        if char in _SPECIAL:
            self._fail(f"{char} stands alone")
        return One(self._cased(charset([(ord(char), ord(char))])))

    def _group(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail("its groups are nested too deep")
        number = 0
        if not self._take("?:"):
            self.groups += 1
            number = self.groups
        inside = self._choice()
        if not self._take(")"):
            self._fail(") is missing")
        self._depth -= 1
        if not number:
            return inside
        self._closed.add(number)
        return Group(number, inside)

    def _escaped(self) -> Node:
        if self._peek() in set("123456789"):
            return self._reference()
        return One(self._escape())

    def _reference(self) -> Node:
        number = int(self._next())
        while self._peek() in set("0123456789") and number * 10 + int(self._peek()) <= self.groups:
            number = number * 10 + int(self._next())
        if number not in self._closed:
            self._fail(f"there is no group {number} before it")
        return Same(number, self._any_case)

    def _escape(self) -> Charset:
        """Return the set that is written after a backslash."""
        char = self._next()
        if char in _SINGLE:
            code = ord(_SINGLE[char])
            return self._cased(charset([(code, code)]))
        if char in {"p", "P"}:
            return self._property(negative=char == "P")
        known = charsets.escape(char)
        if known is None:
            self._fail(f"there is no escape \\{char}")
        return known

    def _property(self, *, negative: bool) -> Charset:
        end = self._text.find("}", self._at)
        if not self._take("{") or end < 0:
            self._fail("the name of a property is missing in { }")
        name = self._text[self._at : end]
        found = charsets.block(name[2:]) if name.startswith("Is") else charsets.category(name)
        if found is None:
            self._fail(f"there is no property {name[:40]!r}")
        self._at = end + 1
        return complement(found) if negative else found

    def _class(self) -> Charset:
        """Return the set that is written after a [, up to its ]."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail("its classes are nested too deep")
        negative = self._take("^")
        found: list[tuple[int, int]] = []
        removed: Charset = charsets.NOTHING
        first = True
        while first or self._peek() != "]":
            if not first and self._take("-["):
                removed = self._class()
                break
            found.extend(self._member(first=first))
            first = False
        if not self._take("]"):
            self._fail("] is missing")
        self._depth -= 1
        made = charset(found)
        return without(complement(made) if negative else made, removed)

    def _member(self, *, first: bool) -> Charset:
        """Return a character, an escape or a range of a class."""
        char = self._next()
        if char == "\\":
            if self._peek() not in _SINGLE:
                return self._escape()
            char = _SINGLE[self._next()]
        elif char in {"[", "]"}:
            self._fail(f"{char} in a class needs a backslash")
        elif char == "-" and not first and self._peek() != "]" and not self._text.startswith("-[", self._at):
            self._fail("- in a class is first or last, or needs a backslash")
        low = high = ord(char)
        ahead = self._text[self._at : self._at + 2]
        if ahead[:1] == "-" and ahead[1:] not in {"", "]", "["}:
            self._at += 1
            high = self._end_of_range()
        if high < low:
            self._fail("a range in a class ends before it begins")
        return self._cased(charset([(low, high)]))

    def _end_of_range(self) -> int:
        char = self._next()
        if char == "\\":
            if self._peek() not in _SINGLE:
                self._fail("a range in a class ends with one character")
            char = _SINGLE[self._next()]
        elif char == "[":
            self._fail("[ in a class needs a backslash")
        return ord(char)

    def _cased(self, of: Charset) -> Charset:
        return charsets.in_any_case(of) if self._any_case else of
