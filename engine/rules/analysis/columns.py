"""From a table as it is written to the dimensions that are searched, and from sections back to examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from engine.rules.analysis.dimensions import Dimension, InputColumn
from engine.rules.analysis.findings import Example, NotAnalysed
from engine.rules.feel import nodes
from engine.rules.feel.exchange import to_python
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import NAMED_TYPES, SimpleType
from engine.rules.tables.cell_tests import read_tests

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from engine.rules.feel.nodes import Node
    from engine.rules.feel.values import Value
    from engine.rules.model import DecisionTable, ItemDefinition
    from engine.rules.tables.cell_tests import CellTests, Domain

_DOMAINS: Final[Mapping[str, Domain]] = {
    "number": "number",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "days and time duration": "days and time duration",
    "years and months duration": "years and months duration",
}


class TypeTexts:
    """What is known of the types of inputs: the domain, and the tests that their values have to satisfy."""

    def __init__(self, items: Sequence[ItemDefinition], types: Mapping[str, str]) -> None:
        self._items = {item.name: item for item in items}
        self._types = types

    def of(self, name: str | None) -> tuple[Domain | None, list[str]]:
        """Return the domain of a type, if it is a simple one, and the texts of what its values have to satisfy."""
        allowed: list[str] = []
        for _ in range(len(self._items) + 1):
            item = None if name is None else self._items.get(name)
            if item is None:
                break
            if item.collection or item.components or item.parameters is not None:
                return None, []
            allowed += [text for text in (item.allowed, item.constraint) if text is not None]
            name = item.type
        type_ = NAMED_TYPES.get(name or "")
        return _DOMAINS.get(type_.name) if isinstance(type_, SimpleType) else None, allowed

    def of_path(self, path: Sequence[str]) -> str | None:
        """Return the name of the type of an input, or of a member of one."""
        name = self._types.get(path[0])
        for member in path[1:]:
            item = None if name is None else self._items.get(name)
            if item is None or item.collection:
                return None
            name = next((one.type for one in item.components if one.name == member), None)
        return name


class TableSpace:
    """The inputs of a table as dimensions."""

    def __init__(
        self, table: DecisionTable, types: TypeTexts, whole_numbers: Collection[str], opaque: Mapping[int, str]
    ) -> None:
        self.table = table
        self.not_analysed: list[NotAnalysed] = []
        self.opaque = 0
        """The rules that may match less than it seems, because of what cannot be seen into."""
        self._trees = [_tree(clause.expression) for clause in table.inputs]
        self._names = {name for tree in self._trees for name in nodes.names_in(tree)}
        self.paths = [path_of(tree) for tree in self._trees]
        together: dict[object, list[InputColumn]] = {}
        for place, clause in enumerate(table.inputs):
            column = self._column(place, types, clause.expression in whole_numbers)
            together.setdefault(self.paths[place] or clause.expression.strip(), []).append(column)
        for rule, reason in opaque.items():
            self.opaque |= 1 << (rule - 1)
            self.not_analysed.append(NotAnalysed(rule, None, reason))
        self.dimensions = [Dimension(columns) for columns in together.values()]

    def label(self, place: int) -> str:
        """Return what a column is called."""
        return self.table.inputs[place].label or self.table.inputs[place].expression

    def _column(self, place: int, types: TypeTexts, whole_numbers: bool) -> InputColumn:
        clause = self.table.inputs[place]
        path = self.paths[place]
        domain, texts = types.of(clause.type or (None if path is None else types.of_path(path)))
        allowed = self._allowed(place, [*texts, *([] if clause.allowed is None else [clause.allowed])])
        known: dict[str, CellTests | None] = {}
        cells: list[CellTests | None] = []
        for number, rule in enumerate(self.table.rules, 1):
            text = rule.conditions[place]
            if text not in known:
                known[text] = read_tests(text, self._names)
            if known[text] is None:
                self.opaque |= 1 << (number - 1)
                self.not_analysed.append(NotAnalysed(number, self.label(place), text))
            cells.append(known[text])
        return InputColumn(place, tuple(cells), domain, tuple(allowed), whole_numbers)

    def _allowed(self, place: int, texts: Sequence[str]) -> list[CellTests]:
        found: list[CellTests] = []
        for text in texts:
            tests = read_tests(text)
            if tests is None:
                self.not_analysed.append(NotAnalysed(None, self.label(place), f"what is allowed, {text},"))
            else:
                found.append(tests)
        return found

    # -- examples ----------------------------------------------------------------------------------------------------

    def example(self, box: Sequence[int]) -> Example:
        """Return the first values of a box of sections, as inputs."""
        values: list[Any] = [None] * len(self.table.inputs)
        for dimension, sections in zip(self.dimensions, box, strict=True):
            value = _shown(dimension.example((sections & -sections).bit_length() - 1))
            for column in dimension.columns:
                values[column.place] = value
        return Example(tuple(values), self._inputs(values))

    def _inputs(self, values: Sequence[Any]) -> Mapping[str, Any] | None:
        inputs: dict[str, Any] = {}
        for path, value in zip(self.paths, values, strict=True):
            if path is None:
                return None
            within = inputs
            for name in path[:-1]:
                inner: Any = within.setdefault(name, {})
                if not isinstance(inner, dict):
                    return None
                within = cast("dict[str, Any]", inner)
            if isinstance(within.get(path[-1]), dict):
                return None
            within[path[-1]] = value
        return inputs

    def conditions(self, box: Sequence[int]) -> tuple[str, ...]:
        """Return the cells of a rule that is true of a box."""
        texts = ["-"] * len(self.table.inputs)
        for dimension, sections in zip(self.dimensions, box, strict=True):
            texts[dimension.columns[0].place] = dimension.text(sections)
        return tuple(texts)


def _tree(text: str) -> Node:
    return parse_expression(text, Scope({})) if text else nodes.Constant(0, None)


def path_of(tree: Node) -> tuple[str, ...] | None:
    """Return the names that an expression follows from an input, such as ``order`` and ``total``; None for others."""
    if isinstance(tree, nodes.Name):
        return (tree.name,)
    if isinstance(tree, nodes.Path):
        path = path_of(tree.value)
        return None if path is None else (*path, tree.name)
    return None


def _shown(value: Value) -> Any:
    """Return a value as Python has it; where that has none, as FEEL does, so that it can be given to the table."""
    shown = to_python(value)
    return value if isinstance(shown, str) and not isinstance(value, str) else shown
