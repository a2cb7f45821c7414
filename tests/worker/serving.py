"""A worker in the test's own process, and one in a process of its own; and what the store says of their work."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from engine.config import load_settings
from engine.definitions.loading import load_modules
from engine.definitions.registry import Registry
from engine.errors import StoreUnavailable
from engine.model.ids import new_execution_id
from engine.store import schema
from engine.store.database import Database
from engine.store.executions import INSERT_EXECUTIONS, INSERT_STEPS, flow_step_row
from engine.worker.worker import Worker

MODULE = "tests.worker.sample_flows"
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0


def wait_until(condition: Callable[[], Any], what: str = "the condition", seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until a condition holds, and return its value."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds} s"
        pause.wait(0.01)
    return value


class Store:
    """The store under test, as a client and an operator see it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url)
        schema.metadata.create_all(self.database.engine)

    def start(self, flow: str, count: int = 1, version: int = 1, **arguments: Any) -> list[str]:
        ids: list[str] = []
        with self.database.write() as tx:
            executions: list[tuple[Any, ...]] = []
            steps: list[tuple[Any, ...]] = []
            for _ in range(count):
                ids.append(new_execution_id(tx.now_us))
                executions.append(
                    (ids[-1], flow, version, "default", 5, "running", 0, 1, None, None, None, None, tx.now_us)
                )
                steps.append(flow_step_row(ids[-1], flow, "default", 5, json.dumps(arguments), tx.now_us))
            tx.dialect.insert(tx.connection, INSERT_EXECUTIONS, executions)
            tx.dialect.insert(tx.connection, INSERT_STEPS, steps)
        return ids

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.database.read() as tx:
            return list(tx.connection.execute(text(sql), values).all())

    def execute(self, sql: str, **values: Any) -> None:
        with self.database.write() as tx:
            tx.connection.execute(text(sql), values)

    def state(self, execution_id: str) -> str:
        return self.rows("SELECT state FROM milepost_executions WHERE id = :id", id=execution_id)[0][0]

    def result(self, execution_id: str, state: str = "completed") -> Any:
        """Wait for the end of an execution, and return its result or its error."""
        wait_until(lambda: self.state(execution_id) not in ("running", "paused"), f"the end of {execution_id}")
        found = self.rows(
            "SELECT e.state, s.output, e.error FROM milepost_executions e JOIN milepost_steps s "
            "ON s.execution_id = e.id AND s.seq = 0 WHERE e.id = :id",
            id=execution_id,
        )[0]
        assert found[0] == state, found
        output = found[1] if state == "completed" else found[2]
        return None if output is None else json.loads(output)

    def run(self, flow: str, state: str = "completed", **arguments: Any) -> Any:
        """Start an execution and wait for its result."""
        return self.result(self.start(flow, **arguments)[0], state)

    def wait_for_all(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until no execution is running."""

        def ended() -> bool:
            try:
                return not self.rows("SELECT id FROM milepost_executions WHERE state = 'running' LIMIT 1")
            except StoreUnavailable:
                return False

        wait_until(ended, "the end of all executions", seconds)

    def check(self) -> None:
        """Every invariant that finished executions must show."""
        owned = self.rows("SELECT execution_id, seq FROM milepost_steps WHERE owner IS NOT NULL")
        assert owned == [], "finished executions own nothing"
        open_steps = self.rows(
            "SELECT s.execution_id, s.seq, s.state FROM milepost_steps s JOIN milepost_executions e "
            "ON e.id = s.execution_id WHERE e.state IN ('completed', 'failed', 'cancelled', 'continued') "
            "AND s.state NOT IN ('completed', 'failed', 'cancelled')"
        )
        assert open_steps == [], "finished executions have finished steps"
        gaps = self.rows(
            "SELECT e.id, e.advanced, count(s.position), max(s.position), count(DISTINCT s.position) "
            "FROM milepost_executions e JOIN milepost_steps s ON s.execution_id = e.id AND s.position > 0 "
            "AND s.state <> 'cancelled' "
            "GROUP BY e.id, e.advanced HAVING count(s.position) <> e.advanced OR max(s.position) <> e.advanced "
            "OR count(DISTINCT s.position) <> e.advanced"
        )
        assert gaps == [], "each consumed event has a place of its own"

    def close(self) -> None:
        self.database.close()


class Served:
    """A worker on a thread's own event loop."""

    def __init__(self, url: str, registry: Registry | None = None, **worker: Any) -> None:
        overrides = {f"worker.{name}": value for name, value in worker.items() if name != "max_value_bytes"}
        overrides |= {"store.url": url, "flows": [MODULE], "limits.max_value_bytes": worker.get("max_value_bytes")}
        self.settings = load_settings(None, overrides, environment={})
        self.database = Database(url)
        self.registry = registry or load_modules([MODULE])
        self.worker: Worker | None = None
        self.error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker under test", daemon=True)
        self._thread.start()
        assert self._up.wait(PATIENCE_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error
        finally:
            self._up.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.worker = Worker(self.settings, self.database, self.registry)
        self._up.set()
        await self.worker.run()

    @property
    def worker_id(self) -> int:
        assert self.worker is not None
        return self.worker.worker_id

    def stop(self) -> None:
        assert self.worker is not None
        assert self._loop is not None
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.worker.stop)

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the worker did not end"
        self.database.close()
        if self.error is not None:
            raise self.error


@contextmanager
def serving(url: str, registry: Registry | None = None, **worker: Any) -> Iterator[Served]:
    """Run a worker in this process for the time of the ``with`` block."""
    served = Served(url, registry, **worker)
    try:
        yield served
    finally:
        served.stop()
        served.join()


@contextmanager
def worker_processes(url: str, count: int, **environment: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Run workers in processes of their own; each has said that it is ready."""
    with ExitStack() as stack:
        started: list[subprocess.Popen[str]] = []
        for _ in range(count):
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.worker.process", url],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | environment,
            )
            stack.callback(_end, process)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
