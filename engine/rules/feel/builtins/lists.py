"""Built-in functions that look into lists and make lists of lists (DMN 1.5, 10.3.4.4).

Positions count from 1, or back from -1; a fraction of a position is cut off.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine.rules.feel.builtins.forms import (
    BOOLEAN,
    FUNCTION,
    LIST,
    NUMBER,
    Builtin,
    form,
    table,
    wanted,
)
from engine.rules.feel.comparison import less, same
from engine.rules.feel.evaluation import Evaluation
from engine.rules.feel.numbers import whole
from engine.rules.feel.types import ListType
from engine.rules.feel.values import Date, DaysTimeDuration, Function, Value, YearsMonthsDuration

_HASHED: Final = frozenset({type(None), bool, Decimal, str, Date, DaysTimeDuration, YearsMonthsDuration})
"""Types of which values are equal exactly if they are equal and hash alike in Python."""


def _index(ev: Evaluation, items: list[Value], position: Decimal) -> int | None:
    """Return the index that a position stands for; None and a problem if there is no such position."""
    index = whole(position)
    if not index or abs(index) > len(items):
        return ev.problem(f"there is no position {position} in a list of {len(items)}")
    return index - 1 if index > 0 else len(items) + index


def _contains(ev: Evaluation, items: list[Value], element: Value) -> Value:
    ev.spend(len(items))
    return any(same(ev, item, element) for item in items)


def _index_of(ev: Evaluation, items: list[Value], match: Value) -> Value:
    ev.spend(len(items))
    return [Decimal(index) for index, item in enumerate(items, 1) if same(ev, item, match)]


def _sublist(ev: Evaluation, items: list[Value], start: Decimal, length: Decimal | None) -> Value:
    first = _index(ev, items, start)
    count = len(items) if length is None else whole(length)
    if first is None:
        return None
    if count is None or count < 0:
        return ev.problem(f"sublist: there is no length of {length}")
    ev.room_for_items(min(count, len(items)))
    return items[first : first + count]


def _append(ev: Evaluation, items: list[Value], more: list[Value]) -> Value:
    ev.room_for_items(len(items) + len(more))
    return [*items, *more]


def _concatenate(ev: Evaluation, lists: list[list[Value]]) -> Value:
    ev.room_for_items(sum(map(len, lists)))
    return [item for items in lists for item in items]


def _insert(ev: Evaluation, items: list[Value], position: Decimal, item: Value) -> Value:
    index = _index(ev, items, position)
    if index is None:
        return None
    ev.room_for_items(len(items) + 1)
    return [*items[:index], item, *items[index:]]


def _remove(ev: Evaluation, items: list[Value], position: Decimal) -> Value:
    index = _index(ev, items, position)
    if index is None:
        return None
    ev.room_for_items(len(items))
    return [*items[:index], *items[index + 1 :]]


def _reverse(ev: Evaluation, items: list[Value]) -> Value:
    ev.room_for_items(len(items))
    return items[::-1]


def _replace_at(ev: Evaluation, items: list[Value], position: Decimal, item: Value) -> Value:
    index = _index(ev, items, position)
    if index is None:
        return None
    ev.room_for_items(len(items))
    return [*items[:index], item, *items[index + 1 :]]


def _replace_matching(ev: Evaluation, items: list[Value], match: Function, item: Value) -> Value:
    if len(match.parameters) != 2:
        return ev.problem("list replace: the function needs two parameters, an element and the new one")
    ev.room_for_items(len(items))
    made: list[Value] = []
    for old in items:
        answer = match.invoke(ev, [old, item])
        if type(answer) is not bool:
            return ev.problem("list replace: the function returned no boolean")
        made.append(item if answer else old)
    return made


def distinct(ev: Evaluation, items: list[Value]) -> list[Value]:
    """Return the elements without those that are equal to one before them."""
    made: list[Value] = []
    seen: set[tuple[type, object]] = set()
    others: list[Value] = []
    for item in items:
        if type(item) in _HASHED:
            key = (type(item), item)
            if key not in seen:
                seen.add(key)
                made.append(item)
        else:
            ev.spend(len(others) + 1)
            if not any(same(ev, item, other) for other in others):
                others.append(item)
                made.append(item)
    return made


def _distinct(ev: Evaluation, items: list[Value]) -> Value:
    ev.room_for_items(len(items))
    return distinct(ev, items)


def _union(ev: Evaluation, lists: list[list[Value]]) -> Value:
    ev.room_for_items(sum(map(len, lists)))
    return distinct(ev, [item for items in lists for item in items])


def _flatten(ev: Evaluation, items: list[Value]) -> Value:
    made: list[Value] = []
    # What is still to be looked at, the next one last: lists may be nested deeper than calls may be.
    open_items = items[::-1]
    while open_items:
        item = open_items.pop()
        if type(item) is list:
            ev.spend(len(item))
            open_items.extend(reversed(item))
        else:
            made.append(item)
    ev.room_for_items(len(made))
    return made


class _NoOrder(Exception):
    """Two elements cannot be put in order."""


class _Element:
    """An element that is being sorted: Python asks only which of two is the lesser."""

    __slots__ = ("ev", "precedes", "value")

    def __init__(self, ev: Evaluation, value: Value, precedes: Function | None) -> None:
        self.ev = ev
        self.value = value
        self.precedes = precedes

    def __lt__(self, other: _Element) -> bool:
        ev = self.ev
        ev.spend()
        if self.precedes is None:
            answer = less(ev, self.value, other.value)
        else:
            answer = self.precedes.invoke(ev, [self.value, other.value])
        if type(answer) is not bool:
            raise _NoOrder
        return answer


def _sort(ev: Evaluation, items: list[Value], precedes: Function | None) -> Value:
    if precedes is not None and len(precedes.parameters) != 2:
        return ev.problem("sort: the function needs two parameters")
    ev.room_for_items(len(items))
    try:
        return [element.value for element in sorted(_Element(ev, item, precedes) for item in items)]
    except _NoOrder:
        return ev.problem("sort: two elements have no order")


_LIST: Final = wanted("list", LIST)
_POSITION: Final = wanted("position", NUMBER)
_NEW_ITEM: Final = wanted("newItem")

LISTS: Final = table(
    Builtin("list contains", BOOLEAN, form(_contains, _LIST, wanted("element"))),
    Builtin("index of", ListType(NUMBER), form(_index_of, _LIST, wanted("match"))),
    Builtin(
        "sublist",
        LIST,
        form(_sublist, _LIST, wanted("start position", NUMBER), wanted("length", NUMBER, optional=True)),
    ),
    Builtin("append", LIST, form(_append, _LIST, wanted("item"), variadic=True)),
    Builtin("concatenate", LIST, form(_concatenate, _LIST, variadic=True)),
    Builtin("insert before", LIST, form(_insert, _LIST, _POSITION, _NEW_ITEM)),
    Builtin("remove", LIST, form(_remove, _LIST, _POSITION)),
    Builtin("reverse", LIST, form(_reverse, _LIST)),
    Builtin(
        "list replace",
        LIST,
        form(_replace_at, _LIST, _POSITION, _NEW_ITEM),
        form(_replace_matching, _LIST, wanted("match", FUNCTION), _NEW_ITEM),
    ),
    Builtin("union", LIST, form(_union, _LIST, variadic=True)),
    Builtin("distinct values", LIST, form(_distinct, _LIST)),
    Builtin("flatten", LIST, form(_flatten, _LIST)),
    Builtin("sort", LIST, form(_sort, _LIST, wanted("precedes", FUNCTION, optional=True))),
)
