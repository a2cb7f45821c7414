"""Running workers from settings: the banner, and signals."""

from __future__ import annotations

import asyncio
import math
import signal
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import structlog
from rich.console import Console

from engine.definitions.loading import load_modules
from engine.errors import ConfigError
from engine.logs import configure_logging, writes_json
from engine.store.database import Database
from engine.store.migrations import prepare_schema
from engine.worker.banner import banner, facts
from engine.worker.supervisor import lifeline, supervise
from engine.worker.worker import Worker

if TYPE_CHECKING:
    from engine.config import Settings
    from engine.definitions.registry import Registry

log = structlog.get_logger(__name__)

ONE_SIGNAL_SECONDS = 1.0


def run_worker(settings: Settings) -> int:
    """Run one worker, or as many processes as the settings say, until a signal; return the exit code."""
    configure_logging(settings.logging.level, settings.logging.format)
    if not settings.flows:
        raise ConfigError(
            'no module with flows or steps is named, so there is nothing to run: set flows = ["my_flow.py"] in '
            "engine.toml, the variable ENGINE_FLOWS, or --flows"
        )
    if settings.worker.processes > 1:
        return supervise(settings.worker.processes)
    registry = load_modules(settings.flows)
    database = Database(settings.store.url.reveal(), **settings.store.pool_options)
    try:
        prepare_schema(database, migrates=settings.store.migrates_itself)
        asyncio.run(_serve(settings, database, registry))
    finally:
        database.close()
    return 0


async def _serve(settings: Settings, database: Database, registry: Registry) -> None:
    worker = Worker(settings, database, registry)
    _stop_on_signals(worker)
    _stop_with_supervisor(worker)
    _introduce(settings, facts(settings, registry, worker.name, version("milepost")))
    await worker.run()
    log.info("worker stopped", worker=worker.name)


def _introduce(settings: Settings, said: dict[str, Any]) -> None:
    """Say what runs: one event in logs for machines, a block for people."""
    if writes_json(settings.logging.format):
        log.info("worker started", **said)
    elif settings.logging.level in {"debug", "info"}:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(banner(said, console.width))


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


def _stop_with_supervisor(worker: Worker) -> None:
    """Have the worker end when the process that started it has ended without telling it."""
    ends = lifeline()
    if ends is None:
        return
    loop = asyncio.get_running_loop()

    def ended() -> None:
        loop.remove_reader(ends)
        log.warning("the supervisor has ended; so does this worker", worker=worker.name)
        worker.stop()

    loop.add_reader(ends, ended)
