"""The client for ordinary programs; every method waits until the store has answered."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, overload

from engine.client.announcer import DEFAULT_RESEND_US, Announcer
from engine.client.checks import whole_id, word
from engine.client.deadline import Deadline, Timeout
from engine.client.options import Delay, StartOptions
from engine.client.outcomes import Outcome, outcome_of
from engine.client.rules.guarding import GuardedRulebook
from engine.client.starts import (
    ANY_RESULT,
    AnyFlow,
    arguments_text,
    find_flow,
    input_text,
    keyed,
    keys_of_many,
    new_execution,
    one_of_many,
)
from engine.client.waiter import Waiter
from engine.config import Settings
from engine.errors import StoreUnavailable
from engine.messaging import EMBEDDED
from engine.store.database import Database
from engine.store.intake import act_once
from engine.store.start import NewExecution, start_executions

if TYPE_CHECKING:
    from engine.codec import TypeCodec
    from engine.definitions.flow import Flow
    from engine.definitions.registry import Registry
    from engine.definitions.ruled import Route
    from engine.model.views import ExecutionView, StepView

P = ParamSpec("P")
R = TypeVar("R")

Arguments = Sequence[Any] | Mapping[str, Any]
STARTS_PER_TRANSACTION: Final = 500
DEFAULT_LIMIT_BYTES: Final = 1 << 20


class Handle(Generic[R]):
    """One execution, as a client holds it."""

    __slots__ = ("_client", "_codec", "existed", "id")

    def __init__(self, client: Client, execution_id: str, codec: TypeCodec = ANY_RESULT, existed: bool = False) -> None:
        self._client = client
        self._codec = codec
        self.id = execution_id
        self.existed = existed
        """Whether its key had been used before, so that nothing new was started."""

    def result(self, timeout: Timeout = None) -> R:
        """Wait until it has ended and return its result, as the flow's return hint declares it.

        ``timeout`` is a number of seconds or a duration. Raises ResultTimeout when it runs out, ExecutionFailed when
        the execution failed or was cancelled. An execution that continued as a new one is followed.
        """
        return self.read(self._client.wait_for(self.id, timeout))

    def read(self, outcome: Outcome) -> R:
        """Return the result that an outcome holds; raise ExecutionFailed if it has none."""
        return outcome.value(self._codec)

    def state(self) -> str:
        """Return its state (see ``engine.model.states.ExecutionState``); if it continued as a new one, that one's."""
        return self._client.outcome(self.id).state

    def get(self) -> ExecutionView:
        """Return all that is known of it, apart from its steps."""
        return self._client.get(self.id)

    def history(self, *, after: int | None = None, limit: int | None = None, values: bool = True) -> Sequence[StepView]:
        """Return its steps; see :meth:`Client.history`."""
        return self._client.history(self.id, after=after, limit=limit, values=values)

    def signal(self, name: str, payload: Any = None, *, key: str | None = None) -> bool:
        """Send it a signal; see :meth:`Client.signal`."""
        return self._client.signal(self.id, name, payload, key=key)

    def cancel(self) -> None:
        """Ask it to end; see :meth:`Client.cancel`."""
        self._client.cancel(self.id)

    def pause(self) -> None:
        """Start nothing more of it until it is resumed; see :meth:`Client.pause`."""
        self._client.pause(self.id)

    def resume(self) -> None:
        """Let it go on, if it is paused or parked; see :meth:`Client.resume`."""
        self._client.resume(self.id)

    def retry(self, seq: int | None = None, values: Any = None) -> None:
        """Give its dead letters their attempts again; see :meth:`Client.retry`."""
        self._client.retry(self.id, seq, values)

    def rerun(self, from_seq: int = 1) -> Handle[R]:
        """Start a new execution with its history up to step ``from_seq``; see :meth:`Client.rerun`."""
        return Handle(self._client, self._client.rerun(self.id, from_seq), self._codec)

    def __repr__(self) -> str:
        return f"<execution {self.id}>"


class Starter:
    """Starts flows with the same options; made by :meth:`Client.options`."""

    def __init__(self, client: Client, options: StartOptions) -> None:
        self._client = client
        self._options = options

    @overload
    def start(self, flow: Flow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]: ...
    @overload
    def start(self, flow: str, /, *args: Any, **kwargs: Any) -> Handle[Any]: ...
    def start(self, flow: Any, /, *args: Any, **kwargs: Any) -> Handle[Any]:
        """Start a flow with these arguments, and return a handle of its execution.

        A flow may be named by text: with a registry that knows it, its arguments are checked; without, they are given
        by name and passed on as they are. Raises ArgumentsError, CodecError and DefinitionError; StartRefused where the
        rules of the flow's guard refuse them, and RuleError where those cannot decide.
        """
        known = find_flow(flow, self._options, self._client.registry)
        return self._client.launch(flow, known, arguments_text(known, flow, args, kwargs), self._options)

    def start_input(self, flow: AnyFlow | str, values: Mapping[str, Any]) -> Handle[Any]:
        """Start a flow with arguments that are plain JSON values, by name; for command lines and web forms."""
        known = find_flow(flow, self._options, self._client.registry)
        return self._client.launch(flow, known, input_text(known, values), self._options)

    @overload
    def start_many(
        self, flow: Flow[..., R], arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[Handle[R]]: ...
    @overload
    def start_many(
        self, flow: str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[Handle[Any]]: ...
    def start_many(
        self, flow: AnyFlow | str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[Handle[Any]]:
        """Start a flow once for each of ``arguments``: a tuple by position, or a mapping by name.

        ``keys`` are idempotency keys, one for each. Nothing is started if one of ``arguments`` is refused. Starts share
        transactions, a few hundred each; if the store goes away in between, those before are done, and with keys the
        whole call can be repeated.
        """
        return self._client.launch_many(flow, arguments, keys, self._options)


class Client(GuardedRulebook):
    """Starts flows and looks after executions. Safe for use by several threads; use it as a context manager.

    ``store`` is a URL, a Database that stays open, or Settings. ``broker`` is the URL of the workers' broker, if they
    have one; Settings name it themselves. ``registry`` lets flows be named by text and still be checked, and dead
    messages be replayed (see :func:`engine.load_modules`). Raises ConfigError for a URL that cannot be used.
    """

    def __init__(
        self, store: str | Database | Settings, *, broker: str = EMBEDDED, registry: Registry | None = None
    ) -> None:
        self._owned = not isinstance(store, Database)
        limit_bytes = DEFAULT_LIMIT_BYTES
        resend_us = DEFAULT_RESEND_US
        if isinstance(store, Settings):
            limit_bytes = store.limits.max_value_bytes
            broker, resend_us = store.broker.url.reveal(), int(store.broker.resend_after)
            database = Database(store.store.url.reveal(), **store.store.pool_options)
        else:
            database = Database(store) if isinstance(store, str) else store
        super().__init__(database, limit_bytes, Announcer(database, broker, resend_us), registry)
        self._waiter = Waiter(database)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End waiting, and close the connections that this client opened."""
        self._access.close()
        self._waiter.close()
        self._announcer.close()
        if self._owned:
            self.database.close()

    def options(
        self,
        *,
        key: str | None = None,
        queue: str | None = None,
        priority: int | None = None,
        delay: Delay | None = None,
        attributes: Mapping[str, str | int | bool] | None = None,
        version: int | None = None,
    ) -> Starter:
        """Choose how flows are started: ``client.options(key="order-17").start(fulfil, order)``; see StartOptions."""
        return Starter(
            self,
            StartOptions(
                key=key, queue=queue, priority=priority, delay=delay, attributes=attributes or {}, version=version
            ),
        )

    @overload
    def start(self, flow: Flow[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Handle[R]: ...
    @overload
    def start(self, flow: str, /, *args: Any, **kwargs: Any) -> Handle[Any]: ...
    def start(self, flow: Any, /, *args: Any, **kwargs: Any) -> Handle[Any]:
        """Start a flow with these arguments, and return a handle of its execution; see :meth:`Starter.start`."""
        return Starter(self, StartOptions()).start(flow, *args, **kwargs)

    @overload
    def start_many(
        self, flow: Flow[..., R], arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[Handle[R]]: ...
    @overload
    def start_many(
        self, flow: str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[Handle[Any]]: ...
    def start_many(
        self, flow: AnyFlow | str, arguments: Iterable[Arguments], *, keys: Sequence[str] = ()
    ) -> list[Handle[Any]]:
        """Start a flow once for each of ``arguments``; see :meth:`Starter.start_many`."""
        return Starter(self, StartOptions()).start_many(flow, arguments, keys=keys)

    def handle(self, execution_id: str, flow: Flow[..., R] | None = None) -> Handle[R]:
        """Return a handle of an execution that exists; with its flow, results are read by the flow's return hint."""
        return Handle(self, execution_id, ANY_RESULT if flow is None else flow.result)

    # -- results -----------------------------------------------------------------------------------------------------

    def outcome(self, execution_id: str) -> Outcome:
        """Return where an execution stands, following what it continued as. Raises ExecutionNotFound."""
        with self._access.read() as tx:
            return outcome_of(tx, whole_id(execution_id))

    def wait_for(self, execution_id: str, timeout: Timeout | Deadline = None) -> Outcome:
        """Wait until an execution has ended and return how. Raises ResultTimeout, ExecutionNotFound.

        The store tells when it has ended. If the store goes away meanwhile, this waits until it is back; it raises
        StoreUnavailable if the timeout runs out before.
        """
        deadline = timeout if isinstance(timeout, Deadline) else Deadline(timeout)
        outcome = self.outcome(execution_id)
        while not outcome.ended:
            seconds = deadline.wait_seconds(outcome)
            with self.expecting(outcome.id) as future:
                # It may have ended before the waiter knew that somebody asks.
                outcome = self.look_again(outcome, deadline)
                if outcome.ended:
                    break
                wait([future], timeout=seconds)
            outcome = self.look_again(outcome, deadline)
        return outcome

    def results(self, handles: Iterable[Handle[R]], timeout: Timeout = None) -> list[R]:
        """Wait until all of these have ended, and return their results in the same order; see :meth:`Handle.result`.

        ``timeout`` is for all of them together. Raises ExecutionFailed for the first that failed or was cancelled.
        """
        deadline = Deadline(timeout)
        return [handle.read(self.wait_for(handle.id, deadline)) for handle in handles]

    def look_again(self, outcome: Outcome, deadline: Deadline) -> Outcome:
        """Return where an execution stands now; or where it stood, if the store is away and there is time left."""
        try:
            return self.outcome(outcome.id)
        except StoreUnavailable:
            if deadline.over:
                raise
            return outcome

    @contextlib.contextmanager
    def expecting(self, execution_id: str) -> Generator[Future[None]]:
        """Give a future that is done once the execution may have ended."""
        future = self._waiter.expect(execution_id)
        try:
            yield future
        finally:
            self._waiter.forget(execution_id, future)

    # -- starting ----------------------------------------------------------------------------------------------------

    def launch(self, flow: AnyFlow | str, known: AnyFlow | None, text: str, options: StartOptions) -> Handle[Any]:
        """Start one execution whose input is already written as JSON."""
        new = self._bench.admit(known, [new_execution(known, flow, text, options, self._limit_bytes)])
        return self._begin(new, known)[0]

    def launch_many(
        self,
        flow: AnyFlow | str,
        arguments: Iterable[Arguments],
        keys: Sequence[str],
        options: StartOptions,
    ) -> list[Handle[Any]]:
        """Start many executions of one flow, in batches."""
        known = find_flow(flow, options, self.registry)
        new = [
            new_execution(known, flow, one_of_many(known, flow, given), options, self._limit_bytes)
            for given in arguments
        ]
        if keys or options.key is not None:
            new = [*map(keyed, new, keys_of_many(keys, len(new)))]
        new = self._bench.admit(known, new)
        handles: list[Handle[Any]] = []
        # Whatever is wrong with one of them has been found out by now, and nothing is written yet.
        for first in range(0, len(new), STARTS_PER_TRANSACTION):
            handles += self._begin(new[first : first + STARTS_PER_TRANSACTION], known)
        return handles

    def emit(self, route: Route, event: Any, *, key: str | None = None) -> list[Handle[Any]]:
        """Have rules say what an event does, and do it: ``client.emit(rules.route("event-routing"), event)``.

        Returns the executions that it started, or that got it as a signal, in one transaction. ``event`` is a mapping,
        a dataclass or a model, whose entries are the rules' inputs. The client needs a registry, which has the flows
        that rules may name. A ``key`` makes it safe to repeat: what was done with it before is not done again.

        Raises Unusable if the rules say what cannot be done, and RuleError where they cannot decide; then nothing is
        done.
        """
        if key is not None:
            word("the key of an event", key)
        routed = self._bench.route(route, event, key, self.registry, self._limit_bytes)
        with self._write() as tx:
            taken = act_once(tx, routed, self._announcer.resend_us)
        self._announcer.announce(taken.offered)
        return [Handle(self, id) for id in taken.executions]

    def _begin(self, new: Sequence[NewExecution], known: AnyFlow | None) -> list[Handle[Any]]:
        if not new:
            return []
        with self._write() as tx:
            started = start_executions(tx, new, self._announcer.resend_us)
        self._announcer.announce([one.offered for one in started if one.offered is not None])
        codec = ANY_RESULT if known is None else known.result
        return [Handle(self, one.id, codec, one.existed) for one in started]
