"""A run: one execution of a flow, driven by the events that are recorded for it."""

from __future__ import annotations

import sys
from asyncio.events import _get_running_loop, _set_running_loop  # pyright: ignore[reportPrivateUsage]
from collections.abc import Sequence
from contextvars import Context
from typing import Any

from engine.codec import check_size, decode_error, encode_error
from engine.definitions.current import current
from engine.definitions.flow import Flow
from engine.driver.branches import Branch
from engine.driver.closing import close_branches, finish_generator
from engine.driver.delivery import deliver
from engine.driver.futures import PENDING, RESOLVED
from engine.driver.mismatch import ended_early, not_started
from engine.driver.scope import Scope
from engine.driver.signals import ContinueAsNew
from engine.errors import FlowCancelled, NeverAwaited, TooManySteps
from engine.model.decisions import Cancelled, Completed, Continued, Decision, Ending, Failed
from engine.model.history import ErrorInfo, Event, FlowStart, History
from engine.model.states import CANCEL_SEQ, FLOW_SEQ

DEFAULT_MAX_VALUE_BYTES = 1 << 20
DEFAULT_MAX_STEPS = 100_000


class FlowRun:
    """Drives one execution. Give it events with ``advance``, in the order in which they are to be recorded as consumed.

    It may be kept between two calls, in place of replaying the history; ``close`` it when it is dropped. It may be used
    from any thread, by one at a time. After an error out of ``advance`` or ``replay`` it is good for nothing.
    """

    __slots__ = ("_cancel_requested", "_context", "_flow", "_root", "_scope", "_spent", "_start", "ending", "position")

    def __init__(
        self,
        flow: Flow[..., Any],
        start: FlowStart,
        *,
        max_value_bytes: int = DEFAULT_MAX_VALUE_BYTES,
        max_steps: int = DEFAULT_MAX_STEPS,
    ) -> None:
        """Prepare a run of ``flow``.

        Arguments and results may have ``max_value_bytes`` bytes of JSON each. A flow that asks for more than
        ``max_steps`` things in all (steps, timers, waits, children, markers) fails there.
        """
        self._flow = flow
        self._start = start
        self._scope = Scope(flow, start, max_value_bytes, max_steps)
        self._context = Context()
        self._root: Branch | None = None
        self._cancel_requested = False
        self._spent = False
        self.position = 0
        """How many events the flow has consumed."""
        self.ending: Ending | None = None
        """How the flow ended; None while it waits."""

    @property
    def last_seq(self) -> int:
        """The seq of the latest thing that the flow asked for; 0 if there is none."""
        return self._scope.ledger.last_seq

    def advance(self, events: Sequence[Event]) -> Decision:
        """Give the flow ``events``, one at a time, and return what it decided in all.

        Events after the one at which the flow ended are left alone; see ``position``. Raises ``DeterminismError`` if
        code and history do not go together.
        """
        self._scope.ledger.forget_decided()
        if events:
            if self.ending is not None:
                raise ended_early(self._start, events[0], type(self.ending).__name__)
            self._drive(events)
        ledger = self._scope.ledger
        return Decision(ledger.commands, ledger.cancels, ledger.cancel_children, self.ending, ledger.cancelled_at)

    def replay(self, history: History) -> None:
        """Bring a new run to where the history's consumed events leave it.

        Raises ``DeterminismError`` unless the code issues exactly the known commands on the way.
        """
        if self._root is not None:
            raise RuntimeError("a history can only be replayed into a new run")
        ledger = self._scope.ledger
        ledger.start_replay(history.known)
        if history.consumed:
            self._drive(history.consumed)
        ledger.end_replay()

    def close(self) -> None:
        """Drop the coroutines of a run that is not needed any more. Quiet, and harmless to repeat.

        The ``finally`` blocks that they are in are run up to the first thing that they ask of the engine. A run that
        raised an error has closed itself, and so has, as a rule, one that was just dropped.
        """
        self._spent = True
        branches = self._scope.scheduler.branches
        if branches:
            outer, current.run = current.run, None
            try:
                self._context.run(close_branches, branches)
            finally:
                current.run = outer

    def __del__(self) -> None:
        # Left to the garbage collector, the coroutines would be closed outside of any run, and would complain.
        if self._scope.scheduler.branches:
            self.close()

    def _drive(self, events: Sequence[Event]) -> None:
        if self._spent or current.run is not None:
            raise RuntimeError("this run was closed, failed, or is being driven already")
        self._spent = True
        loop = _get_running_loop()
        hooks = sys.get_asyncgen_hooks()
        current.run = self._scope
        # An event loop that happens to run in this thread must be out of reach: a task made by a flow would run on it.
        _set_running_loop(None)
        sys.set_asyncgen_hooks(None, finish_generator)
        try:
            self._context.run(self._feed, events)
            self._spent = False
        finally:
            sys.set_asyncgen_hooks(*hooks)
            _set_running_loop(loop)
            current.run = None
            if self._spent:
                self.close()

    def _feed(self, events: Sequence[Event]) -> None:
        scope = self._scope
        for event in events:
            if self.ending is not None:
                if scope.ledger.replaying:
                    raise ended_early(self._start, event, type(self.ending).__name__)
                return
            scope.now_us = max(scope.now_us, event.at_us)
            scope.position = scope.ledger.position = self.position + 1
            root = self._root
            if root is None or event.seq == FLOW_SEQ:
                root = self._begin(event)
            elif event.seq == CANCEL_SEQ:
                self._cancel_requested = True
                root.cancel()
            else:
                future = scope.ledger.take(event)
                if future is not None:
                    deliver(future, event)
            self.position += 1
            try:
                scope.scheduler.run()
            except TooManySteps as error:
                self._cut_off(error)
                continue
            if root.state != PENDING:
                self._end(root)

    def _begin(self, event: Event) -> Branch:
        if self._root is not None or event.seq != FLOW_SEQ:
            raise not_started(self._start, event)
        self._root = Branch(self._scope.scheduler, _called(self._flow, self._start.input))
        self._scope.scheduler.schedule(self._root)
        return self._root

    def _end(self, root: Branch) -> None:
        self._withdraw_all()
        self.ending = self._ending(root)

    def _cut_off(self, error: TooManySteps) -> None:
        """Fail the flow where it stands.

        Its code is not told, as it could go on regardless, and a setting that changed would then change its replay.
        """
        ledger = self._scope.ledger
        self._withdraw_all()
        ledger.commands = [command for command in ledger.commands if command.seq <= ledger.max_steps]
        ledger.cancels = [seq for seq in ledger.cancels if seq <= ledger.max_steps]
        self.ending = _failed(error)
        close_branches(self._scope.scheduler.branches)

    def _withdraw_all(self) -> None:
        ledger = self._scope.ledger
        for future in list(ledger.open.values()):
            ledger.withdraw(future)

    def _ending(self, root: Branch) -> Ending:
        error = root.error
        if root.state == RESOLVED or isinstance(error, ContinueAsNew):
            forgotten = self._scope.scheduler.unawaited
            if forgotten:
                what = ", ".join(sorted(lazy.describe() for lazy in forgotten))
                return _failed(
                    NeverAwaited(
                        f"the flow finished without awaiting {what}, so it never ran; put await before the call"
                    )
                )
        if root.state == RESOLVED:
            return self._completed(root.value)
        if isinstance(error, ContinueAsNew):
            return Continued(error.input)
        if error is None or (self._cancel_requested and isinstance(error, FlowCancelled)):
            return Cancelled()
        return _failed(error)

    def _completed(self, value: Any) -> Ending:
        try:
            output = self._flow.result.encode(value)
            check_size(output, self._scope.max_value_bytes, f"the result of flow {self._flow.name!r}")
        except Exception as error:  # noqa: BLE001 - it becomes the ending
            return _failed(error)
        return Completed(output)


def drive(flow: Flow[..., Any], history: History, *, max_value_bytes: int = DEFAULT_MAX_VALUE_BYTES) -> Decision:
    """Replay ``history`` and return what the flow decides, given the unread events: a pure function.

    Raises ``DeterminismError`` if the flow's code and the history do not go together.
    """
    run = FlowRun(flow, history.start, max_value_bytes=max_value_bytes)
    try:
        run.replay(history)
        return run.advance(history.unread)
    finally:
        run.close()


async def _called(flow: Flow[..., Any], input: str) -> Any:
    """Call the flow inside of the root branch, so that arguments which do not fit fail it like any other error."""
    args, kwargs = flow.arguments.decode(input)
    return await flow.fn(*args, **kwargs)


def _failed(error: BaseException) -> Failed:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code in _OUTERMOST:
        trace = trace.tb_next
    info: ErrorInfo = decode_error(encode_error(error.with_traceback(trace), 1))
    return Failed(info)


_OUTERMOST = {Branch.step.__code__, _called.__code__}
"""The frames with which every traceback out of a flow begins; they tell its author nothing."""
