"""A stored model that is compiled and ready: recorded inputs in, recorded outcome out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from engine.rules import model
from engine.rules.boxed import NOTHING
from engine.rules.decider import Begun
from engine.rules.errors import ModelError, RuleError
from engine.rules.explaining import explain_table
from engine.rules.feel.compiler import compile_node
from engine.rules.feel.evaluation import Evaluation, bounded_evaluation
from engine.rules.feel.parser import parse_expression
from engine.rules.graph import Run
from engine.rules.imports import graph_of
from engine.rules.stored import read_model
from engine.rules.tables.making import make_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from engine.rules.explaining import Explanation
    from engine.rules.feel.compiler import Compiled
    from engine.rules.feel.nodes import Node
    from engine.rules.feel.values import Value
    from engine.rules.graph import Graph
    from engine.rules.tables.table import Table

Asked = model.Decision | model.DecisionService
_Place = tuple[int, str]
"""Which graph, by its identity, and the id of an element of it."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Reached(NamedTuple):
    """What a model decided, and how."""

    decision: str
    """The name of the decision, or of the decision service."""
    outcome: Value
    matched: tuple[tuple[str, tuple[int, ...]], ...]
    """For each table that was decided: the name of its decision, and the rules that match, counted from 1."""
    problems: tuple[str, ...]
    """Why something is null, where it is."""


class TableExplained(NamedTuple):
    """A table behind a decision, and what each of its cells said."""

    decision: str
    table: model.DecisionTable
    explanation: Explanation


class PreparedTable(NamedTuple):
    """A table that is a decision's expression, by itself, so that each of its cells can be asked."""

    name: str
    """That of its decision, after that of the model where it is imported."""
    graph: Graph
    """The model that it is in, which may be one that is imported."""
    element: model.Decision
    source: model.DecisionTable
    table: Table
    used: tuple[str, ...]
    """The variables that its cells use."""
    trees: tuple[Node, ...]
    columns: tuple[Compiled, ...]
    """Its input expressions."""


def require_decision(source: model.Model) -> None:
    """Raise ModelError for a model that decides nothing."""
    if not any(isinstance(element, model.Decision) for element in source.elements):
        raise ModelError(f"model {source.name!r} has no decision")


class Prepared:
    """A model of which every part works. Safe for use by several threads."""

    def __init__(self, source: model.Model) -> None:
        """Compile a model. Raises ModelError, which says all that cannot work."""
        self.graph = graph_of(source)
        for graph in self.graph.whole():
            if graph.problems:
                raise ModelError(f"model {graph.model.name!r} cannot work: {'; '.join(graph.problems)}")
        require_decision(source)
        self._asked: dict[str | None, tuple[Asked, tuple[str, ...]]] = {}
        self._tables: dict[_Place, PreparedTable] = {}

    @classmethod
    def from_text(cls, content: str) -> Prepared:
        """Read and compile a stored model. Raises ModelError."""
        return cls(read_model(content))

    def decision(self, name: str | None) -> Asked:
        """Return a decision or decision service by name; without one, the decision that no other one requires.

        Raises RuleError, which names those there are.
        """
        decisions = [one for one in self.graph.model.elements if isinstance(one, model.Decision)]
        services = [one for one in self.graph.model.elements if isinstance(one, model.DecisionService)]
        there = ", ".join(repr(one.name) for one in (*decisions, *services))
        if name is not None:
            found = next((one for one in (*decisions, *services) if one.name == name), None)
            if found is None:
                raise RuleError(f"model {self.graph.model.name!r} has no decision {name!r}; there are {there}")
            return found
        required = {id_ for one in decisions for id_ in one.requires}
        last = [one for one in decisions if one.id not in required]
        if len(last) != 1:
            raise RuleError(
                f"model {self.graph.model.name!r} comes to several decisions: say which one with decision=; there "
                f"are {there}"
            )
        return last[0]

    def inputs(self, element: Asked) -> tuple[str, ...]:
        """Return the names of what has to be given for an element to be decided."""
        return tuple(dict.fromkeys(self._inputs(self.graph, element, set())))

    def decide(
        self, name: str | None, inputs: Mapping[str, Value], now_us: int, overdue: Callable[[], bool] | None = None
    ) -> Reached:
        """Decide. ``inputs`` are values by the name of input data; ``now_us`` is what ``now()`` is, in UTC.

        The same inputs and moment give the same. ``overdue`` tells whether it has taken too long, and is asked now and
        then. Raises RuleError for a decision that is not there, BudgetExceeded.
        """
        found = self._asked.get(name)
        if found is None:
            element = self.decision(name)
            found = self._asked[name] = (element, self.inputs(element))
        element, needed = found
        missing = [one for one in needed if one not in inputs]
        problems = [f"no value was given for {one!r}" for one in missing]
        matched: list[tuple[str, list[int]]] = []
        ev = Evaluation(moment_of(now_us), problems, matched=matched, overdue=overdue)
        if isinstance(element, model.Decision):
            outcome = self.graph.decide(ev, element.name, inputs)
        else:
            outcome = self.graph.invoke(ev, element.name, {one: inputs.get(one) for one in needed})
        hits = tuple((decision, tuple(place + 1 for place in places)) for decision, places in matched)
        return Reached(element.name, outcome, hits, tuple(problems))

    def explain(self, name: str | None, inputs: Mapping[str, Value], now_us: int) -> tuple[TableExplained, ...]:
        """Return what each table behind a decision says to these inputs, cell by cell, in the order of the model.

        Raises like :meth:`decide`.
        """
        element = self.decision(name)
        run = Run(Evaluation(moment_of(now_us)), inputs)
        if isinstance(element, model.DecisionService):
            for one in element.input_decisions:
                if (found := self.graph.element_of(one)) is not None:
                    run.known[id(found[0]), found[1].id] = inputs.get(found[1].name)
        return tuple(TableExplained(one.name, one.source, self._explained(one, run)) for one in self.tables(element))

    def tables(self, asked: Asked | None = None) -> tuple[PreparedTable, ...]:
        """Return the tables behind a decision, or all that are a decision's expression, in the order of the model."""
        behind = None if asked is None else self._behind(self.graph, asked, set())
        return tuple(
            self._table(graph, one, one.expression)
            for graph in self.graph.whole()
            for one in graph.model.elements
            if isinstance(one, model.Decision)
            and isinstance(one.expression, model.DecisionTable)
            and (behind is None or (id(graph), one.id) in behind)
        )

    def _table(self, graph: Graph, element: model.Decision, source: model.DecisionTable) -> PreparedTable:
        found = self._tables.get((id(graph), element.id))
        if found is None:
            scope = graph.scope_of(element)
            trees = [parse_expression(one.expression, scope) if one.expression else NOTHING for one in source.inputs]
            table, used = make_table(source, trees, scope, graph.items)
            columns = tuple(
                compile_node(one.expression, tree, scope, graph.items.type_of)
                for one, tree in zip(source.inputs, trees, strict=True)
            )
            name = element.name if graph is self.graph else f"{graph.model.name} / {element.name}"
            found = PreparedTable(name, graph, element, source, table, used, tuple(trees), columns)
            self._tables[id(graph), element.id] = found
        return found

    @staticmethod
    def _explained(one: PreparedTable, run: Run) -> Explanation:
        problems: list[str] = []
        with bounded_evaluation():
            variables = one.graph.variables(run, one.element)
            ev = Evaluation(run.ev.now(), problems)
            values = one.table.fitting(ev, [column(ev, variables) for column in one.columns])
            begun = Begun(ev, {name: variables.get(name) for name in one.used}, values)
            return explain_table(one.source, one.table, begun, problems)

    def _behind(self, graph: Graph, element: model.Element, given: set[_Place]) -> set[_Place]:
        """Return what is decided for an element, itself included."""
        if isinstance(element, model.DecisionService):
            given = given | {(id(found[0]), found[1].id) for found in _found(graph, element.input_decisions)}
            needed = element.outputs
        elif isinstance(element, model.Decision):
            needed = element.requires
        else:
            return set()
        behind = {(id(graph), element.id)}
        for there, one in _found(graph, needed):
            if (id(there), one.id) not in given:
                behind |= self._behind(there, one, given)
        return behind

    def _inputs(self, graph: Graph, element: model.Element, seen: set[_Place]) -> Iterator[str]:
        if (id(graph), element.id) in seen:
            return
        seen.add((id(graph), element.id))
        if isinstance(element, model.InputData):
            yield element.name
            return
        if isinstance(element, model.DecisionService):
            yield from (one.name for _, one in _found(graph, (*element.input_data, *element.input_decisions)))
            return
        for there, one in _found(graph, element.requires):
            if not isinstance(one, model.DecisionService):
                yield from self._inputs(there, one, seen)


def _found(graph: Graph, references: Iterable[str]) -> list[tuple[Graph, model.Element]]:
    return [found for one in references if (found := graph.element_of(one)) is not None]


def moment_of(at_us: int) -> dt.datetime:
    """Return a time in microseconds since 1970 as a moment in UTC."""
    return _EPOCH + dt.timedelta(microseconds=at_us)
