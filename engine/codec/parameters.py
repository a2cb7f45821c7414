"""The parameters of one function: which arguments fit them, and how values by name become arguments again."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Final

from engine.codec.hints import describe_function, resolve_hints
from engine.errors import ArgumentsError

_POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_KEYWORD: Final = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_VARIADIC: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Parameters:
    """What is worked out once about the parameters of a function.

    The values of a call are kept by parameter name; those of ``*args`` as a list, and those of ``**kwargs`` as a dict,
    under the name of that parameter.
    """

    __slots__ = (
        "by_keyword",
        "defaults",
        "hints",
        "keyword_only",
        "names",
        "positional",
        "required",
        "rest",
        "signature",
        "var_keyword",
        "what",
    )

    def __init__(self, function: Callable[..., Any]) -> None:
        """Look at ``function``. Raises ``DefinitionError`` if one of its hints cannot be resolved."""
        hints = resolve_hints(function)
        self.what = describe_function(function)
        self.signature = inspect.signature(function)
        found = list(self.signature.parameters.values())
        self.names = tuple(one.name for one in found)
        """All names, in the order of the function: positional ones, ``*args``, keyword-only ones, ``**kwargs``."""
        self.positional = tuple(one.name for one in found if one.kind in _POSITIONAL)
        self.by_keyword = frozenset(one.name for one in found if one.kind in _BY_KEYWORD)
        self.keyword_only = tuple(one.name for one in found if one.kind is Parameter.KEYWORD_ONLY)
        self.rest = next((one.name for one in found if one.kind is Parameter.VAR_POSITIONAL), None)
        self.var_keyword = next((one.name for one in found if one.kind is Parameter.VAR_KEYWORD), None)
        self.hints = {one.name: _hint_of(one, hints.get(one.name, Any)) for one in found}
        self.defaults: dict[str, Callable[[], Any]] = {
            one.name: _default_of(one) for one in found if one.kind in _VARIADIC or one.default is not Parameter.empty
        }
        self.required = frozenset(self.names) - frozenset(self.defaults)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a call by parameter name. Raises ``ArgumentsError`` if they do not fit."""
        given = dict(zip(self.positional, args, strict=False))
        if len(args) > len(self.positional):
            if self.rest is None:
                raise self._misfit(args, kwargs)
            given[self.rest] = list(args[len(self.positional) :])
        if kwargs:
            others: dict[str, Any] = {}
            for name, value in kwargs.items():
                if name not in self.by_keyword:
                    others[name] = value
                elif name in given:
                    raise self._misfit(args, kwargs)
                else:
                    given[name] = value
            if others:
                if self.var_keyword is None:
                    raise self._misfit(args, kwargs)
                given[self.var_keyword] = others
        if not self.required <= given.keys():
            raise self._misfit(args, kwargs)
        return given

    def call(self, values: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments to call the function with, given a value for each of ``names``, in their order."""
        count = len(self.positional)
        args = list(values[:count])
        if len(self.names) == count:
            return args, {}
        if self.rest is not None:
            args.extend(values[count])
            count += 1
        kwargs: dict[str, Any] = dict(zip(self.keyword_only, values[count:], strict=False))
        if self.var_keyword is not None:
            kwargs.update(values[-1])
        return args, kwargs

    def check_names(self, names: set[str]) -> None:
        """Raise ``ArgumentsError`` if a required parameter is not in ``names``, or one of ``names`` is no parameter."""
        missing = [name for name in self.names if name in self.required and name not in names]
        if missing:
            raise ArgumentsError(f"{self.what}: no value for the argument {missing[0]!r}; {self._takes()}")
        unknown = sorted(names.difference(self.names))
        if unknown:
            raise ArgumentsError(f"{self.what}: there is no parameter {unknown[0]!r}; {self._takes()}")

    def _misfit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ArgumentsError:
        try:
            self.signature.bind(*args, **kwargs)
        except TypeError as error:
            return ArgumentsError(f"{self.what} cannot be called like that: {error}; {self._takes()}")
        return ArgumentsError(f"{self.what} cannot be called like that; {self._takes()}")

    def _takes(self) -> str:
        return f"it takes ({', '.join(self.names)})"


def _hint_of(parameter: Parameter, hint: Any) -> Any:
    """Return the hint of the value kept for ``parameter``."""
    if parameter.kind not in _VARIADIC:
        return hint
    if typing.get_origin(hint) is typing.Unpack:
        inner = typing.get_args(hint)[0]
        if isinstance(inner, type) or typing.get_origin(inner) is tuple:
            return inner
        hint = Any
    return list[hint] if parameter.kind is Parameter.VAR_POSITIONAL else dict[str, hint]


def _default_of(parameter: Parameter) -> Callable[[], Any]:
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return list
    if parameter.kind is Parameter.VAR_KEYWORD:
        return dict
    default = parameter.default
    return lambda: default
