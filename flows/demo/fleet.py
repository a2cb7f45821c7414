"""The workers: real processes, started, killed and stopped."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.store.database import Database
from engine.store.workers import living_workers
from flows.demo.trouble import DemoFailed

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_ROOT = Path(__file__).parents[2]


class Site(Protocol):
    """Where workers find their settings, and leave their logs."""

    @property
    def configuration(self) -> Path:
        """Their ``engine.toml``."""
        ...

    def log(self, worker: int) -> Path:
        """Return where the worker with this number writes its log."""
        ...

    def environment(self) -> dict[str, str]:
        """Return their environment."""
        ...


@dataclass
class WorkerProcess:
    """One ``engine-worker``, by the number that it is called by; ``id`` is its identity in the store."""

    number: int
    process: subprocess.Popen[bytes]
    log: Path
    id: int = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def check(self) -> None:
        """Raise :class:`DemoFailed` if it has ended."""
        if self.process.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-5:]
            end = "\n".join(lines) or "(it is empty)"
            raise DemoFailed(
                f"worker {self.number} ended with exit code {self.process.returncode}; the end of {self.log}:\n{end}"
            )


@contextmanager
def workers_running(site: Site, database: Database, count: int) -> Iterator[list[WorkerProcess]]:
    """Start workers, wait until the store knows them, and stop at the end those that still live."""
    fleet: list[WorkerProcess] = []
    try:
        fleet.extend(_start(site, number) for number in range(1, count + 1))
        _await_registration(database, fleet)
        yield fleet
    finally:
        _stop(fleet)


def _start(site: Site, number: int) -> WorkerProcess:
    log = site.log(number)
    command = [sys.executable, "-m", "engine.cli.worker", "--config", str(site.configuration)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this very project's worker
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=_ROOT, env=site.environment()
        )
    return WorkerProcess(number, process, log)


def _await_registration(database: Database, fleet: list[WorkerProcess]) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with database.read() as tx:
            ids = {worker.pid: worker.id for worker in living_workers(tx)}
        for worker in fleet:
            worker.check()
            worker.id = ids.get(worker.pid, 0)
        if all(worker.id for worker in fleet):
            return
        pause.wait(0.05)
    raise DemoFailed(f"the workers were not ready after {START_SECONDS:.0f} s; see {fleet[0].log.parent}")


def _stop(fleet: list[WorkerProcess]) -> None:
    for worker in fleet:
        if worker.process.poll() is None:
            worker.process.terminate()
    for worker in fleet:
        try:
            worker.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
