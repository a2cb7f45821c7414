"""Type hints: those of a function, resolved, and how messages call them."""

from __future__ import annotations

import types
import typing
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from engine.errors import DefinitionError

_NOTHING_RETURNED: Final = (typing.NoReturn, typing.Never)


def resolve_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the hints of ``function`` by parameter name, the result's under ``return``; what has no hint is left out.

    Raises ``DefinitionError`` for a hint that names what does not exist when the program runs.
    """
    try:
        return typing.get_type_hints(function, localns=_enclosed(function), include_extras=True)
    except Exception as error:  # a hint is an expression, so anything may come out of it
        raise DefinitionError(
            f"{describe_function(function)} has a type hint that cannot be resolved: {type(error).__name__}: {error}; "
            f"define or import the name at the top of the module, and not under TYPE_CHECKING, as values are read by it"
        ) from error


def result_hint(function: Callable[..., Any]) -> Any:
    """Return the hint of what ``function`` results in, ``Any`` without one; of a coroutine, what awaiting it gives."""
    hint = resolve_hints(function).get("return", Any)
    origin = typing.get_origin(hint)
    if origin in (Coroutine, Awaitable):
        hint = typing.get_args(hint)[-1]
    return None if hint in _NOTHING_RETURNED else hint


def describe_function(function: Callable[..., Any]) -> str:
    """Return how messages call ``function``: its name, and where it is."""
    name = getattr(function, "__name__", repr(function))
    code = getattr(function, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code is not None else name


def describe_hint(hint: Any) -> str:
    """Return a hint the way it is written in code."""
    if hint is None or hint is types.NoneType:
        return "None"
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__qualname__.rpartition("<locals>.")[2]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(describe_hint(argument) for argument in arguments)
    if isinstance(origin, type) and arguments and origin is not typing.Generic:
        return f"{describe_hint(origin)}[{', '.join(_argument(argument) for argument in arguments)}]"
    return str(hint).replace("typing.", "")


def _argument(argument: Any) -> str:
    return "..." if argument is ... else describe_hint(argument)


def _enclosed(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what a function takes from the functions around it: its hints may name classes from there."""
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is None or not cells:
        return {}
    names: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, cells, strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return names
