"""A worker in the test's own process, and what the store says of the work of all."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text

from engine.config import load_settings
from engine.definitions.loading import load_modules
from engine.definitions.registry import Registry
from engine.errors import StoreUnavailable
from engine.store.cancels import cancel
from engine.store.database import Database
from engine.store.holds import resume
from engine.store.migrations import migrate
from engine.store.signals import send_signal
from engine.store.start import NewExecution, start_executions
from engine.worker.worker import Worker

MODULE = "tests.worker.sample_flows"
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
LEASE = "1m"
"""That of workers whose lease a test is not about. By the default one of ten seconds, a machine that stands still for
most of that costs steps an attempt which no test counts."""


def wait_until(condition: Callable[[], Any], what: str = "the condition", seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until a condition holds, and return its value."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        # Before the last look, and not after it: the test itself may have stood still.
        late = time.monotonic() >= deadline
        if value := condition():
            return value
        assert not late, f"{what} did not come about within {seconds} s"
        pause.wait(0.01)


class Store:
    """The store under test, as a client and an operator see it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url)
        migrate(self.database)

    def start(
        self, flow: str, count: int = 1, version: int = 1, queue: str = "default", priority: int = 5,
        delay_us: int | None = None, **arguments: Any,
    ) -> list[str]:  # fmt: skip
        new = NewExecution(flow, version, json.dumps(arguments), queue, priority, delay_us)
        with self.database.write() as tx:
            return [started.id for started in start_executions(tx, [new] * count)]

    def signal(self, execution_id: str, name: str, payload: Any = None) -> None:
        with self.database.write() as tx:
            send_signal(tx, execution_id, name, json.dumps(payload))

    def cancel(self, execution_id: str) -> None:
        with self.database.write() as tx:
            cancel(tx, execution_id)

    def resume(self, execution_id: str) -> None:
        with self.database.write() as tx:
            resume(tx, execution_id)

    def step(self, execution_id: str, seq: int = 1) -> Any:
        """The row of one step; None if there is none yet."""
        query = "SELECT * FROM milepost_steps WHERE execution_id = :id AND seq = :seq"
        found = self.rows(query, id=execution_id, seq=seq)
        return found[0] if found else None

    def wait_for_step(self, execution_id: str, state: str, seq: int = 1) -> Any:
        """Wait until a step is in this state, and return its row."""

        def there() -> Any:
            row = self.step(execution_id, seq)
            return row if row is not None and row.state == state else None

        return wait_until(there, f"step {seq} of {execution_id} being {state}")

    def fire(self, execution_id: str) -> None:
        """Let the timers of an execution fire now, as if their time had passed."""
        self.execute(
            "UPDATE milepost_steps SET due_at_us = 0 WHERE kind = 'timer' AND execution_id = :id AND "
            "due_at_us IS NOT NULL",
            id=execution_id,
        )

    def flushes(self) -> int:
        """How many flushes all workers have committed so far."""
        return int(self.rows("SELECT COALESCE(SUM(flushes), 0) FROM milepost_workers")[0][0])

    def workers(self, state: str) -> list[int]:
        return [row[0] for row in self.rows("SELECT id FROM milepost_workers WHERE state = :s ORDER BY id", s=state)]

    def rows(self, sql: str, **values: Any) -> list[Any]:
        try:
            return self._rows(sql, **values)
        except StoreUnavailable:
            # The test itself may have ended the session; the pool makes another one.
            return self._rows(sql, **values)

    def _rows(self, sql: str, **values: Any) -> list[Any]:
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
            # A cancelled step keeps the place at which it was given up; the flow's own keeps that of the start.
            "AND (s.state <> 'cancelled' OR s.seq = 0) "
            "GROUP BY e.id, e.advanced HAVING count(s.position) <> e.advanced OR max(s.position) <> e.advanced "
            "OR count(DISTINCT s.position) <> e.advanced"
        )
        assert gaps == [], "each consumed event has a place of its own"

    def close(self) -> None:
        self.database.close()


class Served:
    """A worker on a thread's own event loop."""

    def __init__(
        self, url: str, registry: Registry | None = None, settings: dict[str, Any] | None = None,
        database: Database | None = None, **worker: Any,
    ) -> None:  # fmt: skip
        overrides: dict[str, Any] = {"worker.lease": LEASE}
        overrides |= {f"worker.{name}": value for name, value in worker.items() if name != "max_value_bytes"}
        overrides |= {"store.url": url, "flows": [MODULE], "limits.max_value_bytes": worker.get("max_value_bytes")}
        self.settings = load_settings(None, overrides | (settings or {}), environment={})
        self.database = database or Database(url)
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

    def wait_until_up(self) -> None:
        """Wait until it may claim. Up to then it needs a store that answers; its row is there a moment earlier."""
        assert self.worker is not None
        pipeline = self.worker._pipeline
        wait_until(lambda: pipeline._worker_id is not None or self.error, "the worker being up")

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
def serving(
    url: str, registry: Registry | None = None, settings: dict[str, Any] | None = None,
    database: Database | None = None, **worker: Any,
) -> Iterator[Served]:  # fmt: skip
    """Run a worker in this process for the time of the ``with`` block."""
    served = Served(url, registry, settings, database, **worker)
    try:
        yield served
    finally:
        served.stop()
        served.join()


def kill(process: subprocess.Popen[Any]) -> None:
    """End a process as a crash does, also one that is stopped."""
    process.send_signal(signal.SIGKILL)
    process.wait()


class Entry(NamedTuple):
    """One attempt at a step, as its code noted it."""

    step: str
    execution_id: str
    seq: int
    attempt: int
    pid: int
    at: float
    """On the clock that all processes of this host share."""


class Trace:
    """The file in which steps note that their code was entered: one line for each attempt, from all processes."""

    VARIABLE = "MILEPOST_TEST_TRACE"

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def entries(self, step: str | None = None) -> list[Entry]:
        found: list[Entry] = []
        # What is behind the last end of a line is being written.
        for line in self.path.read_text().rpartition("\n")[0].splitlines():
            name, execution_id, seq, attempt, pid, at = line.split()
            found.append(Entry(name, execution_id, int(seq), int(attempt), int(pid), float(at)))
        return [entry for entry in found if step in (None, entry.step)]

    def check(self, store: Store) -> None:
        """I6: no code was entered after a result was recorded; and each attempt was made once."""
        recorded = {
            (row[0], row[1]): row[2]
            for row in store.rows("SELECT execution_id, seq, attempt FROM milepost_steps WHERE state = 'completed'")
        }
        entered = Counter((entry.execution_id, entry.seq, entry.attempt) for entry in self.entries())
        assert [one for one, times in entered.items() if times > 1] == [], "each attempt is made by one worker, once"
        late = [one for one in entered if one[2] > recorded.get(one[:2], one[2])]
        assert late == [], "no step's code runs again after its result was recorded"
