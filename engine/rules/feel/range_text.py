"""The text of a range between two literals, as ``range()`` reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from engine.rules.feel.lexer import Token, tokens_of
from engine.rules.feel.numbers import number
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.temporal import parse_date, parse_date_time, parse_duration, parse_temporal, parse_time
from engine.rules.feel.values import Range, Value

_OPENING: Final = {"[": True, "(": False, "]": False}
_CLOSING: Final = {"]": True, ")": False, "[": False}
_CALLS: Final[Mapping[tuple[str, ...], Callable[[str], Value]]] = {
    ("date",): parse_date,
    ("time",): parse_time,
    ("date", "and", "time"): parse_date_time,
    ("duration",): parse_duration,
}


def parse_range(text: str) -> Range | None:
    """Return the range that ``text`` says, or None; the order of its ends is not looked at."""
    try:
        tokens = tokens_of(text)[:-1]
    except FeelSyntaxError:
        return None
    middle = [index for index, token in enumerate(tokens) if token.kind == "sign" and token.text == ".."]
    if len(middle) != 1:
        return None
    first, last = tokens[0], tokens[-1]
    if first.kind != "sign" or last.kind != "sign" or first.text not in _OPENING or last.text not in _CLOSING:
        return None
    start, end = _literal(tokens[1 : middle[0]]), _literal(tokens[middle[0] + 1 : -1])
    if start is None or end is None:
        return None
    return Range(start, end, _OPENING[first.text], _CLOSING[last.text])


def _literal(tokens: list[Token]) -> Value:
    """Return what the tokens of an end say, or None if they are no literal."""
    kinds = [token.kind for token in tokens]
    texts = [token.text for token in tokens]
    if kinds == ["number"]:
        return number(Decimal(texts[0]))
    if kinds == ["sign", "number"] and texts[0] == "-":
        return number(Decimal("-" + texts[1]))
    if kinds == ["string"]:
        return texts[0]
    if kinds == ["moment"]:
        return parse_temporal(texts[0])
    if kinds[-3:] == ["sign", "string", "sign"] and texts[-3] == "(" and texts[-1] == ")":
        call = _CALLS.get(tuple(texts[:-3]))
        return None if call is None else call(texts[-2])
    return None
