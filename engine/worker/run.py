"""Running workers from settings: the banner, and signals."""

from __future__ import annotations

import asyncio
import math
import signal
from importlib.metadata import version
from typing import TYPE_CHECKING

import structlog

from engine.definitions.loading import load_modules
from engine.logs import configure_logging
from engine.store.database import Database
from engine.store.migrations import prepare_schema
from engine.worker.supervisor import supervise
from engine.worker.worker import Worker

if TYPE_CHECKING:
    from engine.config import Settings
    from engine.definitions.registry import Registry

log = structlog.get_logger(__name__)

ONE_SIGNAL_SECONDS = 1.0


def run_worker(settings: Settings) -> int:
    """Run one worker, or as many processes as the settings say, until a signal; return the exit code."""
    configure_logging(settings.logging.level, settings.logging.format)
    if settings.worker.processes > 1:
        return supervise(settings.worker.processes)
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
    _stop_on_signals(worker)
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


def _stop_on_signals(worker: Worker) -> None:
    """Tell the worker of signals, several at once as one.

    A terminal, or whatever manages a service, may signal every process of it, and the supervisor passes on its own too:
    that must not cut short the time that running steps have.
    """
    loop = asyncio.get_running_loop()
    counted_at = -math.inf

    def told() -> None:
        nonlocal counted_at
        if loop.time() - counted_at >= ONE_SIGNAL_SECONDS:
            counted_at = loop.time()
            worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
