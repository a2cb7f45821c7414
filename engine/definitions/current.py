"""Which run of a flow is being driven in this thread, and what definitions may ask of it.

Driving a flow is synchronous and never nested, so one slot per thread is enough. A slot per thread, and not one for the
process, because steps run in other threads while a flow is driven: a step that calls another step must be told that it
is not inside a flow, and must not end up in the flow that happens to be driven at that moment.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import NotInFlow

if TYPE_CHECKING:
    from engine.definitions.flow import Flow
    from engine.definitions.lazy import Lazy
    from engine.definitions.step import Step


class RunPort(Protocol):
    """The side of a run that flow code reaches, by way of definitions. The driver implements it."""

    now_us: int
    """The flow's time, in microseconds since 1970."""

    @property
    def started_us(self) -> int:
        """The flow's time when it began; a rerun has that of the execution whose past it took over."""
        ...

    @property
    def origin_id(self) -> str:
        """The execution's id; a rerun has that of the execution whose past it took over."""
        ...

    def created(self, lazy: Lazy[Any]) -> None:
        """Note that flow code made ``lazy``; it has to be awaited before the flow returns."""
        ...

    def begin(self, lazy: Lazy[Any]) -> object:
        """Issue ``lazy`` and return the future to wait for."""
        ...

    def issue_step(self, step: Step[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """Issue a call of a step and return its future."""
        ...

    def issue_child(self, flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """Start a child flow and return the future of its result."""
        ...

    def detach(self, flow: Flow[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Start a child flow that nobody waits for and return its execution id."""
        ...


class CurrentRun(threading.local):
    """The run that is being driven in this thread; ``run`` is None when there is none."""

    run: RunPort | None = None


current = CurrentRun()


def require_run(what: str) -> RunPort:
    """Return the run being driven in this thread. Raises ``NotInFlow``, saying that ``what`` only works in a flow."""
    run = current.run
    if run is None:
        raise NotInFlow(f"{what} was called outside of a running flow; only flow code, as it is driven, can do that")
    return run
