"""Reading the boxed expressions of DMN files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from engine.rules import model
from engine.rules.dmn.elements import child, children, local, name_of, text_of, type_of
from engine.rules.errors import ModelError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element as Xml

    from engine.rules.model import Expression

EXPRESSIONS: Final = (
    "literalExpression", "decisionTable", "context", "invocation", "functionDefinition", "relation", "list",
    "conditional", "filter", "for", "some", "every",
)  # fmt: skip
_POLICIES: Final = ("UNIQUE", "FIRST", "PRIORITY", "ANY", "COLLECT", "RULE ORDER", "OUTPUT ORDER")
_AGGREGATIONS: Final = ("SUM", "MIN", "MAX", "COUNT")
_FEEL: Final = "FEEL"


def read_expression(xml: Xml) -> Expression:  # noqa: PLR0911 - one for each kind of box
    """Return the expression of one of the elements in ``EXPRESSIONS``."""
    type_ = type_of(xml)
    match local(xml):
        case "decisionTable":
            return _table(xml)
        case "context":
            return model.BoxedContext(tuple(_entry(entry) for entry in children(xml, "contextEntry")), type_)
        case "invocation":
            bindings = tuple(
                model.Binding(read_variable(child(one, "parameter")) or model.Parameter(""), read_within(one))
                for one in children(xml, "binding")
            )
            return model.Invocation(read_within(xml), bindings, type_)
        case "functionDefinition":
            return read_function(xml)
        case "relation":
            columns = tuple(cast("model.Parameter", read_variable(column)) for column in children(xml, "column"))
            rows = tuple(_items(row) for row in children(xml, "row"))
            return model.Relation(columns, rows, type_)
        case "list":
            return model.BoxedList(_items(xml), type_)
        case "conditional":
            parts = [read_within(child(xml, name)) for name in ("if", "then", "else")]
            return model.Conditional(parts[0], parts[1], parts[2], type_)
        case "filter":
            return model.BoxedFilter(read_within(child(xml, "in")), read_within(child(xml, "match")), type_)
        case "for" | "some" | "every" as kind:
            body = child(xml, "return", "satisfies")
            variable = " ".join(xml.get("iteratorVariable", "").split())
            return model.BoxedIterator(kind, variable, read_within(child(xml, "in")), read_within(body), type_)
        case _:
            return model.LiteralExpression(text_of(xml) or "", type_)


def read_function(xml: Xml) -> model.FunctionDefinition:
    """Return the function of a ``functionDefinition``, or of the ``encapsulatedLogic`` of a knowledge model."""
    parameters = tuple(cast("model.Parameter", read_variable(one)) for one in children(xml, "formalParameter"))
    return model.FunctionDefinition(parameters, read_within(xml), xml.get("kind", _FEEL), type_of(xml))


def read_variable(xml: Xml | None) -> model.Parameter | None:
    """Return the name and type of a variable, a parameter or a column; None if there is none."""
    return None if xml is None else model.Parameter(name_of(xml), type_of(xml))


def read_within(xml: Xml | None) -> Expression | None:
    """Return the expression that an element holds. Raises ModelError if there are several."""
    inner = [] if xml is None else list(children(xml, *EXPRESSIONS))
    if len(inner) > 1:
        raise ModelError(f"{' and '.join(local(one) for one in inner)} stand where one expression is expected")
    return read_expression(inner[0]) if inner else None


def _items(xml: Xml) -> tuple[Expression | None, ...]:
    return tuple(read_expression(item) for item in children(xml, *EXPRESSIONS))


def _entry(xml: Xml) -> model.ContextEntry:
    return model.ContextEntry(read_variable(child(xml, "variable")), read_within(xml))


def _table(xml: Xml) -> model.DecisionTable:
    policy, aggregation = xml.get("hitPolicy", "UNIQUE"), xml.get("aggregation")
    if policy not in _POLICIES or (aggregation is not None and aggregation not in _AGGREGATIONS):
        raise ModelError(
            f"a table has the hit policy {policy!r} {aggregation or ''}: it is one of {', '.join(_POLICIES)}"
        )
    inputs = tuple(_input(one) for one in children(xml, "input"))
    outputs = tuple(_output(one) for one in children(xml, "output"))
    return model.DecisionTable(
        inputs, outputs, tuple(_rule(one) for one in children(xml, "rule")), policy,
        aggregation,
        tuple(name_of(one) for one in children(xml, "annotation")), type_of(xml),
    )  # fmt: skip


def _input(xml: Xml) -> model.InputClause:
    expression = child(xml, "inputExpression")
    allowed = text_of(child(xml, "inputValues"))
    return model.InputClause(text_of(expression) or "", xml.get("label"), type_of(expression), allowed)


def _output(xml: Xml) -> model.OutputClause:
    return model.OutputClause(
        name_of(xml) or None, xml.get("label"), type_of(xml), text_of(child(xml, "outputValues")),
        text_of(child(xml, "defaultOutputEntry")),
    )  # fmt: skip


def _rule(xml: Xml) -> model.Rule:
    return model.Rule(
        tuple(text_of(entry) or "-" for entry in children(xml, "inputEntry")),
        tuple(text_of(entry) or "" for entry in children(xml, "outputEntry")),
        tuple(text_of(entry) or "" for entry in children(xml, "annotationEntry")),
        xml.get("id"),
    )
