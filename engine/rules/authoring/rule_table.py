"""The conditions of rules as a decision table: the form that the analyses know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from engine.rules.analysis.columns import path_of
from engine.rules.authoring.cells import outcome_text
from engine.rules.authoring.hints import FeelType, feel_type, fields_of
from engine.rules.authoring.rule import Rule
from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.literals import literal
from engine.rules.model import DecisionTable, InputClause, OutputClause
from engine.rules.model import Rule as Row

if TYPE_CHECKING:
    from engine.rules.model import HitPolicy

Path = tuple[str, ...]
Column = tuple[Path, int]
"""What is tested; if a rule tests it several times, each has a column of its own."""
_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def table_of(rules: Sequence[object], policy: HitPolicy) -> tuple[DecisionTable, dict[int, str], list[str]]:
    """Return the table of the rules, why some of them are more than it says, and the inputs that are whole numbers.

    A conclusion is one output, which is only said to be the same as another if it is written the same.
    """
    cells: list[dict[Column, str]] = []
    opaque: dict[int, str] = {}
    types: dict[Column, FeelType] = {}
    for number, rule in enumerate(rules, 1):
        row: dict[Column, str] = {}
        known = _rule(rule)
        if known is None:
            opaque[number] = repr(rule)
        elif known.tree is None:
            opaque[number] = known.text
        else:
            counted: Counter[Path] = Counter()
            for part in _conjuncts(known.tree):
                test = _test(part)
                if test is None:
                    opaque[number] = known.text
                    continue
                path, cell = test
                column = (path, counted[path])
                counted[path] += 1
                row[column] = cell
                types.setdefault(column, _type(known.facts.hints, path))
        cells.append(row)
    columns = list(types)
    inputs = tuple(
        InputClause(".".join(path), None, types[path, count].name, types[path, count].allowed)
        for path, count in columns
    )
    rows = tuple(
        Row(tuple(row.get(column, "-") for column in columns), (_outcome(number, rule),))
        for number, (row, rule) in enumerate(zip(cells, rules, strict=True), 1)
    )
    whole = [".".join(path) for (path, _), type_ in types.items() if type_.whole]
    return DecisionTable(inputs, (OutputClause("then"),), rows, policy), opaque, whole


def _conjuncts(node: nodes.Node) -> Iterator[nodes.Node]:
    if isinstance(node, nodes.Junction) and node.kind == "and":
        yield from _conjuncts(node.left)
        yield from _conjuncts(node.right)
    else:
        yield node


def _test(node: nodes.Node) -> tuple[Path, str] | None:
    """Return a condition as a path and a cell, if it compares the one with constants."""
    match node:
        case nodes.Comparison(sign=sign, left=left, right=right):
            path, constant = path_of(left), _constant(right)
            if path is None or constant is None:
                path, constant, sign = path_of(right), _constant(left), _TURNED[sign]
            cell = f"{sign} {constant}" if constant is not None else None
        case nodes.Between(value=value, low=low, high=high):
            path, ends = path_of(value), (_constant(low), _constant(high))
            cell = None if None in ends else f"[{ends[0]}..{ends[1]}]"
        case nodes.In(value=value, tests=tests):
            texts = [text for test in tests if (text := _cell(test)) is not None]
            path = path_of(value)
            cell = ", ".join(texts) if len(texts) == len(tests) else None
        case nodes.Call(function=nodes.Name(name="not"), arguments=(argument,)):
            path, cell = path_of(argument), "false"
        case _:
            path, cell = path_of(node), "true"
    return None if path is None or cell is None else (path, cell)


def _cell(test: nodes.Node) -> str | None:
    match test:
        case nodes.SignTest(sign=sign, operand=operand):
            constant = _constant(operand)
            return None if constant is None else f"{sign} {constant}"
        case nodes.RangeNode():
            low, high = (None if end is None else _constant(end) for end in (test.low, test.high))
            if low is None or high is None:
                return None
            return f"{'[' if test.low_closed else '('}{low}..{high}{']' if test.high_closed else ')'}"
        case _:
            return _constant(test)


def _constant(node: nodes.Node) -> str | None:
    match node:
        case nodes.Constant(value=Decimal() | str() | bool() | None as value):
            return literal(value)
        case nodes.Moment(text=text):
            return f'@"{text}"'
        case _:
            return None


def _type(hints: Mapping[str, Any], path: Path) -> FeelType:
    hint: Any = hints[path[0]]
    for name in path[1:]:
        hint = (fields_of(hint) or {}).get(name, Any)
    return feel_type(hint)


def _rule(rule: object) -> Rule[Any] | None:
    return cast("Rule[Any]", rule) if isinstance(rule, Rule) else None


def _outcome(number: int, rule: object) -> str:
    """Return a conclusion as one expression; of one that has no expression, a name of its own."""
    known = _rule(rule)
    then: object = None if known is None else known.then
    if isinstance(then, Mapping):
        values = cast("Mapping[str, object]", then)
        try:
            return "{" + ", ".join(f"{literal(name)}: {outcome_text(value)}" for name, value in values.items()) + "}"
        except ModelError:
            # A value that FEEL does not have.
            pass
    return f"conclusion_{number}"
