"""Processes for steps declared ``run_in="process"``: they use another core, and can be killed.

A child process loads the same modules, reads one call a line as JSON, and answers with one line of JSON. Values
travel as
the JSON that the store holds, so nothing is ever unpickled.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from engine.codec import encode_error
from engine.errors import MilepostError, NonRetryable, RetryAfter
from engine.model.retry import Retry, decode_policy, is_final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.definitions.context import StepContext
    from engine.definitions.registry import AnyStep
    from engine.model.work import Claimed

LINE_LIMIT_BYTES = 1 << 28


class ProcessDied(MilepostError):
    """The process that ran the step ended before the step did."""


class RemoteStepError(Exception):
    """An error that a step raised in another process; its class there had the name ``remote_type``."""

    def __init__(self, remote_type: str, message: str) -> None:
        super().__init__(message)
        self.remote_type = remote_type


class StepProcesses:
    """A pool of at most ``limit`` child processes; each runs one step at a time."""

    def __init__(self, modules: Sequence[str], limit: int) -> None:
        self._modules = list(modules)
        self._idle: list[asyncio.subprocess.Process] = []
        self._slots = asyncio.Semaphore(limit)
        self._closed = False

    async def call(self, claim: Claimed, step: AnyStep, context: StepContext) -> str:
        """Run a step in a child and return its result as JSON text; a cancelled call kills the child."""
        async with self._slots:
            child = self._idle.pop() if self._idle else await self._start()
            try:
                answer = await self._ask(child, claim, context)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
                raise
            if self._closed:
                child.kill()
            else:
                self._idle.append(child)
        if "output" in answer:
            return str(answer["output"])
        raise _raised(answer)

    async def close(self) -> None:
        """End every child."""
        self._closed = True
        while self._idle:
            child = self._idle.pop()
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine.worker.processes", *self._modules,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_LIMIT_BYTES,
        )  # fmt: skip

    async def _ask(self, child: asyncio.subprocess.Process, claim: Claimed, context: StepContext) -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        call = {
            "step": claim.name, "input": claim.input, "execution_id": claim.execution_id, "seq": claim.seq,
            "attempt": claim.attempt, "progress": context.progress, "retry": claim.retry,
        }  # fmt: skip
        child.stdin.write(json.dumps(call).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await child.stdin.drain()
        while line := await child.stdout.readline():
            answer = json.loads(line)
            if "heartbeat" not in answer:
                return answer
            context.heartbeat(answer["heartbeat"])
        raise ProcessDied(f"the process that ran step {claim.name!r} ended (exit code {await child.wait()})")


def _raised(answer: dict[str, Any]) -> Exception:
    """Return an error to which the retry policy applies as it would to the one that was raised."""
    remote_type, message = str(answer["type"]), str(answer["message"])
    if answer.get("final"):
        return type(remote_type, (NonRetryable,), {})(message)
    if answer.get("delay") is not None:
        return type(remote_type, (RetryAfter,), {})(answer["delay"], message)
    return type(remote_type, (RemoteStepError,), {})(remote_type, message)


def _read_calls(lines: TextIO, calls: queue.SimpleQueue[str]) -> None:
    """Pass calls on, and end the process with its worker, also in the middle of a step: nobody waits for it then."""
    for line in lines:
        calls.put(line)
    os._exit(0)


def serve(modules: Sequence[str]) -> None:
    """Answer calls on standard input: the child's main loop. The end of the input ends the process."""
    from engine.codec import decode_error
    from engine.definitions.context import StepContext, running_step
    from engine.definitions.loading import load_modules

    # A terminal's Ctrl-C, and whatever stops a service as a whole, reach this process too; it is the worker that
    # decides when it ends. A handler, and not "ignore", which programs that a step starts would inherit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What the step prints must not end up among the answers, and what it reads must not be a call.
    os.dup2(2, 1)
    lines = os.fdopen(os.dup(0), encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    registry = load_modules(modules)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    calls: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_calls, args=(lines, calls), name="milepost-calls", daemon=True).start()
    while True:
        call = json.loads(calls.get())
        step: AnyStep | None = None
        try:
            step = registry.step(call["step"])
            args, kwargs = step.arguments.decode(call["input"] or "{}")
            context = StepContext(
                execution_id=call["execution_id"], seq=call["seq"], attempt=call["attempt"], step=call["step"],
                progress=call["progress"], on_heartbeat=lambda details: say({"heartbeat": details}),
            )  # fmt: skip
            with running_step(context):
                output = step.result.encode(step.fn(*args, **kwargs))
            say({"output": output})
        except Exception as error:  # noqa: BLE001 - it is the step's outcome
            info = decode_error(encode_error(error, call["attempt"]))
            own = call["retry"]
            policy = decode_policy(own) if own is not None else step.retry if step is not None else Retry()
            final = is_final(policy, error)
            delay = error.delay if isinstance(error, RetryAfter) else None
            say({"type": info.type, "message": info.message, "final": final, "delay": delay})


if __name__ == "__main__":
    serve(sys.argv[1:])
