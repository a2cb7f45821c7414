"""Writing the boxed expressions of DMN files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.rules import model
from engine.rules.dmn.markup import Tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.rules.model import Expression


def write_expression(expression: Expression) -> Tag:
    """Return the element of an expression."""
    type_ = {"typeRef": expression.type}
    match expression:
        case model.LiteralExpression():
            return Tag("literalExpression", type_, _text(expression.text or None))
        case model.DecisionTable():
            return _table(expression)
        case model.BoxedContext():
            return Tag("context", type_, [_entry(entry) for entry in expression.entries])
        case model.Invocation():
            bindings = [
                Tag("binding", {}, [variable("parameter", one.parameter), *_maybe(one.value)])
                for one in expression.bindings
            ]
            return Tag("invocation", type_, [*_maybe(expression.function), *bindings])
        case model.FunctionDefinition():
            return function_parts("functionDefinition", expression)
        case model.Relation():
            columns = [variable("column", column) for column in expression.columns]
            return Tag("relation", type_, [*columns, *(Tag("row", {}, _items(row)) for row in expression.rows)])
        case model.BoxedList():
            return Tag("list", type_, _items(expression.items))
        case model.Conditional() | model.BoxedFilter() | model.BoxedIterator():
            return _compound(expression)


def function_parts(name: str, function: model.FunctionDefinition) -> Tag:
    """Return the element of a function, which knowledge models call by another name."""
    parameters = [variable("formalParameter", one) for one in function.parameters]
    kind = None if function.kind == "FEEL" else function.kind
    return Tag(name, {"kind": kind, "typeRef": function.type}, [*parameters, *_maybe(function.body)])


def variable(name: str, parameter: model.Parameter) -> Tag:
    """Return the element of a variable, a parameter or a column."""
    return Tag(name, {"name": parameter.name, "typeRef": parameter.type})


def _text(text: str | None) -> list[Tag]:
    return [] if text is None else [Tag("text", {}, text)]


def _maybe(expression: Expression | None) -> list[Tag]:
    return [] if expression is None else [write_expression(expression)]


def _items(items: Iterable[Expression | None]) -> list[Tag]:
    """Return the elements of a row, in which an empty place is an expression without text."""
    return [Tag("literalExpression") if one is None else write_expression(one) for one in items]


def _entry(entry: model.ContextEntry) -> Tag:
    name = [] if entry.variable is None else [variable("variable", entry.variable)]
    return Tag("contextEntry", {}, [*name, *_maybe(entry.value)])


def _compound(expression: model.Conditional | model.BoxedFilter | model.BoxedIterator) -> Tag:
    attributes: dict[str, str | None] = {"typeRef": expression.type}
    match expression:
        case model.Conditional():
            name = "conditional"
            parts = {"if": expression.condition, "then": expression.then, "else": expression.otherwise}
        case model.BoxedFilter():
            name = "filter"
            parts = {"in": expression.collection, "match": expression.match}
        case model.BoxedIterator():
            name = expression.kind
            attributes["iteratorVariable"] = expression.variable
            parts = {"in": expression.collection, "return" if name == "for" else "satisfies": expression.body}
    return Tag(name, attributes, [Tag(part, {}, _maybe(inner)) for part, inner in parts.items()])


def _table(table: model.DecisionTable) -> Tag:
    attributes = {"hitPolicy": table.hit_policy, "aggregation": table.aggregation, "typeRef": table.type}
    parts = [_input(clause) for clause in table.inputs]
    parts += [_output(clause) for clause in table.outputs]
    parts += [Tag("annotation", {"name": title}) for title in table.annotations]
    parts += [_rule(rule) for rule in table.rules]
    return Tag("decisionTable", attributes, parts)


def _input(clause: model.InputClause) -> Tag:
    expression = Tag("inputExpression", {"typeRef": clause.type}, _text(clause.expression or None))
    allowed = [] if clause.allowed is None else [Tag("inputValues", {}, _text(clause.allowed))]
    return Tag("input", {"label": clause.label}, [expression, *allowed])


def _output(clause: model.OutputClause) -> Tag:
    attributes = {"name": clause.name, "label": clause.label, "typeRef": clause.type}
    parts = [
        Tag(name, {}, _text(text))
        for name, text in (("outputValues", clause.allowed), ("defaultOutputEntry", clause.default))
        if text is not None
    ]
    return Tag("output", attributes, parts)


def _rule(rule: model.Rule) -> Tag:
    parts = [Tag("inputEntry", {}, [Tag("text", {}, text)]) for text in rule.conditions]
    parts += [Tag("outputEntry", {}, [Tag("text", {}, text)]) for text in rule.conclusions]
    parts += [Tag("annotationEntry", {}, [Tag("text", {}, text)]) for text in rule.annotations]
    return Tag("rule", {"id": rule.id}, parts)
