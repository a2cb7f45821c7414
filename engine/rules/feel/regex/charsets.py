"""Sets of characters as ranges of code points, and those that XML Schema knows by name."""

from __future__ import annotations

import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from typing import Final, TypeAlias

from engine.rules.feel.regex.blocks import BLOCKS

Charset: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges of code points, both ends included, in order, with gaps between them."""

EVERYTHING: Final[Charset] = ((0, sys.maxunicode),)
NOTHING: Final[Charset] = ()
SPACES: Final[Charset] = ((9, 10), (13, 13), (32, 32))
LINE_ENDS: Final[Charset] = ((10, 10), (13, 13))

_NAME_STARTS: Final = (
    (0x3A, 0x3A), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2FF),
    (0x370, 0x37D), (0x37F, 0x1FFF), (0x200C, 0x200D), (0x2070, 0x218F), (0x2C00, 0x2FEF), (0x3001, 0xD7FF),
    (0xF900, 0xFDCF), (0xFDF0, 0xFFFD), (0x10000, 0xEFFFF),
)  # fmt: skip
_NAME_PARTS: Final = ((0x2D, 0x2E), (0x30, 0x39), (0xB7, 0xB7), (0x300, 0x36F), (0x203F, 0x2040))
# Nothing is assigned in the planes between these, and the last two are for private use but for the ends of each: to
# look at every code point there would take five times as long.
_PLANES: Final = ((0, 0x40000), (0xE0000, 0xE1000))
_PRIVATE: Final = ((0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
_LAST_CASED: Final = 0x20000
"""No letter from here on has an upper and a lower case."""


def charset(ranges: Iterable[tuple[int, int]]) -> Charset:
    """Return the set of the characters in any of the ranges."""
    made: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if made and low <= made[-1][1] + 1:
            made[-1] = (made[-1][0], max(made[-1][1], high))
        else:
            made.append((low, high))
    return tuple(made)


def complement(of: Charset) -> Charset:
    """Return the set of all other characters."""
    made: list[tuple[int, int]] = []
    start = 0
    for low, high in of:
        if low > start:
            made.append((start, low - 1))
        start = high + 1
    if start <= sys.maxunicode:
        made.append((start, sys.maxunicode))
    return tuple(made)


def without(of: Charset, others: Charset) -> Charset:
    """Return the set of the characters of the first set that are not in the second."""
    return complement(charset([*complement(of), *others]))


def holds(of: Charset, char: str) -> bool:
    """Tell whether the set has the character."""
    code = ord(char)
    index = bisect_right(of, (code, sys.maxunicode)) - 1
    return index >= 0 and of[index][0] <= code <= of[index][1]


@cache
def _categories() -> dict[str, Charset]:
    """Return the characters of each general category of Unicode."""
    found: dict[str, list[tuple[int, int]]] = {}
    for start, end in _PLANES:
        for code in range(start, end):
            ranges = found.setdefault(unicodedata.category(chr(code)), [])
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = (ranges[-1][0], code)
            else:
                ranges.append((code, code))
    used = {name: charset([*ranges, *_PRIVATE] if name == "Co" else ranges) for name, ranges in found.items()}
    return used | {"Cn": complement(charset(span for name, of in used.items() if name != "Cn" for span in of))}


@cache
def category(name: str) -> Charset | None:
    """Return the characters of a general category, or of all those that begin with a letter; None if there is none."""
    if not 1 <= len(name) <= 2:
        return None
    ranges = [span for code, spans in _categories().items() if code.startswith(name) for span in spans]
    return charset(ranges) if ranges else None


def block(name: str) -> Charset | None:
    """Return the characters of a block of Unicode, by its name without blanks; None if it is not known."""
    span = BLOCKS.get(name)
    return None if span is None else (span,)


@cache
def escape(letter: str) -> Charset | None:
    r"""Return what ``\letter`` stands for, of those that stand for many characters; None if it is none of them."""
    if letter.isupper():
        positive = escape(letter.lower())
        return None if positive is None else complement(positive)
    if letter == "s":
        return SPACES
    if letter == "d":
        return category("Nd")
    if letter == "w":
        return complement(charset([span for name in "PZC" for span in category(name) or ()]))
    if letter == "i":
        return charset(_NAME_STARTS)
    return charset([*_NAME_STARTS, *_NAME_PARTS]) if letter == "c" else None


@cache
def _variants() -> dict[int, frozenset[int]]:
    """Return the code points that differ from each one by case only, for those that have any."""
    groups: dict[str, set[int]] = {}
    for code in range(_LAST_CASED):
        char = chr(code)
        lower, upper = char.lower(), char.upper()
        if lower != char or upper != char:
            # What shares a lower case, by way of its upper case too, is one letter: k, K and the sign for kelvin.
            for form in {lower, upper.lower()}:
                if len(form) == 1:
                    groups.setdefault(form, {ord(form)}).update((code,))
    made: dict[int, set[int]] = {}
    for group in groups.values():
        for code in group:
            made.setdefault(code, set()).update(group)
    return {code: frozenset(group) for code, group in made.items() if len(group) > 1}


@cache
def in_any_case(of: Charset) -> Charset:
    """Return the set with every character that differs by case only from one that it has."""
    more = [(other, other) for code, others in _variants().items() if holds(of, chr(code)) for other in others]
    return charset([*of, *more])
