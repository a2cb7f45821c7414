"""Making Python code objects from a small part of Python's syntax, and from nothing else.

Text of FEEL never becomes text of Python: the compiler builds Python's own tree node by node, and what is in it is
checked here before it is turned into code. That code can read its arguments, the constants it was made with and the
functions of :mod:`engine.rules.feel`; it has no built-ins, imports nothing and reaches no attribute.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from engine.errors import MilepostError

_ALLOWED: Final = frozenset((
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.If, ast.IfExp, ast.Call, ast.Name,
    ast.Load, ast.Store, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Compare, ast.Is, ast.IsNot, ast.BoolOp,
    ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.UnaryOp, ast.Not, ast.Subscript,
    ast.BinOp, ast.BitAnd, ast.Sub, ast.USub,
))  # fmt: skip
_CONSTANTS: Final = (str, int, bool, type(None))


class NotAllowed(MilepostError):
    """The compiler made code that it may not make: a defect of the compiler."""


def name(text: str) -> ast.expr:
    """The variable of that name."""
    return ast.Name(text, ast.Load())


def constant(value: str | int | bool | None) -> ast.expr:
    """A constant that Python's code can hold by itself."""
    return ast.Constant(value)


def call(function: str, *args: ast.expr) -> ast.expr:
    """A call of a function by its name."""
    return ast.Call(name(function), list(args), [])


def many(items: Sequence[ast.expr]) -> ast.expr:
    """A list of values."""
    return ast.List(list(items), ast.Load())


def mapping(entries: Sequence[tuple[str, ast.expr]]) -> ast.expr:
    """A dictionary of values by text."""
    return ast.Dict([constant(key) for key, _ in entries], [value for _, value in entries])


def assign(target: str, value: ast.expr) -> ast.stmt:
    """The statement that gives a variable a value."""
    return ast.Assign([ast.Name(target, ast.Store())], value)


def is_constant(left: ast.expr, value: bool | None, *, same: bool = True) -> ast.expr:
    """The test whether something is this constant, or is not."""
    if isinstance(left, ast.Constant):
        # Python warns of comparing two constants so, and the answer is known.
        return constant((left.value is value) is same)
    return ast.Compare(left, [ast.Is() if same else ast.IsNot()], [constant(value)])


def function(title: str, parameters: Sequence[str], body: Sequence[ast.stmt]) -> ast.FunctionDef:
    """The statement that defines a function."""
    arguments = ast.arguments([], [ast.arg(one) for one in parameters], None, [], [], None, [])
    made = ast.FunctionDef(title, arguments, list(body), [], None, None)
    if "type_params" in made._fields:  # Python 3.12 and later
        made.type_params = []  # type: ignore[attr-defined]
    return made


def build(title: str, definition: ast.FunctionDef, names: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function that a definition makes, which knows just these names. ``title`` is for tracebacks."""
    module = ast.Module([definition], [])
    _check(module)
    namespace: dict[str, Any] = {"__builtins__": {}, **names}
    exec(compile(module, title, "exec"), namespace)  # noqa: S102 - a tree of allowed nodes only, and no built-ins
    return namespace[definition.name]


def _check(module: ast.Module) -> None:
    """See that a tree is made of allowed nodes only, and place them all on its first line, as Python wants it."""
    left: list[ast.AST] = [module]
    while left:
        node = left.pop()
        if type(node) not in _ALLOWED:
            raise NotAllowed(f"the compiler made a node {type(node).__name__}, which no expression needs")
        if isinstance(node, ast.Name) and node.id.startswith("_"):
            raise NotAllowed(f"the compiler made a name {node.id!r}, which is none of its own")
        if isinstance(node, ast.Constant) and not isinstance(node.value, _CONSTANTS):
            raise NotAllowed(f"the compiler made a constant of type {type(node.value).__name__}")
        if isinstance(node, ast.expr | ast.stmt | ast.arg):
            node.lineno = node.end_lineno = 1
            node.col_offset = node.end_col_offset = 0
        for field in node._fields:
            part = getattr(node, field, None)
            if isinstance(part, ast.AST):
                left.append(part)
            elif isinstance(part, list):
                left += [item for item in cast("list[object]", part) if isinstance(item, ast.AST)]
