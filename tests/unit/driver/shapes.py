"""Shapes of flows: a small language, random programs in it, and the real flow that such a program is compiled to."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from random import Random
from typing import Any

from hypothesis import strategies as st

from engine.definitions.flow import Flow, flow
from engine.definitions.step import Step, step
from engine.driver.awaitables import bounded_map, gather, race, sleep, wait_for_event, with_timeout
from engine.driver.saga import saga
from engine.errors import FlowCancelled, StepFailed


@dataclasses.dataclass(frozen=True)
class Const:
    """Return at once."""


@dataclasses.dataclass(frozen=True)
class Raise:
    """Raise an error at once."""


@dataclasses.dataclass(frozen=True)
class Call:
    """Await a step, or a child flow; in a map, of two items every second one fails."""

    fails: bool = False
    child: bool = False
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Sleep:
    """Await a timer."""


@dataclasses.dataclass(frozen=True)
class Listen:
    """Await an event, perhaps with a timeout."""

    timed: bool = False
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Seq:
    """Await one after the other."""

    parts: tuple[Shape, ...]


@dataclasses.dataclass(frozen=True)
class Catch:
    """Handle an Exception."""

    body: Shape
    handler: Shape


@dataclasses.dataclass(frozen=True)
class Swallow:
    """Handle FlowCancelled, and go on."""

    body: Shape
    handler: Shape


@dataclasses.dataclass(frozen=True)
class Finally:
    """Clean up whatever happens."""

    body: Shape
    cleanup: Shape


@dataclasses.dataclass(frozen=True)
class Undo:
    """A saga: parts with their compensations."""

    parts: tuple[tuple[Shape, Shape], ...]


@dataclasses.dataclass(frozen=True)
class Member:
    """A member of a group: handed over as the engine's own awaitable where there is one, or inside of a coroutine."""

    body: Shape
    wrapped: bool


@dataclasses.dataclass(frozen=True)
class Gather:
    """Await all."""

    members: tuple[Member, ...]
    keep_errors: bool = False


@dataclasses.dataclass(frozen=True)
class Race:
    """Await the first."""

    members: tuple[Member, ...]


@dataclasses.dataclass(frozen=True)
class Timeout:
    """Await for a limited time."""

    member: Member


@dataclasses.dataclass(frozen=True)
class Map:
    """Await the same for some items."""

    body: Shape
    count: int
    limit: int


Shape = Const | Raise | Call | Sleep | Listen | Seq | Catch | Swallow | Finally | Undo | Gather | Race | Timeout | Map
LAZY = (Call, Sleep, Listen, Gather, Race, Timeout, Map)
"""Shapes for which the engine has an awaitable of its own."""


def _leaves() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(Call),
        st.builds(Call, fails=st.booleans(), child=st.booleans()),
        st.builds(Sleep),
        st.builds(Listen, timed=st.booleans()),
        st.builds(Const),
        st.builds(Raise),
    )


def _larger(smaller: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    few = st.lists(smaller, max_size=3).map(tuple)
    member = st.builds(Member, smaller, st.booleans())
    members = st.lists(member, max_size=4).map(tuple)
    return st.one_of(
        st.builds(Seq, few),
        st.builds(Catch, smaller, smaller),
        st.builds(Swallow, smaller, smaller),
        st.builds(Finally, smaller, smaller),
        st.builds(Undo, st.lists(st.tuples(smaller, smaller), max_size=3).map(tuple)),
        st.builds(Gather, members, st.booleans()),
        st.builds(Race, st.lists(member, min_size=1, max_size=4).map(tuple)),
        st.builds(Timeout, member),
        st.builds(Map, smaller, st.integers(0, 4), st.integers(1, 3)),
    )


def shapes(max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Return random shapes whose steps and events all have names of their own."""
    return _larger(_larger(st.recursive(_leaves(), _larger, max_leaves=max_leaves))).map(named)


def grown(random: Random, size: int) -> Any:
    """Return a shape with about ``size`` leaves, most of which wait: larger than those of ``shapes``."""
    return named(_grown(random, size))


def _grown(random: Random, size: int) -> Any:
    if size <= 1:
        return _grown_leaf(random)
    kind = random.choice((Seq, Seq, Catch, Swallow, Finally, Finally, Undo, Gather, Gather, Race, Timeout, Map))
    if kind in (Catch, Swallow, Finally):
        return kind(_grown(random, size - 1), _grown(random, size // 4))
    if kind is Timeout:
        return Timeout(_grown_member(random, size - 1))
    if kind is Map:
        return Map(_grown(random, size // 3), random.randint(1, 4), random.randint(1, 3))
    count = random.randint(2, 4)
    if kind is Undo:
        return Undo(tuple((_grown(random, size // count), _grown(random, size // 4)) for _ in range(count)))
    if kind is Seq:
        return Seq(tuple(_grown(random, size // count) for _ in range(count)))
    members = tuple(_grown_member(random, size // count) for _ in range(count))
    return Race(members) if kind is Race else Gather(members, keep_errors=random.random() < 0.3)


def _grown_member(random: Random, size: int) -> Member:
    return Member(_grown(random, size), wrapped=random.random() < 0.6)


def _grown_leaf(random: Random) -> Any:
    chance = random.random()
    if chance < 0.65:
        return Call(fails=random.random() < 0.12, child=random.random() < 0.2)
    if chance < 0.8:
        return Sleep()
    if chance < 0.9:
        return Listen(timed=random.random() < 0.5)
    return Raise() if chance < 0.93 else Const()


def named(shape: Any) -> Any:
    """Give every step and event a name of its own."""
    numbers = iter(range(10_000))

    def name(part: Any) -> Any:
        return dataclasses.replace(part, name=f"n{next(numbers)}.")

    return rebuilt(shape, lambda part: name(part) if isinstance(part, (Call, Listen)) else part)


def rebuilt(shape: Any, change: Callable[[Any], Any]) -> Any:
    """Return the shape with every part replaced by what ``change`` makes of it, from the leaves up."""
    if isinstance(shape, tuple):
        return tuple(rebuilt(part, change) for part in shape)
    if not dataclasses.is_dataclass(shape):
        return shape
    parts = {field.name: rebuilt(getattr(shape, field.name), change) for field in dataclasses.fields(shape)}
    return change(type(shape)(**parts))


def parts_of(shape: Any) -> Iterator[Any]:
    """Yield the shape and everything in it."""
    if isinstance(shape, tuple):
        for part in shape:
            yield from parts_of(part)
    elif dataclasses.is_dataclass(shape):
        yield shape
        for field in dataclasses.fields(shape):
            yield from parts_of(getattr(shape, field.name))


def fails(call: Call, items: str) -> bool:
    """Tell whether the call fails; ``items`` are the places in the maps around it, one digit each."""
    return call.fails and (items == "" or int(items[-1]) % 2 == 1)


def said(error: BaseException) -> str:
    """Return what a flow notes of an error."""
    return f"{type(error).__name__}:{error.step if isinstance(error, StepFailed) else ''}"


@cache
def step_named(name: str) -> Step[..., Any]:
    @step(name=name)
    def function() -> Any: ...

    return function


@cache
def child_named(name: str) -> Flow[..., Any]:
    @flow(name=name)
    async def function() -> Any: ...

    return function


def compiled(shape: Any) -> Flow[[], Any]:
    """Return the flow that does what the shape says."""

    @flow(name="shape")
    async def shaped() -> Any:
        return await evaluate(shape, "")

    return shaped


async def evaluate(shape: Any, items: str) -> Any:  # noqa: PLR0911 - one return for each kind of shape
    """Do what the shape says."""
    match shape:
        case Const():
            return "const"
        case Raise():
            raise ValueError("raised")
        case Seq():
            return [await evaluate(part, items) for part in shape.parts]
        case Catch():
            try:
                return await evaluate(shape.body, items)
            except Exception as error:  # noqa: BLE001 - that is what the shape says
                return [said(error), await evaluate(shape.handler, items)]
        case Swallow():
            try:
                return await evaluate(shape.body, items)
            except FlowCancelled:
                return ["swallowed", await evaluate(shape.handler, items)]
        case Finally():
            try:
                return await evaluate(shape.body, items)
            finally:
                await evaluate(shape.cleanup, items)
        case Undo():
            async with saga() as undo:
                results: list[Any] = []
                for part, compensation in shape.parts:
                    results.append(await evaluate(part, items))
                    undo.compensate(evaluate, compensation, items)
                return results
        case _:
            return plain(await awaitable(shape, items))


def awaitable(shape: Any, items: str) -> Awaitable[Any]:
    """Return the engine's own awaitable for a shape that has one."""
    match shape:
        case Call():
            name = shape.name + items
            return child_named(name)() if shape.child else step_named(name)()
        case Sleep():
            return sleep("1s")
        case Listen():
            return wait_for_event(shape.name + items, timeout="1h" if shape.timed else None)
        case Gather():
            return gather(*(handed(each, items) for each in shape.members), return_exceptions=shape.keep_errors)
        case Race():
            return race(*(handed(each, items) for each in shape.members))
        case Timeout():
            return with_timeout(handed(shape.member, items), "1m")
        case Map():
            return bounded_map(
                lambda item: handed(Member(shape.body, item % 2 == 0), f"{items}{item}"),
                range(shape.count),
                limit=shape.limit,
            )
        case _:
            raise AssertionError(shape)


def handed(member: Member, items: str) -> Awaitable[Any]:
    """Return what is handed over for a member of a group."""
    if is_wrapped(member):
        return evaluate(member.body, items)
    return awaitable(member.body, items)


def is_wrapped(member: Member) -> bool:
    """Tell whether a member is a coroutine."""
    return member.wrapped or not isinstance(member.body, LAZY)


def plain(value: Any) -> Any:
    """Return a JSON value for what the engine's awaitables return."""
    if isinstance(value, BaseException):
        return said(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value
