"""Built-in functions on strings (DMN 1.5, 10.3.4.3). Positions count code points, from 1, or back from -1."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.rules.feel.builtins.forms import (
    BOOLEAN,
    LIST,
    NUMBER,
    STRING,
    Builtin,
    form,
    plain,
    table,
    wanted,
)
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import whole
from engine.rules.feel.regex import BadPattern, pattern_of
from engine.rules.feel.types import ListType
from engine.rules.feel.values import Value


def _substring(ev: Evaluation, text: str, start: Decimal, length: Decimal | None) -> Value:
    first = whole(start)
    count = len(text) if length is None else whole(length)
    if not first or abs(first) > len(text):
        return ev.problem(f"substring: there is no position {start} in a string of {len(text)} characters")
    if count is None or count < 0:
        return ev.problem(f"substring: there is no length of {length}")
    first = first - 1 if first > 0 else len(text) + first
    return text[first : first + count]


def _before(text: str, match: str) -> Value:
    return text.partition(match)[0] if match and match in text else ""


def _after(text: str, match: str) -> Value:
    return text.partition(match)[2] if match else text


def _length(text: str) -> Value:
    return Decimal(len(text))


def _contains(text: str, match: str) -> Value:
    return match in text


def _upper(ev: Evaluation, text: str) -> Value:
    ev.room_for_text(len(text))
    return text.upper()


def _lower(ev: Evaluation, text: str) -> Value:
    ev.room_for_text(len(text))
    return text.lower()


def _join(ev: Evaluation, items: list[Value], delimiter: str | None) -> Value:
    found: list[str] = []
    for item in items:
        if type(item) is str:
            found.append(item)
        elif item is not None:
            return ev.problem("string join: an element of the list is no string")
    between = delimiter or ""
    ev.room_for_text(sum(map(len, found)) + len(between) * len(found))
    return between.join(found)


def _matches(ev: Evaluation, text: str, pattern: str, flags: str | None) -> Value:
    try:
        return pattern_of(pattern, flags or "").is_in(ev, text)
    except BadPattern as problem:
        return ev.problem(f"matches: {problem}")


def _replace(ev: Evaluation, text: str, pattern: str, replacement: str, flags: str | None) -> Value:
    try:
        return pattern_of(pattern, flags or "").replaced(ev, text, replacement)
    except BadPattern as problem:
        return ev.problem(f"replace: {problem}")


def _split(ev: Evaluation, text: str, delimiter: str) -> Value:
    try:
        return list(pattern_of(delimiter, "").split(ev, text))
    except BadPattern as problem:
        return ev.problem(f"split: {problem}")


_STRING: Final = wanted("string", STRING)
_MATCH: Final = wanted("match", STRING)
_INPUT: Final = wanted("input", STRING)
_PATTERN: Final = wanted("pattern", STRING)
_FLAGS: Final = wanted("flags", STRING, optional=True, nullable=True)

STRINGS: Final = table(
    Builtin(
        "substring",
        STRING,
        form(_substring, _STRING, wanted("start position", NUMBER), wanted("length", NUMBER, optional=True)),
    ),
    Builtin("string length", NUMBER, plain(_length, _STRING)),
    Builtin("upper case", STRING, form(_upper, _STRING)),
    Builtin("lower case", STRING, form(_lower, _STRING)),
    Builtin("substring before", STRING, plain(_before, _STRING, _MATCH)),
    Builtin("substring after", STRING, plain(_after, _STRING, _MATCH)),
    Builtin("contains", BOOLEAN, plain(_contains, _STRING, _MATCH)),
    Builtin("starts with", BOOLEAN, plain(str.startswith, _STRING, _MATCH)),
    Builtin("ends with", BOOLEAN, plain(str.endswith, _STRING, _MATCH)),
    Builtin("matches", BOOLEAN, form(_matches, _INPUT, _PATTERN, _FLAGS)),
    Builtin("replace", STRING, form(_replace, _INPUT, _PATTERN, wanted("replacement", STRING), _FLAGS)),
    Builtin("split", ListType(STRING), form(_split, _STRING, wanted("delimiter", STRING))),
    Builtin(
        "string join",
        STRING,
        form(_join, wanted("list", LIST), wanted("delimiter", STRING, optional=True, nullable=True)),
    ),
)
