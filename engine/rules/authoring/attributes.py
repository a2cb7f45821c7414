"""How the quick way to decide a table reads the arguments of a typed function: fields of models, by guarded attributes.

An argument that is not exactly what its hint says is no case for the quick way.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime as dt
import enum
import operator
import types
import typing
import uuid
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

from engine.rules.authoring.hints import fields_of, plain
from engine.rules.feel import code

if TYPE_CHECKING:
    from engine.rules.tables.reading import Keep

Path = tuple[str, ...]
_SIMPLE: Final = (
    bool, int, float, str, Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID, types.NoneType,
)  # fmt: skip
_LISTS: Final = (list, tuple, Sequence)
_CONTEXTS: Final = (dict, Mapping)


class ByAttribute:
    """The arguments of a function, in the order of its parameters, and fields of those that are models."""

    def __init__(self, hints: Mapping[str, Any], paths: Sequence[Path]) -> None:
        self._hints = hints
        self._paths = paths
        self.parameters = [f"p{place}" for place in range(len(hints))]

    def statements(self, places: Sequence[int], keep: Keep, misfit: ast.stmt) -> Iterator[ast.stmt]:
        """Yield, for each model that columns need, a look at its type, and for each column a look into its model."""
        variables: dict[Path, str] = {
            (name,): parameter for name, parameter in zip(self._hints, self.parameters, strict=True)
        }
        for place in places:
            path = self._paths[place]
            for length in range(1, len(path)):
                yield from self._model(path[:length], variables, keep, misfit)
            yield code.assign(f"c{place}", self._value(path, variables, keep))
            kind = plain(_hint(self._hints, path))
            if isinstance(kind, type) and issubclass(kind, enum.Enum):
                # To the rules, a member is its value.
                value_of = keep("member_value", operator.attrgetter("value"))
                taken = code.assign(f"c{place}", ast.Call(value_of, [code.name(f"c{place}")], []))
                is_member = _compared(f"c{place}", ast.Is(), keep(f"enum{place}", kind))
                yield ast.If(is_member, [taken], [])

    def _model(self, path: Path, variables: dict[Path, str], keep: Keep, misfit: ast.stmt) -> Iterator[ast.stmt]:
        """Yield the look at a model's type, once; it is a variable from then on."""
        known = f"model_{'_'.join(path)}"
        if variables.get(path) == known:
            return
        yield code.assign(known, self._value(path, variables, keep))
        variables[path] = known
        kind: Any = plain(_hint(self._hints, path))
        told = keep(f"type_{known}", dict if _is_typed_dict(kind) else kind)
        yield ast.If(_compared(known, ast.IsNot(), told), [misfit], [])

    def _value(self, path: Path, variables: dict[Path, str], keep: Keep) -> ast.expr:
        if path in variables:
            return code.name(variables[path])
        model, field = code.name(variables[path[:-1]]), path[-1]
        if _is_typed_dict(plain(_hint(self._hints, path[:-1]))):
            return ast.Subscript(model, code.constant(field), ast.Load())
        return ast.Call(keep(f"field_{field}", operator.attrgetter(field)), [model], [])


def by_attribute(hints: Mapping[str, Any], paths: Sequence[Path | None]) -> ByAttribute | None:
    """Return the reading of columns that follow these paths from parameters with these hints.

    None if a column computes something, if a path leads through what is no model, or if a hint admits values that rules
    do not know, which only the reference way finds out.
    """
    if not all(_is_value(hint, ()) for hint in hints.values()):
        return None
    found = [path for path in paths if path is not None and all(part.isidentifier() for part in path)]
    if len(found) < len(paths) or not all(_is_field(hints, path) for path in found):
        return None
    return ByAttribute(hints, found)


def _is_field(hints: Mapping[str, Any], path: Path) -> bool:
    if len(path) == 1:
        return path[0] in hints
    return _is_field(hints, path[:-1]) and path[-1] in _fields(plain(_hint(hints, path[:-1])))


def _hint(hints: Mapping[str, Any], path: Path) -> Any:
    hint = hints[path[0]]
    for name in path[1:]:
        hint = _fields(plain(hint))[name]
    return hint


def _fields(kind: Any) -> Mapping[str, Any]:
    """Return the fields that a model has as a context; none, for what is no model."""
    # What is a string or a number besides is that to the rules.
    if not isinstance(kind, type) or issubclass(cast("type[Any]", kind), (*_SIMPLE, enum.Enum)):
        return {}
    fields = fields_of(kind) or {}
    if dataclasses.is_dataclass(cast("type[Any]", kind)):
        # Variables of the class are among what else looks like fields.
        names = {field.name for field in dataclasses.fields(cast(Any, kind))}
        return {name: hint for name, hint in fields.items() if name in names}
    return fields


def _is_typed_dict(kind: Any) -> bool:
    return typing.is_typeddict(kind)


def _is_value(hint: Any, around: tuple[Any, ...]) -> bool:
    """Tell whether everything that fits a hint is a value to the rules; ``around`` are the models it is within."""
    kind: Any = plain(hint)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal or kind is None or kind in around:
        return True
    if origin in (typing.Union, types.UnionType) or origin in _LISTS:
        return all(one is Ellipsis or _is_value(one, around) for one in arguments)
    if origin in _CONTEXTS:
        return arguments[0] is str and _is_value(arguments[1], around)
    if not isinstance(kind, type):
        return False
    if kind in _SIMPLE:
        return True
    if issubclass(kind, enum.Enum):
        return all(type(member.value) in _SIMPLE for member in kind)
    within = (*around, cast(Any, kind))
    fields = _fields(kind)
    return bool(fields) and all(_is_value(one, within) for one in fields.values())


def _compared(variable: str, sign: ast.cmpop, kind: ast.expr) -> ast.expr:
    return ast.Compare(code.call("type", code.name(variable)), [sign], [kind])
