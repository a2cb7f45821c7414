"""What flow code awaits besides steps and child flows: timers, events, and several things side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from engine.codec import TypeCodec
from engine.definitions.current import require_run
from engine.definitions.lazy import Lazy
from engine.definitions.options import Duration, check_name
from engine.driver.futures import Future
from engine.driver.groups import GatherGroup, MapGroup, RaceGroup, TimeoutGroup, Winner
from engine.driver.members import check_member, release
from engine.errors import NotInFlow
from engine.model.durations import parse_duration
from engine.model.states import StepKind

if TYPE_CHECKING:
    from engine.driver.scope import Scope

T = TypeVar("T")
R = TypeVar("R")
ResultT = TypeVar("ResultT", covariant=True)

_EPOCH_MICROSECOND = timedelta(microseconds=1)


class Wait(Lazy[ResultT]):
    """A timer or a wait for an event."""

    __slots__ = ("_codec", "_delay_us", "_kind", "_name")

    def __init__(self, kind: str, name: str, delay_us: int | None, codec: TypeCodec | None = None) -> None:
        self.begun = False
        self._kind = kind
        self._name = name
        self._delay_us = delay_us
        self._codec = codec

    def describe(self) -> str:
        """Return how error messages call it."""
        return f"{self._kind} {self._name!r}"

    def start(self, run: Scope) -> Future:
        """Issue it in ``run`` and return its future."""
        return run.issue_wait(self._kind, self._name, self._delay_us, self._codec)


class SleepUntil(Lazy[None]):
    """A timer for a moment; how long it takes is known when it starts."""

    __slots__ = ("_at_us",)

    def __init__(self, at_us: int) -> None:
        self.begun = False
        self._at_us = at_us

    def describe(self) -> str:
        """Return how error messages call it."""
        return "timer 'sleep_until'"

    def start(self, run: Scope) -> Future:
        """Issue it in ``run`` and return its future."""
        return run.issue_wait(StepKind.TIMER, "sleep_until", max(0, self._at_us - run.now_us))


class Several(Lazy[ResultT]):
    """Several awaitables side by side, not started yet."""

    __slots__ = ("_awaitables", "_make", "_name")

    def __init__(self, name: str, awaitables: Sequence[Any], make: Callable[[Any, Sequence[Any]], Future]) -> None:
        self.begun = False
        self._name = name
        self._awaitables = awaitables
        self._make = make

    def describe(self) -> str:
        """Return how error messages call it."""
        return f"{self._name}()"

    def start(self, run: Scope) -> Future:
        """Issue it in ``run`` and return its future."""
        return self._make(run, self._awaitables)

    def abandon(self, unawaited: set[Lazy[Any]]) -> None:
        """Let go of the awaitables it holds."""
        for awaitable in self._awaitables:
            release(awaitable, unawaited)


class Mapped(Lazy[ResultT]):
    """A function to be applied to items, not started yet."""

    __slots__ = ("_function", "_items", "_limit")

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any], limit: int) -> None:
        self.begun = False
        self._function = function
        self._items = items
        self._limit = limit

    def describe(self) -> str:
        """Return how error messages call it."""
        return "bounded_map()"

    def start(self, run: Scope) -> Future:
        """Issue it in ``run`` and return its future."""
        return MapGroup(run, self._function, self._items, self._limit)


def sleep(duration: Duration) -> Awaitable[None]:
    """Wait for ``duration``: ``"30s"``, ``"2d"``, a number of seconds or a timedelta. Holds no worker meanwhile.

    Raises ``InvalidDuration`` for what is no duration, ``NotInFlow`` outside of a flow.
    """
    run = require_run("sleep()")
    wait: Wait[None] = Wait(StepKind.TIMER, "sleep", parse_duration(duration))
    run.created(wait)
    return wait


def sleep_until(moment: datetime) -> Awaitable[None]:
    """Wait until ``moment``, a datetime with a time zone; not at all if it has passed.

    Raises ``ValueError`` for a datetime without a time zone, ``NotInFlow`` outside of a flow.
    """
    run = require_run("sleep_until()")
    wait = SleepUntil(_microseconds(moment))
    run.created(wait)
    return wait


def _microseconds(moment: datetime) -> int:
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(
            f"sleep_until was given {moment!r}, which has no time zone, so workers could disagree on it; "
            f"give it one, such as tzinfo=timezone.utc"
        )
    return (moment - datetime.fromtimestamp(0, moment.tzinfo)) // _EPOCH_MICROSECOND


@overload
def wait_for_event(name: str, timeout: Duration | None = None) -> Awaitable[Any]: ...
@overload
def wait_for_event(name: str, timeout: Duration | None = None, *, type: type[T]) -> Awaitable[T]: ...
def wait_for_event(name: str, timeout: Duration | None = None, type: Any = Any) -> Awaitable[Any]:
    """Wait for a signal called ``name`` and return its payload, read as ``type``.

    Raises ``FlowTimeout`` when it did not come within ``timeout`` (None: wait for ever), ``NotInFlow`` outside of
    a flow.
    """
    run = require_run("wait_for_event()")
    delay_us = None if timeout is None else parse_duration(timeout)
    wait: Wait[Any] = Wait(StepKind.EVENT, check_name("wait_for_event", name), delay_us, _codec_of(type))
    run.created(wait)
    return wait


_codecs: dict[Any, TypeCodec] = {}


def _codec_of(hint: Any) -> TypeCodec:
    """Return the codec of a hint, made once per hint; the hints in the code of flows are few."""
    try:
        codec = _codecs.get(hint)
        if codec is None:
            codec = _codecs[hint] = TypeCodec(hint)
    except TypeError:  # a hint that cannot be hashed, such as an Annotated one with a list in it
        codec = TypeCodec(hint)
    return codec


@overload
def gather(*awaitables: Awaitable[T], return_exceptions: Literal[False] = False) -> Awaitable[list[T]]: ...
@overload
def gather(*awaitables: Awaitable[T], return_exceptions: bool) -> Awaitable[list[T | Exception]]: ...
def gather(*awaitables: Awaitable[Any], return_exceptions: bool = False) -> Awaitable[list[Any]]:
    """Run awaitables side by side and return their results, in the order of the arguments.

    The first error cancels the others and is raised once they have cleaned up; with ``return_exceptions`` every
    one runs to its end, and errors take the place of results. Coroutines, calls of steps and flows, and the
    engine's own awaitables will do; they are started when the gather is awaited. Raises ``NotInFlow`` outside of a
    flow.
    """

    def make(run: Scope, todo: Sequence[Any]) -> Future:
        return GatherGroup(run, todo, keep_errors=return_exceptions)

    return _several("gather", awaitables, make)


def race(*awaitables: Awaitable[T]) -> Awaitable[Winner[T]]:
    """Run awaitables side by side until the first one finishes, and return a ``Winner(index, value)``.

    The others are cancelled, and waited for while they clean up. An error that comes first is raised. Raises
    ``ValueError`` without arguments, ``NotInFlow`` outside of a flow.
    """
    if not awaitables:
        raise ValueError(
            "race() was given nothing to wait for, so it could never finish; give it at least one awaitable"
        )
    return _several("race", awaitables, RaceGroup)


def with_timeout(awaitable: Awaitable[T], duration: Duration) -> Awaitable[T]:
    """Wait for ``awaitable``, but not longer than ``duration``.

    When the time runs out it is cancelled, and ``FlowTimeout`` is raised once it has cleaned up. Raises ``NotInFlow``
    outside of a flow.
    """
    try:
        timer: Wait[None] = Wait(StepKind.TIMER, "timeout", parse_duration(duration))
    except Exception:
        release(awaitable, set())
        raise

    def make(run: Scope, todo: Sequence[Any]) -> Future:
        return TimeoutGroup(run, todo, str(duration))

    return _several("with_timeout", (awaitable, timer), make)


def bounded_map(function: Callable[[T], Awaitable[R]], items: Iterable[T], *, limit: int) -> Awaitable[list[R]]:
    """Apply a step, a flow or an ``async def`` to each of ``items``, at most ``limit`` at a time.

    Returns the results in the order of the items. The first error cancels those that run, is raised once they have
    cleaned up, and no more are started. Raises ``ValueError`` for a limit below 1, ``NotInFlow`` outside of a flow.
    """
    run = require_run("bounded_map()")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"bounded_map was given limit={limit!r}; it must be a whole number from 1")
    mapped: Mapped[list[R]] = Mapped(function, list(items), limit)
    run.created(mapped)
    return mapped


def _several(name: str, awaitables: Sequence[Any], make: Callable[[Any, Sequence[Any]], Future]) -> Any:
    several: Several[Any] = Several(name, awaitables, make)
    try:
        run = require_run(f"{name}()")
        for awaitable in awaitables:
            check_member(name, awaitable)
    except (NotInFlow, TypeError):
        several.abandon(set())
        raise
    run.created(cast("Lazy[Any]", several))
    return several
