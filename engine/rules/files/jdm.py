"""Decision graphs of GoRules (JDM): tables and expressions become decisions; what has no equal is refused by name.

A node becomes a decision of its name, the output node one whose entries are all that came to it. What a request has and
the nodes only pass on is no part of that outcome, and nodes give no values to names that a request has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engine.rules.checking import check
from engine.rules.errors import ModelError
from engine.rules.files import zen
from engine.rules.files.jdm_graph import INPUT, OUTPUT, Json, Node, objects_of, read_nodes, text_of
from engine.rules.model import (
    BoxedContext,
    ContextEntry,
    Decision,
    DecisionTable,
    Expression,
    HitPolicy,
    InputClause,
    InputData,
    LiteralExpression,
    Model,
    OutputClause,
    Parameter,
    Rule,
)
from engine.rules.problems import Problem, RuleFileError

_POLICIES: Final[dict[str, HitPolicy]] = {"": "FIRST", "first": "FIRST", "collect": "COLLECT"}
_PLAIN: Final = re.compile(r"[A-Za-z_]\w*")
_TABLE_OPTIONS: Final = frozenset(
    ("hitPolicy", "inputs", "outputs", "rules", "passThrough", "passThorough", "outputPath")
)
_EXPRESSION_OPTIONS: Final = frozenset(("expressions", "passThrough", "passThorough"))
_OTHERS: Final = {
    "functionNode": "is a function in JavaScript",
    "switchNode": "lets some of the nodes after it out",
    "decisionNode": "asks another graph",
    "customNode": "is made by a program",
}
_UNPLAIN: Final = re.compile(r"\W+")


class _Ref(NamedTuple):
    """What an output of a node is in FEEL, and the decision it comes from."""

    decision: str
    text: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What comes to a node: outputs of others, all that a request has, or a list instead."""

    outputs: dict[str, _Ref] = field(default_factory=dict[str, _Ref])
    request: bool = False
    whole: _Ref | None = None


def read_jdm(data: bytes, name: str, file: str | None = None) -> Model:
    """Return the model that a decision graph of GoRules is. ``file`` is what errors call it.

    Raises RuleFileError with all that cannot be represented, by node and cell.
    """
    file = file or f"{name}.jdm.json"
    try:
        nodes = read_nodes(data)
    except ModelError as error:
        raise RuleFileError(file, [Problem(str(error))]) from None
    maker = _Maker(nodes)
    elements = (*maker.inputs.values(), *maker.decisions.values())
    model = Model(name, "urn:rules:" + "-".join(name.split()), elements=elements)
    problems = maker.problems or check(model)
    if problems:
        raise RuleFileError(file, problems)
    return model


class _Maker:
    def __init__(self, nodes: list[Node]) -> None:
        self.inputs: dict[str, InputData] = {}
        self.decisions: dict[str, Decision] = {}
        self.problems: list[Problem] = []
        self._node = nodes[0]
        self._known = _Known()
        self._required: dict[str, None] = {}
        self._contested: set[str] = set()
        after: dict[str, _Known] = {}
        for node in nodes:
            self._node = node
            with self._kept():
                after[node.id] = _Known(request=True)
                self._known = self._merged([after[one] for one in node.before])
                after[node.id] = self._out(node)
        for name in sorted(self._contested & self.inputs.keys()):
            self.problems.append(Problem(f"{name!r} is given by the request and by a node at once: rename one of them"))

    @contextmanager
    def _kept(self, *place: str) -> Generator[None]:
        """Keep the errors of a ``with`` block as problems of a place within the node."""
        try:
            yield
        except ModelError as error:
            where = ", ".join([f"node {self._node.name!r}", *place])
            self.problems.append(Problem(str(error), place=where))

    def _merged(self, known: list[_Known]) -> _Known:
        if len(known) == 1:
            return known[0]
        outputs: dict[str, _Ref] = {}
        for one in known:
            if one.whole is not None:
                raise ModelError("a list and something else come to it together")
            twice = [name for name, ref in one.outputs.items() if outputs.get(name, ref) != ref]
            if twice:
                raise ModelError(f"{twice[0]!r} comes to it from two nodes at once")
            outputs.update(one.outputs)
        request = any(one.request for one in known)
        if request:
            self._contested.update(outputs)
        return _Known(outputs, request)

    def _out(self, node: Node) -> _Known:
        if node.type == INPUT:
            return _Known(request=True)
        if node.type == OUTPUT:
            self._outcome()
            return self._known
        if self._known.whole is not None:
            raise ModelError("a list comes to it, of which each element would be decided by itself")
        if node.type == "decisionTableNode":
            return self._table(node.content)
        if node.type == "expressionNode":
            return self._expressions(node.content)
        raise ModelError(f"a {node.type or 'node without a type'} {_OTHERS.get(node.type, 'is not known')}")

    # -- names -------------------------------------------------------------------------------------------------------

    def _resolve(self, name: str) -> str:
        """Return what a name is in FEEL."""
        ref = self._known.outputs.get(name)
        if ref is not None:
            self._required[ref.decision] = None
            return ref.text
        if name.startswith("$.") or not self._known.request:
            raise ModelError(f"nothing that comes to the node is called {name!r}")
        self.inputs.setdefault(name, InputData(f"input_{len(self.inputs) + 1}", name))
        self._required[name] = None
        return name

    def _decide(self, expression: Expression) -> str:
        """Add the decision of the node, and return its name."""
        name = _UNPLAIN.sub(" ", self._node.name).strip()
        if not name[:1].isalpha():
            name = f"Node {name}".strip()
        count = sum(1 for one in self.decisions if one == name or one.startswith(f"{name} "))
        name = name if name not in self.decisions else f"{name} {count + 1}"
        ids = {**{one: data.id for one, data in self.inputs.items()}, **{n: d.id for n, d in self.decisions.items()}}
        requires = tuple(ids[one] for one in self._required)
        self.decisions[name] = Decision(f"decision_{len(self.decisions) + 1}", name, None, expression, requires)
        self._required = {}
        return name

    def _passed(self, content: Json, outputs: dict[str, _Ref]) -> _Known:
        """Return what comes from a node: what it gives, and what came to it where it passes that through."""
        if not content.get("passThrough", content.get("passThorough")):
            return _Known(outputs)
        twice = self._known.outputs.keys() & outputs.keys()
        if twice:
            raise ModelError(
                f"it gives {min(twice)!r} another value where one of its rules matches, and else passes it on"
            )
        return _Known({**self._known.outputs, **outputs}, self._known.request)

    # -- kinds of nodes ----------------------------------------------------------------------------------------------

    def _outcome(self) -> None:
        known = self._known
        if known.whole is not None:
            self._required[known.whole.decision] = None
            self._decide(LiteralExpression(known.whole.text))
            return
        if not known.outputs:
            raise ModelError("nothing comes to it that a node gives")
        shadow = known.outputs.keys() & self.decisions.keys()
        if shadow:
            raise ModelError(f"an output and a node are both called {min(shadow)!r}: rename the node")
        entries = [
            ContextEntry(Parameter(name), LiteralExpression(self._resolve(name))) for name in sorted(known.outputs)
        ]
        self._decide(BoxedContext(tuple(entries)))

    def _expressions(self, content: Json) -> _Known:
        _known_options(content, _EXPRESSION_OPTIONS)
        entries: dict[str, ContextEntry] = {}
        for one in objects_of(content, "expressions"):
            key = text_of(one, "key")
            with self._kept(f"expression {key!r}"):
                if not _PLAIN.fullmatch(key) or key in entries:
                    raise ModelError("its key is no plain name, or one that another has too")
                text = zen.expression(text_of(one, "value"), self._or_earlier(entries))
                entries[key] = ContextEntry(Parameter(key), LiteralExpression(text))
        if not entries:
            raise ModelError("it has no expressions that can be represented")
        name = self._decide(BoxedContext(tuple(entries.values())))
        return self._passed(content, {key: _Ref(name, f"{name}.{key}") for key in entries})

    def _or_earlier(self, entries: dict[str, ContextEntry]) -> Callable[[str], str]:
        def resolve(name: str) -> str:
            if name.startswith("$.") and name[2:] in entries:
                return name[2:]
            before = dict(self._required)
            text = self._resolve(name)
            if entries.keys() & (self._required.keys() - before.keys() | {text.partition(".")[0]}):
                raise ModelError(f"{name!r} is an expression above it, too: write $.{name}, or rename one of them")
            return text

        return resolve

    def _table(self, content: Json) -> _Known:
        _known_options(content, _TABLE_OPTIONS)
        policy = _POLICIES.get(text_of(content, "hitPolicy"))
        if policy is None:
            raise ModelError(f"the hit policy {content['hitPolicy']!r} is not known")
        path = text_of(content, "outputPath")
        if path and (policy == "FIRST" or not _PLAIN.fullmatch(path)):
            raise ModelError(f"its outputs go to {path!r}, which is only understood where all matches are collected")
        inputs, outputs = objects_of(content, "inputs"), objects_of(content, "outputs")
        clauses = [self._input(one) for one in inputs]
        fields = [self._output(one) for one in outputs]
        if len(set(fields)) < len(fields) or not fields:
            raise ModelError("it has no outputs, or two of the same name")
        rules = [
            self._rule(rule, number, inputs, outputs) for number, rule in enumerate(objects_of(content, "rules"), 1)
        ]
        notes = ("Description",) if any(rule.annotations != ("",) for rule in rules) else ()
        if not notes:
            rules = [Rule(rule.conditions, rule.conclusions, (), rule.id) for rule in rules]
        columns = tuple(OutputClause(name) for name in fields)
        name = self._decide(DecisionTable(tuple(clauses), columns, tuple(rules), policy, None, notes))
        if policy == "FIRST":
            single = len(fields) == 1
            return self._passed(content, {one: _Ref(name, name if single else f"{name}.{one}") for one in fields})
        each = name if len(fields) > 1 else f"for value in {name} return {{{fields[0]}: value}}"
        found = _Ref(name, f"(if {name} = null then [] else {each})")
        if path:
            return self._passed(content, {path: found})
        if content.get("passThrough", content.get("passThorough")):
            raise ModelError("it passes on what comes to it, and collects a list: give the list an output path")
        return _Known(whole=found)

    def _input(self, clause: Json) -> InputClause:
        label, text = text_of(clause, "name") or None, text_of(clause, "field")
        expression = "true"
        with self._kept(f"input {(label or text)!r}"):
            _no_default(clause)
            # Without a field, the cells are conditions by themselves.
            expression = zen.expression(text, self._resolve) if text.strip() else "true"
        return InputClause(expression, label)

    def _output(self, clause: Json) -> str:
        name = text_of(clause, "field")
        with self._kept(f"output {(text_of(clause, 'name') or name)!r}"):
            _no_default(clause)
            if not _PLAIN.fullmatch(name):
                raise ModelError(f"its field {name!r} is no plain name")
        return name

    def _rule(self, rule: Json, number: int, inputs: list[Json], outputs: list[Json]) -> Rule:
        conditions: list[str] = []
        conclusions: list[str] = []
        for clause in [*inputs, *outputs]:
            title = text_of(clause, "name") or text_of(clause, "field")
            cells = conditions if len(conditions) < len(inputs) else conclusions
            cells.append("-")
            with self._kept(f"rule {number}, column {title!r}"):
                text = text_of(rule, text_of(clause, "id"))
                if cells is conclusions:
                    cells[-1] = zen.expression(text, self._resolve)
                elif text.strip():
                    has_field = text_of(clause, "field").strip()
                    cells[-1] = zen.cell(text) if has_field else zen.expression(text, self._resolve)
        note = " ".join(text_of(rule, "_description").split())
        return Rule(tuple(conditions), tuple(conclusions), (note,), text_of(rule, "_id") or None)


def _known_options(content: Json, known: frozenset[str]) -> None:
    """Raise ModelError for an option that says something, and it is not known what."""
    for name, value in content.items():
        if name not in known and value and (name, value) != ("executionMode", "single"):
            raise ModelError(f"its option {name!r} has no equal here")


def _no_default(clause: Json) -> None:
    if clause.get("defaultValue"):
        raise ModelError("it has a default value, which has no equal here")
