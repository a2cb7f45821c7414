"""Looking through a model before it is used: everything that could not work, and where."""

from __future__ import annotations

from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, cast

from engine.rules import model
from engine.rules.errors import ModelError
from engine.rules.imports import graph_of
from engine.rules.problems import Problem
from engine.rules.tables.checking import check_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from engine.rules.feel.scope import Scope
    from engine.rules.graph import Graph


def check(source: model.Model, imported: Iterable[model.Model] = ()) -> list[Problem]:
    """Return what is wrong with a model; nothing, if it can be used.

    ``imported`` are models that it imports beside those within it, which are looked through too.
    """
    others = {one.namespace: one for one in (*source.imported, *imported)}
    problems = [*_clashes(source, others), *_circles(source)]
    try:
        graph = graph_of(source, others)
    except ModelError as error:
        return [*problems, Problem(str(error))]
    problems += [
        Problem(f"imported model {one.name!r}: {problem}")
        for one in source.imported
        for problem in check(one, others.values())
    ]
    located = [problem for element in source.elements for problem in _within(graph, element)]
    told = tuple(f"{problem.decision!r}: " for problem in located)
    texts = {problem.text for problem in located}
    rest = [text for text in dict.fromkeys(graph.problems) if not text.startswith(told) and text not in texts]
    return [*problems, *located, *map(Problem, rest)]


def _clashes(source: model.Model, others: Mapping[str, model.Model]) -> Iterator[Problem]:
    """Yield what is called as something else is called."""
    taken: dict[str, str] = {}
    for element in source.elements:
        yield from _take(taken, element.name, f"the element {element.id!r}")
    types = {item.name: f"the type {item.name!r}" for item in source.items}
    for one in source.imports:
        imported = others.get(one.namespace)
        if one.name:
            yield from _take(taken, one.name, f"the import of {one.namespace!r}")
        elif imported is not None:
            for element in imported.elements:
                yield from _take(taken, element.name, f"the element {element.id!r} of {one.namespace!r}")
            for item in imported.items:
                yield from _take(types, item.name, f"the type of {one.namespace!r}")


def _take(taken: dict[str, str], name: str, what: str) -> Iterator[Problem]:
    if name in taken:
        yield Problem(f"{what} is called {name!r}, as {taken[name]} is: change one of the names")
    taken.setdefault(name, what)


def _circles(source: model.Model) -> Iterator[Problem]:
    """Yield decisions that require each other, one circle of them."""
    needs = {one.id: one.requires for one in source.elements if isinstance(one, model.Decision)}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        names = {one.id: one.name for one in source.elements}
        circle = reversed(cast("list[str]", error.args[1]))
        yield Problem(f"decisions require each other: {' requires '.join(repr(names[one]) for one in circle)}")


def _within(graph: Graph, element: model.Element) -> list[Problem]:
    """Return what is wrong with the table that is an element's expression, cell by cell."""
    found = _table(graph, element)
    if found is None:
        return []
    table, scope = found
    result = element.type if isinstance(element, model.Decision) else None
    return [replace(problem, decision=element.name) for problem in check_table(table, scope, graph.items, result)]


def _table(graph: Graph, element: model.Element) -> tuple[model.DecisionTable, Scope] | None:
    match element:
        case model.Decision(expression=model.DecisionTable() as table):
            return table, graph.scope_of(element)
        case model.BusinessKnowledgeModel(function=model.FunctionDefinition(body=model.DecisionTable() as table)):
            parameters = element.function.parameters if element.function else ()
            types = {one.name: graph.items.named(one.type).type for one in parameters}
            return table, graph.scope_of(element).inner(types)
        case _:
            return None
