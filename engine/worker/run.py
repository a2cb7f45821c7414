"""Running workers from settings: the banner, signals, and several processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog

from engine.definitions.loading import load_modules
from engine.logs import configure_logging
from engine.store.database import Database
from engine.store.migrations import prepare_schema
from engine.worker.worker import Worker

if TYPE_CHECKING:
    from engine.config import Settings
    from engine.definitions.registry import Registry

log = structlog.get_logger(__name__)

RESTART_PAUSE_SECONDS = 1.0


def run_worker(settings: Settings) -> int:
    """Run one worker, or as many processes as the settings say, until a signal; return the exit code."""
    configure_logging(settings.logging.level, settings.logging.format)
    if settings.worker.processes > 1:
        return _supervise(settings.worker.processes)
    registry = load_modules(settings.flows)
    database = Database(settings.store.url.reveal(), **settings.store.pool_options)
    try:
        prepare_schema(database, settings.store.auto_migrate)
        asyncio.run(_serve(settings, database, registry))
    finally:
        database.close()
    return 0


async def _serve(settings: Settings, database: Database, registry: Registry) -> None:
    worker = Worker(settings, database, registry)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    log.info(
        "worker started",
        version=version("milepost"),
        worker=worker.name,
        store=settings.store.url.masked,
        broker=settings.broker.url.masked,
        queues=",".join(settings.worker.queues),
        concurrency=settings.worker.concurrency,
        flows=",".join(f"{flow.name}/{flow.version}" for flow in registry.flows),
        steps=",".join(step.name for step in registry.steps),
    )
    await worker.run()
    log.info("worker stopped", worker=worker.name)


def _supervise(count: int) -> int:
    """Start ``count`` worker processes like this one, start again those that die, and pass signals on."""
    children: list[subprocess.Popen[bytes]] = []
    ending = False
    ended = threading.Event()

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "engine.cli.worker", *sys.argv[1:], "--processes", "1"]
        return subprocess.Popen(command)  # noqa: S603 - this very program, with its own arguments

    def pass_on(number: int, _frame: object) -> None:
        nonlocal ending
        ending = True
        for child in children:
            if child.poll() is None:
                child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    children = [start() for _ in range(count)]
    while any(child.poll() is None for child in children):
        for index, child in enumerate(children):
            if child.poll() is not None and not ending:
                if child.returncode == 2:
                    # It could not use its configuration; neither could another one.
                    pass_on(signal.SIGTERM, None)
                    return child.returncode
                log.warning("worker process ended; starting another", pid=child.pid, exit_code=child.returncode)
                children[index] = start()
        ended.wait(RESTART_PAUSE_SECONDS if not ending else 0.05)
    return max(abs(child.returncode) for child in children)
