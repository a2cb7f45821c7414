"""From types as they are written to types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.rules.feel import nodes
from engine.rules.feel.types import ContextType, FunctionType, ListType, RangeType
from engine.rules.feel.values import Parameter

if TYPE_CHECKING:
    from engine.rules.feel.nodes import TypeNode
    from engine.rules.feel.types import Type

TypeLookup = Callable[[str], "Type | None"]


def resolve(node: TypeNode, types: TypeLookup) -> Type | None:
    """Return the type that a text names or spells out; None if a part of it is not known."""
    match node:
        case nodes.BuiltType(type=type_):
            return type_
        case nodes.NamedType(name=name):
            return types(name)
        case nodes.ListOf(item=item):
            inner = resolve(item, types)
            return None if inner is None else ListType(inner)
        case nodes.RangeOf(item=item):
            inner = resolve(item, types)
            return None if inner is None else RangeType(inner)
        case nodes.ContextOf(entries=entries):
            found = [(name, resolve(entry, types)) for name, entry in entries]
            known = tuple((name, entry) for name, entry in found if entry is not None)
            return ContextType(known) if len(known) == len(found) else None
        case nodes.FunctionOf(parameters=parameters, result=result):
            given = [resolve(parameter, types) for parameter in parameters]
            returned = resolve(result, types)
            all_known = tuple(one for one in given if one is not None)
            if returned is None or len(all_known) != len(given):
                return None
            return FunctionType(all_known, returned)


def parameters_of(node: nodes.FunctionDefinition, types: TypeLookup) -> tuple[Parameter, ...] | None:
    """Return the parameters of a function; None if a type is not known."""
    found: list[Parameter] = []
    for name, written in node.parameters:
        type_ = None if written is None else resolve(written, types)
        if written is not None and type_ is None:
            return None
        found.append(Parameter(name, type_))
    return tuple(found)
