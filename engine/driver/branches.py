"""A branch: one coroutine of a flow that is being driven."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from engine.driver.foreign import as_foreign, describe_foreign, let_go
from engine.driver.futures import CANCELLED, FAILED, PENDING, RESOLVED, Future
from engine.driver.scheduler import Scheduler
from engine.errors import FlowCancelled, ForeignAwaitable

AnyCoroutine = Coroutine[Any, Any, Any]


class Branch(Future):
    """Drives one coroutine; it is the future of what the coroutine returns.

    A branch is cancelled at most once, so that its ``finally`` blocks, which may await steps, are not cancelled in
    turn. While it is shielded (a saga compensates) the cancellation is kept until its first await after that.
    """

    __slots__ = ("_inbox", "_scheduler", "awaiting", "cancel_kept", "cancel_wanted", "coroutine", "shields", "started")

    def __init__(self, scheduler: Scheduler, coroutine: AnyCoroutine) -> None:
        self.state = PENDING
        self.value = None
        self.error = None
        self.waiter = None
        self._scheduler = scheduler
        self.coroutine = coroutine
        self._inbox: Future | None = None
        self.awaiting: Future | None = None
        """The future it is blocked on."""
        self.started = False
        self.cancel_wanted = False
        """It was cancelled, and the next thing it sees is FlowCancelled, or it has seen it."""
        self.cancel_kept = False
        """It was cancelled while shielded, and has not seen it yet."""
        self.shields = 0
        scheduler.branches[self] = None

    def wake(self, future: Future) -> None:
        """Take note that ``future`` is finished."""
        self.awaiting = None
        self._inbox = future
        self._scheduler.schedule(self)

    def cancel(self) -> None:
        """Ask for it not to go on."""
        if self.state != PENDING or self.cancel_wanted:
            return
        if self.shields:
            self.cancel_kept = True
            return
        self.cancel_wanted = True
        if self.awaiting is not None:
            self.awaiting.cancel()
        elif not self.started:
            self.started = True
            self.coroutine.close()
            del self._scheduler.branches[self]
            self._scheduler.unawaited.clear()
            self.give_up()
        else:
            self._inbox = _CANCELLED

    def take_kept_cancellation(self) -> Future:
        """Return, in place of what the branch is about to await, the cancellation that was kept from it."""
        self.cancel_kept = False
        self.cancel_wanted = True
        return _CANCELLED

    def step(self) -> None:
        """Run the coroutine until it blocks or ends."""
        if self.state != PENDING:
            return
        self.started = True
        scheduler = self._scheduler
        scheduler.active = self
        inbox = self._inbox
        try:
            if inbox is None:
                yielded = self.coroutine.send(None)
            elif inbox.state == RESOLVED:
                yielded = self.coroutine.send(inbox.value)
            else:
                scheduler.unawaited.clear()
                yielded = self.coroutine.throw(_thrown(inbox))
        except StopIteration as stop:
            del scheduler.branches[self]
            self.resolve(stop.value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - flow code may raise anything
            del scheduler.branches[self]
            if self.cancel_wanted and isinstance(error, FlowCancelled):
                self.give_up()
            else:
                self.fail(as_foreign(error))
        else:
            self._block(yielded)

    def _block(self, yielded: Any) -> None:
        if not isinstance(yielded, Future) or yielded.waiter is not None:
            let_go(yielded)
            foreign = Future()
            foreign.state = FAILED
            foreign.error = ForeignAwaitable(describe_foreign(self.coroutine, yielded))
            self._inbox = foreign
            self._scheduler.schedule(self)
        elif yielded.state != PENDING:
            self._inbox = yielded
            self._scheduler.schedule(self)
        else:
            yielded.waiter = self
            self.awaiting = yielded


def _thrown(inbox: Future) -> BaseException:
    if inbox.error is not None:
        return inbox.error
    return FlowCancelled("it was cancelled while it waited here")


_CANCELLED = Future()
_CANCELLED.state = CANCELLED
