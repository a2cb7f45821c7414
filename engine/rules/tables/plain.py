"""Reading the usual cells of tables without the parser: a thousand rows of them are read in milliseconds.

It knows constants, comparisons and ranges of them, lists of those, and ``not(...)``. What it does not know it leaves to
the parser; what it knows, it reads as the parser does (a test compares the two).
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from engine.rules.feel import nodes
from engine.rules.feel.numbers import number

_NUMBER: Final = r"-?(?:\d+(?:\.\d+)?|\.\d+)"
_STRING: Final = r'"[^"\\]*"'
_SCALAR: Final = rf"{_NUMBER}|{_STRING}|true|false"
_PART: Final = re.compile(
    rf"""\s*(?:
      (?P<open>[\[\](])\s*(?P<low>{_NUMBER})\s*\.\.\s*(?P<high>{_NUMBER})\s*(?P<close>[\[\])])
    | (?P<sign><=|>=|!=|<|>|=)\s*(?P<operand>{_SCALAR})
    | (?P<value>{_SCALAR})
    )\s*(?P<end>,|$)""",
    re.VERBOSE,
)
_NOT: Final = re.compile(r"\s*not\s*\((.*)\)\s*$", re.DOTALL)
_CONSTANT: Final = re.compile(rf"\s*(?:{_SCALAR})\s*$")
Anything = Literal["-"]


@lru_cache(maxsize=4096)
def plain_tests(text: str) -> nodes.UnaryTests | None:
    """Return the tests of a cell, if they are plain; None leaves them to the parser."""
    if text.strip() == "-":
        return nodes.UnaryTests(0, (), anything=True)
    negation = _NOT.match(text)
    inner = text if negation is None else negation[1]
    tests: list[nodes.Node] = []
    position = 0
    while True:
        match = _PART.match(inner, position)
        if match is None:
            return None
        tests.append(_test(match))
        position = match.end()
        if not match["end"]:
            return nodes.UnaryTests(0, tuple(tests), negated=negation is not None)


def plain_constant(text: str) -> nodes.Constant | None:
    """Return the constant that an output is, if it is a plain one."""
    return nodes.Constant(0, _scalar(text.strip())) if _CONSTANT.match(text) else None


def _test(match: re.Match[str]) -> nodes.Node:
    if match["value"] is not None:
        return nodes.Constant(0, _scalar(match["value"]))
    if match["sign"] is not None:
        return nodes.SignTest(0, match["sign"], nodes.Constant(0, _scalar(match["operand"])))  # type: ignore[arg-type]
    low, high = nodes.Constant(0, Decimal(match["low"])), nodes.Constant(0, Decimal(match["high"]))
    return nodes.RangeNode(0, low, high, match["open"] == "[", match["close"] == "]")


def _scalar(text: str) -> Decimal | str | bool:
    if text[0] == '"':
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    # The parser makes no negative zero either.
    return number(Decimal(text)) or Decimal(0)
