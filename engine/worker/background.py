"""A thread that does something again and again: "do, then wait until it is time or somebody calls"."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING

import structlog

from engine.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

PAUSE_AFTER_ERROR_SECONDS = 1.0


class Background:
    """A thread that calls ``turn`` again and again; ``turn`` returns the seconds until the next time."""

    def __init__(self, name: str, turn: Callable[[], float]) -> None:
        self._turn = turn
        self._woken = threading.Event()
        self._closed = False
        self._next = 0.0
        self._by = math.inf
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Have the next turn now."""
        self._woken.set()

    def wake_by(self, seconds: float) -> None:
        """Have a turn within so many seconds, or earlier."""
        moment = time.monotonic() + seconds
        self._by = min(self._by, moment)
        if moment < self._next:
            self._woken.set()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._woken.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed:
            # A call during the turn may come too late to be seen by it, and bounds the pause after it.
            self._by = math.inf
            try:
                pause = self._turn()
            except StoreUnavailable:
                # A database that is away: try again.
                pause = PAUSE_AFTER_ERROR_SECONDS
            except Exception:
                log.exception("background work failed", thread=self._thread.name)
                pause = PAUSE_AFTER_ERROR_SECONDS
            now = time.monotonic()
            # In this order: a call wakes by the first line, or is seen by the second.
            self._next = now + pause
            self._next = min(self._next, self._by)
            self._woken.wait(max(self._next - now, 0.0))
            self._woken.clear()
