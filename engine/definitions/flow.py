"""Flows: the functions that say which steps are run, in which order, with which values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from engine.codec import ArgumentsCodec, result_codec
from engine.definitions.current import RunPort, current
from engine.definitions.lazy import Lazy
from engine.definitions.options import check_function, check_name, check_priority, check_queue, check_version, place
from engine.definitions.ruled import check_guard
from engine.errors import DefinitionError, NotInFlow

if TYPE_CHECKING:
    from engine.definitions.ruled import Guard
    from engine.definitions.trigger import Trigger

P = ParamSpec("P")
R = TypeVar("R")
ResultT = TypeVar("ResultT", covariant=True)


class ChildCall(Lazy[ResultT]):
    """A call of a flow from another flow. Await it to start the child and to get its result."""

    __slots__ = ("args", "flow", "kwargs")

    def __init__(self, flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.begun = False
        self.flow = flow
        self.args = args
        self.kwargs = kwargs

    def describe(self) -> str:
        """Return how error messages call it."""
        return f"child flow {self.flow.name!r}"

    def start(self, run: RunPort) -> object:
        """Issue it in ``run`` and return its future."""
        return run.issue_child(self.flow, self.args, self.kwargs)


class Flow(Generic[P, R]):
    """A durable function; made by ``@flow``.

    In a flow, calling it returns a :class:`ChildCall` to await. ``fn`` is the plain coroutine function. ``queue`` and
    ``priority`` are None where those of the start, or of the parent, are used.
    """

    fn: Callable[P, Coroutine[Any, Any, R]]
    """The function as it was written."""
    __name__: str
    name: str
    version: int
    queue: str | None
    priority: int | None
    arguments: ArgumentsCodec
    result: Any
    """The codec of its result."""
    guard: Guard | None
    """The rules that must let an input in before it is started from outside."""
    triggers: list[Trigger]
    """Whose messages start it; filled by ``@on_message``."""

    def __init__(self, fn: Callable[P, Coroutine[Any, Any, R]], name: str, version: int) -> None:
        update_wrapper(cast(Any, self), fn)
        self.fn = fn
        self.name = name
        self.version = version
        self.queue = None
        self.priority = None
        self.guard = None
        self.arguments = ArgumentsCodec(fn)
        self.result = result_codec(fn)
        self.triggers = []

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> ChildCall[R]:
        """Return a call to await. Raises ``NotInFlow`` outside of a flow."""
        run = current.run
        if run is None:
            raise NotInFlow(
                f"flow {self.name!r} was called outside of a flow; start it with Client.start({self.__name__}, ...), "
                f"or await it in a flow to run it as a child"
            )
        call: ChildCall[R] = ChildCall(self, args, kwargs)
        run.created(call)
        return call

    def detach(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Start it, from inside of a flow, as an execution that nobody waits for, and return its execution id at once.

        It outlives the flow that started it. Raises ``NotInFlow`` outside of a flow.
        """
        run = current.run
        if run is None:
            raise NotInFlow(
                f"flow {self.name!r} was detached outside of a flow; start it with Client.start({self.__name__}, ...)"
            )
        return run.detach(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<flow {self.name!r} version {self.version} at {place(self.fn)}>"


class FlowDecorator(Protocol):
    """What ``@flow(...)`` with options returns."""

    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Flow[P, R]:
        """Make the function a flow."""
        ...


@overload
def flow(fn: Callable[P, Coroutine[Any, Any, R]], /) -> Flow[P, R]: ...
@overload
def flow(
    *, name: str | None = None, version: int = 1, queue: str | None = None, priority: int | None = None,
    guard: Guard | None = None,
) -> FlowDecorator: ...  # fmt: skip
def flow(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: int = 1,
    queue: str | None = None,
    priority: int | None = None,
    guard: Guard | None = None,
) -> Any:
    """Make an ``async def`` a flow: it survives crashes, because it is driven again from what its steps recorded.

    ``name`` is how it is stored (default: the function's name). Raise ``version`` when its code changes in a way that
    running executions cannot follow; they go on with the version they were started with, so keep that registered too.
    ``queue`` and ``priority`` (0 first to 9 last) are used for executions that are started without one of their own.
    ``guard`` are rules of the store that look at the arguments of every start from outside, and may refuse it: by a
    client, a command or a message. Child flows are not asked about.

    Raises ``DefinitionError`` at once if it cannot work.
    """

    def decorate(target: object) -> Flow[..., Any]:
        function = check_function("flow", target)
        what = f"flow at {place(function)}"
        if inspect.isasyncgenfunction(function) or not inspect.iscoroutinefunction(function):
            kind = "an async generator" if inspect.isasyncgenfunction(function) else "a plain def"
            raise DefinitionError(
                f"{what}: {function.__name__} is {kind}; a flow is an async def that returns its result"
            )
        made: Flow[..., Any] = Flow(
            function,
            check_name(what, function.__name__ if name is None else name),
            check_version(what, version),
        )
        made.queue = check_queue(repr(made), queue)
        made.priority = check_priority(repr(made), priority)
        made.guard = check_guard(repr(made), guard)
        return made

    return decorate if fn is None else decorate(fn)
