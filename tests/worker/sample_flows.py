"""Flows and steps that the tests of the worker run."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import text

from engine import (
    ChildFailed,
    FlowCancelled,
    FlowTimeout,
    NonRetryable,
    Retry,
    RetryAfter,
    StepFailed,
    bounded_map,
    continue_as_new,
    flow,
    gather,
    patched,
    race,
    saga,
    sleep,
    step,
    step_context,
    wait_for_event,
    with_timeout,
)

CALLS: list[tuple[str, str, int]] = []
"""What ran in this process: step, its idempotency key, attempt."""
GATE = threading.Event()
"""Steps that wait for the test to let them go on."""
CANCELLED = threading.Event()
DONE: list[str] = []
"""What ``record`` was called with, in this process."""
QUICK = Retry(attempts=3, backoff="10ms", jitter=0.0)
ONCE = Retry(attempts=1)


TRACE = os.environ.get("MILEPOST_TEST_TRACE")
"""The file in which every attempt leaves a line, for the tests that run workers in other processes."""


def note() -> int:
    context = step_context()
    CALLS.append((context.step, context.idempotency_key, context.attempt))
    if TRACE is not None:
        line = f"{context.step} {context.execution_id} {context.seq} {context.attempt} {os.getpid()} {monotonic()}\n"
        file = os.open(TRACE, os.O_WRONLY | os.O_APPEND)
        os.write(file, line.encode())
        os.close(file)
    return context.attempt


def wait_for(path: str) -> None:
    """Wait until there is a file of this name: the test's way to let a step in any process go on."""
    pause = threading.Event()
    while not Path(path).exists():
        pause.wait(0.01)


@step
def add(a: int, b: int) -> int:
    note()
    return a + b


@step
async def add_on_loop(a: int, b: int) -> int:
    note()
    await asyncio.sleep(0)
    return a + b


@step(retry=QUICK)
def succeeds_at(attempt: int) -> int:
    if note() < attempt:
        raise ValueError("not yet")
    return attempt


@step(retry=QUICK)
def always_fails() -> None:
    note()
    raise ValueError("no good")


@step(retry=Retry(attempts=2, backoff="10ms", then="dead_letter"))
def ends_dead() -> str:
    if note() <= 2:
        raise ValueError("dead")
    return "revived"


@step(retry=QUICK)
def gives_up() -> None:
    note()
    raise NonRetryable("never")


@step
async def waits_for_ever() -> None:
    note()
    try:
        await asyncio.Event().wait()
    finally:
        CANCELLED.set()


@step(retry=ONCE, timeout="500ms")
async def slow_on_loop() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        CANCELLED.set()


@step(retry=ONCE, timeout="500ms")
def slow_on_thread() -> None:
    GATE.wait(20)


@step(retry=ONCE, timeout="500ms", run_in="process")
def slow_in_process() -> None:
    threading.Event().wait(60)


@step(retry=ONCE, timeout="10s")
def stops_iteration() -> None:
    raise StopIteration


@step(retry=ONCE)
async def exits() -> None:
    raise SystemExit(3)


@step(retry=Retry(attempts=30, backoff="10ms"), heartbeat_timeout="200ms")
def silent_once() -> Any:
    """Silent as soon as its report is recorded: on a busy machine, an attempt may be too late to report anything."""
    context = step_context()
    if context.progress is None:
        context.heartbeat({"done": 7})
        GATE.wait(20)
        return "nobody minded the silence"
    return context.progress


@step(retry=Retry(attempts=2, backoff="10ms"))
def reports_and_fails() -> Any:
    context = step_context()
    if context.attempt == 1:
        context.heartbeat({"done": 1})
        context.heartbeat({"done": 2})
        raise ValueError("after reporting")
    return context.progress


@step(run_in="process")
def in_process(a: int) -> list[int]:
    return [a, os.getpid()]


@step(run_in="process", retry=Retry(attempts=2, backoff="10ms"))
def crashes_once() -> int:
    if step_context().attempt == 1:
        os._exit(7)
    return step_context().attempt


@step(run_in="process", retry=QUICK)
def gives_up_in_process() -> None:
    raise NonRetryable("never")


@step(run_in="process", retry=ONCE)
def large_in_process(size: int) -> str:
    return "x" * size


@step(inline=True)
def inline(a: int) -> int:
    """Leaves no trace: before its flow is recorded, an inline step may run again at the same attempt."""
    CALLS.append(("inline", step_context().idempotency_key, 1))
    return a + 1


@step(inline=True, retry=QUICK)
async def inline_succeeds_at(attempt: int) -> int:
    if note() < attempt:
        raise ValueError("not yet")
    return attempt


@step(inline=True, retry=ONCE)
def inline_fails() -> int:
    raise ValueError("inline")


@step(inline=True)
async def slow_inline(a: int) -> int:
    note()
    while not GATE.is_set():
        await asyncio.sleep(0.005)
    return a


@step(transactional=True, retry=QUICK)
def writes(name: str, fail_until: int = 1) -> int:
    context = step_context()
    context.connection.execute(text("INSERT INTO app_rows (name) VALUES (:name)"), {"name": name})
    if context.attempt < fail_until:
        raise ValueError("after writing")
    return context.attempt


@step(retry=ONCE)
def large(size: int) -> str:
    return "x" * size


@step(retry=ONCE)
def wrong_type() -> int:
    return "text"  # type: ignore[return-value]


@step(retry=Retry(attempts=5, backoff="10ms"))
def waits_for_file(path: str) -> list[int]:
    """Return which process ran it, at which attempt."""
    attempt = note()
    wait_for(path)
    return [os.getpid(), attempt]


@step(retry=Retry(attempts=3, backoff="10ms"))
def reports_and_waits(path: str) -> Any:
    """Report and wait for ever; the next attempt returns what was reported."""
    context = step_context()
    note()
    if context.progress is None:
        context.heartbeat({"done": 5})
        wait_for(path)
    return context.progress


@step(retry=Retry(attempts=2, backoff="10ms"))
def kills_its_worker() -> None:
    note()
    os._exit(9)


@step
def looks_at_cancelled() -> str:
    note()
    context, pause = step_context(), threading.Event()
    while not context.cancelled:
        pause.wait(0.01)
    CANCELLED.set()
    return "too late"


@step(retry=Retry(attempts=2, backoff="1h"))
def asks_for_later() -> int:
    if note() == 1:
        raise RetryAfter("50ms")
    return step_context().attempt


@step(run_in="process", retry=ONCE)
def process_waits(path: str, forever: str) -> int:
    Path(path).write_text(str(os.getpid()))
    wait_for(forever)
    return os.getpid()


@step(run_in="process", retry=Retry(attempts=30, backoff="10ms"), timeout="3s")
def process_times_out(path: str, forever: str) -> int:
    """Wait for ever at the first attempt whose process is up in time, and give up at the next."""
    if Path(path).exists():
        raise NonRetryable("an attempt has timed out")
    Path(path).write_text(str(os.getpid()))
    wait_for(forever)
    return 0


@step(queue="special")
async def waits_on_special_queue() -> None:
    await waits_for_ever.fn()


@step(queue="special")
def on_special_queue(a: int) -> list[int]:
    note()
    return [a, os.getpid()]


@step
def record(what: str) -> str:
    note()
    DONE.append(what)
    return what


@step(retry=ONCE)
def fails(what: str) -> str:
    raise ValueError(what)


AT_ONCE = [0, 0]
"""How many calls of ``counted`` run now, and the most there were."""
_AT_ONCE_LOCK = threading.Lock()


@step
def counted(a: int) -> int:
    note()
    with _AT_ONCE_LOCK:
        AT_ONCE[0] += 1
        AT_ONCE[1] = max(AT_ONCE)
    threading.Event().wait(0.02)
    with _AT_ONCE_LOCK:
        AT_ONCE[0] -= 1
    return a


@step
def gated(a: int) -> int:
    note()
    # Longer than any test may stand still: one that opened by itself would end steps that are to be under way.
    GATE.wait(120)
    return a


@flow
async def sequence(n: int) -> int:
    total = 0
    for i in range(n):
        total = await (add if i % 2 else add_on_loop)(total, 1)
    return total


@flow
async def fan(n: int) -> int:
    return sum(await gather(*(add(i, 0) for i in range(n))))


@flow
async def racing() -> list[Any]:
    winner = await race(waits_for_ever(), add(1, 1))
    return [winner.index, winner.value]


@flow
async def retried(attempt: int) -> int:
    return await succeeds_at(attempt)


@flow
async def outcome(name: str) -> list[Any]:
    """Run a step and return what it raised, or its result."""
    try:
        return ["ok", await _STEPS[name]()]
    except StepFailed as error:
        return [error.error_type, error.attempts]


_STEPS: dict[str, Any] = {
    "always_fails": always_fails, "gives_up": gives_up, "slow_on_loop": slow_on_loop, "slow_on_thread": slow_on_thread,
    "slow_in_process": slow_in_process, "stops_iteration": stops_iteration, "exits": exits, "wrong_type": wrong_type,
    "crashes_once": crashes_once, "gives_up_in_process": gives_up_in_process, "silent_once": silent_once,
    "reports_and_fails": reports_and_fails, "ends_dead": ends_dead, "large": lambda: large(2000),
    "large_in_process": lambda: large_in_process(2000), "in_process": lambda: in_process(1),
}  # fmt: skip


@flow
async def inlined() -> list[int]:
    first = await inline(1)
    second = await inline_succeeds_at(2)
    third = await add(first, second)
    return [first, second, third, await inline(third)]


@flow
async def inline_given_up() -> str:
    """The failure of one inline step gives the other one up before it ran; the flow goes on."""
    try:
        await gather(inline_fails(), inline(1))
    except StepFailed:
        await add(1, 1)
        await wait_for_event("go")
    return "done"


@flow
async def inline_under_way() -> list[Any]:
    """A timer, which the test lets fire while an inline step, begun by a result, is under way."""

    async def work() -> int:
        return await slow_inline(await add(1, 1))

    async def wait() -> str:
        await sleep("1h")
        return "slept"

    return await gather(work(), wait())


@flow
async def transactional(names: list[str], fail_until: int = 1) -> list[int]:
    return [await writes(name, fail_until) for name in names]


@flow
async def approval(timeout: str | None = None) -> str:
    try:
        return "got " + await wait_for_event("approved", timeout=timeout, type=str)
    except FlowTimeout:
        return "timeout"


@flow
async def parent(n: int) -> list[Any]:
    values: list[Any] = await gather(*(sequence(i) for i in range(n)))
    try:
        await failing()
    except ChildFailed as error:
        values.append(error.error_type)
    return values


@flow
async def failing() -> None:
    raise LookupError("gone")


@flow
async def detaching() -> str:
    return sequence.detach(3)


@flow
async def counting(n: int, limit: int) -> int:
    await add(n, 1)
    if n < limit:
        continue_as_new(n + 1, limit)
    return n


@flow
async def cleaned() -> None:
    try:
        await wait_for_event("never")
    finally:
        await add(40, 2)


@flow
async def timers(n: int) -> int:
    for _ in range(n):
        await sleep("20ms")
    return n


@flow
async def gates(n: int) -> int:
    return sum(await gather(*(gated(i) for i in range(n))))


@flow
async def gate_and_others(n: int) -> int:
    """Its first step, which is the one that the worker which drives it takes itself, waits at the gate."""
    return sum(await gather(gated(0), *(add(i, 0) for i in range(n))))


CHANGED = {"now": False}


@flow
async def changing() -> int:
    """Its code differs from the second look on, when the test says so."""
    value = await (add_on_loop if CHANGED["now"] else add)(1, 1)
    await wait_for_event("go")
    return value


@flow
async def mixed(n: int) -> int:
    """Something of everything, for the tests that kill workers."""
    total = await add(n, 0)
    total += sum(await gather(add(1, 1), add_on_loop(1, 1), succeeds_at(2)))
    await sleep("30ms")
    total += await sequence(2)
    total += await inline(0)
    return total


@flow
async def one_step(name: str, path: str = "", forever: str = "") -> Any:
    """Run one step by its name and return what it returns, or its error."""
    arguments = [value for value in (path, forever) if value]
    try:
        return await _BY_NAME[name](*arguments)
    except StepFailed as error:
        return [error.error_type, error.attempts]


_BY_NAME: dict[str, Any] = {
    found.name: found
    for found in (waits_for_file, reports_and_waits, kills_its_worker, process_waits, process_times_out, asks_for_later)
}


@flow
async def giving_up_a_step() -> str:
    """The test lets its timeout pass once the step is under way."""
    try:
        await with_timeout(looks_at_cancelled(), "1h")
    except FlowTimeout:
        return "gave up"
    return "not reached"


@flow
async def special() -> list[int]:
    """The step in the middle runs on another queue."""
    first = await add(1, 1)
    second = await on_special_queue(first)
    return [*second, await add(second[0], 1)]


@flow
async def waiting_elsewhere() -> None:
    await waits_on_special_queue()


@flow
async def two_signals() -> list[Any]:
    first = await wait_for_event("named", type=dict[str, int])
    second = await wait_for_event("named", type=dict[str, int])
    return [first, second]


@flow
async def waits_for_child(n: int) -> Any:
    try:
        return await child_that_waits(n)
    except ChildFailed as error:
        return error.error_type


@flow
async def child_that_waits(n: int) -> int:
    try:
        await wait_for_event("go")
    except FlowCancelled:
        await record(f"child {n} cleaned up")
        raise
    return n


@flow
async def detached_and_gone(n: int) -> str:
    return child_that_waits.detach(n)


@flow
async def parent_of_counting(limit: int) -> int:
    return await counting(0, limit)


@flow
async def booking(wait: bool) -> str:
    async with saga() as undo:
        await record("hotel")
        undo.compensate(record, "hotel undone")
        await record("flight")
        undo.compensate(record, "flight undone")
        if wait:
            await wait_for_event("never")
        await fails("no money")
    return "booked"


@flow
async def at_most_two(n: int) -> list[int]:
    return await bounded_map(counted, list(range(n)), limit=2)


@flow
async def too_slow() -> str:
    try:
        await with_timeout(gather(wait_for_event("never"), sleep("1h")), "50ms")
    except FlowTimeout:
        return "timeout"
    return "not reached"


@flow
async def races() -> list[Any]:
    first = await race(sleep("1h"), wait_for_event("never"), add(2, 2))
    second = await race(sleep("20ms"), waits_for_ever())
    return [first.index, first.value, second.index]


PATCHED = {"now": True}


@flow
async def patching() -> list[str]:
    done = [await record("old")]
    if PATCHED["now"] and patched("new-step"):
        done.append(await record("new"))
    await wait_for_event("go")
    if PATCHED["now"] and patched("second"):
        done.append(await record("second"))
    return done


@flow(name="versioned", version=1)
async def versioned_1() -> int:
    await wait_for_event("go")
    return 1


@flow(name="versioned", version=2)
async def versioned_2() -> int:
    await wait_for_event("go")
    return 2


@flow
async def kills_when_driven(path: str) -> str:
    """Ends the worker that drives it, as long as the file is not there."""
    if not os.path.exists(path):  # noqa: ASYNC240, PTH110 - no event loop runs a flow
        os._exit(9)
    return "went on"


@flow
async def recorded(what: str) -> str:
    return await record(what)


@flow
async def recorded_in_turn(names: list[str]) -> list[str]:
    return [await record(name) for name in names]


@flow
async def only_inline(n: int) -> int:
    total = 0
    for _ in range(n):
        total = await inline(total)
    return total


@flow
async def large_argument(size: int) -> str:
    return await record("x" * size)


@flow
async def large_result(size: int) -> str:
    return "x" * size


@flow
async def many_counted(n: int) -> int:
    return len(await gather(*(counted(i) for i in range(n))))


TOUGH = Retry(attempts=30, backoff="10ms")
"""A killed worker takes an attempt with it, and those tests kill many."""


@flow
async def everything(n: int) -> int:
    """Something of everything, none of which fails however often its worker is killed."""
    tough, on_loop, flaky = add.options(retry=TOUGH), add_on_loop.options(retry=TOUGH), succeeds_at.options(retry=TOUGH)
    total = await tough(n, 0)
    total += sum(await gather(tough(1, 1), on_loop(1, 1), flaky(2)))
    await sleep("30ms")
    await writes.options(retry=TOUGH)(f"row {n}")
    total += await inline(0)
    return total + await tough_sequence(2)


@flow
async def tough_sequence(n: int) -> int:
    total = 0
    for _ in range(n):
        total = await add.options(retry=TOUGH)(total, 1)
    return total


@step(retry=ONCE, timeout="1h")
async def bounded_by_its_call() -> None:
    await asyncio.Event().wait()


@step(retry=ONCE, timeout="50ms")
def unbounded_by_its_call() -> str:
    threading.Event().wait(0.2)
    return "took its time"


@flow
async def with_other_timeouts() -> list[Any]:
    try:
        await bounded_by_its_call.options(timeout="100ms")()
    except StepFailed as error:
        return [error.error_type, error.error_message, await unbounded_by_its_call.options(timeout=None)()]
    return ["not reached"]


@step(retry=ONCE)
def fails_with(kind: str) -> int:
    """Succeeds at the third attempt."""
    if note() < 3:
        raise {"value": ValueError, "key": KeyError}[kind]("no")
    return 3


@step(retry=ONCE, run_in="process")
def fails_in_process(kind: str) -> int:
    if step_context().attempt < 3:
        raise {"value": ValueError, "key": KeyError}[kind]("no")
    return 3


@flow
async def own_policies() -> list[Any]:
    """Calls with a retry policy of their own: how often, how soon, and what is final."""
    own = Retry(attempts=5, backoff="10ms", jitter=0.0, no_retry_on=(LookupError,))
    found: list[Any] = []
    for each in (fails_with, fails_in_process, fails_with.options(inline=True)):
        for kind in ("value", "key"):
            try:
                found.append(await each.options(retry=own)(kind))
            except StepFailed as error:
                found.append([error.error_type, error.attempts])
    return found
