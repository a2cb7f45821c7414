"""The client for programs on an event loop: the same methods as coroutines, with threads underneath."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from engine.client.synchronous import LOOK_SECONDS, Client, Handle, too_late
from engine.messaging import EMBEDDED
from engine.model.durations import parse_duration

if TYPE_CHECKING:
    from engine.client.filters import Filter
    from engine.client.options import Delay
    from engine.client.outcomes import Outcome
    from engine.client.starts import AnyFlow
    from engine.client.synchronous import Starter
    from engine.config import Settings
    from engine.definitions.flow import Flow
    from engine.definitions.registry import Registry
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

    async def result(self, timeout: float | str | timedelta | None = None) -> R:  # noqa: ASYNC109 - a duration
        """Wait until it has ended and return its result; see :meth:`Handle.result`. Holds no thread while it waits."""
        return self._handle.read(await self._client.wait_for(self.id, timeout))

    async def state(self) -> str:
        """Return its state."""
        return await asyncio.to_thread(self._handle.state)

    async def signal(self, name: str, payload: Any = None, *, key: str | None = None) -> bool:
        """Send it a signal; see :meth:`Client.signal`."""
        return await asyncio.to_thread(self._handle.signal, name, payload, key=key)

    async def cancel(self) -> None:
        """Ask it to end; see :meth:`Client.cancel`."""
        await asyncio.to_thread(self._handle.cancel)

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

    async def start_many(
        self, flow: AnyFlow | str, arguments: Iterable[Sequence[Any] | Mapping[str, Any]], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[Any]]:
        """Start a flow once for each of ``arguments``; see :meth:`Starter.start_many`."""
        started = await asyncio.to_thread(self._starter.start_many, flow, arguments, keys=keys)
        return [AsyncHandle(self._client, handle) for handle in started]


class AsyncClient:
    """Starts flows and looks after executions from an event loop; see :class:`Client` for every method."""

    def __init__(
        self, store: str | Database | Settings, *, broker: str = EMBEDDED, registry: Registry | None = None
    ) -> None:
        self._client = Client(store, broker=broker, registry=registry)

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

    async def start_many(
        self, flow: AnyFlow | str, arguments: Iterable[Sequence[Any] | Mapping[str, Any]], *, keys: Sequence[str] = ()
    ) -> list[AsyncHandle[Any]]:
        """Start a flow once for each of ``arguments``; see :meth:`Starter.start_many`."""
        return await self.options().start_many(flow, arguments, keys=keys)

    def handle(self, execution_id: str, flow: Flow[..., R] | None = None) -> AsyncHandle[R]:
        """Return a handle of an execution that exists; see :meth:`Client.handle`."""
        return AsyncHandle(self, self._client.handle(execution_id, flow))

    async def wait_for(self, execution_id: str, timeout: float | str | timedelta | None = None) -> Outcome:  # noqa: ASYNC109 - a duration
        """Wait until an execution has ended and return how; see :meth:`Client.wait_for`."""
        client = self._client
        deadline = None if timeout is None else time.monotonic() + parse_duration(timeout) / 1e6
        outcome = await asyncio.to_thread(client.outcome, execution_id)
        while not outcome.ended:
            with client.expecting(outcome.id) as future:
                # It may have ended before the waiter knew that somebody asks.
                outcome = await asyncio.to_thread(client.outcome, outcome.id)
                if outcome.ended:
                    break
                left = LOOK_SECONDS if deadline is None else min(deadline - time.monotonic(), LOOK_SECONDS)
                if left <= 0:
                    raise too_late(outcome, timeout)
                await asyncio.wait([asyncio.wrap_future(future)], timeout=left)
            outcome = await asyncio.to_thread(client.outcome, outcome.id)
        return outcome

    async def get(self, execution_id: str) -> ExecutionView:
        """Return an execution."""
        return await asyncio.to_thread(self._client.get, execution_id)

    async def history(self, execution_id: str) -> Sequence[StepView]:
        """Return the steps of an execution."""
        return await asyncio.to_thread(self._client.history, execution_id)

    async def find(
        self, wanted: Filter | None = None, *, limit: int = 100, after: str | None = None
    ) -> list[ExecutionView]:
        """Return a page of executions, the newest first."""
        return await asyncio.to_thread(self._client.find, wanted, limit=limit, after=after)

    async def find_id(self, beginning: str) -> str:
        """Return the id that begins like this."""
        return await asyncio.to_thread(self._client.find_id, beginning)

    async def queues(self) -> list[QueueView]:
        """Return what is on every queue."""
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

    async def rerun(self, execution_id: str, from_seq: int) -> str:
        """Start a new execution with the history of another one up to a step."""
        return await asyncio.to_thread(self._client.rerun, execution_id, from_seq)

    async def cancel_many(self, wanted: Filter, *, limit: int = 1000) -> int:
        """Cancel up to ``limit`` executions."""
        return await asyncio.to_thread(self._client.cancel_many, wanted, limit=limit)

    async def pause_many(self, wanted: Filter, *, limit: int = 1000) -> int:
        """Pause up to ``limit`` executions."""
        return await asyncio.to_thread(self._client.pause_many, wanted, limit=limit)

    async def resume_many(self, wanted: Filter, *, limit: int = 1000) -> int:
        """Resume up to ``limit`` executions."""
        return await asyncio.to_thread(self._client.resume_many, wanted, limit=limit)

    async def retry_many(self, wanted: Filter, *, limit: int = 1000) -> int:
        """Retry the dead letters of up to ``limit`` executions."""
        return await asyncio.to_thread(self._client.retry_many, wanted, limit=limit)

    async def prune(self, older_than: str | float | timedelta, *, limit: int = 100_000) -> int:
        """Delete executions that finished longer ago than that."""
        return await asyncio.to_thread(self._client.prune, older_than, limit=limit)
