"""Flows for workers that are killed: something of everything, none of which fails however often that happens."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from sqlalchemy import text

from engine import Retry, StepContext, flow, gather, publish, sleep, step, step_context, wait_for_event
from tests.crash.failpoints import passing
from tests.worker.serving import Trace

TOUGH = Retry(attempts=None, backoff="10ms", jitter=0.0)
"""A killed worker takes an attempt with it."""
WORK_SECONDS = 0.002


@contextmanager
def entered() -> Iterator[StepContext]:
    """Around the code of every step: leaves a line in the trace, as the first thing that it does."""
    passing("before-execute")
    context = step_context()
    line = f"{context.step} {context.execution_id} {context.seq} {context.attempt} {os.getpid()} {monotonic()}\n"
    file = os.open(os.environ[Trace.VARIABLE], os.O_WRONLY | os.O_APPEND)
    os.write(file, line.encode())
    os.close(file)
    yield context
    passing("after-execute")


@step(retry=TOUGH)
def add(a: int, b: int) -> int:
    with entered():
        threading.Event().wait(WORK_SECONDS)
        return a + b


@step(retry=TOUGH)
async def add_on_loop(a: int, b: int) -> int:
    with entered():
        await asyncio.sleep(WORK_SECONDS)
        return a + b


@step(retry=TOUGH)
def fails_at_first() -> int:
    with entered() as context:
        if context.attempt == 1:
            raise ValueError("not yet")
        return 1


@step(transactional=True, retry=TOUGH)
def writes(name: str) -> int:
    """Leave a row that tells at which attempt it was written."""
    with entered() as context:
        row = {"name": name, "attempt": context.attempt}
        context.connection.execute(text("INSERT INTO app_rows (name, attempt) VALUES (:name, :attempt)"), row)
        passing("in-transaction")
        return context.attempt


@step(transactional=True, retry=TOUGH)
def takes_its_time(seconds: float) -> int:
    """Leave the transaction idle between two statements."""
    with entered() as context:
        context.connection.execute(text("SELECT 1"))
        threading.Event().wait(seconds)
        context.connection.execute(text("SELECT 1"))
        return context.attempt


@step(inline=True, retry=TOUGH)
def inline(a: int) -> int:
    return a + 1


@step(retry=TOUGH)
def waits_for_file(path: str) -> list[int]:
    """Return which process ran it, at which attempt."""
    with entered() as context:
        pause = threading.Event()
        while not Path(path).exists():
            pause.wait(0.01)
        return [os.getpid(), context.attempt]


@flow
async def life(n: int) -> int:
    """Steps one after the other and side by side, a retry, a timer, an app's row, a child, a signal."""
    total = await add(n, 0)
    total += sum(await gather(add(1, 1), add_on_loop(1, 1), fails_at_first()))
    await sleep("20ms")
    await writes(f"row {n}")
    total += await inline(0)
    total += await child(2)
    total += await wait_for_event("approved", type=int)
    return await add(total, 1)


def result_of_life(n: int) -> int:
    """What ``life`` returns when it was sent a signal of 100."""
    return n + 5 + 1 + 2 + 100 + 1


@flow
async def child(n: int) -> int:
    total = 0
    for _ in range(n):
        total = await add(total, 1)
    return total


@flow
async def waiting(path: str) -> list[int]:
    return await waits_for_file(path)


@flow
async def unhurried(seconds: float) -> int:
    return await takes_its_time(seconds)


@step(transactional=True, retry=TOUGH)
def books(url: str, n: int) -> str:
    with entered() as context:
        publish(url, n)
        passing("in-transaction")
        return f"{context.idempotency_key}-1"


@flow
async def tells(url: str, n: int) -> list[str]:
    """Tell another program, from the flow and from a transactional step; return the ids of both messages."""
    return [await publish(url, n), await books(url, n)]
