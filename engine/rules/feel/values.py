"""The values of FEEL: Python's own where they fit, and small immutable classes for the rest.

``None`` is null, ``bool`` a boolean, ``decimal.Decimal`` a number, ``str`` a string, ``list`` a list and ``dict`` a
context. A number has 34 digits at most and is always finite. A value is never changed once it is made: lists and
contexts may be shared.

Two instances are equal to Python if they are written the same. What FEEL calls equal is in ``comparison``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias, final

if TYPE_CHECKING:
    from engine.rules.feel.evaluation import Evaluation
    from engine.rules.feel.types import Type

MAX_YEAR: Final = 999_999_999
"""The last year of the calendar; the first is as far before the year 0."""


@final
@dataclass(frozen=True, slots=True)
class Date:
    """A day of the proleptic Gregorian calendar. Years before the year 1 are 0, -1, -2 and so on."""

    year: int
    month: int
    day: int


@final
@dataclass(frozen=True, slots=True)
class Time:
    """A time of day, with an offset from UTC in seconds, or the name of a time zone, or neither; never with both."""

    hour: int
    minute: int
    second: int
    nanosecond: int = 0
    offset: int | None = None
    zone: str | None = None


@final
@dataclass(frozen=True, slots=True)
class DateTime:
    """A day and a time on it."""

    date: Date
    time: Time


@final
@dataclass(frozen=True, slots=True)
class YearsMonthsDuration:
    """A span of whole months, negative if it goes back."""

    months: int


@final
@dataclass(frozen=True, slots=True)
class DaysTimeDuration:
    """A span of exact time, negative if it goes back."""

    nanoseconds: int


@final
@dataclass(frozen=True, slots=True)
class Range:
    """What lies between two values that can be compared; an end that is None is open without limit.

    Both ends None and open is the range of nothing but null, which no value is in.
    """

    start: Value
    end: Value
    start_closed: bool = True
    end_closed: bool = True


@final
@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function. Without a type it takes any value."""

    name: str
    type: Type | None = None


class Function(ABC):
    """A function: built in, written in FEEL, or of another language."""

    __slots__ = ()

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in order; of a built-in with several forms, those of the first."""

    @property
    def result(self) -> Type | None:
        """The type of what it returns; None if that is not known."""
        return None

    @property
    def variadic(self) -> bool:
        """Whether the last parameter may be given any number of times, each as an argument of its own."""
        return False

    @abstractmethod
    def invoke(self, ev: Evaluation, args: list[Value]) -> Value:
        """Call it with arguments by position. What does not fit gives null and a problem, never an exception.

        Raises ``BudgetExceeded`` if the evaluation takes too long.
        """

    def invoke_named(self, ev: Evaluation, args: Mapping[str, Value]) -> Value:
        """Call it with arguments by name: one for each parameter, and no other."""
        names = [parameter.name for parameter in self.parameters]
        if len(args) != len(names) or any(name not in args for name in names):
            return ev.problem(f"the arguments {_listed(args)} do not fit the parameters {_listed(names)}")
        return self.invoke(ev, [args[name] for name in names])


def _listed(names: Sequence[str] | Mapping[str, Value]) -> str:
    return "(" + ", ".join(names) + ")"


Atom: TypeAlias = (
    bool | Decimal | str | Date | Time | DateTime | YearsMonthsDuration | DaysTimeDuration | Range | Function
)
"""A value of FEEL that is no collection, and not null."""
Value: TypeAlias = "Atom | list[Value] | dict[str, Value] | None"
"""A value of FEEL."""
