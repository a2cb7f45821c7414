"""Flows that the tests of the client run."""

from __future__ import annotations

from dataclasses import dataclass

from engine import Retry, continue_as_new, flow, gather, sleep, step, wait_for_event

ONCE = Retry(attempts=1)


@dataclass
class Order:
    id: int
    lines: tuple[str, ...]


@step
def price(order: Order) -> int:
    return 10 * len(order.lines)


@step
def add(a: int, b: int) -> int:
    return a + b


@step(retry=ONCE)
def refuse(what: str) -> None:
    raise ValueError(what)


@step(retry=Retry(attempts=1, then="dead_letter"))
def charge(cents: int) -> int:
    if cents < 0:
        raise ValueError("a negative amount")
    return cents


@flow
async def total(order: Order) -> Order:
    await price(order)
    return Order(order.id + 1, (*order.lines, "paid"))


@flow
async def sums(n: int) -> int:
    return sum(await gather(*(add(i, i) for i in range(n))))


@flow
async def short_sleep(n: int) -> int:
    await sleep("300ms")
    return n


@flow
async def failing(what: str) -> None:
    await add(1, 1)
    await refuse(what)


@flow
async def recovering(what: str) -> str:
    try:
        await refuse(what)
    except Exception:  # noqa: BLE001 - whatever it is
        await add(1, 1)
    return await wait_for_event("go", type=str)


@flow
async def broken() -> None:
    await add(1, 2)
    raise LookupError("nothing there")


@flow
async def paying(cents: int) -> int:
    return await charge(cents)


@flow
async def approval() -> str:
    return await wait_for_event("approved", type=str)


@flow
async def counting(n: int) -> int:
    await add(n, 1)
    if n < 2:
        continue_as_new(n + 1)
    return n


@flow(queue="slow", priority=7)
async def slow(n: int) -> int:
    return n
