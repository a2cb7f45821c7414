"""Groups of awaitables that run side by side: what ``gather``, ``race``, ``with_timeout`` and ``bounded_map`` become.

A group is structured: it is finished only when all its members are, and so nothing that was started in it runs on after
it. When the outcome is known early, the other members are cancelled, those not yet started never are, and the group
waits for those that clean up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from engine.driver.futures import CANCELLED, FAILED, PENDING, RESOLVED, Future
from engine.driver.members import release
from engine.errors import FlowCancelled, FlowTimeout

if TYPE_CHECKING:
    from engine.driver.scope import Scope

R = TypeVar("R")


class Group(Future):
    """The members, started in order; subclasses say what a finished member means for the outcome."""

    __slots__ = ("_cancelled", "_failure", "_next", "_open", "_run", "_todo", "_winding")

    def __init__(self, run: Scope, todo: Sequence[Any]) -> None:
        super().__init__()
        self._run = run
        self._todo = todo
        self._next = 0
        self._open: dict[int, Future] = {}
        self._failure: BaseException | None = None
        self._cancelled = False
        self._winding = False
        """The outcome is known; members that are still open clean up."""
        run.scheduler.schedule(self)

    def step(self) -> None:
        """Start members in order. Each runs until it blocks before the next one is started."""
        if self.state != PENDING:
            return
        while not self._winding and self._next < len(self._todo) and self._has_room():
            index = self._next
            self._next += 1
            member = self._start(index)
            member.index = index
            self._open[index] = member
            if member.state != PENDING:
                self.wake(member)
                continue
            member.waiter = self
            if self._run.scheduler.has_found_work:
                self._run.scheduler.schedule(self)
                return
        self._settle()

    def wake(self, future: Future) -> None:
        """Take note that ``future`` is finished."""
        del self._open[future.index]
        if self._winding:
            self._note(future)
        elif future.state == CANCELLED:
            self._lose(FlowCancelled("a branch of this group was cancelled"))
        else:
            self._member_finished(future)
        self._settle()

    def cancel(self) -> None:
        """Ask for it not to go on."""
        if self.state == PENDING and not self._cancelled:
            self._cancelled = True
            if not self._winding:
                self._wind_down()
            self._settle()

    def _has_room(self) -> bool:
        return True

    def _start(self, index: int) -> Future:
        return self._run.spawn(self._todo[index])

    def _member_finished(self, member: Future) -> None:
        """Take in the result of a member while the outcome is open."""
        raise NotImplementedError

    def _outcome(self) -> Any:
        """Return the value of the group; called when it did not fail."""
        raise NotImplementedError

    def _lose(self, error: BaseException | None) -> None:
        self._failure = error
        self._wind_down()

    def _wind_down(self) -> None:
        self._winding = True
        self._abandon_unstarted()
        for member in list(self._open.values()):
            member.cancel()

    def _abandon_unstarted(self) -> None:
        for awaitable in self._todo[self._next :]:
            release(awaitable, self._run.scheduler.unawaited)

    def _settle(self) -> None:
        if self.state != PENDING or self._open or not (self._winding or self._next == len(self._todo)):
            return
        self._todo = ()
        self._next = 0
        if self._cancelled:
            self.give_up()
        elif self._failure is not None:
            self.fail(self._failure)
        else:
            self.resolve(self._outcome())

    def _note(self, member: Future) -> None:
        """Keep a trace of an error in the clean-up of a member, where there is an error to attach it to."""
        error = member.error
        if member.state == FAILED and isinstance(error, Exception) and self._failure is not None:
            self._failure.add_note(
                f"another branch, being cancelled for it, failed too: {type(error).__name__}: {error}"
            )


class GatherGroup(Group):
    """Wants the results of all its members."""

    __slots__ = ("_keep_errors", "_results")

    def __init__(self, run: Scope, todo: Sequence[Any], *, keep_errors: bool = False) -> None:
        super().__init__(run, todo)
        self._results: list[Any] = [None] * len(todo)
        self._keep_errors = keep_errors

    def _member_finished(self, member: Future) -> None:
        if member.state == RESOLVED:
            self._results[member.index] = member.value
        elif self._keep_errors and isinstance(member.error, Exception):
            self._results[member.index] = member.error
        else:
            self._lose(member.error)

    def _outcome(self) -> list[Any]:
        return self._results


class MapGroup(GatherGroup):
    """Wants the results of a function for all items, a limited number of them at a time."""

    __slots__ = ("_function", "_limit")

    def __init__(self, run: Scope, function: Callable[[Any], Any], items: Sequence[Any], limit: int) -> None:
        super().__init__(run, items)
        self._function = function
        self._limit = limit

    def _has_room(self) -> bool:
        return len(self._open) < self._limit

    def _start(self, index: int) -> Future:
        try:
            awaitable = self._function(self._todo[index])
        except Exception as error:  # noqa: BLE001 - the flow gets it
            failed = Future()
            failed.fail(error)
            return failed
        return self._run.spawn(awaitable)

    def _member_finished(self, member: Future) -> None:
        super()._member_finished(member)
        if self._next < len(self._todo):
            self._run.scheduler.schedule(self)

    def _abandon_unstarted(self) -> None:
        """Nothing was made for the items whose turn has not come."""


class Winner(NamedTuple, Generic[R]):
    """The first of a race to finish: its place among the arguments, from 0, and its result."""

    index: int  # pyright: ignore[reportIncompatibleMethodOverride] - nobody looks up a value in a winner
    value: R


class RaceGroup(Group):
    """Wants the first result."""

    __slots__ = ("_winner",)

    def _member_finished(self, member: Future) -> None:
        if member.state == RESOLVED:
            self._winner = Winner(member.index, member.value)
            self._wind_down()
        else:
            self._lose(member.error)

    def _outcome(self) -> Any:
        return self._winner


class TimeoutGroup(RaceGroup):
    """Wants the first member's result before the second one, a timer, fires."""

    __slots__ = ("_limit",)

    def __init__(self, run: Scope, todo: Sequence[Any], limit: str) -> None:
        super().__init__(run, todo)
        self._limit = limit

    def _member_finished(self, member: Future) -> None:
        if member.index == 1 and member.state == RESOLVED:
            self._lose(FlowTimeout(f"it did not finish within {self._limit}"))
        else:
            super()._member_finished(member)

    def _outcome(self) -> Any:
        return self._winner.value
