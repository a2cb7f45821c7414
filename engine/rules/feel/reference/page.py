"""The page: each function with its forms, its meaning, and examples with what comes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.builtins.forms import FUNCTION, LIST, RANGE, Builtin, Form, Wanted
from engine.rules.feel.builtins.ranges import POINT
from engine.rules.feel.compiler import compile_expression
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.reference.calendar import CALENDAR
from engine.rules.feel.reference.contexts import CONTEXTS
from engine.rules.feel.reference.conversion import CONVERSION
from engine.rules.feel.reference.described import Described
from engine.rules.feel.reference.lists import AGGREGATES, LISTS
from engine.rules.feel.reference.logic import LOGIC
from engine.rules.feel.reference.numeric import NUMERIC
from engine.rules.feel.reference.ranges import RANGES
from engine.rules.feel.reference.strings import STRINGS
from engine.rules.feel.rendering import text_of
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY, ANY_CONTEXT, ContextType, ListType, Type, describe, type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rules.feel.values import Value

NOW: Final = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
"""The moment that the examples are evaluated at."""

GROUPS: Final = {
    "Conversion": CONVERSION,
    "Booleans": LOGIC,
    "Strings": STRINGS,
    "Lists": LISTS,
    "One value of many": AGGREGATES,
    "Numbers": NUMERIC,
    "Dates": CALENDAR,
    "Ranges": RANGES,
    "Contexts": CONTEXTS,
}
_NOTES: Final = {
    "Conversion": "What cannot be converted is null.",
    "Strings": "Positions count characters from 1. Regular expressions are those of XQuery, and the time that they may"
    " take is bounded.",
    "Lists": "Positions count from 1, and from -1 backwards. A list is never changed: what comes out is another one.",
    "One value of many": "They take one list, or the elements as arguments (`count` a list only).",
    "Numbers": "Numbers have 34 digits; see [numbers](../rules/feel.md#numbers).",
    "Ranges": "A point is a number, a string, a day, a time, both, or a duration. The ends `[` and `]` belong to a"
    " range, and `(` and `)` do not. What has no order is null.",
}
_INTRODUCTION: Final = f"""\
# Functions of FEEL

<!-- Made by `python -m engine.rules.feel.reference > docs/reference/feel.md`, from engine/rules/feel. -->

The {len(BUILTINS)} functions that FEEL has built in. [The language](../rules/feel.md) has a page of its own.

Arguments are given by position, `substring("milepost", 1, 4)`, or by the names that are shown,
`substring(string: "milepost", start position: 1, length: 4)`. What has a `?` may be left out. Where several forms are
shown, the first one that the arguments fit is meant. A list of one element may stand for the element, and a value for
the list of it. Arguments that fit no form give null.

What stands behind `//` is what the expression came to when this page was made; behind `null:` is the problem that is on
record with it. The examples were evaluated at {NOW:%Y-%m-%dT%H:%M:%SZ}.
"""
_WIDEST: Final = 64
_SHORT: Final[dict[Type, str]] = {
    LIST: "list",
    RANGE: "range",
    FUNCTION: "function",
    ANY_CONTEXT: "context",
    ANY: "any",
}


def reference() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION]
    parts += [f"- [{title}](#{_anchor(title)}): " + _links(group) for title, group in GROUPS.items()]
    for title, group in GROUPS.items():
        parts += ["", f"## {title}", ""]
        if title in _NOTES:
            parts += [_NOTES[title], ""]
        parts += [_section(BUILTINS[name], told) for name, told in group.items()]
    return "\n".join(parts).rstrip().replace("\n\n\n", "\n\n") + "\n"


def outcome(expression: str, given: Mapping[str, Value] | None = None) -> str:
    """Return what an expression comes to, as FEEL writes it; null with the problems that are on record for it."""
    problems: list[str] = []
    ev = Evaluation(NOW, problems)
    variables = given or {}
    scope = Scope({name: type_of(value) for name, value in variables.items()})
    value = compile_expression(expression, scope)(ev, variables)
    # Within a list, a string is written with its quotes.
    text = text_of(ev, [value])[1:-1]
    return f"{text}: {'; '.join(problems)}" if problems and value is None else text


def _links(names: dict[str, Described]) -> str:
    return ", ".join(f"[{name}](#{_anchor(name)})" for name in names)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _section(function: Builtin, told: Described) -> str:
    result = told.result or _type(function.result)
    forms = [f"{function.name}{_form(form)} -> {result}" for form in function.forms]
    width = min(_WIDEST, max(map(len, told.examples)))
    examples = [f"{example:<{width}}  // {outcome(example)}" for example in told.examples]
    return "\n".join(
        [f"### {function.name}", "", "```text", *forms, "```", "", told.meaning, "", "```feel", *examples, "```", ""]
    )


def _form(form: Form) -> str:
    return "(" + ", ".join(map(_parameter, form.parameters)) + (", ..." if form.variadic else "") + ")"


def _parameter(wanted: Wanted) -> str:
    types = "point" if wanted.types == POINT else " or ".join(map(_type, wanted.types))
    return f"{wanted.name}{'?' if wanted.optional else ''}: {types}"


def _type(type_: Type) -> str:
    if isinstance(type_, ListType) and type_ not in _SHORT:
        return f"list<{_type(type_.item)}>"
    if isinstance(type_, ContextType) and type_.entries:
        return "context<" + ", ".join(f"{name}: {_type(entry)}" for name, entry in type_.entries) + ">"
    return _SHORT.get(type_) or describe(type_)
