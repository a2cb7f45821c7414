"""What the engine asks of the machine it runs on, answered by the simulation: time, and which processes live."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import structlog

import engine.messaging.broker
import engine.store.claim
import engine.store.commands
import engine.store.workers
import engine.worker.heartbeat
import engine.worker.recording
import engine.worker.sweeper
from engine.model.work import Flush, Flushed
from engine.store.database import Transaction
from engine.store.flush import run_flush
from tests.simulation.jobs import Job
from tests.simulation.world import World
from transports.memory import MemoryTransport

GRACE_US = 300_000
"""How much later than a worker itself the sweeper ends an attempt that takes too long: less, so that it happens."""


class Processes:
    """The processes of the simulation; each worker is one. A peer sees one that has ended, or only its silence."""

    def __init__(self) -> None:
        self._seen_alive: set[int] = set()
        self._pids = 100

    def start(self) -> int:
        """Return the pid of a new process."""
        self._pids += 1
        self._seen_alive.add(self._pids)
        return self._pids

    def end(self, pid: int) -> None:
        """Let everybody see that a process has ended."""
        self._seen_alive.discard(pid)

    def token(self, pid: int) -> str | None:
        """Return what tells a process from a later one; None for one that has ended."""
        return f"{pid}-simulated" if pid in self._seen_alive else None


@contextmanager
def simulated(world: World) -> Generator[None]:
    """Have the engine ask this simulation instead of the machine."""
    clock = SimpleNamespace(monotonic=lambda: world.now_us() / 1e6)
    machine = SimpleNamespace(getpid=lambda: _running(world).worker.pid)
    replaced: list[tuple[Any, str, Any]] = [
        (engine.messaging.broker, "open_transport", lambda _url: MemoryTransport(broker=world.broker)),
        (engine.store.claim, "TIMEOUT_GRACE_US", GRACE_US),
        (engine.store.commands, "TIMEOUT_GRACE_US", GRACE_US),
        (engine.worker.heartbeat, "time", clock),
        (engine.worker.sweeper, "time", clock),
        (engine.store.workers, "os", machine),
        (engine.store.workers, "process_token", world.processes.token),
        (engine.worker.recording, "run_flush", _refusing(world)),
    ]
    before = [getattr(module, name) for module, name, _ in replaced]
    logging = structlog.get_config()
    for module, name, value in replaced:
        setattr(module, name, value)
    structlog.configure(processors=[world.heard], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        for (module, name, _), value in zip(replaced, before, strict=True):
            setattr(module, name, value)
        structlog.configure(**logging)


def _running(world: World) -> Job:
    assert world.jobs.current is not None
    return world.jobs.current


def _refusing(world: World) -> Any:
    def run(tx: Transaction, flush: Flush) -> Flushed:
        return world.refusals.run(tx, flush, run_flush)

    return run
