"""A thread that alone touches some clients of Azure's library, and does what other threads hand to it.

The library may wait for ever for a server that accepts a connection and then says nothing. So whoever hands work over
waits for a limited time; a thread that did not return by then is left alone, and another one takes its place.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from transports.errors import Closed, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

UPKEEP_SECONDS = 20.0
"""How often clients that have nothing to do are looked after."""


class _Worker:
    """One thread and what is handed to it; None ends it."""

    def __init__(self, name: str, upkeep: Callable[[], None]) -> None:
        self.jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._upkeep = upkeep
        self._given_up = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def give_up(self) -> None:
        """Do nothing more, whenever the thread returns from what it does."""
        self._given_up = True
        self.jobs.put(None)

    def _run(self) -> None:
        while not self._given_up:
            try:
                job = self.jobs.get(timeout=UPKEEP_SECONDS)
            except queue.Empty:
                self._upkeep()
                continue
            if job is None:
                return
            future, work = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
                    future.set_exception(error)


class Desk:
    """Where work is handed over. ``forget`` is called when a thread was given up: its clients are not to be used.

    ``upkeep`` is called on the thread now and then while there is nothing to do.
    """

    def __init__(self, name: str, seconds: float, *, forget: Callable[[], None], upkeep: Callable[[], None]) -> None:
        self._name = name
        self._seconds = seconds
        self._forget = forget
        self._upkeep = upkeep
        self._lock = threading.Lock()
        self._worker: _Worker | None = None
        self._closed = False

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Hand work over, and return where its result will be."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise Closed
            if self._worker is None:
                self._worker = _Worker(self._name, self._upkeep)
            self._worker.jobs.put((future, work))
        return future

    def finish(self, future: Future[T], extra_seconds: float = 0.0) -> T:
        """Wait for a result. Raises Unavailable if there is none in time."""
        try:
            return future.result(self._seconds + extra_seconds)
        except TimeoutError:
            if future.done():
                raise
            if not future.cancel():
                self.give_up()
            raise Unavailable(f"Azure Service Bus did not answer within {self._seconds:g} s") from None

    def call(self, work: Callable[[], T]) -> T:
        """Have work done, and return its result."""
        return self.finish(self.start(work))

    def give_up(self) -> None:
        """Leave the thread to what it is stuck in."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.give_up()
            self._forget()

    def close(self, work: Callable[[], None]) -> Future[None] | None:
        """Do a last piece of work if there is a thread at all, and end. Returns where its result will be."""
        with self._lock:
            self._closed = True
            worker, self._worker = self._worker, None
            if worker is None:
                return None
            future: Future[None] = Future()
            worker.jobs.put((future, work))
            worker.jobs.put(None)
            return future
