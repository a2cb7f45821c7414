"""A built-in function: its forms, and which of them a call means.

Each form has typed parameters. A call means the first form that its arguments fit, after the conversions FEEL makes by
itself: a list of one element may stand for that element, and a value for the list of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.types import (
    ANY,
    ANY_CONTEXT,
    BOOLEAN,
    DATE,
    DATE_TIME,
    DAYS_TIME,
    MIDNIGHT_UTC,
    NUMBER,
    STRING,
    TIME,
    YEARS_MONTHS,
    FunctionType,
    ListType,
    RangeType,
    Type,
    describe,
    kind_of,
)
from engine.rules.feel.values import (
    Date,
    DateTime,
    DaysTimeDuration,
    Function,
    Parameter,
    Range,
    Time,
    Value,
    YearsMonthsDuration,
)

LIST: Final = ListType(ANY)
RANGE: Final = RangeType(ANY)
FUNCTION: Final = FunctionType((), ANY)
"""Any function."""

Body: TypeAlias = Callable[..., Value]
"""What a form does: it is called with the evaluation, and then with an argument for each parameter."""

_MISFIT: Final = object()


_CLASSES: Final[Mapping[Type, type]] = {
    BOOLEAN: bool,
    NUMBER: Decimal,
    STRING: str,
    DATE: Date,
    TIME: Time,
    DATE_TIME: DateTime,
    DAYS_TIME: DaysTimeDuration,
    YEARS_MONTHS: YearsMonthsDuration,
    LIST: list,
    ANY_CONTEXT: dict,
    RANGE: Range,
}


class Wanted:
    """A parameter of a form: the types it takes, whether it may be left out, and whether it may be null.

    What is left out is null.
    """

    __slots__ = ("_any", "_classes", "name", "nullable", "optional", "types")

    def __init__(self, name: str, types: tuple[Type, ...], *, optional: bool, nullable: bool) -> None:
        self.name = name
        self.types = types
        self.optional = optional
        self.nullable = nullable
        self._any = ANY in types
        self._classes = frozenset(_CLASSES[type_] for type_ in types if type_ in _CLASSES)

    def fitting(self, value: Value) -> object:
        """Return the value as one of the types, or ``_MISFIT``."""
        if self._any or type(value) in self._classes:
            return value
        if value is None:
            return None if self.nullable else _MISFIT
        if FUNCTION in self.types and isinstance(value, Function):
            return value
        if type(value) is Date and DateTime in self._classes:
            return DateTime(value, MIDNIGHT_UTC)
        if list in self._classes:
            return [value]
        if type(value) is list and len(value) == 1 and value[0] is not None:
            return self.fitting(value[0])
        return _MISFIT

    def __str__(self) -> str:
        return f"{self.name}{'?' if self.optional else ''}: {' or '.join(map(describe, self.types))}"


def wanted(name: str, *types: Type, optional: bool = False, nullable: bool = False) -> Wanted:
    """Return a parameter that takes values of ``types``, or of any type."""
    return Wanted(name, types or (ANY,), optional=optional, nullable=nullable)


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call a function. The last parameter of a variadic form may be given once or more, as a list."""

    body: Body
    parameters: tuple[Wanted, ...]
    variadic: bool = False

    def by_position(self, args: list[Value]) -> list[object] | None:
        """Return what to call the body with, or None if the arguments do not fit."""
        if self.variadic:
            return self._spread(args)
        parameters = self.parameters
        if len(args) > len(parameters):
            return None
        bound = [wanted.fitting(value) for wanted, value in zip(parameters, args, strict=False)]
        if len(args) < len(parameters):
            bound.extend(None if missing.optional else _MISFIT for missing in parameters[len(args) :])
        return None if _MISFIT in bound else bound

    def _spread(self, args: list[Value]) -> list[object] | None:
        *first, last = self.parameters
        if len(args) <= len(first):
            return None
        bound = [wanted.fitting(value) for wanted, value in zip(first, args, strict=False)]
        rest = [last.fitting(value) for value in args[len(first) :]]
        return None if _MISFIT in bound or _MISFIT in rest else [*bound, rest]

    def by_name(self, args: Mapping[str, Value]) -> list[object] | None:
        """Return what to call the body with, or None if the arguments do not fit."""
        bound: list[object] = []
        taken = 0
        for parameter in self.parameters:
            if parameter.name in args:
                taken += 1
                bound.append(parameter.fitting(args[parameter.name]))
            elif parameter.optional:
                bound.append(None)
            else:
                return None
        if taken != len(args) or _MISFIT in bound:
            return None
        if self.variadic:
            bound[-1] = [bound[-1]]
        return bound

    def __str__(self) -> str:
        return "(" + ", ".join(map(str, self.parameters)) + (", ..." if self.variadic else "") + ")"


def form(body: Body, *parameters: Wanted, variadic: bool = False) -> Form:
    """Return a form of a function."""
    return Form(body, parameters, variadic)


def plain(body: Body, *parameters: Wanted, variadic: bool = False) -> Form:
    """Return a form of a function whose body needs nothing of the evaluation, and is called without it."""

    def without_evaluation(_: Evaluation, *args: Any) -> Value:
        return body(*args)

    return Form(without_evaluation, parameters, variadic)


class Builtin(Function):
    """A function that is a part of FEEL."""

    __slots__ = ("_forms", "_result", "name")

    def __init__(self, name: str, result: Type, *forms: Form) -> None:
        self.name = name
        self._result = result
        self._forms = forms

    @property
    def forms(self) -> tuple[Form, ...]:
        """The ways to call it, in the order in which they are tried."""
        return self._forms

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the first form."""
        return tuple(Parameter(p.name, p.types[0] if len(p.types) == 1 else ANY) for p in self._forms[0].parameters)

    @property
    def result(self) -> Type:
        """The type of what it returns."""
        return self._result

    @property
    def variadic(self) -> bool:
        """Whether one of the forms is variadic."""
        return any(form.variadic for form in self._forms)

    def invoke(self, ev: Evaluation, args: list[Value]) -> Value:
        """Call the first form that the arguments fit by position."""
        ev.spend()
        for form in self._forms:
            bound = form.by_position(args)
            if bound is not None:
                return form.body(ev, *bound)
        return self._misfit(ev, ", ".join(kind_of(value) for value in args))

    def invoke_named(self, ev: Evaluation, args: Mapping[str, Value]) -> Value:
        """Call the first form that the arguments fit by name."""
        ev.spend()
        for form in self._forms:
            bound = form.by_name(args)
            if bound is not None:
                return form.body(ev, *bound)
        return self._misfit(ev, ", ".join(f"{name}: {kind_of(value)}" for name, value in args.items()))

    def _misfit(self, ev: Evaluation, given: str) -> None:
        expected = " or ".join(map(str, self._forms))
        return ev.problem(f"{self.name}: expected {expected}, but got ({given})")

    def __repr__(self) -> str:
        return f"<built-in {self.name}>"


def table(*functions: Builtin) -> dict[str, Builtin]:
    """Return the functions by their names."""
    return {function.name: function for function in functions}


__all__ = [
    "ANY",
    "ANY_CONTEXT",
    "BOOLEAN",
    "DATE",
    "DATE_TIME",
    "DAYS_TIME",
    "FUNCTION",
    "LIST",
    "NUMBER",
    "RANGE",
    "STRING",
    "TIME",
    "YEARS_MONTHS",
    "Builtin",
    "Form",
    "Wanted",
    "form",
    "plain",
    "table",
    "wanted",
]
