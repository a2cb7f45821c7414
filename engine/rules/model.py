"""A decision model as data: what DMN files, tables and Python modules are read into, and what is stored.

Expressions are kept as the text they were written in; :mod:`engine.rules.graph` compiles them. Names and structure are
those of DMN 1.5 (chapters 6 to 10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

HitPolicy = Literal["UNIQUE", "FIRST", "PRIORITY", "ANY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"]
Aggregation = Literal["SUM", "MIN", "MAX", "COUNT"]


@dataclass(frozen=True, slots=True)
class LiteralExpression:
    """An expression of FEEL."""

    text: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class InputClause:
    """A column of conditions: the expression that is tested, and what it may be."""

    expression: str
    label: str | None = None
    type: str | None = None
    allowed: str | None = None
    """Unary tests, of which one has to be true of the value."""


@dataclass(frozen=True, slots=True)
class OutputClause:
    """A column of conclusions. ``allowed`` also gives the order of priorities, the highest first."""

    name: str | None = None
    label: str | None = None
    type: str | None = None
    allowed: str | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: a cell of unary tests for each input, and an expression for each output."""

    conditions: tuple[str, ...]
    conclusions: tuple[str, ...]
    annotations: tuple[str, ...] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """A table whose rules are tested against its inputs. Its hit policy says what becomes of those that match."""

    inputs: tuple[InputClause, ...]
    outputs: tuple[OutputClause, ...]
    rules: tuple[Rule, ...]
    hit_policy: HitPolicy = "UNIQUE"
    aggregation: Aggregation | None = None
    annotations: tuple[str, ...] = ()
    """The titles of the columns of annotations."""
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A name with a type: a parameter, a column, the variable of an entry."""

    name: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """An entry of a boxed context; the one without a variable is what the context comes to."""

    variable: Parameter | None
    value: Expression | None


@dataclass(frozen=True, slots=True)
class BoxedContext:
    """Entries, of which each sees those before it."""

    entries: tuple[ContextEntry, ...]
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """What a parameter of an invocation is given."""

    parameter: Parameter
    value: Expression | None


@dataclass(frozen=True, slots=True)
class Invocation:
    """A function applied to arguments by name."""

    function: Expression | None
    bindings: tuple[Binding, ...]
    type: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """A function of FEEL (``kind`` FEEL); functions of other languages are known and not called."""

    parameters: tuple[Parameter, ...]
    body: Expression | None
    kind: str = "FEEL"
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A list of contexts with the same entries, written as rows."""

    columns: tuple[Parameter, ...]
    rows: tuple[tuple[Expression | None, ...], ...]
    type: str | None = None


@dataclass(frozen=True, slots=True)
class BoxedList:
    """A list of values."""

    items: tuple[Expression | None, ...]
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Conditional:
    """``if``, ``then`` and ``else`` in boxes."""

    condition: Expression | None
    then: Expression | None
    otherwise: Expression | None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class BoxedFilter:
    """A filter in boxes."""

    collection: Expression | None
    match: Expression | None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class BoxedIterator:
    """``for``, ``some`` or ``every`` in boxes."""

    kind: Literal["for", "some", "every"]
    variable: str
    collection: Expression | None
    body: Expression | None
    type: str | None = None


Expression = (
    LiteralExpression
    | DecisionTable
    | BoxedContext
    | Invocation
    | FunctionDefinition
    | Relation
    | BoxedList
    | Conditional
    | BoxedFilter
    | BoxedIterator
)


@dataclass(frozen=True, slots=True)
class ItemDefinition:
    """A type of the model's own: another type with constraints, a structure, or a function."""

    name: str
    type: str | None = None
    components: tuple[ItemDefinition, ...] = ()
    collection: bool = False
    allowed: str | None = None
    """Unary tests, of which one has to be true: of each element, where it is a collection."""
    constraint: str | None = None
    """Unary tests, of which one has to be true of the whole value."""
    parameters: tuple[Parameter, ...] | None = None
    """Of a function: its parameters; ``type`` is that of its result."""


@dataclass(frozen=True, slots=True)
class InputData:
    """What a model is given."""

    id: str
    name: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model decides. ``requires`` are the ids of what its expression may name."""

    id: str
    name: str
    type: str | None = None
    expression: Expression | None = None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BusinessKnowledgeModel:
    """A function that decisions and others of its kind call by its name."""

    id: str
    name: str
    function: FunctionDefinition | None = None
    type: str | None = None
    requires: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionService:
    """Decisions that can be called like a function: what they need from outside are its parameters."""

    id: str
    name: str
    type: str | None = None
    outputs: tuple[str, ...] = ()
    encapsulated: tuple[str, ...] = ()
    input_decisions: tuple[str, ...] = ()
    input_data: tuple[str, ...] = ()


Element = InputData | Decision | BusinessKnowledgeModel | DecisionService


@dataclass(frozen=True, slots=True)
class Import:
    """Another model whose elements are known here by ``name``, a dot and their own; without a name, by their own."""

    name: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Model:
    """A decision model. Ids are unique within it; those of imported elements are ``namespace#id``."""

    name: str
    namespace: str
    items: tuple[ItemDefinition, ...] = ()
    elements: tuple[Element, ...] = ()
    imports: tuple[Import, ...] = field(default=())
    imported: tuple[Model, ...] = field(default=())
    """The models that it imports, and those that they import, where they are kept within it."""
