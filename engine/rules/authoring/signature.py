"""The columns of a table by the signature of a function: its parameters are inputs, its result is the outcome."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.codec.hints import resolve_hints
from engine.rules.analysis.columns import path_of
from engine.rules.authoring.hints import FeelType, feel_type, fields_of
from engine.rules.authoring.names import check_names, suggestion
from engine.rules.errors import ModelError
from engine.rules.feel.parser import parse_expression
from engine.rules.feel.problems import FeelSyntaxError
from engine.rules.feel.scope import Scope
from engine.rules.feel.types import ANY
from engine.rules.model import InputClause, OutputClause

if TYPE_CHECKING:
    from engine.rules.model import Aggregation, HitPolicy

_LISTS: Final = (list, Sequence)
_LISTING: Final = ("COLLECT", "RULE ORDER", "OUTPUT ORDER")


class Signature:
    """What a function says of a table."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = function.__name__
        self._signature = inspect.signature(function)
        hints = resolve_hints(function)
        self.parameters: Mapping[str, Any] = {name: hints.get(name, Any) for name in self._signature.parameters}
        self.result: Any = hints.get("return", Any)
        if not self.parameters:
            raise ModelError(f"{self.name} has no parameters: they are the inputs of its table")
        kinds = {parameter.kind for parameter in self._signature.parameters.values()}
        self._names = tuple(self.parameters) if kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD} else ()

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the arguments of a call, in the order of the parameters. Raises TypeError, as the function would."""
        # Most calls give every argument, by its place or by its name.
        if self._names and len(args) + len(kwargs) == len(self._names):
            rest = self._names[len(args) :]
            if not rest or set(kwargs) == {*rest}:
                return (*args, *[kwargs[name] for name in rest])
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def expressions(self) -> list[str]:
        """Return the inputs that the parameters stand for: a model is its fields."""
        found: list[str] = []
        for name, hint in self.parameters.items():
            fields = fields_of(hint)
            found += [name] if fields is None else [f"{name}.{field}" for field in fields]
        return found

    def column(self, expression: str, hint: Any = None) -> tuple[InputClause, FeelType]:
        """Return an input column; ``hint`` is that of an expression that computes its value.

        Raises ModelError for an expression that is no FEEL, or names what there is not.
        """
        where = f"{self.name}, input {expression!r}"
        try:
            tree = parse_expression(expression, Scope(dict.fromkeys(self.parameters, ANY)))
        except FeelSyntaxError as error:
            raise ModelError(f"{where}: {error}") from error
        check_names(tree, self.parameters, where)
        path = path_of(tree)
        type_ = feel_type(hint if path is None else self._hint(path, where))
        return InputClause(expression, None, type_.name, type_.allowed), type_

    def _hint(self, path: Sequence[str], where: str) -> Any:
        hint = self.parameters[path[0]]
        for name in path[1:]:
            fields = fields_of(hint)
            if fields is None:
                return Any
            if name not in fields:
                raise ModelError(f"{where}: there is no field {name!r}{suggestion(name, fields)}")
            hint = fields[name]
        return hint

    def outputs(self, policy: HitPolicy, aggregation: Aggregation | None) -> dict[str, OutputClause]:
        """Return the output columns by name: the fields of the result, or one that is called like the function.

        Raises ModelError for a table that comes to a list, and a function that returns none.
        """
        hint = self.result
        if policy in _LISTING and aggregation is None:
            arguments = typing.get_args(hint)
            if typing.get_origin(hint) not in _LISTS or len(arguments) != 1:
                raise ModelError(f"{self.name}: a {policy} table comes to a list; let the function return list[...]")
            hint = arguments[0]
        ordered = policy in ("PRIORITY", "OUTPUT ORDER")
        fields = fields_of(hint) or {self.name: hint}
        if aggregation == "COUNT":
            # What is counted may be anything.
            fields = {self.name: Any}
        found: dict[str, OutputClause] = {}
        for name, each in fields.items():
            type_ = feel_type(each)
            if ordered and type_.allowed is None:
                raise ModelError(
                    f"{self.name}: a {policy} table orders by its outputs; let {name} be a Literal or an enumeration, "
                    f"whose values are in the order of their priority"
                )
            found[name] = OutputClause(name, None, type_.name, type_.allowed)
        return found
