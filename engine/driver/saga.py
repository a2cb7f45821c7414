"""Sagas: what was done is undone, in reverse order, when something after it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from engine.definitions.current import require_run
from engine.errors import FlowCancelled, MilepostError

if TYPE_CHECKING:
    from engine.driver.scope import Scope

P = ParamSpec("P")


class Saga:
    """The compensations of one ``async with saga()`` block. Made by ``saga()``."""

    def __init__(self) -> None:
        self._compensations: list[tuple[Callable[..., Awaitable[Any]], tuple[Any, ...], dict[str, Any]]] = []
        self._open = False

    def compensate(self, function: Callable[P, Awaitable[Any]], *args: P.args, **kwargs: P.kwargs) -> None:
        """Have ``function(*args, **kwargs)`` awaited if the block fails from here on.

        ``function`` is a step, a flow or an ``async def``. Call this after what it undoes has succeeded, or
        before it if undoing is harmless when nothing was done.
        """
        if not self._open:
            raise MilepostError(
                "compensate() was called outside of the saga's 'async with' block, where it does nothing"
            )
        self._compensations.append((function, args, kwargs))

    async def __aenter__(self) -> Saga:
        require_run("saga()")
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        if isinstance(error, (Exception, FlowCancelled)):
            await self._undo(error)

    async def _undo(self, error: BaseException) -> None:
        """Await every compensation, the latest first. A cancellation of the flow waits until they are done."""
        branch = cast("Scope", require_run("saga()")).shield()
        try:
            while self._compensations:
                function, args, kwargs = self._compensations.pop()
                try:
                    await function(*args, **kwargs)
                except (Exception, FlowCancelled) as failure:  # noqa: BLE001 - noted; it must not stop the others
                    error.add_note(f"the compensation {_name(function)} failed: {type(failure).__name__}: {failure}")
        finally:
            branch.shields -= 1


def saga() -> Saga:
    """Return a context manager that undoes what was done when its block fails or is cancelled.

    ``async with saga() as s: ...; s.compensate(step, *args)``. On the way out with an error, or with a cancellation,
    the compensations are awaited in reverse order; then the error goes on. A compensation that fails does not stop the
    others, and is noted on the error (``__notes__``).
    """
    return Saga()


def _name(function: Any) -> str:
    return repr(getattr(function, "name", None) or getattr(function, "__qualname__", function))
