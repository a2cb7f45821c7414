"""Threads for steps that block: started as they are needed, and reporting to the loop in batches."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_Job = tuple["Callable[[], Any]", "Callable[[Any, BaseException | None], None]"]


def carried(error: BaseException) -> Exception:
    """Return an error as one that can be raised on the loop: what ends a program must not end the worker."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    raised = RuntimeError(f"the step raised {type(error).__name__}: {error}")
    raised.__cause__ = error
    return raised


class StepThreads:
    """At most ``limit`` threads. Results are handed over on the event loop, many of them in one wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._started = 0
        self._busy = 0
        self._ended: deque[tuple[Callable[[Any, BaseException | None], None], Any, BaseException | None]] = deque()
        self._wake_pending = False
        self._lock = threading.Lock()

    def run(self, call: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Run ``call`` on a thread; ``done`` gets its result or its error on the loop. Called on the loop."""
        self._busy += 1
        if self._busy > self._started and self._started < self._limit:
            self._started += 1
            name = f"milepost-step-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        self._jobs.put((call, done))

    async def call(self, call: Callable[[], Any]) -> Any:
        """Run ``call`` on a thread and wait for it."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(carried(error))
            else:
                future.set_result(result)

        self.run(call, done)
        return await future

    def close(self) -> None:
        """End the threads that have nothing to do; one that is still busy ends with its process."""
        for _ in range(self._started):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            call, done = job
            try:
                ended = (done, call(), None)
            except BaseException as error:  # noqa: BLE001 - it is the step's outcome
                ended = (done, None, error)
            self._ended.append(ended)
            with self._lock:
                if self._wake_pending:
                    continue
                self._wake_pending = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                return

    def _deliver(self) -> None:
        with self._lock:
            self._wake_pending = False
        while self._ended:
            done, result, error = self._ended.popleft()
            self._busy -= 1
            done(result, error)
