"""Processes forked from one that has imported everything: each is up after 40 ms, not after a second of imports."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from tests.worker.serving import PATIENCE_SECONDS, ROOT, wait_until

READY: Final = "ready"
_context = multiprocessing.get_context("forkserver")
LATE: Final = [
    "psycopg", "pymysql", "pika", "kombu.transport.redis", "transports.kombu", "transports.rabbitmq", "transports.sql",
    "engine.rules.prepared", "engine.rules.scenarios",
]  # fmt: skip
"""What the engine imports once it knows which store and which broker it has, and once there are rules. What is not
installed is passed over."""
_collecting = threading.Lock()
"""An exit code can be read once, and starting a process reads those of all others: not from two threads at a time."""
# By their names, as they import this module. No flows of tests/worker: what those read from the environment as they are
# imported, each process has to read in its own.
_context.set_forkserver_preload(["pytest", "tests.worker.process", "tests.crash.process", *LATE])


class Fork:
    """One forked process, which ends with its parent. Only its own process is ever signalled."""

    def __init__(self, environment: Mapping[str, str], run: Callable[..., None], *arguments: Any) -> None:
        """Call a function of a module in another process, with a connection on which it says once that it is ready."""
        self._said, says = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_run, args=(dict(environment), run, says, *arguments), daemon=True)
        with _collecting:
            self._process.start()
        # Nobody but the process itself holds it open.
        says.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def wait_until_ready(self) -> None:
        """Wait until it says that it is ready."""
        with self._said:
            assert self._said.poll(PATIENCE_SECONDS), f"process {self.pid} did not come up"
            try:
                assert self._said.recv() == READY
            except EOFError:
                raise AssertionError(f"process {self.pid} ended before it was ready, with {self.wait()}") from None

    def kill(self) -> None:
        """End it as a crash does, also when it is stopped."""
        self._signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """Let it stand still, and return once it does."""
        self._signal(signal.SIGSTOP)
        wait_until(lambda: self.stopped, f"process {self.pid} standing still")

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Tell it to end in order."""
        self._signal(signal.SIGTERM)

    def interrupt(self) -> None:
        """Tell it to end in order, as a terminal does."""
        self._signal(signal.SIGINT)

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Wait for its end; return its exit code, which is negative for a signal."""
        multiprocessing.connection.wait([self._process.sentinel], seconds)
        code = self.exit_code
        if code is None:
            raise TimeoutError(f"process {self.pid} did not end within {seconds} s")
        return code

    @property
    def exit_code(self) -> int | None:
        with _collecting:
            return self._process.exitcode

    @property
    def stopped(self) -> bool:
        """Whether a signal has stopped it."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def close(self) -> None:
        """End it, if it has not ended, and forget it."""
        self.kill()
        self._said.close()
        with _collecting:
            self._process.close()

    def _signal(self, number: int) -> None:
        # The server of forks collects what has ended, and tells at once; a number is not given to another that soon.
        if self.exit_code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _run(environment: dict[str, str], run: Callable[..., None], says: Connection, *arguments: Any) -> None:
    # What was imported before the fork is garbage never, and need not be looked through and copied by each process.
    gc.freeze()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    # If the parent is killed, nobody else ends its processes.
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    run(says, *arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
