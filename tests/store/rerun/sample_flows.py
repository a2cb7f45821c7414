"""Flows whose reruns are tested. What steps return says how often they ran, so that old results and new ones differ."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from engine import (
    FlowCancelled,
    continue_as_new,
    flow,
    gather,
    now,
    patched,
    race,
    random,
    sleep,
    sleep_until,
    step,
    uuid,
    wait_for_event,
)
from engine.definitions.registry import Registry

calls: Counter[str] = Counter()
"""How often each step ran in the test at hand."""


@step
def note(name: str) -> str:
    calls[name] += 1
    return f"{name}{calls[name]}"


@step
def fail(name: str) -> str:
    calls[name] += 1
    if calls[name] == 1:
        raise ValueError(f"{name} fails once")
    return name


@flow
async def line() -> list[str]:
    return [await note("a"), await note("b"), await note("c"), await note("d")]


@flow
async def surroundings() -> list[Any]:
    return [[now().isoformat(), str(uuid()), random().random(), await note(name)] for name in "abc"]


@flow
async def crossing() -> list[Any]:
    """Steps 1 and 2 together; 3 after 1; 4 after 2; 5 after all."""

    async def branch(first: str, then: str) -> list[str]:
        return [await note(first), await note(then)]

    both = await gather(branch("a", "c"), branch("b", "d"))
    return [both, await note("e")]


@flow
async def racing() -> list[Any]:
    """Steps 1 and 2 race; 3 follows; then 4 and 5 race; 6 and 7 follow."""
    first = await race(note("a"), note("b"))
    seen = [first.index, first.value, await note("c")]
    second = await race(note("d"), note("e"))
    return [*seen, second.index, second.value, await note("f"), await note("g")]


@flow
async def late_loser() -> list[Any]:
    """Step 1 races against 2, and 3 once 2 is done: the loser is given up in the middle of several events."""

    async def longer() -> list[str]:
        return [await note("b"), await note("c")]

    winner = await race(note("a"), longer())
    return [winner.index, winner.value, await note("d"), await note("e")]


@flow
async def timing() -> list[Any]:
    await sleep("10s")
    moment = now() + timedelta(hours=1)
    seen = await gather(note("a"), sleep_until(moment), sleep("30m"))
    return [seen[0], await note("b"), now() >= moment]


@flow
async def child(name: str) -> str:
    return await note(name)


@flow
async def parent() -> list[str]:
    """1: a child; 2: a detached one; 3: a step; 4 and 5: a child beside a step; 6: a step."""
    first = await child("a")
    detached = child.detach("b")
    second = await note("c")
    both = await gather(child("d"), note("e"))
    return [first, detached, second, *both, await note("f")]


@flow
async def racing_child() -> list[Any]:
    """1: a child, and 2: a step, which wins; 3 and 4 follow."""
    winner = await race(child("slow"), note("a"))
    return [winner.index, winner.value, await note("b"), await note("c")]


@flow
async def listening() -> list[Any]:
    first = await wait_for_event("first")
    middle = await note("a")
    second = await wait_for_event("second", timeout="1h")
    return [first, middle, second, await note("b")]


@flow
async def tidying() -> list[str]:
    seen = [await note("a")]
    try:
        await sleep("30d")
    except FlowCancelled:
        await note("tidy")
        await note("up")
        raise
    return seen


@flow
async def failing() -> list[str]:
    return [await note("a"), await fail("b"), await note("c")]


@flow
async def rounds(number: int = 0) -> list[str]:
    seen = [await note("a"), await note("b")]
    if number < 1:
        continue_as_new(number + 1)
    return seen


@flow
async def endless(number: int = 0) -> None:
    await sleep("1h")
    continue_as_new(number + 1)


@flow
async def keeper() -> str:
    """Gives up a child that goes on and on as another execution."""
    winner = await race(endless(), wait_for_event("stop"))
    return f"{winner.index}"


@flow(name="patching")
async def patching_before() -> list[Any]:
    return [await note("a"), await note("b"), await note("c")]


@flow(name="patching")
async def patching() -> list[Any]:
    """1: a; 2: the marker; 3: the step behind it, or without it 2: b."""
    seen: list[Any] = [await note("a")]
    if patched("more"):
        seen.append(await note("extra"))
    seen.append(await note("b"))
    return [*seen, patched("more"), await note("c")]


FLOWS = (
    line, surroundings, crossing, racing, late_loser, timing, child, parent, racing_child, listening, tidying, failing,
    rounds, endless, keeper,
)  # fmt: skip


def registry(*more: Any) -> Registry:
    return Registry([*FLOWS, note, fail, *more])
