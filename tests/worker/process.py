"""A worker in a process of its own, until a signal: what one of :class:`tests.worker.processes.Processes` runs."""

from __future__ import annotations

import asyncio
import os
import signal
from multiprocessing.connection import Connection

from engine.config import Settings, load_settings
from engine.definitions.loading import load_modules
from engine.logs import configure_logging
from engine.store.database import Database
from engine.worker.worker import Worker
from tests.worker.forks import READY


def run(says: Connection, url: str) -> None:
    """Serve a store with settings from ENGINE_ variables."""
    configure_logging("info", "console")
    environment = {name: value for name, value in os.environ.items() if name.startswith("ENGINE_")}
    asyncio.run(serve(says, load_settings(None, {"store.url": url}, environment=environment)))


async def serve(says: Connection, settings: Settings) -> None:
    """Serve until a signal; say so once the worker has registered and serves: it ends if the store is away before."""
    database = Database(settings.store.url.reveal(), **settings.store.pool_options)
    worker = Worker(settings, database, load_modules(settings.flows))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stop)
    served = asyncio.ensure_future(worker.run())
    while worker._pipeline._worker_id is None and not served.done():
        await asyncio.sleep(0.01)
    if not served.done():
        says.send(READY)
    says.close()
    await served
