"""The tables of a model: those of decisions, and those within contexts, functions and other boxes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, cast

from engine.rules import model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Types = dict[str, str]
Found = tuple[str, model.DecisionTable, Types]


def tables_of(source: model.Model) -> Iterator[Found]:
    """Yield the tables of a model, each with where it is, and the types of what it may name, as far as declared."""
    known: Types = {}
    for one in source.elements:
        if isinstance(one, model.InputData | model.Decision) and one.type:
            known[one.name] = one.type
    for one in source.elements:
        if isinstance(one, model.Decision):
            yield from _tables(one.expression, one.name, known)
        elif isinstance(one, model.BusinessKnowledgeModel):
            yield from _tables(one.function, one.name, known)


def _tables(node: object, label: str, types: Mapping[str, str]) -> Iterator[Found]:
    inner = dict(types)
    match node:
        case model.DecisionTable():
            yield label, node, inner
        case model.BoxedContext(entries=entries):
            for entry in entries:
                name = None if entry.variable is None else entry.variable.name
                yield from _tables(entry.value, label if name is None else f"{label} / {name}", inner)
                _declare(entry.variable, inner)
        case model.FunctionDefinition(parameters=parameters, body=body):
            for parameter in parameters:
                _declare(parameter, inner)
            yield from _tables(body, label, inner)
        case tuple():
            for part in cast("tuple[object, ...]", node):
                yield from _tables(part, label, inner)
        case _ if is_dataclass(node):
            for one in fields(node):
                yield from _tables(getattr(node, one.name), label, inner)
        case _:
            pass


def _declare(parameter: model.Parameter | None, types: Types) -> None:
    """Take a name into account, which hides one of the same name around it."""
    if parameter is None:
        return
    types.pop(parameter.name, None)
    if parameter.type is not None:
        types[parameter.name] = parameter.type
