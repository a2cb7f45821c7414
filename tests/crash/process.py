"""A worker in a process of its own, until a signal: what a :class:`tests.crash.fleet.Member` runs."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Any

from engine.config import load_settings
from engine.definitions.loading import load_modules
from engine.logs import configure_logging
from engine.store.database import Database
from engine.worker.worker import Worker
from tests.crash import crash_flows, failpoints


def run(settings: dict[str, Any], environment: dict[str, str], log: Path) -> None:
    """Serve with these settings; what is said goes to a file."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    # What was imported before the fork is garbage never, and need not be looked through and copied by each worker.
    gc.freeze()
    os.environ.update(environment)
    configure_logging("info", "console")
    failpoints.install()
    asyncio.run(_serve(settings))


async def _serve(overrides: dict[str, Any]) -> None:
    module = crash_flows.__name__
    settings = load_settings(None, overrides | {"flows": [module]}, environment={})
    database = Database(settings.store.url.reveal(), **settings.store.pool_options)
    worker = Worker(settings, database, load_modules([module]))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stop)
    await worker.run()
