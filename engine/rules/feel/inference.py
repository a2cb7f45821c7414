"""What can be told of the type of an expression from its text, to read the names of members in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.rules.feel import nodes
from engine.rules.feel.scope import item_of, member_type
from engine.rules.feel.types import ANY, ContextType, ListType, conforms

if TYPE_CHECKING:
    from engine.rules.feel.nodes import Node
    from engine.rules.feel.scope import Scope
    from engine.rules.feel.types import Type


def infer(node: Node, scope: Scope) -> Type:
    """Return the type of an expression as far as it shows; Any where it does not."""
    match node:
        case nodes.Name(name=name):
            return scope.type_of(name) or ANY
        case nodes.Path(value=value, name=name):
            return member_type(infer(value, scope), name)
        case nodes.Filter(value=value):
            inner = infer(value, scope)
            return inner if inner is ANY or isinstance(inner, ListType) else ListType(inner)
        case nodes.ContextNode(entries=entries):
            types: dict[str, Type] = {}
            for name, entry in entries:
                types[name] = infer(entry, scope.inner(dict(types)))
            return ContextType(tuple(types.items()))
        case nodes.ListNode(items=items) if items:
            return ListType(_merged([infer(item, scope) for item in items]))
        case nodes.If(then=then, otherwise=otherwise):
            return _merged([infer(then, scope), infer(otherwise, scope)])
        case nodes.For(iterations=iterations, body=body):
            return ListType(infer(body, iteration_scope(iterations, scope)))
        case _:
            return ANY


def iteration_scope(iterations: tuple[nodes.Iteration, ...], scope: Scope) -> Scope:
    """Return the scope of what is done for each, within which the later iterations are too."""
    for one in iterations:
        type_ = ANY if one.to is not None else item_of(infer(one.domain, scope))
        scope = scope.inner({one.name: type_})
    return scope


def _merged(types: list[Type]) -> Type:
    """Return a type whose members are those of any of these: all that matters here is which names there may be."""
    contexts = [type_ for type_ in types if isinstance(type_, ContextType)]
    if contexts:
        entries: dict[str, Type] = {}
        for context in contexts:
            entries |= dict(context.entries)
        return ContextType(tuple(entries.items()))
    first = types[0]
    return first if all(conforms(type_, first) for type_ in types) else ANY
