"""Dropping coroutines that wait in the middle of flow code, without a sound.

Closing a coroutine raises ``GeneratorExit`` where it waits, and its ``finally`` blocks run. One that asks the engine
for anything there, most of all by awaiting a step, has ``GeneratorExit`` raised again at that place, and so unwinds
further.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import AsyncGenerator, Iterable
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Final, NoReturn, cast

from engine.definitions.current import current
from engine.definitions.lazy import Lazy
from engine.driver.branches import Branch
from engine.driver.foreign import awaited_chain, is_suspended
from engine.driver.futures import Future
from engine.driver.members import release

_MAX_REFUSALS: Final = 100
_MAX_SEARCHED: Final = 100_000


class ClosedScope:
    """Stands for the run while its coroutines are closed: whatever flow code asks of it ends the frame that asks."""

    def __init__(self) -> None:
        self._refusals = 0

    def created(self, lazy: Lazy[Any]) -> None:
        """Do nothing: it will not be issued."""

    def begin(self, lazy: Lazy[Any]) -> object:
        """Raise ``GeneratorExit``; code that keeps swallowing it is made to wait instead, which ends the closing."""
        lazy.abandon(set())
        self._refusals += 1
        if self._refusals > _MAX_REFUSALS:
            return None
        raise GeneratorExit

    def __getattr__(self, name: str) -> NoReturn:
        raise GeneratorExit


async def _nothing() -> None: ...


_sample = _nothing()
CoroutineWrapper: Final = type(_sample.__await__())
"""What stands between a coroutine and an ``__await__`` that delegates to it; the types module has no name for it."""
_sample.close()

_unclosable: list[Any] = []
"""Coroutines that swallow GeneratorExit for ever. Kept, because the garbage collector would try to close them again."""


def _keep_for_ever(coroutine: Any) -> None:
    """Keep a coroutine from ever being finalized, which would run its code again, outside of any run and without end.

    The list alone does not do that: the interpreter empties every module when it exits. The extra reference does.
    """
    _unclosable.append(coroutine)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def close_branches(branches: dict[Branch, None]) -> None:
    """Close the coroutines of ``branches``, the latest first, and empty it."""
    outer, current.run = current.run, cast("Any", ClosedScope())
    try:
        _release_unstarted(branches)
        while branches:
            _close(branches.popitem()[0].coroutine)
    finally:
        current.run = outer


def finish_generator(generator: AsyncGenerator[Any, Any]) -> None:
    """Close an asynchronous generator that flow code dropped halfway. The garbage collector calls it, as its hook."""
    outer, current.run = current.run, cast("Any", ClosedScope())
    try:
        generator.aclose().send(None)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001, S110 - StopIteration says it is closed; other errors have nobody to go to
        pass
    finally:
        current.run = outer


def _close(coroutine: Any) -> None:
    chain = list(awaited_chain(coroutine))
    try:
        coroutine.close()
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - an error in this clean-up concerns nobody: a replay comes here again
        for part in chain:
            if is_suspended(part):
                _keep_for_ever(part)


def _release_unstarted(branches: Iterable[Branch]) -> None:
    """Close the coroutines that are held somewhere and never started, which would warn that they were never awaited.

    They are found among what the frames of ``branches`` refer to, because some are in no variable: they wait as
    arguments of a call, or in a group.
    """
    nowhere: set[Lazy[Any]] = set()
    seen: set[int] = set()
    found: list[Any] = [root for branch in branches for root in (branch.awaiting, branch.coroutine)]
    own = {id(branch.coroutine) for branch in branches}
    while found and len(seen) < _MAX_SEARCHED:
        holder = found.pop()
        if id(holder) in seen or (type(holder) in _SIZED and len(holder) > _MAX_SEARCHED):
            continue
        seen.add(id(holder))
        if id(holder) not in own:
            release(holder, nowhere)
        found += [held for held in gc.get_referents(holder) if isinstance(held, _HOLDERS)]


_SIZED: Final = (list, tuple, dict, set)
_HOLDERS: Final = (*_SIZED, Lazy, Future, CoroutineType, GeneratorType, AsyncGeneratorType, CoroutineWrapper)
