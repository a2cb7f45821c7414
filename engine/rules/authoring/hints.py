"""Type hints as rules need them: the fields of models, the FEEL type of a hint, and values converted to a hint."""

from __future__ import annotations

import datetime as dt
import enum
import types
import typing
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError

from engine.codec.fidelity import describe_value
from engine.codec.reasons import explain
from engine.errors import DefinitionError
from engine.rules.errors import RuleError
from engine.rules.feel.exchange import from_python
from engine.rules.literals import literal

_NAMES: Final[Mapping[Any, str]] = {
    bool: "boolean",
    int: "number",
    float: "number",
    Decimal: "number",
    str: "string",
    uuid.UUID: "string",
    dt.datetime: "date and time",
    dt.date: "date",
    dt.time: "time",
    dt.timedelta: "days and time duration",
}
_KNOWN: Final = (Decimal, dt.datetime, dt.date, dt.time, dt.timedelta, uuid.UUID)


@dataclass(frozen=True, slots=True)
class FeelType:
    """What a hint says to FEEL: the name of a type, the values that are allowed, and whether fractions are not."""

    name: str | None = None
    allowed: str | None = None
    whole: bool = False


def _hints_of(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except NameError as error:
        raise DefinitionError(
            f"{kind.__qualname__} has a type hint that cannot be resolved: {error}; define or import the name at the "
            f"top of the module, and not under TYPE_CHECKING, as rules read it"
        ) from error


def fields_of(hint: Any) -> Mapping[str, Any] | None:
    """Return the fields of a dataclass, a msgspec.Struct, a pydantic model, a TypedDict or a named tuple."""
    kind: Any = plain(hint)
    if not isinstance(kind, type):
        return None
    for attribute in ("__dataclass_fields__", "__struct_fields__", "model_fields", "__total__", "_fields"):
        names: Any = getattr(kind, attribute, None)
        if names is not None:
            known = _hints_of(kind)
            return {name: known.get(name, Any) for name in (known if attribute == "__total__" else names)}
    return None


def plain(hint: Any) -> Any:
    """Return a hint without ``| None``, and without what is annotated to it."""
    if typing.get_origin(hint) is typing.Annotated:
        return plain(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        arguments = [one for one in typing.get_args(hint) if one is not types.NoneType]
        if len(arguments) == 1:
            return plain(arguments[0])
    return hint


def admits_none(hint: Any) -> bool:
    """Tell whether None is a value of the hint."""
    if hint in (Any, object, None, types.NoneType):
        return True
    return types.NoneType in typing.get_args(hint) and typing.get_origin(hint) in (typing.Union, types.UnionType)


def feel_type(hint: Any) -> FeelType:
    """Return what a hint says to FEEL; nothing, for what is not simple."""
    kind: Any = plain(hint)
    values: list[Any] | None = None
    if typing.get_origin(kind) is typing.Literal:
        values = list(typing.get_args(kind))
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        values = [member.value for member in kind]
    if values is None:
        return FeelType(_NAMES.get(kind), None, kind is int)
    kinds = {_NAMES.get(type(value)) for value in values}
    texts = [literal(from_python(value)) for value in values]
    whole = all(type(value) is int for value in values)
    return FeelType(kinds.pop(), ", ".join(texts), whole) if len(kinds) == 1 else FeelType()


def converter(hint: Any, what: str) -> Callable[[Any], Any]:
    """Return what converts outcomes of rules to a hint; it raises RuleError for one that does not fit.

    ``what`` is how the message calls the outcome.
    """
    if hint is Any or hint is object:
        return _itself
    # Of a named tuple, msgspec wants the values in their order.
    names: Sequence[str] = getattr(plain(hint), "_fields", ())
    adapter: TypeAdapter[Any] | None = TypeAdapter(hint) if _names_pydantic(hint) else None

    def convert(value: Any) -> Any:
        try:
            if adapter is not None:
                return adapter.validate_python(value)
            given: Any = [value[name] for name in names] if names else value
            return msgspec.convert(given, hint, strict=False, builtin_types=_KNOWN)
        except (ValidationError, msgspec.ValidationError) as error:
            raise RuleError(
                f"{what} came to {describe_value(value)}, which is not of the declared type: {explain(error)}; correct "
                f"the rule or the type"
            ) from error

    return convert


def _names_pydantic(hint: Any) -> bool:
    if isinstance(hint, type) and not typing.get_args(hint):
        if issubclass(hint, BaseModel):
            return True
        return any(_names_pydantic(field) for field in (fields_of(hint) or {}).values() if field is not hint)
    return any(_names_pydantic(argument) for argument in typing.get_args(hint))


def _itself(value: Any) -> Any:
    return value


def is_immutable(value: object) -> bool:
    """Tell whether nobody who is given a value can change it."""
    if value is None or isinstance(value, enum.Enum) or type(value) in _NAMES:
        return True
    kind = type(value)
    frozen = getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)
    if frozen or (isinstance(value, msgspec.Struct) and type(value).__struct_config__.frozen):
        return all(is_immutable(getattr(value, name)) for name in fields_of(kind) or ())
    return isinstance(value, tuple) and all(map(is_immutable, cast("tuple[object, ...]", value)))
