"""Built-in functions that make one value of the elements of a list (DMN 1.5, 10.3.4.4).

Each takes a list, or its elements as arguments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from typing import Final, TypeAlias

from engine.rules.feel.builtins.forms import ANY, BOOLEAN, LIST, NUMBER, Builtin, form, table, wanted
from engine.rules.feel.comparison import compare
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import CONTEXT
from engine.rules.feel.types import ListType, Type
from engine.rules.feel.values import Value

_Aggregate: TypeAlias = Callable[[Evaluation, list[Value]], Value]


def _extreme(sign: int) -> _Aggregate:
    def extreme(ev: Evaluation, items: list[Value]) -> Value:
        ev.spend(len(items))
        if not items:
            return None
        best = items[0]
        # A single element is compared with itself: it too must be of a type that has an order.
        for item in items[1:] or items:
            order = compare(ev, item, best)
            if order is None:
                return None
            if order * sign > 0:
                best = item
        return best

    return extreme


def _count(_: Evaluation, items: list[Value]) -> Value:
    return Decimal(len(items))


def _all(ev: Evaluation, items: list[Value]) -> Value:
    ev.spend(len(items))
    if any(item is False for item in items):
        return False
    return True if all(item is True for item in items) else ev.problem("all: an element is no boolean")


def _any(ev: Evaluation, items: list[Value]) -> Value:
    ev.spend(len(items))
    if any(item is True for item in items):
        return True
    return False if all(item is False for item in items) else ev.problem("any: an element is no boolean")


def _of_numbers(calculate: Callable[[list[Decimal]], Value], least: int = 1) -> _Aggregate:
    """Return an aggregate of numbers only, of which there must be a few."""

    def aggregate(ev: Evaluation, items: list[Value]) -> Value:
        ev.spend(len(items))
        numbers = [item for item in items if type(item) is Decimal]
        if len(numbers) < len(items):
            return ev.problem("an element of the list is no number")
        if len(numbers) < least:
            return ev.problem(f"the list has {len(numbers)} numbers, and needs {least}")
        result = calculate(numbers)
        return result if type(result) is not Decimal or result.is_finite() else ev.problem("the result is too large")

    return aggregate


def _sum(numbers: list[Decimal]) -> Decimal:
    return reduce(CONTEXT.add, numbers)


def _mean(numbers: list[Decimal]) -> Decimal:
    return CONTEXT.divide(_sum(numbers), Decimal(len(numbers)))


def _product(numbers: list[Decimal]) -> Decimal:
    return reduce(CONTEXT.multiply, numbers)


def _median(numbers: list[Decimal]) -> Decimal:
    ordered = sorted(numbers)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return CONTEXT.divide(CONTEXT.add(ordered[half - 1], ordered[half]), Decimal(2))


def _stddev(numbers: list[Decimal]) -> Decimal:
    """Return the standard deviation of a sample."""
    mean = _mean(numbers)
    distances = [CONTEXT.subtract(number, mean) for number in numbers]
    squares = _sum([CONTEXT.multiply(distance, distance) for distance in distances])
    return CONTEXT.sqrt(CONTEXT.divide(squares, Decimal(len(numbers) - 1)))


def _mode(numbers: list[Decimal]) -> Value:
    counts = Counter(numbers)
    most = max(counts.values(), default=0)
    return [*sorted(number for number, count in counts.items() if count == most)]


def _aggregate(name: str, result: Type, body: _Aggregate, *, spread: bool = True) -> Builtin:
    """Return the function; with ``spread`` it takes elements as arguments too."""
    as_list = form(body, wanted("list", LIST))
    if not spread:
        return Builtin(name, result, as_list)
    return Builtin(name, result, as_list, form(body, wanted("list"), variadic=True))


AGGREGATES: Final = table(
    _aggregate("count", NUMBER, _count, spread=False),
    _aggregate("min", ANY, _extreme(-1)),
    _aggregate("max", ANY, _extreme(1)),
    _aggregate("sum", NUMBER, _of_numbers(_sum)),
    _aggregate("mean", NUMBER, _of_numbers(_mean)),
    _aggregate("product", NUMBER, _of_numbers(_product)),
    _aggregate("median", NUMBER, _of_numbers(_median)),
    _aggregate("stddev", NUMBER, _of_numbers(_stddev, least=2)),
    _aggregate("mode", ListType(NUMBER), _of_numbers(_mode, least=0)),
    _aggregate("all", BOOLEAN, _all),
    _aggregate("any", BOOLEAN, _any),
)
