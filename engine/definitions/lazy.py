"""Awaitables that do nothing until they are awaited, like a coroutine that was called."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Generic, TypeVar

from engine.definitions.current import current, require_run

R = TypeVar("R", covariant=True)


class Lazy(Generic[R]):
    """Something a flow can await once: a call of a step, a timer, a ``gather``.

    It is issued when it is awaited, or when ``gather``, ``race``, ``bounded_map`` or ``with_timeout``, to which it was
    given, starts it. One that is made and never awaited fails the flow with ``NeverAwaited``.
    """

    __slots__ = ("begun",)

    begun: bool
    """Whether it was issued."""

    def describe(self) -> str:
        """Return how error messages call it, such as ``step 'charge'``."""
        raise NotImplementedError

    def start(self, run: Any) -> object:
        """Issue it in ``run``, the driver's run, and return the future to wait for. Called once, by the run."""
        raise NotImplementedError

    def abandon(self, unawaited: set[Any]) -> None:
        """Let go of what it holds, because it will never be issued; take it out of ``unawaited`` as well."""

    def __await__(self) -> Generator[Any, Any, R]:
        run = current.run
        if run is None:
            run = require_run(f"await of {self.describe()}")
        return (yield run.begin(self))
