"""The flows that are measured. Their steps do nothing, so what is measured is what the engine costs."""

from __future__ import annotations

import time

from engine import flow, gather, sleep, step


@step
def add(total: int) -> int:
    """A plain function, as most steps are: it runs on a thread."""
    return total + 1


@step
async def add_async(total: int) -> int:
    """A coroutine: it runs on the worker's loop."""
    return total + 1


@step(inline=True)
def add_inline(total: int) -> int:
    """A step that is recorded together with what follows from it."""
    return total + 1


@step
def work(number: int, milliseconds: float) -> int:
    """A step that takes its time, and no processor."""
    time.sleep(milliseconds / 1e3)
    return number


@flow
async def counting(steps: int) -> int:
    """So many durable steps, one after the other."""
    total = 0
    for _ in range(steps):
        total = await add(total)
    return total


@flow
async def counting_async(steps: int) -> int:
    """The same with coroutines."""
    total = 0
    for _ in range(steps):
        total = await add_async(total)
    return total


@flow
async def counting_inline(steps: int) -> int:
    """The same with inline steps."""
    total = 0
    for _ in range(steps):
        total = await add_inline(total)
    return total


@flow
async def fanning(width: int) -> int:
    """So many steps side by side."""
    return len(await gather(*(add(number) for number in range(width))))


@flow
async def working(width: int, milliseconds: float) -> int:
    """So many steps side by side that take their time."""
    return len(await gather(*(work(number, milliseconds) for number in range(width))))


@flow
async def resting() -> None:
    """A long sleep."""
    await sleep("30d")
