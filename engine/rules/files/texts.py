"""Columns of strings: what is plainly a text there needs no quotes.

In a column of the type ``string``, ``Fall`` is ``"Fall"``, and ``Fall, Winter`` and ``not(Fall)`` as conditions are
``"Fall", "Winter"`` and ``not("Fall")``. Plainly a text is what begins with a letter or a digit and has only these,
blanks and ``_ - ' & / %``; ``null`` is null. Everything else is FEEL as it stands. Parentheses around what would be
taken for a text make it FEEL too: ``(Season)`` is the value of that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_BARE: Final = r"(?!null\b(?![ \w]))[^\W_](?:[\w \-'&/%]*[\w'&/%])?"
_STRING: Final = r'"[^"\\\n]*"'
_PART: Final = re.compile(rf"\s*(?:(?P<bare>{_BARE})|{_STRING}|null)\s*(?P<end>,|$)")
_ONE_BARE: Final = re.compile(_BARE)
_ONE_STRING: Final = re.compile(_STRING)
_NOT: Final = re.compile(r"not\s*\((.*)\)", re.DOTALL)
_SEPARATED: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|(?P<number>(?:[<>]=?\s*[\d.]+|(?<![\w.,])\d{1,3}(?=,0\d\d)),(?=\d))', re.DOTALL
)
"""A string, or a number and a comma after it that looks like a part of it."""
_SUBTRACTION: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|(?P<numbers>(?<!\w)(?<!\d\.)\d+(?:\.\d+)?(?:-\d+(?:\.\d+)?)+(?!\w|\.\d))', re.DOTALL
)
"""A string, or a subtraction that looks like a range or like a date."""

Reading = Callable[[str], str]


def conclusion(text: str) -> str:
    """Return the expression of FEEL that a cell of a conclusion stands for."""
    return _unmarked(text, _quoted)


def condition(text: str) -> str:
    """Return the unary tests that a cell of a condition stands for."""
    return _unmarked(text, _quoted_tests)


def short_conclusion(text: str) -> str:
    """Return the shortest cell that stands for an expression."""
    return _shortest(text, text[1:-1] if _ONE_STRING.fullmatch(text) else text, conclusion)


def short_condition(text: str) -> str:
    """Return the shortest cell that stands for unary tests."""
    negation = _NOT.fullmatch(text)
    parts = (text if negation is None else negation[1]).split(", ")
    if all(_ONE_STRING.fullmatch(part) for part in parts):
        inner = ", ".join(part[1:-1] for part in parts)
        return _shortest(text, inner if negation is None else f"not({inner})", condition)
    return _shortest(text, text, condition)


def spaced(text: str) -> str:
    """Return unary tests with a blank after each comma that could be taken for one within a number: ``< 1, 000``."""
    return _SEPARATED.sub(lambda found: found[0] + (" " if found["number"] else ""), text)


def subtracted(text: str) -> str:
    """Return FEEL with blanks in what could be taken for a range or a date: ``18 - 65``, and ``2027 - 01 - 31``."""
    return _SUBTRACTION.sub(lambda found: found[0].replace("-", " - ") if found["numbers"] else found[0], text)


def _shortest(text: str, without_quotes: str, read: Reading) -> str:
    if read(without_quotes) == text:
        return without_quotes
    return text if read(text) == text else f"({text})"


def _unmarked(text: str, read: Reading) -> str:
    """Return what is in parentheses, if it would be a text without them; else what reading comes to."""
    marks = min(len(text) - len(text.lstrip("(")), len(text) - len(text.rstrip(")")))
    core = text[marks : len(text) - marks]
    if marks and read(core) != core:
        return text[1:-1]
    return read(text)


def _quoted(text: str) -> str:
    return f'"{text}"' if _ONE_BARE.fullmatch(text) else text


def _quoted_tests(text: str) -> str:
    negation = _NOT.fullmatch(text)
    inner = text if negation is None else negation[1]
    parts: list[str] = []
    position, bare = 0, False
    while True:
        match = _PART.match(inner, position)
        if match is None:
            return text
        bare = bare or match["bare"] is not None
        parts.append(_quoted(inner[position : match.start("end")].strip()))
        position = match.end()
        if not match["end"]:
            break
    if not bare:
        return text
    joined = ", ".join(parts)
    return joined if negation is None else f"not({joined})"
