"""Says what a flow awaited that is not the engine's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from engine.errors import ForeignAwaitable

_MAX_CHAIN: Final = 10_000


def let_go(yielded: object) -> None:
    """Leave a foreign awaitable as it was found: an asyncio future notes that somebody is about to wait for it."""
    if getattr(yielded, "_asyncio_future_blocking", False):
        cast("Any", yielded)._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's own protocol for drivers


def describe_foreign(coroutine: Any, yielded: object) -> str:
    """Return the message for a flow whose ``coroutine`` just yielded ``yielded`` to the driver."""
    return (
        f"the flow awaited {_name_of(coroutine, yielded)}, which is not the engine's, so no other worker could "
        f"continue it from there; move the call into a step, or use the engine's own sleep, gather, race and the like"
    )


def as_foreign(error: BaseException) -> BaseException:
    """Return what to tell instead of ``error``, where asyncio only says that it finds no event loop."""
    if type(error) is not RuntimeError or "no running event loop" not in str(error):
        return error
    foreign = ForeignAwaitable(
        "the flow used asyncio, and there is no event loop in a flow: what it started there would be lost with this "
        "worker; move the call into a step, or use the engine's own sleep, gather, race and the like"
    )
    foreign.__cause__ = error
    return foreign.with_traceback(error.__traceback__)


def _name_of(coroutine: Any, yielded: object) -> str:
    innermost = list(awaited_chain(coroutine))[-1]
    what = "None" if yielded is None else f"{type(yielded).__module__}.{type(yielded).__qualname__}"
    if innermost is coroutine:
        return f"something that yielded {what}" if yielded is None else what
    code = _code_of(innermost)
    return f"{code.co_qualname}() ({code.co_filename}:{code.co_firstlineno}, which yielded {what})"


def awaited_chain(awaitable: Any) -> Iterator[Any]:
    """Yield ``awaitable``, the coroutine or generator that it awaits, and so on to the innermost."""
    for _ in range(_MAX_CHAIN):
        yield awaitable
        awaitable = getattr(awaitable, "cr_await", None) or getattr(awaitable, "gi_yieldfrom", None)
        if awaitable is None or _code_of(awaitable) is None:
            return


def is_suspended(awaitable: Any) -> bool:
    """Tell whether a coroutine or generator has started and not ended."""
    return bool(getattr(awaitable, "cr_suspended", False) or getattr(awaitable, "gi_suspended", False))


def _code_of(awaitable: Any) -> Any:
    return getattr(awaitable, "cr_code", None) or getattr(awaitable, "gi_code", None)
