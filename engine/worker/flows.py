"""Live drives of flows: advancing them with new results, and a bounded cache of those that wait.

A hit in the cache saves loading and replaying the history. A miss is always correct.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from engine.driver.run import FlowRun
from engine.model.decisions import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.definitions.registry import Registry
    from engine.model.history import Event, FlowStart
    from engine.store.history import LoadedHistory


class LiveFlow:
    """A run of a flow, and how the execution began."""

    __slots__ = ("run", "start")

    def __init__(self, run: FlowRun, start: FlowStart) -> None:
        self.run = run
        self.start = start


class Drive:
    """One drive: what the flow was given and what it decided so far; complete when no inline step is left to run."""

    __slots__ = ("base", "consumed", "decision", "live")

    def __init__(self, live: LiveFlow) -> None:
        self.live = live
        self.base = live.run.position
        self.consumed: list[int] = []
        self.decision = Decision([], [], [], None)

    def give(self, events: Sequence[Event]) -> None:
        """Give the flow more events, and add what it decides. Raises what ``FlowRun.advance`` raises."""
        before = self.live.run.position
        made = self.live.run.advance(events)
        self.consumed += [event.seq for event in events[: self.live.run.position - before]]
        if not self.decision.commands and not self.decision.cancels:
            self.decision = Decision(
                list(made.commands), list(made.cancels), list(made.cancel_children), made.ending,
                dict(made.cancelled_at),
            )  # fmt: skip
            return
        self.decision.commands += made.commands
        self.decision.cancels += made.cancels
        self.decision.cancelled_at |= made.cancelled_at
        self.decision.cancel_children += made.cancel_children
        self.decision.ending = made.ending


class FlowCache:
    """The live flows of a worker, the longest unused of them dropped when there are more than ``size``."""

    def __init__(self, registry: Registry, size: int, max_value_bytes: int, max_steps: int) -> None:
        self._registry = registry
        self._size = size
        self._max_value_bytes = max_value_bytes
        self._max_steps = max_steps
        self._live: OrderedDict[str, LiveFlow] = OrderedDict()

    def get(self, execution_id: str) -> LiveFlow | None:
        """Return the live flow of an execution, if it is here."""
        live = self._live.get(execution_id)
        if live is not None:
            self._live.move_to_end(execution_id)
        return live

    def position_of(self, execution_id: str) -> int:
        """Return how many events the live flow has consumed; 0 if it is not here."""
        live = self._live.get(execution_id)
        return 0 if live is None else live.run.position

    def put(self, loaded: LoadedHistory) -> LiveFlow:
        """Replay a whole history and keep the result. Raises DeterminismError and UnknownDefinition."""
        start = loaded.history.start
        flow = self._registry.flow(start.flow, start.version)
        run = FlowRun(flow, start, max_value_bytes=self._max_value_bytes, max_steps=self._max_steps)
        run.replay(loaded.history)
        live = LiveFlow(run, start)
        self.drop(start.execution_id)
        self._live[start.execution_id] = live
        while len(self._live) > self._size:
            # Let go of, not closed: a drive of it may be waiting for an inline step. The last to let go closes it.
            self._live.popitem(last=False)
        return live

    def drop(self, execution_id: str) -> None:
        """Forget an execution."""
        live = self._live.pop(execution_id, None)
        if live is not None:
            live.run.close()

    def clear(self) -> None:
        """Forget everything."""
        while self._live:
            _, live = self._live.popitem()
            live.run.close()
