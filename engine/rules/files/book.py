"""Tables and the models they make up: each table is a decision, called by the name of its file or sheet.

What the inputs of tables are called, and no table is, becomes input data. A table that names another requires it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.rules.checking import check
from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.parser import parse_expression, parse_unary_tests
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY
from engine.rules.model import Decision, DecisionTable, InputData, Model
from engine.rules.problems import Problem, RuleFileError, Spot
from engine.rules.tables.hits import SINGLE_HIT
from engine.rules.tables.plain import plain_constant, plain_tests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.rules.files.layout import Sheet
    from engine.rules.model import Element, InputClause


def model_of(name: str, sheets: Mapping[str, Sheet], file: str) -> Model:
    """Return the model that these tables make up, by the names of the decisions.

    Raises RuleFileError with all that is wrong with it, by row and column of ``file``.
    """
    maker = _Maker(sheets, file)
    model = Model(name, "urn:rules:" + "-".join(name.split()), elements=tuple(maker.elements()))
    problems = [*maker.problems, *(_placed(problem, sheets) for problem in check(model))]
    if problems:
        raise RuleFileError(file, problems)
    return model


def tables_of(model: Model) -> dict[str, DecisionTable]:
    """Return the tables that a model consists of, by the names of their decisions.

    Raises ModelError for anything that tables alone cannot say.
    """
    for what, found in (("types of its own", model.items), ("imports", model.imports)):
        if found:
            raise ModelError(f"model {model.name!r} has {what} ({found[0].name!r}), which tables in cells cannot hold")
    types: dict[str, str | None] = {}
    tables: dict[str, DecisionTable] = {}
    for element in model.elements:
        if isinstance(element, Decision):
            tables[element.name] = _of_result(element)
        elif isinstance(element, InputData):
            types[element.name] = element.type
        else:
            raise ModelError(f"{element.name!r} is no decision, and tables in cells hold nothing else")
    if not tables:
        raise ModelError(f"model {model.name!r} has no decisions")
    tables = {name: replace(table, inputs=_typed(table.inputs, types)) for name, table in tables.items()}
    columns = {clause.expression for table in tables.values() for clause in table.inputs}
    for name, type_ in types.items():
        if type_ is not None and name not in columns:
            raise ModelError(f"input {name!r} has the type {type_!r}, and no column of its own to say so")
    return tables


def _typed(clauses: tuple[InputClause, ...], types: Mapping[str, str | None]) -> tuple[InputClause, ...]:
    """Return the inputs of a table, those that are names with the types of these."""
    found: list[InputClause] = []
    for clause in clauses:
        type_ = types.get(clause.expression)
        if None not in (type_, clause.type) and type_ != clause.type:
            raise ModelError(
                f"input {clause.expression!r} has the type {type_!r}, and its column {clause.type!r}: cells hold one"
            )
        found.append(replace(clause, type=clause.type or type_))
    return tuple(found)


def _of_result(element: Decision) -> DecisionTable:
    """Return the table of a decision, with the type of its result, where it has one, as that of its one column."""
    table = element.expression
    if not isinstance(table, DecisionTable):
        raise ModelError(f"decision {element.name!r} is no table, and cells hold nothing else")
    result = element.type or table.type
    if result is None:
        return table
    if table.aggregation == "COUNT" and result == "number":
        # It is one anyway.
        return replace(table, type=None)
    single = len(table.outputs) == 1 and (table.hit_policy in SINGLE_HIT or table.aggregation in ("SUM", "MIN", "MAX"))
    if not single or table.outputs[0].type not in (None, result) or table.type not in (None, result):
        raise ModelError(
            f"decision {element.name!r} has the type {result!r} beside those of its columns, which cells cannot hold"
        )
    return replace(table, outputs=(replace(table.outputs[0], type=result),), type=None)


def _placed(problem: Problem, sheets: Mapping[str, Sheet]) -> Problem:
    """Return a problem with its place in the file."""
    sheet = sheets.get(problem.decision or "")
    if sheet is None or problem.spot is None:
        return problem
    decision = problem.decision if len(sheets) > 1 else None
    place = sheet.place(problem.spot) + (f" ({problem.place})" if problem.place else "")
    return replace(problem, decision=decision, place=place)


class _Maker:
    def __init__(self, sheets: Mapping[str, Sheet], file: str) -> None:
        self._sheets = sheets
        self._file = file
        self._decisions = {name: f"decision_{place}" for place, name in enumerate(sheets, 1)}
        self._inputs: dict[str, InputData] = {}
        self.problems: list[Problem] = []

    def elements(self) -> Iterator[Element]:
        decisions = [self._decision(name, sheet) for name, sheet in self._sheets.items()]
        yield from self._inputs.values()
        yield from decisions

    def _decision(self, name: str, sheet: Sheet) -> Decision:
        table = sheet.table
        scope = Scope(dict.fromkeys(self._decisions, ANY))
        used: dict[str, None] = {}
        for place, clause in enumerate(table.inputs):
            found = _names(clause.expression, scope)
            if sheet.is_plain and not _is_path(clause.expression, scope):
                text = f"{clause.expression!r} is no name of FEEL: expressions are inputs of the full form, 'in: ...'"
                self._place(text, name, Spot("expression", place))
            is_name = found == [clause.expression]
            for one in found:
                if is_name or one not in BUILTINS:
                    # Only of an expression that is a name by itself, the column's type is that of the name.
                    self._input(one, clause.type if is_name else None)
            used.update(dict.fromkeys(found))
        scope = Scope(dict.fromkeys([*self._decisions, *self._inputs], ANY))
        for text in {text for rule in table.rules for text in rule.conditions if plain_tests(text) is None}:
            used.update(dict.fromkeys(_names(text, scope, tests=True)))
        for text in {text for rule in table.rules for text in rule.conclusions if plain_constant(text) is None}:
            used.update(dict.fromkeys(_names(text, scope)))
        ids = {**{one: data.id for one, data in self._inputs.items()}, **self._decisions}
        # In the order of the model, whatever is named first.
        return Decision(self._decisions[name], name, None, table, tuple(id_ for one, id_ in ids.items() if one in used))

    def _place(self, text: str, decision: str, spot: Spot) -> None:
        self.problems.append(_placed(Problem(text, decision, None, spot), self._sheets))

    def _input(self, name: str, type_: str | None) -> None:
        if name in self._decisions:
            return
        known = self._inputs.setdefault(name, InputData(f"input_{len(self._inputs) + 1}", name, type_))
        if type_ is None or known.type == type_:
            return
        if known.type is not None:
            self.problems.append(Problem(f"input {name!r} has two types, {known.type} and {type_}: give it one"))
        self._inputs[name] = replace(known, type=type_)


def _names(text: str, scope: Scope, *, tests: bool = False) -> list[str]:
    """Return the names that a text uses; none of one that cannot be read, which is said elsewhere."""
    try:
        tree = parse_unary_tests(text, scope) if tests else parse_expression(text, scope)
    except FeelSyntaxError:
        return []
    return list(dict.fromkeys(name for name in nodes.names_in(tree) if name != "?"))


def _is_path(text: str, scope: Scope) -> bool:
    """Tell whether an expression is a name, or one of its parts; one that cannot be read is looked at elsewhere."""
    try:
        tree = parse_expression(text, scope)
    except FeelSyntaxError:
        return True
    while isinstance(tree, nodes.Path):
        tree = tree.value
    return isinstance(tree, nodes.Name)
