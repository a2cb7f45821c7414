"""Threads that do something again and again, and are told in between when it is time."""

from __future__ import annotations

import builtins
import threading
from typing import Any

import pytest

from engine.worker import background
from engine.worker.background import Background

PATIENCE_SECONDS = 60.0


def test_a_call_while_the_pause_is_counted_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = threading.Semaphore(0)

    def turn() -> float:
        turns.release()
        return 3600.0

    called = threading.Event()

    def least(*values: Any) -> Any:
        if not called.is_set():
            called.set()
            # What was called before is among the values already.
            thread.wake_by(0.01)
        return builtins.min(*values)

    monkeypatch.setattr(background, "min", least, raising=False)
    thread = Background("counting", turn)
    thread.start()
    assert turns.acquire(timeout=PATIENCE_SECONDS)
    assert turns.acquire(timeout=PATIENCE_SECONDS), "another turn, long before its time"
    thread.close()
