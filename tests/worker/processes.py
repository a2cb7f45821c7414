"""Workers in processes of their own, which a test tells to end, stops and kills."""

from __future__ import annotations

import os
from contextlib import ExitStack

from tests.worker import process
from tests.worker.forks import Fork
from tests.worker.serving import LEASE, MODULE


class Processes:
    """Workers in processes of their own, with settings from ENGINE_ variables; they end with the ``with`` block."""

    def __init__(self, url: str, **environment: str) -> None:
        self._url = url
        self._environment = {"ENGINE_FLOWS": MODULE, "ENGINE_WORKER__LEASE": LEASE} | os.environ | environment
        self._stack = ExitStack()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start(self, count: int = 1, *, ready: bool = True) -> list[Fork]:
        """Start workers; each has said that it is ready, unless it may be dead before it can say so."""
        started: list[Fork] = []
        for _ in range(count):
            fork = Fork(self._environment, process.run, self._url)
            self._stack.callback(fork.close)
            started.append(fork)
        for fork in started if ready else ():
            fork.wait_until_ready()
        return started
