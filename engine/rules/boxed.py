"""From boxed expressions to trees of FEEL, so that a decision with all its boxes becomes one piece of code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.rules import model
from engine.rules.feel import nodes
from engine.rules.feel.inference import infer, iteration_scope
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.scope import item_of, members_of
from engine.rules.feel.types import ANY
from engine.rules.items import ANYTHING
from engine.rules.tables.making import make_table

if TYPE_CHECKING:
    from engine.rules.feel.nodes import Node
    from engine.rules.feel.scope import Scope
    from engine.rules.feel.types import Type
    from engine.rules.items import ItemTypes
    from engine.rules.model import Expression

NOTHING = nodes.Constant(0, None)


def tree_of(expression: Expression | None, scope: Scope, items: ItemTypes) -> Node:
    """Return the tree of an expression; null where there is none. Raises FeelSyntaxError."""
    match expression:
        case None:
            return NOTHING
        case model.LiteralExpression(text=text):
            node = parse_expression(text, scope) if text else NOTHING
        case model.DecisionTable():
            node = _table(expression, scope, items)
        case model.BoxedContext(entries=entries):
            node = _context(entries, scope, items)
        case model.Invocation(function=function, bindings=bindings):
            values = tuple(conformed(tree_of(one.value, scope, items), one.parameter.type, items) for one in bindings)
            names = tuple(one.parameter.name for one in bindings)
            node = nodes.Call(0, tree_of(function, scope, items), values, names)
        case model.FunctionDefinition():
            return function_tree(expression, scope, items)
        case model.Relation():
            node = _relation(expression, scope, items)
        case model.BoxedList(items=members):
            node = nodes.ListNode(0, tuple(tree_of(member, scope, items) for member in members))
        case model.Conditional(condition=condition, then=then, otherwise=otherwise):
            parts = [tree_of(part, scope, items) for part in (condition, then, otherwise)]
            node = nodes.If(0, parts[0], parts[1], parts[2])
        case model.BoxedFilter() | model.BoxedIterator():
            node = _repeated(expression, scope, items)
    return conformed(node, expression.type, items)


def conformed(node: Node, type_name: str | None, items: ItemTypes) -> Node:
    """Return a node whose value is of a type of the model."""
    item = items.named(type_name)
    return node if item.type is ANY and item.is_plain else nodes.Conformed(node.at, node, item.conform)


def function_tree(
    function: model.FunctionDefinition, scope: Scope, items: ItemTypes, result: str | None = None
) -> nodes.FunctionDefinition:
    """Return the tree of a function; ``result`` is a type for what it returns, beside its own."""
    types = {one.name: items.named(one.type).type for one in function.parameters}
    parameters = tuple((name, None if type_ is ANY else nodes.BuiltType(0, type_)) for name, type_ in types.items())
    if function.kind != "FEEL":
        return nodes.FunctionDefinition(0, parameters, NOTHING, external=True)
    body = tree_of(function.body, scope.inner(types), items)
    body = conformed(conformed(body, function.type, items), result, items)
    return nodes.FunctionDefinition(0, parameters, body)


def _context(entries: tuple[model.ContextEntry, ...], scope: Scope, items: ItemTypes) -> Node:
    types: dict[str, Type] = {}
    found: list[tuple[str, Node]] = []
    for entry in entries:
        inner = scope.inner(dict(types))
        if entry.variable is None:
            # What the context comes to; no other entry can have an empty name.
            found.append(("", tree_of(entry.value, inner, items)))
            return nodes.Path(0, nodes.ContextNode(0, tuple(found)), "")
        name = entry.variable.name
        if isinstance(entry.value, model.FunctionDefinition):
            # It may call itself.
            inner = inner.inner({name: ANY})
        value = conformed(tree_of(entry.value, inner, items), entry.variable.type, items)
        types[name] = type_of(value, entry.variable.type, inner, items)
        found.append((name, value))
    return nodes.ContextNode(0, tuple(found))


def type_of(node: Node, declared: str | None, scope: Scope, items: ItemTypes) -> Type:
    """Return the type of a value: what was declared, or what its tree shows."""
    item = ANYTHING if declared is None else items.named(declared)
    if item.type is not ANY:
        return item.type
    return infer(node.value if isinstance(node, nodes.Conformed) else node, scope)


def _relation(relation: model.Relation, scope: Scope, items: ItemTypes) -> Node:
    rows = tuple(
        nodes.ContextNode(
            0,
            tuple(
                (column.name, conformed(tree_of(cell, scope, items), column.type, items))
                for column, cell in zip(relation.columns, row, strict=False)
            ),
        )
        for row in relation.rows
    )
    return nodes.ListNode(0, rows)


def _repeated(boxed: model.BoxedFilter | model.BoxedIterator, scope: Scope, items: ItemTypes) -> Node:
    collection = tree_of(boxed.collection, scope, items)
    if isinstance(boxed, model.BoxedFilter):
        item = item_of(infer(collection, scope))
        inner = scope.inner({**members_of(item), "item": item})
        return nodes.Filter(0, collection, tree_of(boxed.match, inner, items))
    iterations = (nodes.Iteration(boxed.variable, collection),)
    inner = iteration_scope(iterations, scope)
    if boxed.kind == "for":
        return nodes.For(0, iterations, tree_of(boxed.body, inner.inner({"partial": ANY}), items))
    return nodes.Quantified(0, boxed.kind, iterations, tree_of(boxed.body, inner, items))


def _table(table: model.DecisionTable, scope: Scope, items: ItemTypes) -> Node:
    inputs = tuple(parse_expression(one.expression, scope) if one.expression else NOTHING for one in table.inputs)
    made, names = make_table(table, inputs, scope, items)
    return nodes.TableNode(0, made.decide, inputs, names)
