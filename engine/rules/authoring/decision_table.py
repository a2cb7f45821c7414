"""Decision tables written over a function's signature: plain ones, truth tables, and matrices of two axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from engine.rules.authoring.cells import Cell, cell_text, outcome_text, split_row
from engine.rules.authoring.hints import fields_of
from engine.rules.authoring.signature import Signature
from engine.rules.authoring.table import Now, Table
from engine.rules.errors import ModelError
from engine.rules.model import DecisionTable, InputClause, Rule

if TYPE_CHECKING:
    from engine.rules.model import Aggregation, HitPolicy, OutputClause

P = ParamSpec("P")
R = TypeVar("R")
Row = str | Sequence[object]
"""A row: conditions and then outcomes; or one text of FEEL, with ``|`` between the cells."""

_NO_DEFAULT: Final = Cell("")
_MARKS: Final[Mapping[str, str]] = {"Y": "true", "N": "false", "-": "-"}


def decision_table(
    rows: Sequence[Row],
    *,
    inputs: Sequence[str] | None = None,
    policy: HitPolicy = "UNIQUE",
    aggregation: Aggregation | None = None,
    default: object = _NO_DEFAULT,
    now: Now | None = None,
) -> Callable[[Callable[P, R]], Table[P, R]]:
    """Make a decision table of the function below, whose body is never run.

    Its parameters are the inputs, and what it returns is the outcome; of models, the fields are. ``inputs`` are
    expressions over the parameters instead. A row has a cell for each input and then the outcome, for each field of a
    model that is returned; a value in a cell stands for itself, and text of FEEL is written ``feel(...)``. ``default``
    is the outcome if no rule matches, ``now`` tells the time to rules that ask. Raises ModelError for what cannot
    work, and DefinitionError for hints that cannot be resolved.
    """

    def decorate(function: Callable[P, R]) -> Table[P, R]:
        return _Builder(function, inputs, policy, aggregation, now).table(rows, default)

    return decorate


def truth_table(
    rows: Mapping[str, object], *, inputs: Sequence[str] | None = None, default: object = _NO_DEFAULT
) -> Callable[[Callable[P, R]], Table[P, R]]:
    """Make a decision table of conditions that hold or not: ``"Y N -"`` for a yes, a no and one that does not matter.

    ``inputs`` are the conditions, in FEEL over the parameters; otherwise the parameters are. Without a default, every
    combination has to be there, and each only once. Raises ModelError.
    """

    def decorate(function: Callable[P, R]) -> Table[P, R]:
        builder = _Builder(function, inputs, "UNIQUE", None, None, bool)
        table = builder.table(
            [(*_marks(builder.name, marks), *builder.spread(row)) for marks, row in rows.items()], default
        )
        for finding in table.analyse().findings:
            raise ModelError(f"{table.name}: a truth table has to be complete and clear, and {finding}")
        return table

    return decorate


def matrix(
    rows: Sequence[object],
    columns: Sequence[object],
    cells: Sequence[Sequence[object]],
    *,
    inputs: tuple[str, str] | None = None,
    default: object = _NO_DEFAULT,
) -> Callable[[Callable[P, R]], Table[P, R]]:
    """Make a decision table of two axes: ``rows`` are conditions on the first input, ``columns`` on the second.

    ``cells`` has the outcomes, a line for each row. Raises ModelError.
    """

    def decorate(function: Callable[P, R]) -> Table[P, R]:
        builder = _Builder(function, inputs, "UNIQUE", None, None)
        if len(cells) != len(rows) or any(len(line) != len(columns) for line in cells):
            shape = f"{len(rows)} lines of {len(columns)} cells"
            raise ModelError(f"{builder.name}: a matrix of these axes has {shape}; lines have {[*map(len, cells)]}")
        return builder.table(
            [
                (row, column, *builder.spread(cell))
                for row, line in zip(rows, cells, strict=True)
                for column, cell in zip(columns, line, strict=True)
            ],
            default,
        )

    return decorate


def _marks(name: str, marks: str) -> list[Cell]:
    try:
        return [Cell(_MARKS[mark]) for mark in marks.replace(" ", "")]
    except KeyError as error:
        raise ModelError(f"{name}: {marks!r} is made of Y, N and -, one for each condition") from error


class _Builder:
    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Sequence[str] | None,
        policy: HitPolicy,
        aggregation: Aggregation | None,
        now: Now | None,
        computed: Any = None,
    ) -> None:
        self._function = function
        self._signature = Signature(function)
        self.name = self._signature.name
        self._policy: HitPolicy = policy
        self._aggregation: Aggregation | None = aggregation
        self._now = now
        expressions = self._signature.expressions() if inputs is None else list(inputs)
        columns = [self._signature.column(expression, computed) for expression in expressions]
        self._inputs: list[InputClause] = [clause for clause, _ in columns]
        self._whole = [clause.expression for clause, type_ in columns if type_.whole]
        self._outputs: dict[str, OutputClause] = self._signature.outputs(policy, aggregation)

    def table(self, rows: Sequence[Row], default: object) -> Table[Any, Any]:
        """Return the table of these rows."""
        rules = tuple(self._rule(number, row) for number, row in enumerate(rows, 1))
        outputs = list(self._outputs.values())
        if default is not _NO_DEFAULT:
            texts = self._texts(f"{self.name}, the default", self.spread(default))
            if len(texts) != len(outputs):
                raise ModelError(f"{self.name}: the default has {len(texts)} values for {', '.join(self._outputs)}")
            outputs = [replace(clause, default=text) for clause, text in zip(outputs, texts, strict=True)]
        source = DecisionTable(tuple(self._inputs), tuple(outputs), rules, self._policy, self._aggregation)
        return Table(self._function, self._signature, source, self._whole, self._now)

    def spread(self, outcome: object) -> list[object]:
        """Return an outcome as its output columns have it: of a model or a mapping, the fields."""
        if len(self._outputs) == 1 or isinstance(outcome, Cell):
            return [outcome]
        values = _values_of(outcome, self._outputs)
        if values is not None:
            return values
        raise ModelError(f"{self.name}: {outcome!r} is no outcome of the fields {', '.join(self._outputs)}")

    def _rule(self, number: int, row: Row) -> Rule:
        where = f"{self.name}, rule {number}"
        cells: list[object] = [Cell(cell) for cell in split_row(row)] if isinstance(row, str) else list(row)
        count = len(self._inputs)
        if len(cells) == count + 1:
            cells = [*cells[:count], *self.spread(cells[count])]
        if len(cells) != count + len(self._outputs):
            raise ModelError(
                f"{where} has {len(cells)} cells, and there are {count} inputs "
                f"({', '.join(one.expression for one in self._inputs)}) and {len(self._outputs)} outputs "
                f"({', '.join(self._outputs)})"
            )
        conditions = tuple(
            self._condition(f"{where}, {clause.expression}", clause, cell)
            for clause, cell in zip(self._inputs, cells, strict=False)
        )
        return Rule(conditions, tuple(self._texts(where, cells[count:])))

    def _condition(self, where: str, clause: InputClause, cell: object) -> str:
        if isinstance(cell, str) and clause.type not in (None, "string"):
            raise ModelError(f"{where}: {cell!r} is a string, and the input is a {clause.type}; write feel({cell!r})")
        try:
            return cell_text(cell)
        except ModelError as error:
            raise ModelError(f"{where}: {error}") from error

    def _texts(self, where: str, outcomes: Sequence[object]) -> list[str]:
        try:
            return [outcome_text(outcome) for outcome in outcomes]
        except ModelError as error:
            raise ModelError(f"{where}: {error}") from error


def _values_of(outcome: object, names: Iterable[str]) -> list[object] | None:
    """Return the values of a model, a mapping or a plain tuple; None for what has not just these."""
    kind: type = type(outcome)
    if isinstance(outcome, Mapping):
        given = dict(cast("Mapping[str, object]", outcome))
    elif (fields := fields_of(kind)) is not None:
        given = {name: getattr(outcome, name) for name in fields}
    else:
        return list(cast("Sequence[object]", outcome)) if kind in (list, tuple) else None
    return [given[name] for name in names] if given.keys() == set(names) else None
