"""Graphs of decisions: a model that is ready to decide. Semantics: DMN 1.5, chapter 10.4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.rules import model
from engine.rules.boxed import conformed, function_tree, tree_of, type_of
from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.feel.compiler import compile_node
from engine.rules.feel.evaluation import Evaluation, bounded_evaluation
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY, ContextType
from engine.rules.feel.values import Function, Parameter
from engine.rules.items import ANYTHING, ItemTypes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rules.feel.compiler import Compiled
    from engine.rules.feel.types import Type
    from engine.rules.feel.values import Value
    from engine.rules.items import ItemType

_NOTHING: Final[Mapping[str, Graph]] = {}


class Graph:
    """A model with its expressions compiled. Safe for use by several threads.

    ``problems`` says what of the model cannot work: a decision with such a part comes to null.
    """

    def __init__(self, source: model.Model, imported: Mapping[str, Graph] = _NOTHING) -> None:
        """Compile a model; ``imported`` are the graphs of the models it imports, by namespace.

        Raises ModelError for an import that is missing.
        """
        self.model = source
        self.problems: list[str] = []
        self._imports: dict[str, Graph] = {}
        self._import_names = {one.namespace: one.name for one in source.imports}
        for one in source.imports:
            if one.namespace not in imported:
                raise ModelError(f"model {source.name!r} imports {one.namespace!r}: give that model too")
            self._imports[one.namespace] = imported[one.namespace]
        self.items = ItemTypes(source.items, self._imported_type, self.problems)
        self._elements = {element.id: element for element in source.elements}
        self._compiled: dict[str, Compiled | None] = {}
        self._types: dict[str, Type] = {}
        self._compiling: set[str] = set()
        for element in source.elements:
            self._compile(element.id)

    def whole(self) -> list[Graph]:
        """Return this graph and those of all models that are imported, each once."""
        found: dict[int, Graph] = {id(self): self}
        for graph in self._imports.values():
            found.update((id(one), one) for one in graph.whole())
        return list(found.values())

    # -- names -------------------------------------------------------------------------------------------------------

    def _imported_type(self, name: str) -> ItemType | None:
        for namespace, graph in self._imports.items():
            prefix = self._import_names[namespace]
            inner = name.removeprefix(prefix + ".") if prefix else name
            if (not prefix or inner != name) and (found := graph.items.find(inner)) is not None:
                return found
        return None

    def element_of(self, reference: str) -> tuple[Graph, model.Element] | None:
        """Return what an id refers to, and the graph it is in; None if there is nothing of that id."""
        namespace, mark, id_ = reference.rpartition("#")
        if mark and namespace != self.model.namespace:
            graph = self._imports.get(namespace)
            return None if graph is None else graph.element_of(id_)
        element = self._elements.get(id_)
        return None if element is None else (self, element)

    def find(self, name: str, *kinds: type) -> model.Element | None:
        """Return the element of this name and one of these kinds, or None."""
        return next((one for one in self.model.elements if one.name == name and isinstance(one, kinds)), None)

    # -- compiling ---------------------------------------------------------------------------------------------------

    def type_of(self, id_: str) -> Type:
        """Return the type of an element's value, as far as it is known."""
        if id_ not in self._types and id_ not in self._compiling:
            self._compile(id_)
        return self._types.get(id_, ANY)

    def _compile(self, id_: str) -> None:
        if id_ in self._types:
            return
        element = self._elements[id_]
        if isinstance(element, model.InputData | model.DecisionService):
            self._types[id_] = self.items.named(element.type).type if isinstance(element, model.InputData) else ANY
            return
        self._compiling.add(id_)
        try:
            self._compiled[id_] = self._code(element)
        except (FeelSyntaxError, ModelError) as error:
            self.problems.append(f"{element.name!r}: {error}")
            self._compiled[id_] = None
        finally:
            self._compiling.discard(id_)
        self._types.setdefault(id_, ANY)

    def _code(self, element: model.Decision | model.BusinessKnowledgeModel) -> Compiled | None:
        scope = self.scope_of(element)
        if isinstance(element, model.Decision):
            if element.expression is None:
                return None
            tree = conformed(tree_of(element.expression, scope, self.items), element.type, self.items)
            self._types[element.id] = type_of(tree, element.type, scope, self.items)
        elif element.function is None:
            return None
        else:
            # As an entry of a context, it can call itself by its name.
            inner = scope.inner({element.name: ANY})
            declared = element.type if self.items.named(element.type).type is not ANY else None
            function = function_tree(element.function, inner, self.items, self._result_type(declared))
            tree = nodes.Path(0, nodes.ContextNode(0, ((element.name, function),)), element.name)
        return compile_node(element.name, tree, scope, self.items.type_of)

    def _result_type(self, declared: str | None) -> str | None:
        """Return the type of a function's result; the variable of a knowledge model may have that of the function."""
        definition = next((item for item in self.model.items if item.name == declared), None)
        if definition is not None and definition.parameters is not None:
            return definition.type
        return declared

    def scope_of(self, element: model.Decision | model.BusinessKnowledgeModel) -> Scope:
        """Return the names that an element may use: those of what it requires."""
        types: dict[str, Type] = {}
        imported: dict[str, dict[str, Type]] = {}
        for reference in element.requires:
            found = self.element_of(reference)
            if found is None:
                self.problems.append(f"{element.name!r} requires {reference!r}, which is not there")
                continue
            graph, required = found
            type_ = graph.type_of(required.id)
            prefix = self._prefix(reference)
            if prefix:
                imported.setdefault(prefix, {})[required.name] = type_
            else:
                types[required.name] = type_
        for prefix, inner in imported.items():
            types[prefix] = ContextType(tuple(inner.items()))
        return Scope(types)

    def _prefix(self, reference: str) -> str:
        """Return the name of the import that a reference goes to; nothing for one within the model."""
        namespace, mark, _ = reference.rpartition("#")
        return self._import_names.get(namespace, "") if mark and namespace != self.model.namespace else ""

    # -- deciding ----------------------------------------------------------------------------------------------------

    def decide(self, ev: Evaluation, decision: str, inputs: Mapping[str, Value]) -> Value:
        """Return what a decision comes to. ``inputs`` are values by the name of input data; missing ones are null.

        Raises ModelError if there is no decision of this name, and BudgetExceeded.
        """
        element = self.find(decision, model.Decision)
        if element is None:
            raise ModelError(f"model {self.model.name!r} has no decision {decision!r}")
        with bounded_evaluation():
            return Run(ev, inputs).value(self, element)

    def invoke(self, ev: Evaluation, function: str, arguments: Mapping[str, Value]) -> Value:
        """Return what a decision service or a business knowledge model returns for these arguments.

        Raises ModelError if there is none of this name, and BudgetExceeded.
        """
        element = self.find(function, model.DecisionService, model.BusinessKnowledgeModel)
        if element is None:
            raise ModelError(f"model {self.model.name!r} has no service and no knowledge model {function!r}")
        with bounded_evaluation():
            value = Run(ev, {}).value(self, element)
            if not isinstance(value, Function):
                return ev.problem(f"{function!r} cannot be called")
            return value.invoke_named(ev, arguments)

    def variables(self, run: Run, element: model.Decision | model.BusinessKnowledgeModel) -> dict[str, Value]:
        """Return the values of what an element requires."""
        values: dict[str, Value] = {}
        for reference in element.requires:
            found = self.element_of(reference)
            if found is None:
                continue
            value = run.value(*found)
            prefix = self._prefix(reference)
            if prefix:
                within = values.setdefault(prefix, {})
                if type(within) is dict:
                    within[found[1].name] = value
            else:
                values[found[1].name] = value
        return values

    def compute(self, run: Run, element: model.Element) -> Value:
        """Return the value of an element that the run does not have yet."""
        match element:
            case model.InputData():
                given = run.inputs.get(element.name)
                return self.items.named(element.type).conform(run.ev, given)
            case model.DecisionService():
                return Service(self, element, run)
            case model.Decision() | model.BusinessKnowledgeModel():
                compiled = self._compiled.get(element.id)
                if compiled is None:
                    return run.ev.problem(f"{element.name!r} has no expression, or one that cannot be read")
                variables = self.variables(run, element)
                before, run.ev.decision = run.ev.decision, element.name
                try:
                    return compiled(run.ev, variables)
                finally:
                    run.ev.decision = before


class Run:
    """One evaluation of a graph: the inputs, and what was decided so far."""

    def __init__(self, ev: Evaluation, inputs: Mapping[str, Value]) -> None:
        self.ev = ev
        self.inputs = inputs
        self.known: dict[tuple[int, str], Value] = {}
        self._under_way: set[tuple[int, str]] = set()

    def value(self, graph: Graph, element: model.Element) -> Value:
        """Return the value of an element, which is computed once."""
        key = (id(graph), element.id)
        if key in self.known:
            return self.known[key]
        if key in self._under_way:
            return self.ev.problem(f"{element.name!r} requires itself")
        self._under_way.add(key)
        try:
            value = self.known[key] = graph.compute(self, element)
        finally:
            self._under_way.discard(key)
        return value


class Service(Function):
    """A decision service as a function: of its input data, and then of its input decisions."""

    __slots__ = ("_element", "_graph", "_inputs", "_run")

    def __init__(self, graph: Graph, element: model.DecisionService, run: Run) -> None:
        self._graph = graph
        self._element = element
        self._run = run
        references = (*element.input_data, *element.input_decisions)
        self._inputs = [found for one in references if (found := graph.element_of(one)) is not None]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The input data and input decisions, in the order of the model."""
        return tuple(Parameter(element.name) for _, element in self._inputs)

    def invoke(self, ev: Evaluation, args: list[Value]) -> Value:
        """Return the output decision; a context of them, if there are several."""
        if len(args) != len(self._inputs):
            return ev.problem(f"{self._element.name!r} has {len(self._inputs)} parameters, and got {len(args)}")
        run = Run(ev, self._run.inputs)
        for (graph, element), value in zip(self._inputs, args, strict=True):
            declared = element.type if isinstance(element, model.InputData | model.Decision) else None
            item = graph.items.named(declared) if declared else ANYTHING
            fitting = item.conform(ev, value)
            if fitting is None and value is not None:
                return None
            run.known[id(graph), element.id] = fitting
        outputs = [found for one in self._element.outputs if (found := self._graph.element_of(one)) is not None]
        ev.enter()
        try:
            values = {element.name: run.value(graph, element) for graph, element in outputs}
        finally:
            ev.leave()
        result: Value = next(iter(values.values()), None) if len(outputs) == 1 else values
        return self._graph.items.named(self._element.type).conform(ev, result)
