"""What may be given to ``gather`` and its relatives, and how it is let go of when it is never started."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from types import CoroutineType
from typing import Any, TypeAlias, cast

from engine.definitions.lazy import Lazy
from engine.errors import AlreadyAwaited

AnyLazy = Lazy[Any]
AnyCoroutine: TypeAlias = "CoroutineType[Any, Any, Any]"


def check_member(what: str, candidate: object) -> None:
    """Raise ``TypeError`` unless ``candidate`` can be awaited."""
    if not isinstance(candidate, (Lazy, CoroutineType)) and not hasattr(candidate, "__await__"):
        hint = "; call it first" if callable(candidate) else ""
        raise TypeError(f"{what} was given {candidate!r}, which cannot be awaited{hint}")


def as_coroutine(awaitable: Any) -> Coroutine[Any, Any, Any]:
    """Return a coroutine that awaits ``awaitable``. Raises ``AlreadyAwaited`` for one that was started."""
    if not isinstance(awaitable, CoroutineType):
        check_member("the engine", awaitable)
        return _wait_for(awaitable)
    coroutine = cast("AnyCoroutine", awaitable)
    if coroutine.cr_frame is None or coroutine.cr_running or coroutine.cr_suspended:
        raise AlreadyAwaited(
            f"the coroutine {coroutine.__qualname__} was awaited or started before; call the function again for "
            f"another run"
        )
    return coroutine


async def _wait_for(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def release(awaitable: Any, unawaited: set[AnyLazy]) -> None:
    """Let go of an awaitable that will never be started, so that nothing complains that it was not."""
    if isinstance(awaitable, Lazy):
        lazy = cast("AnyLazy", awaitable)
        unawaited.discard(lazy)
        lazy.abandon(unawaited)
    elif isinstance(awaitable, CoroutineType):
        coroutine = cast("AnyCoroutine", awaitable)
        if coroutine.cr_frame is not None and not coroutine.cr_running and not coroutine.cr_suspended:
            coroutine.close()
