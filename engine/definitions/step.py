"""Steps: the functions of a flow that do things, each call recorded once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from types import FunctionType
from typing import Any, Final, Generic, Literal, ParamSpec, Protocol, TypeVar, cast, get_args, overload

from engine.codec import ArgumentsCodec, result_codec
from engine.definitions.current import RunPort, current
from engine.definitions.lazy import Lazy
from engine.definitions.options import (
    Duration,
    check_duration,
    check_flag,
    check_function,
    check_name,
    check_priority,
    check_queue,
    place,
)
from engine.errors import DefinitionError, NotInFlow
from engine.model.retry import Retry, encode_policy

P = ParamSpec("P")
R = TypeVar("R")
ResultT = TypeVar("ResultT", covariant=True)

RunIn = Literal["auto", "thread", "loop", "process"]
UNLIMITED_ATTEMPTS: Final = 2_000_000_000
DEFAULT_RETRY: Final = Retry(attempts=3, backoff="1s..1m")


class _Keep:
    """The type of the marker for an option that is not given."""


_KEEP: Final = _Keep()


class StepCall(Lazy[ResultT]):
    """A call of a step that was made in a flow. Await it to have the step run and to get its result."""

    __slots__ = ("args", "kwargs", "step")

    def __init__(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.begun = False
        self.step = step
        self.args = args
        self.kwargs = kwargs

    def describe(self) -> str:
        """Return how error messages call it."""
        return f"step {self.step.name!r}"

    def start(self, run: RunPort) -> object:
        """Issue it in ``run`` and return its future."""
        return run.issue_step(self.step, self.args, self.kwargs)


class Step(Generic[P, R]):
    """A function whose calls are recorded; made by ``@step``.

    In a flow, calling it returns a :class:`StepCall` to await. Anywhere else, ``fn`` is the plain function.
    Times are in microseconds; ``queue`` and ``priority`` are None where the execution's own are used.
    """

    fn: Callable[P, Any]
    """The function as it was written."""
    __name__: str
    name: str
    retry: Retry
    timeout_us: int | None
    heartbeat_timeout_us: int | None
    queue: str | None
    priority: int | None
    inline: bool
    transactional: bool
    run_in: RunIn
    """Where the worker runs it: ``loop``, ``thread`` or ``process``; never ``auto``."""
    is_async: bool
    max_attempts: int
    dead_letter: bool
    own_retry: str | None
    """The retry policy as text, in a copy that has one of its own; workers know the step's."""
    arguments: ArgumentsCodec
    result: Any
    """The codec of its result."""
    origin: Step[P, R]
    """The step that ``@step`` made, of which this is perhaps a copy with other options."""

    def __init__(self, fn: Callable[P, Any], name: str, is_async: bool) -> None:
        update_wrapper(cast(Any, self), fn)
        self.fn = fn
        self.name = name
        self.is_async = is_async
        self.arguments = ArgumentsCodec(fn)
        self.result = result_codec(fn)
        self.origin = self
        self.own_retry = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> StepCall[R]:
        """Return a call to await. Raises ``NotInFlow`` outside of a flow."""
        run = current.run
        if run is None:
            raise NotInFlow(
                f"step {self.name!r} was called outside of a flow, where nothing would record it; await it in a flow, "
                f"or call {self.__name__}.fn(...) to run the plain function"
            )
        call: StepCall[R] = StepCall(self, args, kwargs)
        run.created(call)
        return call

    def options(
        self,
        *,
        queue: str | _Keep | None = _KEEP,
        priority: int | _Keep | None = _KEEP,
        timeout: Duration | _Keep | None = _KEEP,
        retry: Retry | _Keep = _KEEP,
        inline: bool | _Keep = _KEEP,
    ) -> Step[P, R]:
        """Return a copy of this step, under the same name, whose calls use other options.

        ``None`` takes an option back to its default. Raises ``DefinitionError`` for what does not go together.
        """
        copy = cast("Step[P, R]", object.__new__(type(self)))
        copy.__dict__.update(self.__dict__)
        what = self._what()
        if not isinstance(queue, _Keep):
            copy.queue = check_queue(what, queue)
        if not isinstance(priority, _Keep):
            copy.priority = check_priority(what, priority)
        if not isinstance(timeout, _Keep):
            copy.timeout_us = check_duration(what, "timeout", timeout)
        if not isinstance(inline, _Keep):
            copy.inline = check_flag(what, "inline", inline)
        if not isinstance(retry, _Keep):
            copy.set_retry(retry)
            copy.own_retry = encode_policy(copy.retry)
        copy.check_combination()
        return copy

    def set_retry(self, retry: object) -> None:
        """Set the retry policy. Raises ``DefinitionError`` unless it is a ``Retry``."""
        if not isinstance(retry, Retry):
            raise DefinitionError(f"{self._what()}: retry={retry!r} is not a policy; write retry=Retry(attempts=5)")
        self.retry = retry
        self.max_attempts = UNLIMITED_ATTEMPTS if retry.attempts is None else retry.attempts
        self.dead_letter = retry.then == "dead_letter"

    def check_combination(self) -> None:
        """Raise ``DefinitionError`` if options are set that contradict each other."""
        what = self._what()
        if self.inline and self.queue is not None:
            raise DefinitionError(
                f"{what}: inline=True runs it where the flow runs, so queue={self.queue!r} would never "
                f"be looked at; drop one"
            )
        if self.transactional and (self.is_async or self.inline):
            raise DefinitionError(
                f"{what}: a transactional step is a plain def whose result its own transaction records, so it can "
                f"neither be an async def, in whose pauses the transaction would stay open, nor inline"
            )
        if self.run_in == "process":
            if self.transactional:
                raise DefinitionError(
                    f"{what}: a transactional step uses the worker's database connection, which another process cannot "
                    f"have; drop run_in='process' or transactional=True"
                )
            if self.inline:
                raise DefinitionError(f"{what}: an inline step runs in the flow's own process; drop run_in='process'")
            if "<locals>" in self.fn.__qualname__:
                raise DefinitionError(
                    f"{what}: another process finds the function by its module and name, and {self.fn.__qualname__} is "
                    f"inside of another function; move it to the top of its module"
                )

    def _what(self) -> str:
        return f"step {self.name!r} ({place(self.fn)})"

    def __repr__(self) -> str:
        return f"<step {self.name!r} at {place(self.fn)}>"


class StepDecorator(Protocol):
    """What ``@step(...)`` with options returns."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Step[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Step[P, R]: ...


@overload
def step(fn: Callable[P, Coroutine[Any, Any, R]], /) -> Step[P, R]: ...
@overload
def step(fn: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    heartbeat_timeout: Duration | None = None,
    queue: str | None = None,
    priority: int | None = None,
    inline: bool = False,
    transactional: bool = False,
    run_in: RunIn = "auto",
) -> StepDecorator: ...
def step(  # noqa: PLR0913 - the options of a step
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout: Duration | None = None,
    heartbeat_timeout: Duration | None = None,
    queue: str | None = None,
    priority: int | None = None,
    inline: bool = False,
    transactional: bool = False,
    run_in: RunIn = "auto",
) -> Any:
    """Make a function a step: each call from a flow is recorded, retried, and never run again once it has a result.

    ``name`` is how it is stored (default: the function's name). ``retry`` is its policy (default: 3 attempts, waiting
    1 second to 1 minute between them). ``timeout`` bounds one attempt, ``heartbeat_timeout`` the time between two
    heartbeats; both are durations such as ``"30s"`` or a number of seconds. ``queue`` and ``priority`` (0 first to
    9 last) replace the execution's. ``inline`` runs it where the flow runs, in the same commit. ``transactional`` gives
    it a connection whose transaction also records its result. ``run_in`` says where the worker runs it; ``auto`` is the
    loop for an ``async def`` and a thread for a ``def``.

    Raises ``DefinitionError`` at once if it cannot work.
    """

    def decorate(target: object) -> Step[..., Any]:
        function = check_function("step", target)
        made: Step[..., Any] = Step(function, _name(function, name), inspect.iscoroutinefunction(function))
        what = repr(made)
        made.timeout_us = check_duration(what, "timeout", timeout)
        made.heartbeat_timeout_us = check_duration(what, "heartbeat_timeout", heartbeat_timeout)
        made.queue = check_queue(what, queue)
        made.priority = check_priority(what, priority)
        made.inline = check_flag(what, "inline", inline)
        made.transactional = check_flag(what, "transactional", transactional)
        made.run_in = _run_in(what, run_in, made.is_async)
        made.set_retry(DEFAULT_RETRY if retry is None else retry)
        made.check_combination()
        return made

    return decorate if fn is None else decorate(fn)


def _name(function: FunctionType, name: str | None) -> str:
    what = f"step at {place(function)}"
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise DefinitionError(
            f"{what}: {function.__name__} is a generator; a step returns one result, so return a list"
        )
    return check_name(what, function.__name__ if name is None else name)


def _run_in(what: str, run_in: object, is_async: bool) -> RunIn:
    if run_in not in get_args(RunIn):
        raise DefinitionError(f"{what}: run_in={run_in!r} is none of {', '.join(get_args(RunIn))}")
    if run_in == "auto":
        return "loop" if is_async else "thread"
    if is_async and run_in != "loop":
        raise DefinitionError(f"{what}: an async def runs on the loop; write it as a def to use run_in={run_in!r}")
    return cast(RunIn, run_in)
