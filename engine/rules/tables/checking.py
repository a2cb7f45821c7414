"""Looking through a table as it is written: what cannot be read, and values that can never be. All of it, by place."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from engine.rules.feel import nodes
from engine.rules.feel.builtins import BUILTINS
from engine.rules.feel.compiler import TESTED, compile_test_tree
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.inference import infer
from engine.rules.feel.parser import parse_expression, parse_unary_tests
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.rendering import text_of
from engine.rules.feel.temporal import parse_temporal
from engine.rules.feel.types import ANY, BOOLEAN, ListType, SimpleType, describe
from engine.rules.items import ANYTHING, no_type
from engine.rules.problems import Problem, Spot
from engine.rules.tables.hits import SINGLE_HIT
from engine.rules.tables.plain import plain_constant, plain_tests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.rules.feel.compiler import CompiledTests
    from engine.rules.feel.nodes import Node
    from engine.rules.feel.scope import Scope
    from engine.rules.feel.types import Type
    from engine.rules.feel.values import Value
    from engine.rules.items import ItemType, ItemTypes
    from engine.rules.model import DecisionTable, InputClause, OutputClause
    from engine.rules.problems import Part

_CONDITIONS: Final = (nodes.Comparison, nodes.Junction, nodes.Between, nodes.In, nodes.InstanceOf, nodes.Quantified)
# Values that a table allows hardly ever depend on the time; where they do, this is no time at which to judge them.
_COMMA: Final = re.compile(r"-?\d+(?:[.,]\d+)*,\d+(?:\.\d+)?")
"""A number with a comma in it, which is no expression of FEEL."""
_NUMBERS: Final = "write 1000 for 1,000 and 1.5 for 1,5"
_TRUTH: Final = {"true": "true", "yes": "true", "false": "false", "no": "false"}
"""What spreadsheets and people write for truth values."""
_NO_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)


def check_table(table: DecisionTable, scope: Scope, items: ItemTypes, result: str | None = None) -> list[Problem]:
    """Return what is wrong with a table whose expressions may use the names of ``scope``; ``result`` is its type."""
    checker = _Checker(table, scope, items, result)
    checker.check()
    return checker.problems


class _Checker:
    def __init__(self, table: DecisionTable, scope: Scope, items: ItemTypes, result: str | None) -> None:
        self._table = table
        # The type of the whole is that of its one output, unless it comes to a list of outputs.
        single = len(table.outputs) == 1 and table.hit_policy in SINGLE_HIT
        self._result = table.type or result if single else None
        self._scope = scope
        self._items = items
        self.problems: list[Problem] = []
        self._columns = [*map(self._input_title, table.inputs), *map(self._output_title, table.outputs)]

    @staticmethod
    def _input_title(clause: InputClause) -> str:
        return f"input {(clause.label or clause.expression)!r}"

    @staticmethod
    def _output_title(clause: OutputClause) -> str:
        return f"output {(clause.name or clause.label)!r}" if clause.name or clause.label else "the output"

    def check(self) -> None:
        """Look at everything, in the order of the table."""
        table = self._table
        if not table.outputs:
            self.problems.append(Problem("the table has no output"))
        inputs = [self._input(place, clause) for place, clause in enumerate(table.inputs)]
        outputs = [self._output(len(inputs) + place, clause) for place, clause in enumerate(table.outputs)]
        self._names()
        for number, rule in enumerate(table.rules):
            if len(rule.conditions) != len(inputs) or len(rule.conclusions) != len(outputs):
                found = f"{len(rule.conditions)} conditions and {len(rule.conclusions)} conclusions"
                text = f"the rule has {found}, and the table {len(inputs)} and {len(outputs)}"
                self.problems.append(Problem(text, place=f"rule {number + 1}"))
                continue
            for place, text in enumerate(rule.conditions):
                inputs[place].condition(text, Spot("condition", place, number))
            for place, text in enumerate(rule.conclusions):
                spot = Spot("conclusion", len(inputs) + place, number)
                outputs[place].conclusion(text, spot)

    def _names(self) -> None:
        names = [clause.name for clause in self._table.outputs]
        for place, name in enumerate(names):
            if len(names) > 1 and (name is None or name in names[:place]):
                text = "several outputs need names" if name is None else f"two outputs have the name {name!r}"
                self.add(text, Spot("expression", len(self._table.inputs) + place))

    def _input(self, place: int, clause: InputClause) -> _Column:
        item = self._type(clause.type, Spot("type", place))
        tree = self.expression(clause.expression, Spot("expression", place)) if clause.expression else None
        tested = item.type if item.type is not ANY or tree is None else infer(tree, self._scope)
        column = _Column(self, item, tested)
        column.allow(clause.allowed, Spot("allowed", place))
        return column

    def _output(self, place: int, clause: OutputClause) -> _Column:
        item = self._type(clause.type or self._result, Spot("type", place))
        column = _Column(self, item, item.type)
        column.allow(clause.allowed, Spot("allowed", place))
        if clause.default is not None:
            column.conclusion(clause.default, Spot("default", place))
        return column

    def _type(self, name: str | None, spot: Spot) -> ItemType:
        item = ANYTHING if name is None else self._items.find(name)
        if item is None:
            self.add(no_type(name or ""), spot)
            return ANYTHING
        return item

    def expression(self, text: str, spot: Spot) -> Node | None:
        """Read an expression; where that fails, say so."""
        try:
            tree = parse_expression(text, self._scope)
        except FeelSyntaxError as error:
            has_comma = _COMMA.fullmatch(text.strip()) is not None
            self.add(f"{text[:40]!r} has a comma in a number: {_NUMBERS}" if has_comma else str(error), spot)
            return None
        self.known(tree, spot)
        return tree

    def tests(self, text: str, spot: Spot, tested: Type) -> nodes.UnaryTests | None:
        """Read unary tests; where that fails, say so."""
        if (plain := plain_tests(text)) is not None:
            return plain
        try:
            tree = parse_unary_tests(text, self._scope.inner({TESTED: tested}))
        except FeelSyntaxError as error:
            self.add(str(error), spot)
            return None
        self.known(tree, spot)
        return tree

    def known(self, tree: Node | nodes.UnaryTests, spot: Spot) -> None:
        """Say which names nothing is known of. Where names are bound within, they are not looked for."""
        if nodes.binds(tree):
            return
        for name in dict.fromkeys(nodes.names_in(tree)):
            if name != TESTED and name not in BUILTINS and self._scope.type_of(name) is None:
                hint = "nothing of that name is required" if spot.part == "expression" else _hint(name)
                self.add(f"nothing here is called {name!r}: {hint}", spot)

    def compiled(self, text: str, tree: nodes.UnaryTests, tested: Type) -> CompiledTests:
        """Return tests that can be tried on constants."""
        return compile_test_tree(text, tree, self._scope.inner({TESTED: tested}), self._items.type_of)

    def add(self, text: str, spot: Spot) -> None:
        """Keep what is wrong at a place."""
        heads: dict[Part, str] = {"type": "type", "allowed": "allowed values", "default": "default"}
        words = [
            None if spot.rule < 0 else f"rule {spot.rule + 1}",
            self._columns[spot.column],
            heads.get(spot.part),
        ]
        self.problems.append(Problem(text, None, ", ".join(filter(None, words)), spot))


class _Column:
    """A column: what its constants have to be."""

    def __init__(self, checker: _Checker, item: ItemType, tested: Type) -> None:
        self._checker = checker
        self._item = item
        self._tested = tested
        self._allowed: CompiledTests | None = None
        self._allowed_text = ""
        self._seen: dict[str, list[str]] = {}
        """What was found wrong with a text, which many rules of a table have."""

    def allow(self, text: str | None, spot: Spot) -> None:
        """Take in what the values have to be; what depends on other values cannot be told here."""
        if text is None or (tree := self._checker.tests(text, spot, self._tested)) is None:
            return
        if set(nodes.names_in(tree)) <= {TESTED}:
            self._allowed = self._checker.compiled(text, tree, self._tested)
            self._allowed_text = text

    def condition(self, text: str, spot: Spot) -> None:
        """Look at the tests of a cell."""
        if self._is_known(text, spot):
            return
        before = len(self._checker.problems)
        self._look_at_tests(text, spot)
        self._seen[text] = [problem.text for problem in self._checker.problems[before:]]

    def conclusion(self, text: str, spot: Spot) -> None:
        """Look at an expression whose value the column is given."""
        if not text or self._is_known(text, spot):
            return
        before = len(self._checker.problems)
        constant = plain_constant(text)
        tree = constant or self._checker.expression(text, spot)
        value = None if tree is None else _constant(tree)
        if value is not None:
            self._judge(value, spot, with_allowed=True)
        self._seen[text] = [problem.text for problem in self._checker.problems[before:]]

    def _is_known(self, text: str, spot: Spot) -> bool:
        """Tell whether a text was looked at before, and say the same of it again."""
        for problem in self._seen.get(text, ()):
            self._checker.add(problem, spot)
        return text in self._seen

    def _look_at_tests(self, text: str, spot: Spot) -> None:
        tree = self._checker.tests(text, spot, self._tested)
        if tree is None or isinstance(self._tested, ListType):
            return
        if isinstance(self._tested, SimpleType) and self._tested not in (ANY, BOOLEAN):
            self._look_for_conditions(tree, spot)
        for value, exact in _tested_constants(tree):
            self._judge(value, spot, with_allowed=exact)

    def _look_for_conditions(self, tree: nodes.UnaryTests, spot: Spot) -> None:
        """Refuse what is true or false by itself, as the input is neither and would be compared with that."""
        for test in tree.tests:
            if isinstance(test, _CONDITIONS) and not nodes.mentions(test, TESTED):
                self._checker.add(
                    f"the cell is true or false, and the input is {describe(self._tested)}: write the test alone, such"
                    f" as > 5, or with ? for the input, such as ? > 5",
                    spot,
                )
                return

    def _judge(self, value: Value, spot: Spot, *, with_allowed: bool) -> None:
        found: list[str] = []
        ev = Evaluation(_NO_TIME, found)
        if (with_allowed or self._item.is_plain) and self._item.conform(ev, value) is None:
            wrong = f"cannot be here: {'; '.join(found)}"
        elif with_allowed and self._allowed is not None and self._allowed(ev, {}, value) is not True:
            wrong = f"is none of the allowed values: {self._allowed_text}"
        else:
            return
        self._checker.add(f"{text_of(ev, [value])[1:-1]} {wrong}", spot)


def _constant(tree: Node) -> Value:
    """Return the value of a constant; None if it is none, or null."""
    if isinstance(tree, nodes.Constant):
        return tree.value
    return parse_temporal(tree.text) if isinstance(tree, nodes.Moment) else None


def _tested_constants(tree: nodes.UnaryTests) -> Iterator[tuple[Value, bool]]:
    """Yield the constants that a value is compared with, and whether it is that it has to be one of them."""
    for test in tree.tests:
        match test:
            case nodes.SignTest(sign=sign, operand=operand):
                found = [(operand, sign in ("=", "!="))]
            case nodes.RangeNode(low=low, high=high):
                found = [(one, False) for one in (low, high) if one is not None]
            case _:
                found = [(test, True)]
        for node, exact in found:
            value = _constant(node)
            if value is not None:
                yield value, exact


def _hint(name: str) -> str:
    """Say what somebody may have meant by a name that nothing has, in a cell."""
    if (instead := _TRUTH.get(name.lower())) is not None:
        return f"write {instead} for a truth value, and a text in quotes"
    return "a text is written in quotes"
