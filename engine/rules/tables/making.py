"""From a table as it is written to one that can be decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.rules.errors import ModelError
from engine.rules.feel import nodes
from engine.rules.feel.compiler import TESTED, Fixed, LazyTests, compile_node, compile_test_tree
from engine.rules.feel.inference import infer
from engine.rules.feel.parser import parse_expression, parse_unary_tests
from engine.rules.feel.types import ANY, BOOLEAN, NUMBER, STRING
from engine.rules.tables.cell_tests import reading_of
from engine.rules.tables.cells import cell_of, plain_cell
from engine.rules.tables.hits import SINGLE_HIT
from engine.rules.tables.plain import plain_constant, plain_tests
from engine.rules.tables.quick import Limit, make_quick
from engine.rules.tables.table import Column, Conclusion, Row, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.rules.feel.compiler import Compiled, CompiledTests
    from engine.rules.feel.nodes import Node
    from engine.rules.feel.scope import Scope
    from engine.rules.feel.types import Type
    from engine.rules.items import ItemType, ItemTypes
    from engine.rules.model import DecisionTable, InputClause, OutputClause, Rule
    from engine.rules.tables.cells import Cell, Domain
    from engine.rules.tables.quick import Quick
    from engine.rules.tables.table import Conform

_DOMAINS: Final[Mapping[Type, Domain]] = {NUMBER: "number", STRING: "string", BOOLEAN: "boolean"}


def make_table(
    table: DecisionTable, inputs: Sequence[Node], scope: Scope, items: ItemTypes
) -> tuple[Table, tuple[str, ...]]:
    """Return the table, and the names of the variables that its cells use.

    ``inputs`` are the trees of its input expressions. Raises FeelSyntaxError, and ModelError for rules of another
    length than the table.
    """
    maker = _Maker(table, scope, items)
    columns = tuple(maker.column(clause, node) for clause, node in zip(table.inputs, inputs, strict=True))
    conclusions = tuple(maker.conclusion(clause) for clause in table.outputs)
    rows = tuple(maker.row(place, rule) for place, rule in enumerate(table.rules))
    made = Table(
        columns, conclusions, rows, table.hit_policy, table.aggregation, maker.quick(), maker.cells(),
        maker.limits(),
    )  # fmt: skip
    return made, tuple(sorted(name for name in maker.names if scope.type_of(name) is not None))


class _Maker:
    def __init__(self, table: DecisionTable, scope: Scope, items: ItemTypes) -> None:
        self._table = table
        self._scope = scope
        self._items = items
        self._types: list[Type] = []
        self._cells: list[tuple[Cell | None, ...]] = []
        self._limits: list[Limit | None] = []
        self._plain = True
        self.names: set[str] = set()

    def column(self, clause: InputClause, node: Node) -> Column:
        item = self._items.named(clause.type)
        self._types.append(item.type if item.type is not ANY else infer(node, self._scope))
        allowed = None if clause.allowed is None else self._tests(clause.allowed, item.type)
        self._limits.append(_limit(item, clause.allowed))
        return Column(clause.label or clause.expression, self._conform(clause.type), allowed)

    def conclusion(self, clause: OutputClause) -> Conclusion:
        # The type of the table is that of its one output, unless it comes to a list of outputs.
        single = len(self._table.outputs) == 1 and self._table.hit_policy in SINGLE_HIT
        type_ = clause.type or (self._table.type if single else None)
        default = None if clause.default is None else self._expression(clause.default)
        allowed: tuple[CompiledTests, ...] = ()
        if clause.allowed is not None:
            tests = parse_unary_tests(clause.allowed, self._scope)
            allowed = tuple(
                compile_test_tree(clause.allowed, nodes.UnaryTests(test.at, (test,)), self._scope, self._items.type_of)
                for test in tests.tests
            )
        return Conclusion(clause.name or clause.label or "", self._conform(type_), allowed, default)

    def row(self, place: int, rule: Rule) -> Row:
        if len(rule.conditions) != len(self._table.inputs) or len(rule.conclusions) != len(self._table.outputs):
            raise ModelError(
                f"rule {place + 1} of a table has {len(rule.conditions)} conditions and {len(rule.conclusions)} "
                f"conclusions, and the table has {len(self._table.inputs)} and {len(self._table.outputs)}"
            )
        read = [self._cell(text, type_) for text, type_ in zip(rule.conditions, self._types, strict=True)]
        self._cells.append(tuple(cell for cell, _ in read))
        return Row(tuple(tests for _, tests in read), tuple(self._expression(text) for text in rule.conclusions))

    def quick(self) -> Quick | None:
        """Return the quick way to decide the table, if all of its cells are plain."""
        return make_quick(self._cells, self._table.hit_policy) if self._plain else None

    def cells(self) -> tuple[tuple[Cell | None, ...], ...] | None:
        """Return what the cells say, if all of them are plain."""
        return tuple(self._cells) if self._plain else None

    def limits(self) -> tuple[Limit, ...] | None:
        """Return what values have to be, if it can be told of every column."""
        found = tuple(limit for limit in self._limits if limit is not None)
        return found if len(found) == len(self._limits) else None

    def _cell(self, text: str, tested: Type) -> tuple[Cell | None, CompiledTests | None]:
        """Return what a cell says, where it is plain, and its tests; without either, it is true of everything."""
        scope = self._scope.inner({TESTED: tested})
        plain = plain_tests(text)
        tree = plain or parse_unary_tests(text, scope)
        if tree.anything:
            return None, None
        if plain is None:
            self.names.update(nodes.names_in(tree))
        cell = plain_cell(text) if plain is not None else cell_of(reading_of(tree))
        self._plain = self._plain and cell is not None
        return cell, LazyTests(text, tree, scope, self._items.type_of)

    def _conform(self, name: str | None) -> Conform | None:
        item = self._items.named(name)
        return None if item.type is ANY and item.is_plain else item.conform

    def _tests(self, text: str, tested: Type) -> CompiledTests:
        scope = self._scope.inner({TESTED: tested})
        tree = parse_unary_tests(text, scope)
        self.names.update(nodes.names_in(tree))
        return LazyTests(text, tree, scope, self._items.type_of)

    def _expression(self, text: str) -> Compiled:
        constant = plain_constant(text) if text else nodes.Constant(0, None)
        if constant is not None:
            return Fixed(constant.value)
        tree = parse_expression(text, self._scope)
        self.names.update(nodes.names_in(tree))
        return compile_node(text, tree, self._scope, self._items.type_of)


def _limit(item: ItemType, allowed: str | None) -> Limit | None:
    cell = None if allowed is None else plain_cell(allowed)
    if (allowed is not None and cell is None) or not item.is_plain:
        return None
    domain = _DOMAINS.get(item.type)
    return None if domain is None and item.type is not ANY else Limit(domain, cell)
