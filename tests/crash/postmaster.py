"""A PostgreSQL server of a test's own, that crashes and comes back on the same port with the same data."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.recipes import POSTGRESQL
from tests.servers.supervisor import Supervised
from tests.worker.serving import wait_until


class CrashingServer:
    """Kills nothing but the server that it started, and that one's own children."""

    def __init__(self) -> None:
        self._supervised = Supervised(POSTGRESQL)
        self._supervised.start()
        self.url = POSTGRESQL.url(self._supervised.port, self._supervised.password)

    def crash(self) -> None:
        """End every process of it at once, as a power failure does."""
        process = self._supervised.process
        assert process is not None
        # It is to have no child that was made after they were counted.
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: _is_stopped(process.pid), "the server standing still")
        children = _children_of(process.pid)
        process.send_signal(signal.SIGKILL)
        for child in children:
            # It may have ended with its parent.
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        process.wait()
        wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "the end of the server")

    def restart(self) -> None:
        """Start it again; returns once it has recovered and answers."""
        self._supervised.restart()

    def close(self) -> None:
        self._supervised.close()


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def crashing_server() -> Iterator[CrashingServer]:
    server = CrashingServer()
    try:
        yield server
    finally:
        server.close()
