"""The client for programs on an event loop: the same methods as coroutines, with threads underneath."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from engine.client.administration import PAGE, Told
from engine.client.deadline import Deadline, Timeout
from engine.client.rules.asynchronous import AsyncRulebook
from engine.client.synchronous import Arguments, Client, Handle
from engine.messaging import EMBEDDED

if TYPE_CHECKING:
    from engine.client.filters import Filter
    from engine.client.options import Delay
    from engine.client.outcomes import Outcome
    from engine.client.starts import AnyFlow
    from engine.client.synchronous import Starter
    from engine.config import Settings
    from engine.definitions.flow import Flow
    from engine.definitions.registry import Registry
    from engine.definitions.ruled import Route
    from engine.model.messages import DeadMessage
    from engine.model.views import ExecutionView, QueueView, StepView, WorkerView
    from engine.store.database import Database

P = ParamSpec("P")
R = TypeVar("R")


class AsyncHandle(Generic[R]):
    """One execution, as an :class:`AsyncClient` holds it."""

    __slots__ = ("_client", "_handle", "existed", "id")

    def __init__(self, client: AsyncClient, handle: Handle[R]) -> None:
        self._client = client
        self._handle = handle
        self.id = handle.id
        self.existed = handle.existed
        """Whether its key had been used before, so that nothing new was started."""

    async def result(self, timeout: Timeout = None) -> R:  # noqa: ASYNC109 - a duration
        """Wait until it has ended and return its result; see :meth:`Handle.result`. Holds no thread while it waits."""
        return self._handle.read(await self._client.wait_for(self.id, timeout))

    async def state(self) -> str:
        """Return its state; see :meth:`Handle.state`."""
        return await asyncio.to_thread(self._handle.state)

    async def get(self) -> ExecutionView:
        """Return all that is known of it, apart from its steps."""
        return await asyncio.to_thread(self._handle.get)

    async def history(
        self, *, after: int | None = None, limit: int | None = None, values: bool = True
    ) -> Sequence[StepView]:
        """Return its steps; see :meth:`Client.history`."""
        return await asyncio.to_thread(self._handle.history, after=after, limit=limit, values=values)

    async def signal(self, name: str, payload: Any = None, *, key: str | None = None) -> bool:
        """Send it a signal; see :meth:`Client.signal`."""
        return await asyncio.to_thread(self._handle.signal, name, payload, key=key)

    async def cancel(self) -> None:
        """Ask it to end; see :meth:`Client.cancel`."""
        await asyncio.to_thread(self._handle.cancel)

    async def pause(self) -> None:
        """Start nothing more of it until it is resumed; see :meth:`Client.pause`."""
        await asyncio.to_thread(self._handle.pause)

    async def resume(self) -> None:
        """Let it go on, if it is paused or parked; see :meth:`Client.resume`."""
        await asyncio.to_thread(self._handle.resume)

    async def retry(self, seq: int | None = None, values: Any = None) -> None:
        """Give its dead letters their attempts again; see :meth:`Client.retry`."""
        await asyncio.to_thread(self._handle.retry, seq, values)

    async def rerun(self, from_seq: int = 1) -> AsyncHandle[R]:
        """Start a new execution with its history up to step ``from_seq``; see :meth:`Client.rerun`."""
        return AsyncHandle(self._client, await asyncio.to_thread(self._handle.rerun, from_seq))

    def read(self, outcome: Outcome) -> R:
        """Return the result that an outcome holds; see :meth:`Handle.read`."""
        return self._handle.read(outcome)

    def __repr__(self) -> str:
        return f"<execution {self.id}>"


class AsyncStarter:
    """Starts flows with the same options; made by :meth:`AsyncClient.options`."""

    def __init__(self, client: AsyncClient, starter: Starter) -> None:
        self._client = client
        self._starter = starter

    @overload
    async def start(self, flow: Flow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> AsyncHandle[R]: ...
    @overload
    async def start(self, flow: str, /, *args: Any, **kwargs: Any) -> AsyncHandle[Any]: ...
    async def start(self, flow: Any, /, *args: Any, **kwargs: Any) -> AsyncHandle[Any]:
        """Start a flow with these arguments; see :meth:`Starter.start`."""
        return AsyncHandle(self._client, await asyncio.to_thread(self._starter.start, flow, *args, **kwargs))

    async def start_input(self, flow: AnyFlow | str, values: Mapping[str, Any]) -> AsyncHandle[Any]:
        """Start a flow with arguments that are plain JSON values, by name; see :meth:`Starter.start_input`."""
        return AsyncHandle(self._client, await asyncio.to_thread(self._starter.start_input, flow, values))

    @overload
    async def start_many(
        self, flow: Flow[..., R], arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[R]]: ...
    @overload
    async def start_many(
        self, flow: str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[Any]]: ...
    async def start_many(
        self, flow: AnyFlow | str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[Any]]:
        """Start a flow once for each of ``arguments``; see :meth:`Starter.start_many`."""
        started = await asyncio.to_thread(self._start_many, flow, arguments, keys)
        return [AsyncHandle(self._client, handle) for handle in started]

    def _start_many(self, flow: Any, arguments: Iterable[Arguments], keys: Sequence[str]) -> list[Handle[Any]]:
        return self._starter.start_many(flow, arguments, keys=keys)


class AsyncClient(AsyncRulebook):
    """Starts flows and looks after executions from an event loop; see :class:`Client` for every method."""

    def __init__(
        self, store: str | Database | Settings, *, broker: str = EMBEDDED, registry: Registry | None = None
    ) -> None:
        self._client = Client(store, broker=broker, registry=registry)
        super().__init__(self._client)

    @property
    def client(self) -> Client:
        """The client underneath, for threads."""
        return self._client

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End waiting, and close the connections that this client opened."""
        await asyncio.to_thread(self._client.close)

    def options(
        self,
        *,
        key: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        delay: Delay | None = None,
        attributes: Mapping[str, str | int | bool] | None = None,
        version: int | None = None,
    ) -> AsyncStarter:
        """Choose how flows are started; see :meth:`Client.options`."""
        starter = self._client.options(
            key=key, queue=queue, priority=priority, delay=delay, attributes=attributes, version=version
        )
        return AsyncStarter(self, starter)

    @overload
    async def start(self, flow: Flow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> AsyncHandle[R]: ...
    @overload
    async def start(self, flow: str, /, *args: Any, **kwargs: Any) -> AsyncHandle[Any]: ...
    async def start(self, flow: Any, /, *args: Any, **kwargs: Any) -> AsyncHandle[Any]:
        """Start a flow with these arguments; see :meth:`Starter.start`."""
        return await self.options().start(flow, *args, **kwargs)

    @overload
    async def start_many(
        self, flow: Flow[..., R], arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[R]]: ...
    @overload
    async def start_many(
        self, flow: str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[Any]]: ...
    async def start_many(
        self, flow: AnyFlow | str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[Any]]:
        """Start a flow once for each of ``arguments``; see :meth:`Starter.start_many`."""
        starter: Any = self.options()
        return await starter.start_many(flow, arguments, keys=keys)

    async def emit(self, route: Route, event: Any, *, key: str | None = None) -> list[AsyncHandle[Any]]:
        """Have rules say what an event does, and do it; see :meth:`Client.emit`."""
        found = await asyncio.to_thread(self._client.emit, route, event, key=key)
        return [AsyncHandle(self, handle) for handle in found]

    def handle(self, execution_id: str, flow: Flow[..., R] | None = None) -> AsyncHandle[R]:
        """Return a handle of an execution that exists; see :meth:`Client.handle`."""
        return AsyncHandle(self, self._client.handle(execution_id, flow))

    async def outcome(self, execution_id: str) -> Outcome:
        """Return where an execution stands; see :meth:`Client.outcome`."""
        return await asyncio.to_thread(self._client.outcome, execution_id)

    async def wait_for(self, execution_id: str, timeout: Timeout | Deadline = None) -> Outcome:  # noqa: ASYNC109 - a duration
        """Wait until an execution has ended and return how; see :meth:`Client.wait_for`."""
        client = self._client
        deadline = timeout if isinstance(timeout, Deadline) else Deadline(timeout)
        outcome = await self.outcome(execution_id)
        while not outcome.ended:
            seconds = deadline.wait_seconds(outcome)
            with client.expecting(outcome.id) as future:
                # It may have ended before the waiter knew that somebody asks.
                outcome = await asyncio.to_thread(client.look_again, outcome, deadline)
                if outcome.ended:
                    break
                await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)
            outcome = await asyncio.to_thread(client.look_again, outcome, deadline)
        return outcome

    async def results(self, handles: Iterable[AsyncHandle[R]], timeout: Timeout = None) -> list[R]:  # noqa: ASYNC109 - a duration
        """Wait until all of these have ended, and return their results; see :meth:`Client.results`."""
        deadline = Deadline(timeout)
        return [handle.read(await self.wait_for(handle.id, deadline)) for handle in handles]

    async def now_us(self) -> int:
        """Return the database's time, in microseconds since 1970."""
        return await asyncio.to_thread(self._client.now_us)

    async def get(self, execution_id: str) -> ExecutionView:
        """Return an execution."""
        return await asyncio.to_thread(self._client.get, execution_id)

    async def history(
        self, execution_id: str, *, after: int | None = None, limit: int | None = None, values: bool = True
    ) -> Sequence[StepView]:
        """Return the steps of an execution; see :meth:`Client.history`."""
        return await asyncio.to_thread(self._client.history, execution_id, after=after, limit=limit, values=values)

    async def find(
        self, wanted: Filter | None = None, *, limit: int = PAGE, after: str | None = None
    ) -> list[ExecutionView]:
        """Return a page of executions, the newest first; see :meth:`Client.find`."""
        return await asyncio.to_thread(self._client.find, wanted, limit=limit, after=after)

    async def find_all(self, wanted: Filter | None = None, *, limit: int) -> AsyncGenerator[ExecutionView]:
        """Yield up to ``limit`` executions, the newest first, read page by page."""
        pages = self._client.find_all(wanted, limit=limit)
        while (found := await asyncio.to_thread(next, pages, None)) is not None:
            yield found

    async def count(self, wanted: Filter | None = None) -> dict[str, int]:
        """Return how many executions there are in each state that any is in; see :meth:`Client.count`."""
        return await asyncio.to_thread(self._client.count, wanted)

    async def find_id(self, beginning: str) -> str:
        """Return the id that begins like this."""
        return await asyncio.to_thread(self._client.find_id, beginning)

    async def queues(self) -> list[QueueView]:
        """Return what is on every queue that holds work or is paused."""
        return await asyncio.to_thread(self._client.queues)

    async def workers(self) -> list[WorkerView]:
        """Return the workers."""
        return await asyncio.to_thread(self._client.workers)

    async def signal(self, execution_id: str, name: str, payload: Any = None, *, key: str | None = None) -> bool:
        """Send a signal."""
        return await asyncio.to_thread(self._client.signal, execution_id, name, payload, key=key)

    async def cancel(self, execution_id: str) -> None:
        """Ask an execution to end."""
        await asyncio.to_thread(self._client.cancel, execution_id)

    async def pause(self, execution_id: str) -> None:
        """Start nothing more of an execution until it is resumed."""
        await asyncio.to_thread(self._client.pause, execution_id)

    async def resume(self, execution_id: str) -> None:
        """Let a paused or parked execution go on."""
        await asyncio.to_thread(self._client.resume, execution_id)

    async def retry(self, execution_id: str, seq: int | None = None, values: Any = None) -> None:
        """Give dead letters of an execution their attempts again."""
        await asyncio.to_thread(self._client.retry, execution_id, seq, values)

    async def rerun(self, execution_id: str, from_seq: int = 1) -> str:
        """Start a new execution with the history of another one up to a step."""
        return await asyncio.to_thread(self._client.rerun, execution_id, from_seq)

    async def pause_queue(self, name: str, reason: str | None = None) -> None:
        """Have no worker take steps from a queue until it is resumed; see :meth:`Client.pause_queue`."""
        await asyncio.to_thread(self._client.pause_queue, name, reason)

    async def resume_queue(self, name: str) -> bool:
        """Have workers take steps from a queue again; see :meth:`Client.resume_queue`."""
        return await asyncio.to_thread(self._client.resume_queue, name)

    async def dead_messages(
        self, trigger: str | None = None, *, limit: int = PAGE, before: int | None = None
    ) -> list[DeadMessage]:
        """Return a page of dead messages, the newest first; see :meth:`Client.dead_messages`."""
        return await asyncio.to_thread(self._client.dead_messages, trigger, limit=limit, before=before)

    async def count_dead_messages(self, trigger: str | None = None) -> int:
        """Return how many dead messages there are."""
        return await asyncio.to_thread(self._client.count_dead_messages, trigger)

    async def dead_message(self, number: int) -> DeadMessage:
        """Return one dead message."""
        return await asyncio.to_thread(self._client.dead_message, number)

    async def replay_message(self, number: int) -> list[str]:
        """Have a dead message do what its trigger says now; see :meth:`Client.replay_message`."""
        return await asyncio.to_thread(self._client.replay_message, number)

    async def drop_message(self, number: int) -> None:
        """Delete a dead message for good."""
        await asyncio.to_thread(self._client.drop_message, number)

    async def cancel_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Cancel up to ``limit`` executions; ``told`` is called on another thread. See :meth:`Client.cancel_many`."""
        return await asyncio.to_thread(self._client.cancel_many, wanted, limit=limit, told=told)

    async def pause_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Pause up to ``limit`` executions; see :meth:`Client.pause_many`."""
        return await asyncio.to_thread(self._client.pause_many, wanted, limit=limit, told=told)

    async def resume_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Resume up to ``limit`` executions; see :meth:`Client.resume_many`."""
        return await asyncio.to_thread(self._client.resume_many, wanted, limit=limit, told=told)

    async def retry_many(self, wanted: Filter, *, limit: int = 1000, told: Told | None = None) -> int:
        """Retry the dead letters of up to ``limit`` executions; see :meth:`Client.retry_many`."""
        return await asyncio.to_thread(self._client.retry_many, wanted, limit=limit, told=told)

    async def prune(
        self, older_than: str | float | timedelta, *, limit: int = 100_000, told: Told | None = None
    ) -> int:
        """Delete executions that finished longer ago than that; see :meth:`Client.prune`."""
        return await asyncio.to_thread(self._client.prune, older_than, limit=limit, told=told)
