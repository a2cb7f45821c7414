"""What compiled code calls for loops, filters and functions: everything that runs other code again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

from engine.rules.feel.arithmetic import add, subtract
from engine.rules.feel.comparison import equals, less, less_equal
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import CONTEXT, is_whole
from engine.rules.feel.types import coerce, kind_of
from engine.rules.feel.values import Date, DaysTimeDuration, Function, Parameter, Range, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.rules.feel.types import Type

Body = Callable[..., Value]
"""Compiled code that is given the variables of the loops around it."""


@final
class Closure(Function):
    """A function that is written in FEEL, with the variables around it."""

    __slots__ = ("_body", "_parameters", "_result")

    def __init__(self, parameters: tuple[Parameter, ...], body: Body, result: Type | None = None) -> None:
        self._parameters = parameters
        self._body = body
        self._result = result

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in order."""
        return self._parameters

    @property
    def result(self) -> Type | None:
        """The type of what it returns, where it was declared."""
        return self._result

    def invoke(self, ev: Evaluation, args: list[Value]) -> Value:
        """Call it. Arguments of other types than those declared give null, as does a result."""
        if len(args) != len(self._parameters):
            return ev.problem(f"a function of {len(self._parameters)} parameters was called with {len(args)} arguments")
        given: list[Value] = []
        for parameter, value in zip(self._parameters, args, strict=True):
            fitting = value if parameter.type is None else coerce(ev, value, parameter.type)
            if fitting is None and value is not None:
                return None
            given.append(fitting)
        ev.enter()
        try:
            result = self._body(*given)
        finally:
            ev.leave()
        return result if self._result is None else coerce(ev, result, self._result)


def call(ev: Evaluation, function: Value, args: list[Value]) -> Value:
    """Call a value with arguments by position."""
    if not isinstance(function, Function):
        return ev.problem(f"{kind_of(function)} is no function that could be called")
    ev.spend()
    return function.invoke(ev, args)


def call_named(ev: Evaluation, function: Value, args: Mapping[str, Value]) -> Value:
    """Call a value with arguments by name."""
    if not isinstance(function, Function):
        return ev.problem(f"{kind_of(function)} is no function that could be called")
    ev.spend()
    return function.invoke_named(ev, args)


def for_each(ev: Evaluation, domains: Sequence[Body], body: Body) -> Value:
    """Return what ``body`` is for each combination of the loops' values; it is given what came before as well."""
    results: list[Value] = []
    for values in _combinations(ev, domains, ()):
        if values is None:
            return None
        ev.spend()
        if len(results) % _COUNTED == 0:
            ev.room_for_items(len(results))
        results.append(body(*values, results))
    return results


_COUNTED: Final = 1024
_DAY: Final = 86_400 * 10**9


def quantified(ev: Evaluation, domains: Sequence[Body], condition: Body, every: bool) -> Value:
    """Tell whether the condition is true of some combination of values, or of every one, in three-valued logic."""
    unknown = False
    for values in _combinations(ev, domains, ()):
        if values is None:
            return None
        ev.spend()
        holds = condition(*values)
        if holds is None:
            unknown = True
        elif type(holds) is not bool:
            return ev.problem(f"the condition of '{'every' if every else 'some'}' is {kind_of(holds)}")
        elif holds is not every:
            return not every
    return None if unknown else every


def _combinations(
    ev: Evaluation, domains: Sequence[Body], outer: tuple[Value, ...]
) -> Iterable[tuple[Value, ...] | None]:
    """Yield the values of the loops; None, once, if what is looped over is no list."""
    values = looped_over(ev, domains[0](*outer))
    if values is None:
        yield None
        return
    for value in values:
        if len(domains) == 1:
            yield (*outer, value)
        else:
            yield from _combinations(ev, domains[1:], (*outer, value))


def looped_over(ev: Evaluation, value: Value) -> list[Value] | None:
    """Return what a loop goes through: the elements of a list, what is in a range, or the value alone."""
    if type(value) is list:
        return value
    if type(value) is Range:
        steps = counted(ev, value.start, value.end)
        if steps is None:
            return None
        first = 0 if value.start_closed else 1
        return steps[first : len(steps) if value.end_closed else -1]
    return None if value is None else [value]


def counted(ev: Evaluation, first: Value, last: Value) -> list[Value] | None:
    """Return the whole numbers, or the days, from one to the other, upwards or downwards."""
    step: Value
    if type(first) is Decimal and type(last) is Decimal and is_whole(first):
        count, step = int(CONTEXT.abs(CONTEXT.subtract(last, first))), Decimal(1 if last >= first else -1)
    elif type(first) is Date and type(last) is Date:
        days = subtract(ev, last, first)
        if type(days) is not DaysTimeDuration:
            return None
        back = days.nanoseconds < 0
        count, step = abs(days.nanoseconds) // _DAY, DaysTimeDuration(-_DAY if back else _DAY)
    else:
        return ev.problem("a loop goes from one whole number to another, or from one day to another")
    ev.room_for_items(count + 1)
    found: list[Value] = [first]
    for _ in range(count):
        found.append(add(ev, found[-1], step))
    return found


def filtered(ev: Evaluation, value: Value, condition: Body) -> Value:
    """Return the elements for which the condition is true; or the one it counts to, if it is a number."""
    if value is None:
        return None
    items: list[Value] = value if type(value) is list else [value]
    kept: list[Value] = []
    for place, item in enumerate(items):
        ev.spend()
        holds = condition(item)
        if holds is True:
            kept.append(item)
        elif place == 0 and type(holds) is Decimal:
            return element(ev, items, holds)
        elif holds is not None and type(holds) is not bool:
            return ev.problem(f"the condition of a filter is {kind_of(holds)}")
    if not items and type(condition(None)) is Decimal:
        return None
    return kept


def element(ev: Evaluation, value: Value, number: Value) -> Value:
    """Return an element by its number: from 1, or from -1 backwards."""
    if value is None:
        return None
    items: list[Value] = value if type(value) is list else [value]
    if type(number) is not Decimal or not is_whole(number):
        return ev.problem("an element is chosen by a whole number")
    if 1 <= number <= len(items):
        return items[int(number) - 1]
    if -len(items) <= number <= -1:
        return items[int(number)]
    return ev.problem(f"there is no element {number} in a list of {len(items)}")


def entry_or(item: Value, name: str, otherwise: Value) -> Value:
    """Return an entry of the item of a filter, or what the name means outside of the filter."""
    if type(item) is dict and name in item:
        return item[name]
    return otherwise


def range_of(ev: Evaluation, low: Value, high: Value, low_closed: bool, high_closed: bool) -> Value:
    """Return the range between two values; null if they cannot be compared, or the lower end is the higher one."""
    if less_equal(ev, low, high) is not True and not (low is not None and equals(ev, low, high)):
        return ev.problem("the ends of a range are values of one type, the lower one first")
    return Range(low, high, low_closed, high_closed)


def open_range(ev: Evaluation, low: Value, high: Value, closed: bool) -> Value:
    """Return a range without a lower or without an upper end."""
    end = high if low is None else low
    if less(ev, end, end) is None:
        return ev.problem("the end of a range is a number, a string, a time, a day, both or a duration")
    return Range(low, high, closed and low is not None, closed and high is not None)
