"""A worker beside the test, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine import Registry
from engine.client import Client
from engine.config import load_settings
from engine.model.states import FLOW_SEQ
from engine.store.database import Database
from engine.store.migrations import migrate
from engine.worker.worker import Worker
from transports.sql.schema import messages

DEADLINE_SECONDS = 120.0
LOOK_SECONDS = 0.01


@contextmanager
def worker_beside(
    url: str, registry: Registry, flows: list[str], brokers: dict[str, str] | None = None
) -> Iterator[Database]:
    """Serve the registry's flows from a fresh store until the end of the block. ``brokers``: those with a name."""
    database = Database(url)
    migrate(database)
    settings = load_settings(None, {"store.url": url, "flows": flows, "brokers": brokers or {}}, environment={})
    ready = threading.Event()
    serving: list[tuple[asyncio.AbstractEventLoop, Worker]] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        worker = Worker(settings, database, registry)
        serving.append((asyncio.get_running_loop(), worker))
        ready.set()
        await worker.run()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - it is raised on the test's own thread
            failures.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(DEADLINE_SECONDS)
    try:
        yield database
    finally:
        for loop, worker in serving:
            if thread.is_alive():
                loop.call_soon_threadsafe(worker.stop)
        thread.join(DEADLINE_SECONDS)
        database.close()
        assert not thread.is_alive(), "the worker did not stop"
        assert not failures, failures


def step_names(database: Database, execution_id: str) -> list[tuple[str, str]]:
    """Return the names and states of what an execution's flow asked for, in its order."""
    with Client(database) as client:
        return [(step.name, step.state) for step in client.history(execution_id) if step.seq > FLOW_SEQ]


def messages_in(file: Path) -> int:
    """Return how many messages this file of queues holds, those included that somebody was handed."""
    with closing(sqlite3.connect(file, timeout=DEADLINE_SECONDS)) as broker:
        return broker.execute(f"SELECT count(*) FROM {messages.name}").fetchone()[0]


def wait_until(condition: Any, what: str) -> None:
    """Look again and again until the condition holds; an AssertionError when it does not in time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        pause.wait(LOOK_SECONDS)
