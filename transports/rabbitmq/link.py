"""One connection, and the thread that is alone in touching it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future, InvalidStateError
from typing import TYPE_CHECKING, Any, TypeVar

from transports.errors import TransportError, Unavailable
from transports.rabbitmq.amqp import Connection
from transports.rabbitmq.problems import connection_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from transports.rabbitmq.settings import Settings

T = TypeVar("T")

_GRACE_SECONDS = 2.0
"""How long a connection may take to close in order."""
_FAREWELL_SECONDS = 0.5


class Link:
    """A connection from its making to its end. Other threads use ``run``, ``abort`` and ``close``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.place = settings.place
        self.loop: asyncio.AbstractEventLoop
        self.lost: TransportError | None = None
        """Why the connection is gone, once it is."""
        self.blocked: str | None = None
        """Why the broker takes no messages at present, where it said so."""
        self.at_end: list[Callable[[], None]] = []
        """What is called on the thread when the connection is gone."""
        self._kept: dict[object, Any] = {}
        self._connection: Any = None
        self._opened: Future[None] = Future()
        self._waiting: set[Future[Any]] = set()
        self._waiting_lock = threading.Lock()
        self._over = False
        self._ended = asyncio.Event()
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="milepost-rabbitmq", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether it may be used."""
        return self.lost is None

    # -- for other threads -------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect. Raises Refused or Unavailable."""
        with self._starting:
            if self._over:
                raise self.problem()
            self.loop = asyncio.new_event_loop()
            self._thread.start()
        self._opened.result()

    def run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have the thread run a coroutine, and return its result; raises why the connection was lost, if it is."""
        done: Future[T] = Future()
        with self._waiting_lock:
            if self._over:
                raise self.problem()
            self._waiting.add(done)
        try:
            self.loop.call_soon_threadsafe(self._begin, make, done)
            return done.result()
        finally:
            # Also when the caller was interrupted: then its coroutine is of no more use.
            done.cancel()
            with self._waiting_lock:
                self._waiting.discard(done)

    def problem(self) -> TransportError:
        """Return an error that says why it is gone."""
        lost = self.lost or Unavailable(f"the connection to RabbitMQ at {self.place} was closed")
        return type(lost)(str(lost))

    def abort(self, reason: TransportError) -> None:
        """Give the connection up at once."""
        # The loop may be closed already, and with it the connection.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._abort, reason)

    def close(self) -> None:
        """Close in order, or give up after a moment; the thread has ended then, or will on its own."""
        with self._starting:
            if self._thread.ident is None:
                self._over = True
                return
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._close)
        self._thread.join(_GRACE_SECONDS * 2)

    # -- on the thread -----------------------------------------------------------------------------------------------

    def channel(self, on_open: Callable[[Any], None]) -> None:
        """Open a channel."""
        self._connection.channel(on_open_callback=on_open)

    def kept(self, kind: Callable[[Link], T]) -> T:
        """Return what this connection keeps of that kind, made when it is first asked for."""
        if kind not in self._kept:
            self._kept[kind] = kind(self)
        return self._kept[kind]

    def _begin(self, make: Callable[[], Coroutine[Any, Any, T]], done: Future[T]) -> None:
        task = self.loop.create_task(make())

        def finish(_task: object) -> None:
            error = self.problem() if task.cancelled() else task.exception()
            # Who asked may have been interrupted, and then nobody waits.
            with contextlib.suppress(InvalidStateError):
                if error is not None:
                    done.set_exception(error)
                else:
                    done.set_result(task.result())

        task.add_done_callback(finish)
        done.add_done_callback(lambda future: future.cancelled() and self._cancel(task))

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(task.cancel)

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live())
        except Exception as error:  # noqa: BLE001 - whoever waits for this thread hears of it
            self._lose(connection_problem(error, self.place))
        finally:
            self._end()

    async def breathe(self) -> None:
        """Let the thread notice that the connection is dead, if the system knows already."""
        # Reading the error, closing the stream and closing the channels are one turn of the loop each.
        for _ in range(4):
            await asyncio.sleep(0)

    async def _live(self) -> None:
        if self.lost is not None:
            return
        opened = asyncio.Event()
        self._connection = Connection(
            self.settings.parameters,
            on_open_callback=lambda _connection: opened.set(),
            on_open_error_callback=self._gone,
            on_close_callback=self._gone,
            custom_ioloop=self.loop,
        )
        self._connection.add_on_connection_blocked_callback(self._blocked)
        self._connection.add_on_connection_unblocked_callback(self._unblocked)
        seconds = self.settings.connect_seconds
        waiting = [self.loop.create_task(event.wait()) for event in (opened, self._ended)]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if opened.is_set() and self.lost is None:
            self._opened.set_result(None)
        elif self.lost is None:
            self._abort(Unavailable(f"RabbitMQ at {self.place} did not let us in within {seconds:g} s"))
        await self._ended.wait()
        for call in self.at_end:
            call()
        # Whoever waits for the broker has just been told, and is to say so in its own words.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_FAREWELL_SECONDS)

    def _gone(self, _connection: object, error: BaseException) -> None:
        self._lose(connection_problem(error, self.place))
        self._ended.set()

    def _lose(self, problem: TransportError) -> None:
        if self.lost is None:
            self.lost = problem

    def _abort(self, reason: TransportError) -> None:
        if self.lost is None:
            self.lost = reason
        self._stop(lambda: self._connection.abort(reason))

    def _close(self) -> None:
        if self.lost is None:
            self.lost = Unavailable(f"the connection to RabbitMQ at {self.place} was closed")
        self._stop(lambda: self._connection.close(200, "done"))

    def _stop(self, how: Callable[[], None]) -> None:
        # pika raises what it likes when a connection is closed that is being made, or closed.
        with contextlib.suppress(Exception):
            if self._connection is not None and not self._connection.is_closed:
                how()
        self.loop.call_later(_GRACE_SECONDS, self._ended.set)

    def _blocked(self, _connection: object, frame: Any) -> None:
        self.blocked = str(frame.method.reason) or "no reason given"

    def _unblocked(self, _connection: object, _frame: object) -> None:
        self.blocked = None

    def _end(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        with self._waiting_lock:
            self._over = True
            waiting = list(self._waiting)
        for future in (self._opened, *waiting):
            with contextlib.suppress(InvalidStateError):
                future.set_exception(self.problem())
