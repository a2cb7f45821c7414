"""Expressions as their parts: the text of each, by where it stands in the boxes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Final, cast

from engine.rules import model

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE: Final = "expression"
Part = tuple[str, str]
_WORDS: Final = {
    "otherwise": "else",
    "condition": "if",
    "collection": "in",
    "match": "where",
    "body": "return",
    "entries": "",
    "bindings": "",
    "items": "",
}


def parts_of(expression: model.Expression | None) -> list[Part]:
    """Return the parts of an expression, in order; one that is a text alone is called ``expression``."""
    return [(" / ".join(path) or WHOLE, text) for path, text in _parts(expression, ())]


def _parts(node: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    match node:
        case str():
            yield path, node
        case model.LiteralExpression(text=text, type=type_):
            yield path, text
            yield from _typed(type_, path)
        case model.ContextEntry(variable=variable, value=value):
            inner = (*path, "result" if variable is None else variable.name)
            yield from _typed(None if variable is None else variable.type, inner)
            yield from _parts(value, inner)
        case model.Binding(parameter=parameter, value=value):
            yield from _parts(model.ContextEntry(parameter, value), path)
        case model.Parameter(name=name, type=type_):
            yield path, name if type_ is None else f"{name}: {type_}"
        case tuple():
            for place, part in enumerate(cast("tuple[object, ...]", node), 1):
                # Entries and bindings have names of their own: they need no number to be told apart.
                is_named = isinstance(part, model.ContextEntry | model.Binding)
                yield from _parts(part, path if is_named else (*path, str(place)))
        case _ if is_dataclass(node):
            for one in fields(node):
                word = _WORDS.get(one.name, one.name.replace("_", " "))
                yield from _parts(getattr(node, one.name), (*path, word) if word else path)
        case _:
            pass


def _typed(type_: str | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if type_ is not None:
        yield (*path, "type"), type_
