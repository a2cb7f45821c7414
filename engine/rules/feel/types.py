"""The types of FEEL as values, which values are of a type, and the conversions that happen without being asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias, final

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.values import (
    Date,
    DateTime,
    DaysTimeDuration,
    Function,
    Range,
    Time,
    Value,
    YearsMonthsDuration,
)


@final
@dataclass(frozen=True, slots=True)
class SimpleType:
    """A type without parts, known by its name."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class ListType:
    """Lists whose elements are of one type."""

    item: Type


@final
@dataclass(frozen=True, slots=True)
class ContextType:
    """Contexts that have at least these entries."""

    entries: tuple[tuple[str, Type], ...]


@final
@dataclass(frozen=True, slots=True)
class RangeType:
    """Ranges whose ends are of one type."""

    item: Type


@final
@dataclass(frozen=True, slots=True)
class FunctionType:
    """Functions that take such arguments and return such a result."""

    parameters: tuple[Type, ...]
    result: Type


Type: TypeAlias = "SimpleType | ListType | ContextType | RangeType | FunctionType"
"""A type of FEEL."""

MIDNIGHT_UTC: Final = Time(0, 0, 0, 0, 0)
"""The time that a day begins with, where a day is taken for a date and time."""

ANY: Final = SimpleType("Any")
NULL: Final = SimpleType("Null")
BOOLEAN: Final = SimpleType("boolean")
NUMBER: Final = SimpleType("number")
STRING: Final = SimpleType("string")
DATE: Final = SimpleType("date")
TIME: Final = SimpleType("time")
DATE_TIME: Final = SimpleType("date and time")
DAYS_TIME: Final = SimpleType("days and time duration")
YEARS_MONTHS: Final = SimpleType("years and months duration")
ANY_CONTEXT: Final = ContextType(())

NAMED_TYPES: Final[Mapping[str, Type]] = {
    "Any": ANY,
    "Null": NULL,
    "boolean": BOOLEAN,
    "number": NUMBER,
    "string": STRING,
    "date": DATE,
    "time": TIME,
    "date and time": DATE_TIME,
    "days and time duration": DAYS_TIME,
    "years and months duration": YEARS_MONTHS,
    "list": ListType(ANY),
    "context": ANY_CONTEXT,
    # Spellings of earlier versions of DMN, which models still use.
    "dateTime": DATE_TIME,
    "dayTimeDuration": DAYS_TIME,
    "yearMonthDuration": YEARS_MONTHS,
}
"""Types by the name that FEEL and DMN know them by."""

_SIMPLE: Final[Mapping[type, Type]] = {
    type(None): NULL,
    bool: BOOLEAN,
    Decimal: NUMBER,
    str: STRING,
    Date: DATE,
    Time: TIME,
    DateTime: DATE_TIME,
    DaysTimeDuration: DAYS_TIME,
    YearsMonthsDuration: YEARS_MONTHS,
}

_COLLECTIONS: Final[Mapping[type, str]] = {list: "list", dict: "context", Range: "range"}


def type_of(value: Value) -> Type:
    """Return the most particular type of ``value``; of a list, what all of its elements conform to."""
    simple = _SIMPLE.get(type(value))
    if simple is not None:
        return simple
    if type(value) is list:
        return ListType(_common([type_of(item) for item in value]))
    if type(value) is dict:
        return ContextType(tuple((name, type_of(entry)) for name, entry in value.items()))
    if type(value) is Range:
        return RangeType(type_of(value.end if value.start is None else value.start))
    if isinstance(value, Function):
        return FunctionType(tuple(p.type or ANY for p in value.parameters), value.result or ANY)
    return ANY


def _common(types: list[Type]) -> Type:
    """Return the type that all of ``types`` conform to: one of them, or Any."""
    common: Type = NULL
    for type_ in types:
        if conforms(common, type_):
            common = type_
        elif not conforms(type_, common):
            return ANY
    return common


def conforms(type_: Type, to: Type) -> bool:
    """Tell whether every value of ``type_`` may stand where one of the type ``to`` is expected."""
    if to is ANY or type_ is NULL or type_ == to:
        return True
    if type(type_) is ListType and type(to) is ListType:
        return conforms(type_.item, to.item)
    if type(type_) is RangeType and type(to) is RangeType:
        return conforms(type_.item, to.item)
    if type(type_) is ContextType and type(to) is ContextType:
        entries = dict(type_.entries)
        return all(name in entries and conforms(entries[name], entry) for name, entry in to.entries)
    if type(type_) is FunctionType and type(to) is FunctionType:
        return (
            len(type_.parameters) == len(to.parameters)
            and all(conforms(theirs, ours) for ours, theirs in zip(type_.parameters, to.parameters, strict=True))
            and conforms(type_.result, to.result)
        )
    return False


def instance_of(value: Value, type_: Type) -> bool:
    """Tell whether ``value`` is of the type; null is of the type Null only."""
    return type_ is NULL if value is None else _fits(value, type_)


def _fits(value: Value, type_: Type) -> bool:
    """Tell whether ``value``, or a part of a value, may be where the type is asked for; null may be anywhere."""
    if value is None or type_ is ANY:
        return True
    if type(type_) is SimpleType:
        return _SIMPLE.get(type(value)) is type_
    if type(type_) is ListType:
        return type(value) is list and (type_.item is ANY or all(_fits(item, type_.item) for item in value))
    if type(type_) is ContextType:
        return type(value) is dict and all(name in value and _fits(value[name], entry) for name, entry in type_.entries)
    if type(type_) is RangeType:
        return type(value) is Range and _fits(value.start, type_.item) and _fits(value.end, type_.item)
    return isinstance(value, Function) and conforms(type_of(value), type_)


def coerce(ev: Evaluation, value: Value, type_: Type) -> Value:
    """Return ``value`` as one of the type: as it is, or after a conversion; null and a problem if neither works.

    A list of one element becomes that element, a value becomes a list of itself, and a day the midnight (in UTC) that
    it begins with. Null is of every type.
    """
    if value is None or _fits(value, type_):
        return value
    if type(value) is list and len(value) == 1 and _fits(value[0], type_):
        return value[0]
    if type(type_) is ListType and type(value) is not list and _fits(value, type_.item):
        return [value]
    if type_ is DATE_TIME and type(value) is Date:
        return DateTime(value, MIDNIGHT_UTC)
    return ev.problem(f"expected {describe(type_)}, but it is {kind_of(value)}")


def kind_of(value: Value) -> str:
    """Return the name of the type of ``value``, without the types of its parts."""
    simple = _SIMPLE.get(type(value))
    if type(simple) is SimpleType:
        return simple.name
    if isinstance(value, Function):
        return "function"
    return _COLLECTIONS.get(type(value), "Any")


def describe(type_: Type) -> str:
    """Return the type as FEEL writes it."""
    if type(type_) is SimpleType:
        return type_.name
    if type(type_) is ListType:
        return f"list<{describe(type_.item)}>"
    if type(type_) is RangeType:
        return f"range<{describe(type_.item)}>"
    if type(type_) is ContextType:
        return "context<" + ", ".join(f"{name}: {describe(entry)}" for name, entry in type_.entries) + ">"
    if type(type_) is FunctionType:
        return f"function<{', '.join(map(describe, type_.parameters))}> -> {describe(type_.result)}"
    return "Any"
