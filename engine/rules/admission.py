"""What keeps a scenario from being one of a model: a decision, an input or a value that the model does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import MilepostError
from engine.rules import model
from engine.rules.errors import RuleError
from engine.rules.feel import nodes
from engine.rules.feel.evaluation import Evaluation, bounded_evaluation
from engine.rules.feel.exchange import from_python
from engine.rules.graph import Run
from engine.rules.literals import literal
from engine.rules.recorded import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from engine.rules.feel.values import Value
    from engine.rules.prepared import Asked, Prepared
    from engine.rules.scenarios import Scenario


def refusals(prepared: Prepared, scenario: Scenario) -> list[str]:
    """Return why a scenario does not fit a model; nothing, if it does. What it leaves out is null."""
    try:
        element = prepared.decision(scenario.decision)
        inputs = {name: from_python(value) for name, value in scenario.inputs.items()}
        from_python(scenario.expected)
        known = prepared.inputs(element)
        unknown = [name for name in inputs if name not in known]
        if unknown:
            there = ", ".join(map(repr, known)) or "none"
            return [f"there is no input {name!r}; the inputs of {element.name!r} are {there}" for name in unknown]
        with bounded_evaluation():
            refused = _of_inputs(prepared, inputs, scenario)
            return list(dict.fromkeys(refused or _of_columns(prepared, element, inputs, scenario)))
    except MilepostError as error:
        return [str(error)]


def question_of(prepared: Prepared, scenario: Scenario) -> tuple[str, str]:
    """Return what tells whether two scenarios ask the same: the decision, and a digest of inputs and moment."""
    try:
        name = prepared.decision(scenario.decision).name
    except RuleError:
        name = scenario.decision or ""
    inputs = {name: from_python(value) for name, value in scenario.inputs.items()}
    return name, digest_of([inputs, from_python(scenario.now)])


def _of_inputs(prepared: Prepared, inputs: Mapping[str, Value], scenario: Scenario) -> list[str]:
    ev = Evaluation(scenario.now)
    return [
        f"{one.name!r} is {literal(inputs[one.name])}, which its type {one.type!r} does not allow"
        for graph in prepared.graph.whole()
        for one in graph.model.elements
        if isinstance(one, model.InputData)
        and inputs.get(one.name) is not None
        and graph.items.named(one.type).conform(ev, inputs[one.name]) is None
    ]


def _of_columns(prepared: Prepared, element: Asked, inputs: Mapping[str, Value], scenario: Scenario) -> Iterator[str]:
    """Yield what tables do not allow, of columns that are about inputs alone: others are the model's own matter."""
    run = Run(Evaluation(scenario.now), inputs)
    for one in prepared.tables(element):
        given = [data.name for data in one.graph.model.elements if isinstance(data, model.InputData)]
        variables = one.graph.variables(run, one.element)
        for clause, tree, expression, column in zip(
            one.source.inputs, one.trees, one.columns, one.table.columns, strict=True
        ):
            value = expression(run.ev, variables) if _only(tree, given) else None
            if value is None:
                continue
            fitting = value if column.conform is None else column.conform(run.ev, value)
            if fitting is None or (column.allowed is not None and column.allowed(run.ev, {}, fitting) is not True):
                allowed = clause.type if fitting is None else clause.allowed
                where = f"the table {one.name!r}"
                yield f"{clause.expression!r} is {literal(value)}, and {where} allows only {allowed}"


def _only(tree: nodes.Node, given: Sequence[str]) -> bool:
    return all(name in given for name in nodes.names_in(tree))
