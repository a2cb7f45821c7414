"""The tree of an expression. Every node knows where in the text it begins (``at``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal, cast

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.types import Type
from engine.rules.feel.values import Value

ArithmeticSign = Literal["+", "-", "*", "/", "**"]
ComparisonSign = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is written out."""

    at: int
    value: Value


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, a time, both or a duration that is written as ``@"..."``."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or what is to be looked for in the item of a filter."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Negation:
    """``-operand``."""

    at: int
    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two values and the operator between them."""

    at: int
    sign: ArithmeticSign
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values that are compared."""

    at: int
    sign: ComparisonSign
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """``and`` or ``or`` of three-valued logic."""

    at: int
    kind: Literal["and", "or"]
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Between:
    """``value between low and high``, both included."""

    at: int
    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class In:
    """``value in (tests)``: true if one of the tests is."""

    at: int
    value: Node
    tests: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class InstanceOf:
    """``value instance of type``."""

    at: int
    value: Node
    type: TypeNode


@dataclass(frozen=True, slots=True)
class NamedType:
    """A type by its name; one that is not FEEL's own is looked up among the item definitions."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class BuiltType:
    """A type that the text spells out."""

    at: int
    type: Type


@dataclass(frozen=True, slots=True)
class ListOf:
    """``list<item>``."""

    at: int
    item: TypeNode


@dataclass(frozen=True, slots=True)
class RangeOf:
    """``range<item>``."""

    at: int
    item: TypeNode


@dataclass(frozen=True, slots=True)
class ContextOf:
    """``context<name: type, ...>``."""

    at: int
    entries: tuple[tuple[str, TypeNode], ...]


@dataclass(frozen=True, slots=True)
class FunctionOf:
    """``function<type, ...> -> result``."""

    at: int
    parameters: tuple[TypeNode, ...]
    result: TypeNode


TypeNode = NamedType | BuiltType | ListOf | RangeOf | ContextOf | FunctionOf


@dataclass(frozen=True, slots=True)
class If:
    """``if condition then ... else ...``; whatever is not true counts as false."""

    at: int
    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Iteration:
    """``name in domain``, or ``name in domain .. to`` over whole numbers or days."""

    name: str
    domain: Node
    to: Node | None = None


@dataclass(frozen=True, slots=True)
class For:
    """``for name in domain, ... return body``: a list of what the body is for each."""

    at: int
    iterations: tuple[Iteration, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Quantified:
    """``some name in domain satisfies condition``, or ``every``."""

    at: int
    kind: Literal["some", "every"]
    iterations: tuple[Iteration, ...]
    condition: Node


@dataclass(frozen=True, slots=True)
class FunctionDefinition:
    """``function(name: type, ...) body``; the body of an external one is a context that says where it is."""

    at: int
    parameters: tuple[tuple[str, TypeNode | None], ...]
    body: Node
    external: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to arguments; ``names`` is empty where they are given by position."""

    at: int
    function: Node
    arguments: tuple[Node, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """``value.name``."""

    at: int
    value: Node
    name: str


@dataclass(frozen=True, slots=True)
class Filter:
    """``value[condition]``: an element by its number, or those for which the condition is true."""

    at: int
    value: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class ListNode:
    """``[item, ...]``."""

    at: int
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ContextNode:
    """``{name: value, ...}``; later entries see the earlier ones."""

    at: int
    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class RangeNode:
    """A range from ``low`` to ``high``; an end that is None is open for ever."""

    at: int
    low: Node | None
    high: Node | None
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class SignTest:
    """A test such as ``< 5`` or ``!= "a"``, of the value that is tested."""

    at: int
    sign: ComparisonSign
    operand: Node


@dataclass(frozen=True, slots=True)
class UnaryTests:
    """The tests of a cell, or of allowed values: true if one is. ``anything`` is the test ``-``."""

    at: int
    tests: tuple[Node, ...]
    negated: bool = False
    anything: bool = False


@dataclass(frozen=True, slots=True)
class Conformed:
    """A value that is converted to a type of the model, or is null if it cannot be."""

    at: int
    value: Node
    conform: Callable[[Evaluation, Value], Value]


@dataclass(frozen=True, slots=True)
class TableNode:
    """A decision table: what it is decided by, the inputs, and the variables that its cells use."""

    at: int
    decide: Callable[[Evaluation, Mapping[str, Value], list[Value]], Value]
    inputs: tuple[Node, ...]
    variables: tuple[str, ...]


Node = (
    Constant
    | Moment
    | Name
    | Negation
    | Arithmetic
    | Comparison
    | Junction
    | Between
    | In
    | InstanceOf
    | If
    | For
    | Quantified
    | FunctionDefinition
    | Call
    | Path
    | Filter
    | ListNode
    | ContextNode
    | RangeNode
    | SignTest
    | UnaryTests
    | Conformed
    | TableNode
)


def mentions(node: object, name: str) -> bool:
    """Tell whether a tree uses a variable of this name."""
    return any(found == name for found in names_in(node))


def names_in(node: object) -> Iterator[str]:
    """Yield the names that a tree uses, as often as it does."""
    for one in walk(node):
        if isinstance(one, Name):
            yield one.name
        elif isinstance(one, TableNode):
            yield from one.variables


def called(node: object) -> set[str]:
    """Return the names that a tree calls as functions."""
    calls = (one.function for one in walk(node) if isinstance(one, Call))
    return {function.name for function in calls if isinstance(function, Name)}


def binds(node: object) -> bool:
    """Tell whether there are names of its own within a tree, which only an evaluation tells."""
    return any(isinstance(one, For | Quantified | FunctionDefinition | Filter | ContextNode) for one in walk(node))


def walk(node: object) -> Iterator[object]:
    """Yield a node and all that it is made of."""
    if isinstance(node, tuple):
        for part in cast("tuple[object, ...]", node):
            yield from walk(part)
    elif is_dataclass(node) and not isinstance(node, type):
        yield node
        for one in fields(node):
            yield from walk(getattr(node, one.name))
