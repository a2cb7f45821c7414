"""Calls on threads of a worker's own, which can be stopped at their boundaries while others act.

Everything happens on one thread at a time: a call that is to be paused runs on a thread that is handed the turn, and
hands it back. Most calls are not paused, and run where they are started.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.simulation.worker import Worker

GO_ON, PAUSE, LINGER, CRASH, FREEZE = "go on", "pause", "linger", "crash", "freeze"


class Crashed(BaseException):
    """The process ended at this point."""


class Fates(Protocol):
    """Decides what happens at boundaries."""

    def fate(self, name: str) -> tuple[str, int]:
        """Return what is to happen to a call, and at which of the boundaries that it reaches."""
        ...

    def reached(self, job: Job, place: str, fate: str) -> None:
        """Take note that a call reached a boundary, and what happens there."""
        ...

    def lingers(self) -> float:
        """Draw for how many seconds a call stays at a boundary, while the rest of its process goes on."""
        ...

    def passes(self, us: int) -> None:
        """Let time pass."""
        ...

    def now_us(self) -> int:
        """Return the time."""
        ...


class Job:
    """One call. ``identity`` is that of its worker when it began."""

    def __init__(self, stage: Jobs, worker: Worker, name: str, call: Callable[[], None], *, slow: bool) -> None:
        self.worker = worker
        self.name = name
        self.identity = worker.identity
        self.done = False
        self.crashed = False
        self.error: BaseException | None = None
        self.until_us: int | None = None
        """It waits until then."""
        self._stage = stage
        self._call = call
        self._killed = False
        self._fate, self._countdown = stage.fates.fate(name)
        self._hand: _Hand | None = None
        if slow or self._fate in (PAUSE, LINGER, FREEZE):
            self._hand = stage.hand()

    def run(self) -> None:
        """Begin, or go on; returns when it has ended, or stops at a boundary."""
        outer, self._stage.current = self._stage.current, self
        try:
            if self._hand is None:
                self._body()
            else:
                self._hand.turn(self._body)
        finally:
            self._stage.current = outer
        if self.done and self._hand is not None:
            self._stage.hands.append(self._hand)
            self._hand = None

    def kill(self) -> None:
        """End it where it stands."""
        self._killed = True
        if not self.done:
            self.run()

    def at(self, place: str, *, may_stop: bool = True) -> None:
        """Pass a boundary; others may act, or the process may end."""
        if self._killed:
            raise Crashed
        self._countdown -= 1
        due = self._countdown <= 0 and self._fate != GO_ON
        if not due or (not may_stop and self._fate != CRASH):
            self._stage.fates.reached(self, place, GO_ON)
            return
        fate = self._fate
        self._fate, self._countdown = self._stage.fates.fate(self.name)
        self._stage.fates.reached(self, place, fate)
        if fate == CRASH:
            self.crashed = True
            raise Crashed
        if fate == LINGER:
            self.wait(self._stage.fates.lingers())
        elif self._hand is not None:
            self._stop()

    def wait(self, seconds: float) -> None:
        """Wait so long; others act meanwhile, or else time just passes."""
        us = int(seconds * 1e6)
        if self._hand is None:
            self._stage.fates.passes(us)
            return
        self.until_us = self._stage.fates.now_us() + us
        self._stop()
        self.until_us = None

    def _stop(self) -> None:
        assert self._hand is not None
        self._hand.give_back()
        if self._killed:
            raise Crashed

    def _body(self) -> None:
        try:
            if not self._killed:
                self._call()
        except Crashed:
            pass
        except BaseException as error:  # noqa: BLE001 - whoever gave it the turn decides
            self.error = error
        self.done = True


class Jobs:
    """The thread that has the turn, and those that may be given it."""

    def __init__(self, fates: Fates, hands: list[_Hand]) -> None:
        self.fates = fates
        self.hands = hands
        """Idle threads; kept from one simulation to the next."""
        self.current: Job | None = None

    def hand(self) -> _Hand:
        """Return a thread that is idle."""
        return self.hands.pop() if self.hands else _Hand()

    def at(self, place: str, *, may_stop: bool = True) -> None:
        """Pass a boundary of the call that is running, if one is."""
        if self.current is not None:
            self.current.at(place, may_stop=may_stop)


class _Hand:
    """A thread that acts only while it has the turn."""

    def __init__(self) -> None:
        self._mine, self._theirs = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._theirs.acquire()
        self._body: Callable[[], None] | None = None
        threading.Thread(target=self._run, name="simulated", daemon=True).start()

    def turn(self, body: Callable[[], None]) -> None:
        """Let the body begin, or go on; returns when it has ended or gives the turn back."""
        if self._body is None:
            self._body = body
        self._mine.release()
        self._theirs.acquire()

    def give_back(self) -> None:
        """Give the turn back, and wait for the next one."""
        self._theirs.release()
        self._mine.acquire()

    def _run(self) -> None:
        while True:
            self._mine.acquire()
            assert self._body is not None
            self._body()
            self._body = None
            self._theirs.release()
