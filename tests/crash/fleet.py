"""Worker processes that are killed, stopped and let go on: forked from one that has imported everything, so soon up."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.crash import failpoints, process
from tests.worker.serving import Store, Trace, wait_until

_context = multiprocessing.get_context("forkserver")
CLIENTS = [
    "psycopg", "pymysql", "pika", "kombu.transport.redis", "transports.kombu", "transports.rabbitmq", "transports.sql",
]  # fmt: skip
"""What the engine imports once it knows which store and which broker it has. What is not installed is passed over."""
_context.set_forkserver_preload(["pytest", process.__name__, *CLIENTS])


class Member:
    """One worker process. Only its own process is ever signalled."""

    def __init__(self, settings: dict[str, Any], environment: dict[str, str], log: Path) -> None:
        self._process = _context.Process(target=process.run, args=(settings, environment, log), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.log = log

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

    def wait(self) -> int:
        """Wait for its end; return its exit code, which is negative for a signal."""
        self._process.join(30)
        code = self._process.exitcode
        assert code is not None, f"process {self.pid} did not end"
        return code

    @property
    def exit_code(self) -> int | None:
        return self._process.exitcode

    @property
    def stopped(self) -> bool:
        """Whether a signal has stopped it."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def _signal(self, number: int) -> None:
        # Until it is waited for, its number is nobody else's.
        if self._process.exitcode is None:
            os.kill(self.pid, number)


class Fleet:
    """The workers of one test, all with the same settings; they end with the test."""

    def __init__(self, store: Store, trace: Trace, directory: Path, settings: dict[str, Any]) -> None:
        self._store = store
        self._settings = {"store.url": store.url} | settings
        self._environment = {Trace.VARIABLE: str(trace.path)}
        self._directory = directory
        self.members: list[Member] = []

    def start(
        self, count: int = 1, *, failpoint: str | None = None, fired: Path | None = None, ready: bool = True,
        **settings: Any,
    ) -> list[Member]:  # fmt: skip
        """Start workers; each has registered, unless it may be dead before that."""
        environment = dict(self._environment)
        if failpoint is not None:
            environment |= {failpoints.VARIABLE: failpoint, failpoints.FIRED: str(fired)}
        started: list[Member] = []
        for _ in range(count):
            log = self._directory / f"worker-{len(self.members)}.log"
            member = Member(self._settings | settings, environment, log)
            self.members.append(member)
            started.append(member)
        for member in started if ready else ():
            wait_until(lambda member=member: self._registered(member), f"process {member.pid} being ready")
        return started

    def _registered(self, member: Member) -> bool:
        assert member.exit_code is None, member.log.read_text()
        query = "SELECT 1 FROM milepost_workers WHERE pid = :pid AND state = 'alive'"
        return bool(self._store.rows(query, pid=member.pid))

    @property
    def alive(self) -> list[Member]:
        return [member for member in self.members if member.exit_code is None]

    def close(self) -> None:
        for member in self.alive:
            member.kill()


@contextmanager
def fleet(store: Store, trace: Trace, directory: Path, settings: dict[str, Any]) -> Iterator[Fleet]:
    made = Fleet(store, trace, directory, settings)
    try:
        yield made
    finally:
        made.close()
