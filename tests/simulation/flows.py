"""The flows of the simulation, and what each may come to.

Every result of a step says which attempt made it, and under which identity of a worker: so what is recorded can be
traced to the attempt that was entitled to it (I4).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from engine import (
    ChildFailed,
    FlowCancelled,
    FlowTimeout,
    Retry,
    StepContext,
    StepFailed,
    bounded_map,
    continue_as_new,
    flow,
    gather,
    patched,
    race,
    sleep,
    step,
    step_context,
    wait_for_event,
    with_timeout,
)
from engine.definitions.registry import Registry

OTHER_QUEUE = "gpu"
PERSISTENT = Retry(attempts=None, backoff="100ms..1s", jitter=0.5)
"""Whatever goes wrong, the step has its result in the end."""


@dataclass
class Made:
    """The result of a step, and who made it."""

    value: int
    attempt: int
    by: int


class Actors(Protocol):
    """The simulation, as the code of steps sees it."""

    def entered(self, context: StepContext) -> int:
        """Take note that user code was entered; returns the identity of the worker. May raise."""
        ...


class Stage:
    """Whose simulation is going on in this process."""

    actors: Actors


stage = Stage()


def made(value: int) -> Made:
    """Return the result of the step that is running."""
    context = step_context()
    return Made(value, context.attempt, stage.actors.entered(context))


@step(retry=PERSISTENT)
def add(a: int, b: int) -> Made:
    return made(a + b)


@step(retry=PERSISTENT, queue=OTHER_QUEUE)
def add_elsewhere(a: int, b: int) -> Made:
    return made(a + b)


@step(retry=Retry(attempts=2, backoff="100ms"))
def fragile(a: int) -> Made:
    return made(a)


@step(retry=Retry(attempts=2, backoff="100ms", then="dead_letter"))
def mournful(a: int) -> Made:
    return made(a)


@step(retry=Retry(attempts=2, backoff="100ms"))
def deadly(a: int) -> Made:
    """Kills whatever runs it."""
    return made(a)


@step(retry=PERSISTENT, timeout="300ms")
def slow(a: int) -> Made:
    """Hangs now and then."""
    return made(a)


@step(retry=PERSISTENT, timeout="400ms")
def reporting(a: int) -> Made:
    context = step_context()
    if context.progress is not None and context.progress != {"a": a}:
        raise AssertionError(f"progress of another step: {context.progress}")
    context.heartbeat({"a": a})
    return made(a)


@step(transactional=True, retry=PERSISTENT, timeout="400ms")
def save(a: int) -> Made:
    context = step_context()
    context.connection.exec_driver_sql(
        "INSERT INTO sim_ledger VALUES (?, ?, ?)", (context.execution_id, context.seq, context.attempt)
    )
    return made(a)


@step(inline=True, retry=PERSISTENT)
def glance(a: int) -> int:
    return a + 1


@flow
async def chain(n: int) -> int:
    total = 0
    for number in range(n):
        total = (await add(total, number)).value
    return total


@flow
async def fan(n: int) -> int:
    return sum(result.value for result in await gather(*(add(number, 1) for number in range(n))))


@flow
async def elsewhere(n: int) -> int:
    first = await add_elsewhere(n, 1)
    second, third = await gather(add(first.value, 1), add_elsewhere(first.value, 2))
    return second.value + third.value


@flow
async def mapped(n: int) -> int:
    async def twice(number: int) -> int:
        return (await add((await add(number, 1)).value, 1)).value

    return sum(await bounded_map(twice, range(n), limit=2))


@flow
async def racing(n: int) -> int:
    winner = await race(add(n, 1), sleep("300ms"))
    lost = 0
    try:
        await with_timeout(add(n, 2), "200ms")
    except FlowTimeout:
        lost = 10
    other = await race(sleep("100ms"), wait_for_event("go", type=int), add(n, 3))
    return 100 * other.index + lost + winner.index


@flow
async def waiting(n: int) -> int:
    try:
        value = await wait_for_event("go", type=int, timeout="2s")
    except FlowTimeout:
        value = -1
    return (await add(value, n)).value


@flow
async def asking(n: int) -> int:
    first = await wait_for_event("answer", type=int)
    results: list[Any] = await gather(add(n, 1), wait_for_event("answer", type=int))
    return first + results[1]


@flow
async def lasting(n: int) -> int:
    """Puts things right when it is cancelled."""
    try:
        await sleep("1500ms")
    except FlowCancelled:
        await add(n, 1)
        raise
    return n


@flow
async def turning(n: int) -> int:
    await add(n, 0)
    if n > 0:
        continue_as_new(n - 1)
    return 7


@flow
async def nested(n: int) -> int:
    lasting.detach(n)
    first, second = await gather(chain(n), turning(1))
    return first + second


@flow
async def forsaking(n: int) -> int:
    """Gives up children that are under way; one of them has gone on as another execution perhaps."""
    first = await race(lasting(n), sleep("300ms"))
    second = await race(turning(3), sleep("100ms"))
    return 10 * second.index + first.index


@flow
async def failing(n: int) -> int:
    await add(n, 1)
    raise ValueError("no good")


@flow
async def catching(n: int) -> int:
    try:
        await gather(add(n, 1), failing(n), sleep("5s"))
    except ChildFailed:
        return n
    return -1


@flow
async def saving(n: int) -> int:
    first = await save(n)
    results = await gather(save(1), add(n, 1), save(2))
    return first.value + sum(result.value for result in results)


@flow
async def breaking(n: int) -> int:
    total = 0
    try:
        total += (await fragile(1)).value
    except StepFailed:
        total += 2
    try:
        await deadly(n)
        total += 1000
    except StepFailed as error:
        total += 10 if error.error_type == "WorkerDied" else 2000
    return total


@flow
async def mourning(n: int) -> int:
    return (await mournful(n)).value + (await slow(1)).value + (await reporting(1)).value


@flow
async def glancing(n: int) -> int:
    """Results come in while inline steps of the same flow are under way."""

    async def branch(number: int) -> int:
        return await glance(await glance((await add(number, 1)).value))

    return sum(await gather(*(branch(number) for number in range(n + 1))))


@flow
async def slowly(n: int) -> int:
    return sum(result.value for result in await gather(slow(n), slow(1), add(n, 1), slow(2)))


@flow
async def quick(n: int) -> int:
    one = await glance(n)
    results: list[Any] = await gather(glance(one), add(one, 1))
    two = results[0]
    if patched("better"):
        two = await glance(two)
    winner = await race(glance(two), add(n, 5))
    return two + results[1].value + winner.index


REGISTRY = Registry(
    [
        add, add_elsewhere, fragile, mournful, deadly, slow, reporting, save, glance, chain, fan, elsewhere, mapped,
        racing, waiting, asking, lasting, turning, nested, forsaking, failing, catching, saving, breaking, mourning,
        slowly, glancing, quick,
    ]
)  # fmt: skip
STEPS_ONLY = Registry([add, add_elsewhere, fragile, mournful, deadly, slow, reporting, save, glance])
"""What a host knows that serves another queue: no flows."""


def may_come_to(name: str, n: int, sent: Collection[int]) -> set[Any] | None:
    """Return what a flow that was not cancelled may come to; None: it fails. ``sent``: signals sent to it."""
    sums = n * (n - 1) // 2
    results: dict[str, set[Any]] = {
        "chain": {sums},
        "fan": {sums + n},
        "elsewhere": {2 * n + 5},
        "mapped": {sums + 2 * n},
        "racing": {100 * other + lost + first for other in (0, 1, 2) for lost in (0, 10) for first in (0, 1)},
        "waiting": {value + n for value in (-1, *sent)},
        "asking": {one + two for one in sent for two in sent},
        "lasting": {n},
        "turning": {7},
        "nested": {sums + 7},
        "forsaking": {10 * second + first for first in (0, 1) for second in (0, 1)},
        "catching": {n},
        "saving": {n + 1 + 2 + n + 1},
        "breaking": {11, 12},
        "mourning": {n + 2},
        "glancing": {(n + 1) * n // 2 + 3 * (n + 1)},
        "slowly": {n + 1 + n + 1 + 2},
        "quick": {(n + 3) + (n + 2) + index for index in (0, 1)},
    }
    return results.get(name)


ROOTS = (
    "chain", "fan", "elsewhere", "mapped", "racing", "waiting", "asking", "lasting", "turning", "nested", "forsaking",
    "failing", "catching", "saving", "saving", "saving", "saving", "breaking", "mourning", "quick",
    "slowly", "slowly", "glancing", "glancing",
)  # fmt: skip
